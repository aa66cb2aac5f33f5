//! A waiter: what waits for a timer, a source, a task, a group, a job or a signal.
//!
//! It is the number of a task or main future of ours, or a foreign waker. The clone, the wake and the drop of a
//! foreign waker are another crate's code, so they run when the loop's state is free. While the state is in
//! use, the tables only store, compare and return waiters; they compare foreign ones by pointer. The drop of
//! a waiter never unwinds ([`Quiet`]).

use std::task::Waker;

use crate::task::id::TaskNumber;
use crate::task::quiet::Quiet;

/// What waits, in two words: the foreign waker is the rare case, so it is the one that is boxed.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// A task, or a main future, of a loop of this crate.
    Task(TaskNumber),
    /// A waker of another runtime, or of a combinator that makes its own.
    Foreign(Quiet<Box<Waker>>),
}

impl Waiter {
    /// Whether both surely wake the same task. Compares numbers and pointers, and calls nothing.
    pub(crate) fn will_wake(&self, other: &Waiter) -> bool {
        match (self, other) {
            (Waiter::Task(one), Waiter::Task(other)) => one == other,
            (Waiter::Foreign(one), Waiter::Foreign(other)) => one.will_wake(other),
            _ => false,
        }
    }
}

/// The tables hold millions of these.
#[cfg(test)]
const _: () = assert!(size_of::<Option<Waiter>>() == 2 * size_of::<usize>());
