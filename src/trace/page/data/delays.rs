//! Delays: how long a task had to wait for its poll, and which poll held the thread for most of that time.

use std::time::Duration;

use crate::observe::{TaskState, WaitsFor};
use crate::trace::LoopTrace;
use crate::trace::picture::{Picture, Span, Step};

/// How long a task waited for the thread before a poll.
pub(super) struct Delay {
    /// The poll: its row, and where it begins.
    pub(super) row: usize,
    pub(super) step: Step,
    pub(super) took: Duration,
    /// Whether it began at a deadline, because a poll held the thread when a timer was due. Else it began
    /// with the wake.
    pub(super) is_overdue: bool,
    /// The poll that held the thread longest meanwhile: row, span, and for how long of the delay.
    pub(super) held_by: Option<(usize, usize, Duration)>,
}

struct Poll {
    row: usize,
    span: usize,
    step: Step,
    begin: Duration,
    end: Duration,
}

/// Returns the delay of each poll, in the order of the polls.
pub(super) fn of(loop_trace: &LoopTrace, picture: &Picture) -> Vec<Delay> {
    let polls = polls(loop_trace, picture);
    let length = |index: usize| polls[index].end.saturating_sub(polls[index].begin);
    // The indices of the polls so far that are longer than all polls after them. So the first index in the
    // list that is greater than n is that of the longest poll after poll n.
    let mut longest: Vec<usize> = Vec::new();
    let mut delays = Vec::with_capacity(polls.len());
    for (index, poll) in polls.iter().enumerate() {
        let (begin, is_overdue) = begin(loop_trace, picture, poll);
        // If the delay begins within a poll, only the rest of that poll counts.
        let first = polls[..index].partition_point(|poll| poll.end <= begin);
        let after = longest.get(longest.partition_point(|&other| other <= first));
        let candidates = (first < index).then_some(first).into_iter().chain(after.copied());
        let held = candidates.map(|other| {
            let Poll { row, span, begin: began, end, .. } = polls[other];
            (row, span, end.saturating_sub(began.max(begin)))
        });
        let held_by = held.max_by_key(|(.., time)| *time);
        let took = poll.begin.saturating_sub(begin);
        delays.push(Delay { row: poll.row, step: poll.step, took, is_overdue, held_by });
        while longest.pop_if(|&mut other| length(other) <= length(index)).is_some() {}
        longest.push(index);
    }
    delays
}

/// Returns all polls of a loop, in order.
fn polls(loop_trace: &LoopTrace, picture: &Picture) -> Vec<Poll> {
    let mut polls = Vec::new();
    for (row, spans) in picture.rows.iter().map(|row| &row.spans).enumerate() {
        let spans = spans.iter().enumerate().filter(|(_, span)| span.state == TaskState::Polled);
        polls.extend(spans.map(|(span, poll)| {
            let step = poll.steps.start;
            let [begin, end] = [step, poll.poll_ends.unwrap_or(Step::MAX)].map(|step| loop_trace.time(step));
            Poll { row, span, step, begin, end }
        }));
    }
    polls.sort_unstable_by_key(|poll| poll.step);
    polls
}

/// Returns when the delay of a poll began, and whether that was a deadline.
fn begin(loop_trace: &LoopTrace, picture: &Picture, poll: &Poll) -> (Duration, bool) {
    let spans = &picture.rows[poll.row].spans[..poll.span];
    let Some(ready) = spans.last() else {
        return (poll.begin, false);
    };
    let before = picture.pauses.partition_point(|(step, _)| *step <= poll.step);
    let slept_until =
        picture.pauses[..before].last().map_or(Duration::ZERO, |(step, _)| loop_trace.time(*step));
    let woken = loop_trace.time(ready.steps.start);
    // A deadline in a sleep does not count: the kernel was late then, and no poll.
    let idle = spans.len().checked_sub(2).map(|idle| &spans[idle]);
    let due = idle.and_then(|idle| due(loop_trace, idle)).filter(|due| (slept_until..woken).contains(due));
    (due.unwrap_or(woken), due.is_some())
}

/// Returns when a timer should have ended a wait.
fn due(loop_trace: &LoopTrace, span: &Span) -> Option<Duration> {
    let deadlines = span.waits.iter().filter_map(|on| match on {
        WaitsFor::Timer { deadline, .. } => Some(*deadline),
        _ => None,
    });
    Some(deadlines.min()?.max(loop_trace.time(span.steps.start)))
}

/// Returns how late a timer has ended a wait, because a poll held the thread, or the kernel was late.
pub(super) fn overdue(loop_trace: &LoopTrace, span: &Span) -> Option<Duration> {
    let overdue = loop_trace.time(span.steps.end).saturating_sub(due(loop_trace, span)?);
    Some(overdue).filter(|overdue| !overdue.is_zero())
}
