//! The ready queue: FIFO of what is to be polled.
//!
//! A ring of task numbers, eight bytes each, and two counters, of pushes and of pops. The ring's
//! length is a power of two, so a mask makes a counter a place: 14 instructions for a push and 12 for a
//! pop. (`VecDeque` cannot count on that, and takes ten more for each poll.) It grows by doubling; what is more than 32 KiB is
//! given back when the loop has nothing to do, so a million tasks that are idle cost no queue.
//!
//! Whether a number stands in the queue is a mark in the slab, so a task is in it at most once. A
//! number whose task is gone, or whose slot has a new owner, is skipped when its turn comes:
//! cheaper than to search the queue when a task ends.
//!
//! The two counters say more than the length. A *batch* is what stood here when it was frozen: all
//! that was pushed before some point, so one number is enough to know where it ends, and whatever
//! is pushed meanwhile is behind it.

use crate::task::id::TaskNumber;

/// What is to be polled, in order.
pub(crate) struct ReadyQueue {
    /// Its length is a power of two.
    ring: Vec<TaskNumber>,
    /// How many numbers were ever taken out.
    popped: u64,
    /// How many were ever put in.
    pushed: u64,
    /// What `popped` is at the end of the batch.
    batch_end: u64,
}

/// Places of a new ring.
const PLACES: usize = 64;

/// Places that are kept while the loop rests: 32 KiB.
const KEPT: usize = 4_096;

impl ReadyQueue {
    pub(crate) fn new() -> Self {
        ReadyQueue {
            ring: vec![TaskNumber::from_word(0); PLACES],
            popped: 0,
            pushed: 0,
            batch_end: 0,
        }
    }

    /// Appends a number. O(1), the growth of the ring spread over the pushes.
    #[inline]
    pub(crate) fn push(&mut self, number: TaskNumber) {
        if self.len() == self.ring.len() {
            return self.grow_and_push(number);
        }
        let end = self.place(self.pushed);
        self.ring[end] = number;
        self.pushed += 1;
    }

    /// Makes all that stands here the batch.
    #[inline]
    pub(crate) fn freeze(&mut self) {
        self.batch_end = self.pushed;
    }

    /// Takes the first number of the batch; `None` if that is over.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<TaskNumber> {
        if self.popped == self.batch_end {
            return None;
        }
        let first = self.place(self.popped);
        self.popped += 1;
        Some(self.ring[first])
    }

    /// How many numbers will have been taken out when the batch is over.
    pub(crate) fn batch_end(&self) -> u64 {
        self.batch_end
    }

    /// How many numbers were ever taken out.
    pub(crate) fn popped(&self) -> u64 {
        self.popped
    }

    /// How many numbers were ever put in.
    #[inline]
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        (self.pushed - self.popped) as usize
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.pushed == self.popped
    }

    /// The loop rests: gives a large ring back, if nothing is in it.
    pub(crate) fn rest(&mut self) {
        if self.is_empty() && self.ring.len() > KEPT {
            self.ring = vec![TaskNumber::from_word(0); PLACES];
        }
    }

    /// Where in the ring a counter points to; always inside of it.
    #[inline]
    fn place(&self, counter: u64) -> usize {
        counter as usize & self.ring.len().wrapping_sub(1)
    }

    /// Doubles a full ring, each number at the place where its counter now points.
    #[cold]
    #[inline(never)]
    fn grow_and_push(&mut self, number: TaskNumber) {
        let first = self.place(self.popped);
        self.ring.rotate_left(first);
        let len = self.ring.len();
        self.ring.resize(2 * len, TaskNumber::from_word(0));
        let first = self.place(self.popped);
        self.ring.rotate_right(first);
        self.push(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ring grows wherever in it the queue begins, and keeps the order.
    #[test]
    fn the_order_survives_the_growth_of_the_ring() {
        let number = TaskNumber::from_word;
        for popped in 0..=PLACES {
            let mut queue = ReadyQueue::new();
            (0..popped).for_each(|n| queue.push(number(n)));
            queue.freeze();
            while queue.pop().is_some() {}
            (0..5 * PLACES).for_each(|n| queue.push(number(n)));
            queue.freeze();
            assert_eq!(queue.len(), 5 * PLACES);
            for n in 0..5 * PLACES {
                assert_eq!(queue.pop(), Some(number(n)));
            }
            assert_eq!(queue.pop(), None);
            assert!(queue.is_empty());
        }
    }

    /// The ring of a loop that rests is small again, and goes on where it was.
    #[test]
    fn a_large_ring_is_given_back() {
        let number = TaskNumber::from_word;
        let mut queue = ReadyQueue::new();
        (0..=KEPT).for_each(|n| queue.push(number(n)));
        queue.freeze();
        for n in 0..=KEPT {
            queue.rest();
            assert_eq!(queue.pop(), Some(number(n)));
        }
        assert!(queue.ring.capacity() > KEPT);
        queue.rest();
        assert!(queue.ring.capacity() < KEPT);
        (0..=KEPT).for_each(|n| queue.push(number(n)));
        queue.freeze();
        assert!((0..=KEPT).all(|n| queue.pop() == Some(number(n))));
    }

    /// What is pushed after the freeze is not in the batch.
    #[test]
    fn a_batch_ends_where_it_was_frozen() {
        let number = TaskNumber::from_word;
        let mut queue = ReadyQueue::new();
        queue.push(number(1));
        queue.freeze();
        queue.push(number(2));
        assert_eq!(queue.pop(), Some(number(1)));
        assert_eq!(queue.pop(), None);
        queue.freeze();
        assert_eq!(queue.pop(), Some(number(2)));
    }
}
