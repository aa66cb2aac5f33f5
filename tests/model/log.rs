//! The log of a program: what its coroutines have done, in order, and when.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::Duration;

use crate::runtime::{Failure, JoinError, Joined, Runtime, Value};

/// A line of the log: which coroutine did what, at what time.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Line {
    label: u32,
    time: Duration,
    what: &'static str,
    number: u128,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} #{} {} {}", self.time, self.label, self.what, self.number)
    }
}

thread_local! {
    static LOG: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
    /// How far the program of this thread has come.
    pub(crate) static PHASE: Cell<Phase> = const { Cell::new(Phase::Over) };
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Runs,
    /// The loop is being dropped.
    Ends,
    /// The loop is gone: nothing can act.
    Gone,
    Over,
}

/// Returns whether a program runs on this thread: then a panic is one of its own.
pub(crate) fn is_running() -> bool {
    PHASE.get() != Phase::Over
}

pub(crate) fn log_at(time: Duration, label: u32, what: &'static str, number: u128) {
    LOG.with_borrow_mut(|log| log.push(Line { label, time, what, number }));
}

pub(crate) fn log<R: Runtime>(label: u32, what: &'static str, number: usize) {
    let time = if PHASE.get() == Phase::Gone { Duration::ZERO } else { R::now() };
    log_at(time, label, what, number as u128);
}

/// Ends the log, and returns it.
pub(crate) fn take_log() -> Vec<Line> {
    LOG.take()
}

/// What a program's panics carry.
pub(crate) struct Payload(pub(crate) u32);

impl Drop for Payload {
    fn drop(&mut self) {
        log_at(Duration::ZERO, self.0, "payload dropped", 0);
    }
}

/// Logs what a handle has given, and drops it.
pub(crate) fn log_joined<R: Runtime>(label: u32, joined: Joined) {
    if let Err(JoinError { id, name, .. }) = &joined {
        log::<R>(label, "failed task", *id);
        log::<R>(label, "its name", name.map_or(0, |name| name as usize));
    }
    let (what, number) = match &joined {
        Ok(Ok(value)) => ("got Ok of", value.label),
        Ok(Err(value)) => ("got Err of", value.label),
        Err(JoinError { failure: Failure::Cancelled, .. }) => ("got cancelled", 0),
        Err(JoinError { failure: Failure::Panicked(payload), .. }) => {
            ("got the panic of", payload.downcast_ref().map_or(0, |Payload(label)| *label))
        }
    };
    log::<R>(label, what, number as usize);
}

pub(crate) fn log_values<R: Runtime>(label: u32, returned: Result<Vec<Value>, Value>) {
    match returned {
        Ok(values) => values.into_iter().for_each(|value| log_joined::<R>(label, Ok(Ok(value)))),
        Err(error) => log_joined::<R>(label, Ok(Err(error))),
    }
}
