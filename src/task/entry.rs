//! What stands in a slot of the slab: 40 bytes for each task.

use std::task::Waker;

use crate::task::cell::BoxedTask;
use crate::task::groups::Seat;
use crate::task::stamp::{Mark, Stamp};

/// What stands in a slot.
pub(crate) struct Entry {
    pub(crate) stamp: Stamp,
    /// Empty while the task is polled or being dropped, and for the main future, which lives on the
    /// stack of `block_on`.
    pub(crate) task: Option<BoxedTask>,
    pub(crate) joiner: Joiner,
}

/// Who is told that a task is done.
pub(crate) enum Joiner {
    /// Whoever awaits the handle.
    Waker(Waker),
    /// A place in a group (`gather`, `wait`, `as_completed`), or nobody.
    ///
    /// "Nobody" is a reserved seat and no third variant, because two variants fit 16 bytes.
    Seat(Seat),
}

/// What a popped number stands for.
pub(crate) enum Runnable {
    Main,
    Task(BoxedTask),
    /// To be dropped instead of polled.
    Aborted(BoxedTask),
}

impl Entry {
    /// Whether the task is out of its slot, and comes back.
    pub(crate) fn is_polled(&self) -> bool {
        self.task.is_none() && !self.stamp.has(Mark::Done)
    }

    /// Takes a task out to be dropped, if that is what it was queued for.
    #[cold]
    pub(crate) fn begin_aborted(&mut self) -> Option<Runnable> {
        if !self.stamp.unqueue_aborted() {
            return None;
        }
        self.task.take().map(Runnable::Aborted)
    }
}

impl Joiner {
    pub(crate) const NOBODY: Joiner = Joiner::Seat(Seat::NONE);
}

#[cfg(test)]
mod tests {
    use slab::Slab;

    use super::*;

    /// A million idle tasks are a million of these: the size is a promise.
    #[test]
    fn an_entry_takes_forty_bytes_in_the_slab() {
        let mut slab: Slab<Entry> = Slab::new();
        slab.reserve_exact(1);
        assert_eq!(size_of::<Entry>(), 40);
        assert_eq!(size_of::<Option<Entry>>(), 40);
    }
}
