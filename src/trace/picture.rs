//! What is drawn of a loop: tasks as rows, in spawn order; turns as columns, or time.
//!
//! A picture has no lengths. Everything in it stands at a *step*: the number of events that have happened, so
//! step 0 is the beginning of the recording. An axis gives each step its place.

use std::ops::Range;
use std::time::Duration;

use crate::observe::{Ending, Event, TaskState, WaitsFor};
use crate::trace::LoopTrace;
use crate::trace::cause::Cause;

/// A number of events that have happened.
pub(super) type Step = usize;

/// What is drawn of a loop.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) rows: Vec<Row>,
    pub(super) is_virtual: bool,
    pub(super) turns: Vec<Turn>,
    /// Each sleep of the thread: the step at its end, and how long it was. It began at the step before.
    pub(super) pauses: Vec<(Step, Duration)>,
    pub(super) arrows: Vec<Arrow>,
}

/// A task.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) task: u64,
    /// Each span begins where the one before ends.
    pub(super) spans: Vec<Span>,
    /// Where the task ends, and how.
    pub(super) ending: Option<(Step, Ending)>,
}

/// A task in one state.
#[derive(Debug)]
pub(super) struct Span {
    /// From its first step to its end, which is behind the last step if nothing ends it.
    pub(super) steps: Range<Step>,
    pub(super) state: TaskState,
    /// What an idle task waits for.
    pub(super) waits: Vec<WaitsFor>,
    /// The index of the last arrow that has put the task in the ready queue.
    pub(super) cause: Option<usize>,
    /// Where the poll ends, if it is one. The span of a task's last poll ends later, with the task.
    pub(super) poll_ends: Option<Step>,
}

/// A turn.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) number: u64,
    /// From its beginning to the end of its last poll.
    pub(super) steps: Range<Step>,
    /// When it began.
    pub(super) time: Duration,
    /// What it polled: rows, in order.
    pub(super) polled: Vec<usize>,
}

/// A cause, between two rows.
#[derive(Debug)]
pub(super) struct Arrow {
    pub(super) step: Step,
    pub(super) cause: Cause,
    /// The row of the task that caused it, if one did.
    pub(super) from: Option<usize>,
    pub(super) to: usize,
}

impl Arrow {
    /// Returns true if it leads from one row to another. A task that wakes itself needs no arrow.
    pub(super) fn is_between_rows(&self) -> bool {
        self.from.is_some_and(|from| from != self.to)
    }
}

impl LoopTrace {
    /// Returns the event that leads to a step.
    pub(super) fn event(&self, step: Step) -> Option<&Event> {
        self.events.get(step.checked_sub(1)?)
    }

    /// Returns the number of a step's turn.
    pub(super) fn turn(&self, step: Step) -> u64 {
        self.event(step).map_or(self.before.turn, |event| event.turn)
    }

    /// Returns the time of a step. A step behind the last one has the last one's time.
    pub(super) fn time(&self, step: Step) -> Duration {
        let step = step.min(self.events.len());
        self.event(step).map_or(self.before.time, |event| event.time)
    }
}
