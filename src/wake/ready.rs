//! The ready queue: FIFO of what is to be polled.
//!
//! Two lists of task numbers, eight bytes each: the *batch*, which is being polled, and what is
//! pushed meanwhile. When the batch is through, the two change places. So a batch is frozen by
//! construction: nothing can get into it. And both ends are plain pushes and reads, which a ring
//! buffer, with its wrap-around at either end, is not: it took some fifteen instructions more for
//! each poll.
//!
//! Whether a number stands in the queue is a mark in the slab, so a task is in it at most once. A
//! number whose task is gone, or whose slot has a new owner, is skipped when its turn comes:
//! cheaper than to search the queue when a task ends.

use std::mem;

use crate::task::id::TaskNumber;

/// What is to be polled, in order.
#[derive(Default)]
pub(crate) struct ReadyQueue {
    batch: Vec<TaskNumber>,
    /// Where in the batch the next one stands.
    next: usize,
    /// What comes after the batch.
    pushed: Vec<TaskNumber>,
}

impl ReadyQueue {
    #[inline]
    pub(crate) fn push(&mut self, number: TaskNumber) {
        self.pushed.push(number);
    }

    /// The next one of the batch; `None` when the batch is through.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<TaskNumber> {
        let number = *self.batch.get(self.next)?;
        self.next += 1;
        Some(number)
    }

    /// Makes what was pushed the new batch, unless the old one was left in the middle: then its
    /// rest is the batch.
    #[inline]
    pub(crate) fn freeze(&mut self) {
        if self.next == self.batch.len() {
            self.batch.clear();
            self.next = 0;
            mem::swap(&mut self.batch, &mut self.pushed);
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.batch.len() - self.next + self.pushed.len()
    }
}
