//! The ready queue: FIFO of what is to be polled.
//!
//! It is a vector of task numbers and a position in it. What is pushed is appended; what is popped stays
//! in front of the position until that is half of the vector, and is then dropped at once. So both are
//! O(1), amortised, and neither has to wrap around the end of a ring.
//!
//! A *batch* is what stood here when it was frozen: one more position is enough to know where it ends, and
//! whatever is pushed meanwhile is behind it.
//!
//! Whether a number stands in the queue is the task's status, so a task is in it at most once. A
//! number whose task is done, or whose slot has a new tenant, is skipped when its turn comes: cheaper
//! than to search the queue when a task ends.

use crate::task::id::TaskNumber;

/// What is to be polled, in order.
pub(crate) struct ReadyQueue {
    numbers: Vec<TaskNumber>,
    /// The next number to be popped.
    first: usize,
    /// The first number that is not in the batch.
    batch_end: usize,
    /// How many numbers were dropped from the front.
    dropped: u64,
}

/// How many popped numbers are dropped at once, at least.
const DROPPED: usize = 64;

/// For how many numbers the memory is kept while nothing is ready: 32 KiB.
const KEPT: usize = 4_096;

impl ReadyQueue {
    pub(crate) fn new() -> Self {
        ReadyQueue {
            numbers: Vec::new(),
            first: 0,
            batch_end: 0,
            dropped: 0,
        }
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

    /// Makes all that stands here the batch.
    #[inline]
    pub(crate) fn freeze(&mut self) {
        if self.first >= DROPPED {
            self.drop_popped_if_half();
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
    pub(crate) fn batch_end(&self) -> u64 {
        self.dropped + self.batch_end as u64
    }

    /// How many numbers were ever popped.
    pub(crate) fn popped(&self) -> u64 {
        self.dropped + self.first as u64
    }

    /// How many numbers were ever pushed.
    #[inline]
    pub(crate) fn pushed(&self) -> u64 {
        self.dropped + self.numbers.len() as u64
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
            self.drop_popped();
            self.numbers = Vec::new();
        }
    }

    #[cold]
    #[inline(never)]
    fn drop_popped_if_half(&mut self) {
        if self.first >= self.len() {
            self.drop_popped();
        }
    }

    /// Drops what was popped. O(n) in what is left.
    fn drop_popped(&mut self) {
        self.numbers.drain(..self.first);
        self.dropped += self.first as u64;
        self.first = 0;
        self.batch_end = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push_all(queue: &mut ReadyQueue, words: impl IntoIterator<Item = usize>) {
        let numbers = words.into_iter().map(TaskNumber::from_word);
        numbers.for_each(|number| queue.push(number));
    }

    fn pop_all(queue: &mut ReadyQueue) -> Vec<usize> {
        std::iter::from_fn(|| queue.pop())
            .map(TaskNumber::word)
            .collect()
    }

    /// What is pushed after the freeze is not in the batch, and comes out with the next, in order.
    #[test]
    fn a_batch_ends_where_it_was_frozen() {
        let mut queue = ReadyQueue::new();
        push_all(&mut queue, [1, 2]);
        queue.freeze();
        push_all(&mut queue, [3]);
        assert_eq!(pop_all(&mut queue), [1, 2]);
        assert_eq!((queue.len(), queue.pushed(), queue.popped()), (1, 3, 2));
        queue.freeze();
        assert_eq!(pop_all(&mut queue), [3]);
        assert!(queue.is_empty());
    }

    /// What is left of a batch comes before what was pushed meanwhile.
    #[test]
    fn the_rest_of_a_batch_keeps_its_place() {
        let mut queue = ReadyQueue::new();
        push_all(&mut queue, 0..5);
        queue.freeze();
        assert!(queue.pop().is_some() && queue.pop().is_some());
        push_all(&mut queue, 5..7);
        assert_eq!((queue.len(), queue.pushed(), queue.popped()), (5, 7, 2));
        queue.freeze();
        assert_eq!(pop_all(&mut queue), [2, 3, 4, 5, 6]);
        assert_eq!((queue.len(), queue.pushed(), queue.popped()), (0, 7, 7));
    }

    /// However often numbers are pushed and popped, the vector stays small, and the order is kept.
    #[test]
    fn what_was_popped_is_dropped() {
        let mut queue = ReadyQueue::new();
        push_all(&mut queue, 0..100);
        for turn in 0..1_000 {
            queue.freeze();
            let popped = pop_all(&mut queue);
            assert!(popped.into_iter().eq(100 * turn..100 * (turn + 1)));
            push_all(&mut queue, 100 * (turn + 1)..100 * (turn + 2));
        }
        assert!(queue.numbers.capacity() <= 512);
        assert_eq!(queue.popped(), 100_000);
    }

    /// After a burst the memory is given back, and not before the queue is empty.
    #[test]
    fn the_memory_of_a_burst_is_given_back() {
        let mut queue = ReadyQueue::new();
        push_all(&mut queue, 0..=KEPT);
        queue.rest();
        queue.freeze();
        queue.rest();
        assert_eq!(pop_all(&mut queue).len(), KEPT + 1);
        assert!(queue.numbers.capacity() > KEPT);
        queue.rest();
        assert_eq!(queue.numbers.capacity(), 0);
        push_all(&mut queue, [7]);
        queue.freeze();
        assert_eq!(pop_all(&mut queue), [7]);
        assert_eq!(queue.pushed(), KEPT as u64 + 2);
    }
}
