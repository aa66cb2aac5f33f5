//! The ready queue: FIFO of what is to be polled.
//!
//! It is a vector of task numbers and a position in it. A push appends a number; a pop moves the position on; a
//! park removes the numbers that were popped, and moves the rest to the front. A push and a pop are O(1),
//! amortised.
//!
//! ```text
//!   │ popped since the park │ the rest of the batch │ pushed since: the next batch │
//!   0                    position               batch_end                        len
//! ```
//!
//! To freeze a *batch* is to set `batch_end` to the end. When the batch is over, `position` has come to
//! `batch_end`, and the vector's length is the pops since the last park plus those of the next batch: what
//! `park.rs` compares with 61.
//!
//! A number is in the queue at most once: it is pushed when its task is spawned (or its `block_on` begins),
//! woken while it is not queued, or aborted while it waits. A future that is woken in its last poll leaves its
//! number behind. It is stale, and the turn skips it, which costs less than to search the queue for it. (When
//! generations repeat, it may stand for the slot's next task: that may be polled too early, and twice in a
//! batch.)

use crate::task::id::TaskNumber;

/// What is to be polled, in order.
pub(crate) struct ReadyQueue {
    /// Those that were popped since the last park, then those that are ready.
    pub(super) numbers: Vec<TaskNumber>,
    /// Where the next number to be popped is.
    pub(super) position: usize,
    /// Where the batch ends, and the next one begins.
    pub(super) batch_end: usize,
}

/// The capacity at first: 61 pops between two parks, and a little more.
const ROOM: usize = 64;

/// The capacity that is kept while nothing is ready: 32 KiB (on 64 bits).
const KEPT_CAPACITY: usize = 4_096;

impl ReadyQueue {
    pub(crate) fn new() -> Self {
        ReadyQueue { numbers: Vec::with_capacity(ROOM), position: 0, batch_end: 0 }
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

    /// Makes all that is here the batch.
    #[inline]
    pub(crate) fn freeze(&mut self) {
        self.batch_end = self.numbers.len();
    }

    /// Pops the first number of the batch; `None` if none is left.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<TaskNumber> {
        if self.position == self.batch_end {
            return None;
        }
        let number = self.numbers.get(self.position).copied();
        self.position += 1;
        number
    }

    /// Returns how many numbers were popped since the last park.
    pub(crate) fn popped(&self) -> usize {
        self.position
    }

    /// Returns what [`popped`](Self::popped) will be at the end of the next batch: when all that is ready now
    /// was popped.
    #[inline]
    pub(crate) fn popped_after_next_batch(&self) -> usize {
        self.numbers.len()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.numbers.len() - self.position
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A park begins: removes what was popped. O(n) in the numbers that are left. These are the first of the
    /// next batch, which in FIFO order is popped before the next park: so a number is moved once (twice if a
    /// `block_on` ends in the middle of a batch, and parks).
    pub(crate) fn remove_popped(&mut self) {
        self.numbers.drain(..self.position);
        self.position = 0;
        self.batch_end = 0;
    }

    /// Gives the memory of a burst back, when nothing is ready.
    pub(crate) fn shrink(&mut self) {
        self.numbers.shrink_to(KEPT_CAPACITY);
    }

    /// Returns what [`popped`](Self::popped) will be at the end of the batch. For recorded runs.
    pub(crate) fn popped_after_batch(&self) -> usize {
        self.batch_end
    }
}

#[cfg(test)]
mod tests;
