//! The axis of turns: where each event stands, from left to right, in pixels.
//!
//! A poll is as wide as the number of tasks that it wakes and spawns, so that each of those has a
//! place of its own, and all that happens at once stands on one vertical line. Idle time has one width,
//! however long it was; so has a stretch of turns that are left out.

use crate::observe::{Event, EventKind};
use crate::trace::cause::Cause;
use crate::trace::picture::idle;
use crate::trace::repeats::Fold;

/// Between two turns.
const BETWEEN_TURNS: f64 = 10.0;
/// Before a poll, and after the last one of a turn.
pub(super) const AROUND_POLL: f64 = 5.0;
const SHORTEST_POLL: f64 = 18.0;
/// Between two causes in one poll, or after one park.
const STEP: f64 = 8.0;
/// The steps of one poll, or of one park, together are no wider.
const STEPS: f64 = 96.0;
const PAUSE: f64 = 76.0;
pub(super) const FOLD: f64 = 96.0;

/// Returns the place of each step: of the beginning of the recording, then of each event. The steps of
/// a fold all stand in its middle.
pub(super) fn places(events: &[&Event], folds: &[Fold]) -> Vec<f64> {
    let mut places = Vec::with_capacity(events.len() + 1);
    places.push(0.0);
    let mut folds = folds.iter().peekable();
    let (mut x, mut poll_began) = (0.0_f64, 0.0);
    // The distance to the next cause, and between those after it.
    let (mut next, mut step) = (STEP, STEP);
    for (index, event) in events.iter().enumerate() {
        if folds.next_if(|fold| fold.events.end == index).is_some() {
            x += FOLD / 2.0;
        }
        if let Some(fold) = folds.peek()
            && index >= fold.events.start
        {
            if index == fold.events.start {
                x += BETWEEN_TURNS + FOLD / 2.0;
            }
            places.push(x);
            continue;
        }
        match event.kind {
            EventKind::TurnBegins => x += BETWEEN_TURNS,
            EventKind::PollBegins { .. } => {
                x += AROUND_POLL;
                poll_began = x;
                step = step_after(events, index);
                next = step;
            }
            EventKind::PollEnds { .. } => {
                x = (x + step).max(poll_began + SHORTEST_POLL);
                step = step_after(events, index);
                // What the end of a task wakes is woken at the edge of its poll.
                next = 0.0;
            }
            EventKind::Parked { .. } => {
                x += if idle(event).is_some() { PAUSE } else { 0.0 };
                step = step_after(events, index);
                next = step;
            }
            _ if Cause::of(event).is_some() => x += std::mem::replace(&mut next, step),
            _ => {}
        }
        places.push(x);
    }
    places
}

/// Returns the distance between two causes from here to the next poll, turn or park.
fn step_after(events: &[&Event], index: usize) -> f64 {
    let until = events[index + 1..].iter().take_while(|it| !is_border(it));
    let things = until.filter(|event| Cause::of(event).is_some()).count();
    STEP.min(STEPS / things.max(1) as f64)
}

fn is_border(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::PollBegins { .. }
            | EventKind::PollEnds { .. }
            | EventKind::TurnBegins
            | EventKind::Parked { .. }
    )
}

/// Returns how many events there is room for in that width.
pub(super) fn with_room(places: &[f64], width: f64) -> usize {
    places.partition_point(|&place| place <= width) - 1
}
