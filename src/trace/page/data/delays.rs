//! Delays: how long a task could not be polled, and the poll that kept the thread longest meanwhile.

use std::time::Duration;

use crate::observe::WaitsFor;
use crate::trace::picture::{self, Picture, Span, Step};
use crate::trace::{LoopTrace, TaskState};

/// How long a task waited for the thread before a poll.
pub(super) struct Delay {
    /// The poll: its row, and where it begins.
    pub(super) row: usize,
    pub(super) step: Step,
    pub(super) took: Duration,
    /// It began at a deadline: a poll kept the thread when a timer was due. Else it began with the wake.
    pub(super) is_overdue: bool,
    /// The poll that kept the thread longest meanwhile: row, span, and for how long of the delay.
    pub(super) held_by: Option<(usize, usize, Duration)>,
}

/// A poll, on the thread.
struct Poll {
    row: usize,
    span: usize,
    step: Step,
    begin: Duration,
    end: Duration,
}

/// Returns the delay of each poll, in the order of the polls.
pub(super) fn of(it: &LoopTrace, picture: &Picture) -> Vec<Delay> {
    let mut polls: Vec<Poll> = Vec::new();
    for (row, spans) in picture.rows.iter().map(|row| &row.spans).enumerate() {
        let spans = spans.iter().enumerate().filter(|(_, span)| span.state == TaskState::Polled);
        polls.extend(spans.map(|(span, poll)| {
            let step = poll.steps.start;
            let [begin, end] = [step, poll.poll_ends.unwrap_or(Step::MAX)].map(|step| time(it, step));
            Poll { row, span, step, begin, end }
        }));
    }
    polls.sort_unstable_by_key(|poll| poll.step);
    // Of the polls so far, those that no later one exceeds, by their indices: the first of them after any
    // poll is the longest one after it.
    let mut longest: Vec<usize> = Vec::new();
    let mut delays = Vec::with_capacity(polls.len());
    for (index, poll) in polls.iter().enumerate() {
        let (begin, is_overdue) = begin(it, picture, poll);
        // Where the delay begins within a poll, only the rest of that one counts.
        let first = polls[..index].partition_point(|poll| poll.end <= begin);
        let after = longest.get(longest.partition_point(|&other| other <= first));
        let candidates = (first < index).then_some(first).into_iter().chain(after.copied());
        let held = candidates.map(|other| &polls[other]);
        let held = held.map(|other| (other.row, other.span, other.end - other.begin.max(begin)));
        let took = poll.begin - begin;
        let held_by = held.max_by_key(|(.., time)| *time);
        delays.push(Delay { row: poll.row, step: poll.step, took, is_overdue, held_by });
        let length = |poll: &Poll| poll.end - poll.begin;
        while longest.pop_if(|&mut other| length(&polls[other]) <= length(poll)).is_some() {}
        longest.push(index);
    }
    delays
}

/// Returns when the delay of a poll began, and whether that was a deadline.
fn begin(it: &LoopTrace, picture: &Picture, poll: &Poll) -> (Duration, bool) {
    let spans = &picture.rows[poll.row].spans[..poll.span];
    let Some(ready) = spans.last() else {
        return (poll.begin, false);
    };
    let before = picture.pauses.partition_point(|(step, _)| *step <= poll.step);
    let slept_until = picture.pauses[..before].last().map_or(Duration::ZERO, |(step, _)| time(it, *step));
    let woken = time(it, ready.steps.start);
    // While the thread slept, it was the kernel that was late.
    let idle = spans.len().checked_sub(2).map(|idle| &spans[idle]);
    let due = idle.and_then(|idle| due(it, idle)).filter(|due| (slept_until..woken).contains(due));
    (due.unwrap_or(woken), due.is_some())
}

/// Returns when a timer should have ended a wait.
fn due(it: &LoopTrace, span: &Span) -> Option<Duration> {
    let deadlines = span.waits.iter().filter_map(|on| match on {
        WaitsFor::Timer { deadline, .. } => Some(*deadline),
        _ => None,
    });
    Some(deadlines.min()?.max(time(it, span.steps.start)))
}

/// Returns how long before the end of a wait a timer should have ended it: a poll held the thread, or
/// the kernel was late.
pub(super) fn overdue(it: &LoopTrace, span: &Span) -> Option<Duration> {
    let overdue = time(it, span.steps.end).saturating_sub(due(it, span)?);
    Some(overdue).filter(|overdue| !overdue.is_zero())
}

/// Returns the time of a step; of one behind the last, the time of the last.
pub(super) fn time(it: &LoopTrace, step: Step) -> Duration {
    let last = step.min(it.events.len());
    picture::event(it, last).map_or(it.before.time, |event| event.time)
}
