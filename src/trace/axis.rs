//! The axis of turns: where each event stands, from left to right, in pixels.
//!
//! Each wake, spawn and abort in a poll has a place of its own, so a poll with many of them is wider, up to a
//! limit. An event stands at the same place in all rows. Idle time has one width, however long it was; so has
//! a stretch of turns that are left out.

use std::collections::VecDeque;

use crate::observe::{Event, EventKind};
use crate::trace::LoopTrace;
use crate::trace::cause::Cause;
use crate::trace::repeats::Fold;

/// Between two turns.
const BETWEEN_TURNS: f64 = 10.0;
/// Before a poll, and after the last one of a turn.
pub(super) const AROUND_POLL: f64 = 5.0;
const SHORTEST_POLL: f64 = 18.0;
/// Between two causes in one poll, or after one park.
const STEP: f64 = 8.0;
/// The most for all causes of one poll, or of one park: many causes stand closer together.
const STEPS: f64 = 96.0;
const PAUSE: f64 = 76.0;
pub(super) const FOLD: f64 = 96.0;

/// Returns the place of each step: of the beginning of the recording, then of each event. All events of a
/// fold stand in its middle.
pub(super) fn places(loop_trace: &LoopTrace, folds: &[Fold]) -> Vec<f64> {
    let events = &loop_trace.events;
    let mut places = Vec::with_capacity(events.len() + 1);
    places.push(0.0);
    let mut folds = folds.iter().peekable();
    let (mut x, mut poll_began) = (0.0_f64, 0.0);
    // The distance to the next cause, and the distance between the causes after it.
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
                // A wake by the end of the task stands at the edge of its poll.
                next = 0.0;
            }
            EventKind::Parked { .. } => {
                x += if event.kind.sleep().is_some() { PAUSE } else { 0.0 };
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
fn step_after(events: &VecDeque<Event>, index: usize) -> f64 {
    let until = events.range(index + 1..).take_while(|event| !is_border(event));
    let causes = until.filter(|event| Cause::of(event).is_some()).count();
    STEP.min(STEPS / causes.max(1) as f64)
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
