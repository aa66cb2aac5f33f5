//! Turns that repeat the turns before them: they are counted instead of drawn.

use std::ops::Range;
use std::time::Duration;

use crate::observe::{Event, EventKind, WaitsFor};
use crate::trace::LoopTrace;

/// A stretch of turns that is left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fold {
    pub(super) events: Range<usize>,
    pub(super) turns: usize,
    /// How many turns are repeated.
    pub(super) period: usize,
}

/// The most turns in one repetition.
const LONGEST_PERIOD: usize = 4;
/// The fewest repetitions that are folded. The turns that they repeat do not count.
const FEWEST: usize = 4;

/// Returns what may be left out: all repetitions but the last one.
///
/// O(n) in the events: a turn that begins no repetition is compared some 40 times at most.
pub(super) fn of(loop_trace: &LoopTrace) -> Vec<Fold> {
    let turns = turns(loop_trace);
    let timeless_events = |turn: usize| loop_trace.events.range(turns[turn].clone()).map(timeless);
    let alike = |one, other| timeless_events(one).eq(timeless_events(other));
    let mut folds = Vec::new();
    let mut at = 0;
    while at < turns.len() {
        let found = (1..=LONGEST_PERIOD).find_map(|period| {
            let more = (at + period..turns.len()).take_while(|&turn| alike(turn - period, turn));
            let repetitions = more.count() / period;
            (repetitions >= FEWEST).then_some((period, repetitions))
        });
        let Some((period, repetitions)) = found else {
            at += 1;
            continue;
        };
        let (first, last) = (at + period, at + repetitions * period);
        folds.push(Fold { events: turns[first].start..turns[last].start, turns: last - first, period });
        at = last + period;
    }
    folds
}

/// Returns the events of each turn, up to the next turn.
fn turns(loop_trace: &LoopTrace) -> Vec<Range<usize>> {
    let events = &loop_trace.events;
    let begins = (0..events.len()).filter(|&index| events[index].kind == EventKind::TurnBegins);
    let borders: Vec<usize> = begins.chain([events.len()]).collect();
    borders.windows(2).map(|turn| turn[0]..turn[1]).collect()
}

/// Returns an event without its times, to be compared.
fn timeless(event: &Event) -> EventKind {
    let mut kind = event.kind.clone();
    match &mut kind {
        EventKind::Parked { timeout, slept, .. } => {
            // Only whether the thread slept counts, not how long.
            *timeout = None;
            *slept = event.kind.sleep().map_or(Duration::ZERO, |_| Duration::MAX);
        }
        EventKind::PollEnds { took: time, .. }
        | EventKind::TimerArmed { deadline: time, .. }
        | EventKind::Waits { on: WaitsFor::Timer { deadline: time, .. }, .. } => *time = Duration::ZERO,
        _ => {}
    }
    kind
}
