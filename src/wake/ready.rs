//! The ready queue: FIFO of what is to be polled.
//!
//! It is a vector of task numbers and a position in it. A push appends; a pop moves the position on. A batch
//! begins by removing the numbers that were popped, if they are at least 64, and no fewer than those that
//! remain. So a push and a pop are O(1), amortised, and no index wraps around as in a ring buffer.
//!
//! A *batch* is what stood here when it was frozen: a second position tells where it ends.
//!
//! A task's status tells whether its number is in the queue, so it is there at most once. But a task that is
//! woken in its last poll leaves its number behind. Such a stale number is skipped when it is popped: cheaper
//! than to search the queue when a task ends.

use crate::task::id::TaskNumber;

/// What is to be polled, in order.
pub(crate) struct ReadyQueue {
    pub(super) numbers: Vec<TaskNumber>,
    /// The next number to be popped.
    pub(super) first: usize,
    /// The first number that is not in the batch.
    pub(super) batch_end: usize,
    /// How many numbers were removed from the front.
    pub(super) removed: u64,
    /// With fewer popped numbers than this, a batch begins without removing any. It is 0 if batches are
    /// drawn: then each one begins by the slow path.
    frozen_below: usize,
}

/// At least so many popped numbers are removed at a time.
const REMOVED: usize = 64;

/// The capacity that is kept while nothing is ready: 32 KiB.
const KEPT: usize = 4_096;

impl ReadyQueue {
    /// A queue that is FIFO; or one whose batches are single numbers, drawn by an order (`wake/draw.rs`).
    pub(crate) fn new(is_drawn: bool) -> Self {
        let frozen_below = if is_drawn { 0 } else { REMOVED };
        ReadyQueue { numbers: Vec::new(), first: 0, batch_end: 0, removed: 0, frozen_below }
    }

    /// Appends a number.
    #[inline]
    pub(crate) fn push(&mut self, number: TaskNumber) {
        self.numbers.push(number);
    }

    /// Whether a number can be appended without asking for memory.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.numbers.len() < self.numbers.capacity()
    }

    /// Makes all that stands here the batch. Returns false, and does nothing, if there are many popped
    /// numbers, or the batch is to be drawn.
    #[inline]
    pub(crate) fn freeze(&mut self) -> bool {
        let is_frozen = self.first < self.frozen_below;
        if is_frozen {
            self.batch_end = self.numbers.len();
        }
        is_frozen
    }

    /// Makes all that stands here the batch. Removes the popped numbers, if they are no fewer than those that
    /// remain.
    pub(crate) fn freeze_and_remove(&mut self) {
        if self.first >= self.len() {
            self.remove_popped();
        }
        self.batch_end = self.numbers.len();
    }

    /// Pops the first number of the batch; `None` if none is left.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<TaskNumber> {
        if self.first == self.batch_end {
            return None;
        }
        let first = self.numbers.get(self.first).copied();
        self.first += 1;
        first
    }

    /// How many numbers will have been popped when the batch is over.
    pub(crate) fn popped_at_end(&self) -> u64 {
        self.removed + self.batch_end as u64
    }

    /// How many numbers were ever popped.
    pub(crate) fn popped(&self) -> u64 {
        self.removed + self.first as u64
    }

    /// How many numbers were ever pushed.
    #[inline]
    pub(crate) fn pushed(&self) -> u64 {
        self.removed + self.numbers.len() as u64
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.numbers.len() - self.first
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the memory of a burst back, when nothing is ready.
    pub(crate) fn rest(&mut self) {
        if self.is_empty() && self.numbers.capacity() > KEPT {
            self.remove_popped();
            self.numbers = Vec::new();
        }
    }

    /// Removes what was popped. O(n) in what is left.
    #[cold]
    #[inline(never)]
    pub(super) fn remove_popped(&mut self) {
        self.numbers.drain(..self.first);
        self.removed += self.first as u64;
        self.first = 0;
        self.batch_end = 0;
    }
}

#[cfg(test)]
mod tests;
