//! The ready queue: FIFO of what is to be polled.
//!
//! A ring of task numbers, eight bytes each, and two counters, of pushes and of pops. The ring's
//! length is a power of two, so a mask makes a counter a place. (`VecDeque` cannot count on that,
//! and takes ten instructions more for each poll.) It grows by doubling, and is kept.
//!
//! Whether a number stands in the queue is a mark in the slab, so a task is in it at most once. A
//! number whose task is gone, or whose slot has a new owner, is skipped when its turn comes:
//! cheaper than to search the queue when a task ends.
//!
//! A turn polls the *batch*: as many as stood here when the turn began. Whatever is pushed
//! meanwhile is behind them, so a batch is frozen by its length alone.

use crate::task::id::TaskNumber;

/// What is to be polled, in order.
pub(crate) struct ReadyQueue {
    /// Its length is a power of two.
    ring: Vec<TaskNumber>,
    popped: usize,
    pushed: usize,
}

/// Places of a new ring.
const PLACES: usize = 64;

impl ReadyQueue {
    pub(crate) fn new() -> Self {
        ReadyQueue {
            ring: vec![TaskNumber::from_word(0); PLACES],
            popped: 0,
            pushed: 0,
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
        self.pushed = self.pushed.wrapping_add(1);
    }

    /// Takes the first number. There must be one: who polls a batch knows how many there are.
    #[inline]
    pub(crate) fn pop(&mut self) -> TaskNumber {
        debug_assert!(!self.is_empty());
        let first = self.place(self.popped);
        self.popped = self.popped.wrapping_add(1);
        self.ring[first]
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.pushed.wrapping_sub(self.popped)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.pushed == self.popped
    }

    /// Where in the ring a counter points to; always inside of it.
    #[inline]
    fn place(&self, counter: usize) -> usize {
        counter & self.ring.len().wrapping_sub(1)
    }

    /// Doubles a full ring, its first number first.
    #[cold]
    #[inline(never)]
    fn grow_and_push(&mut self, number: TaskNumber) {
        let len = self.ring.len();
        let first = self.place(self.popped);
        self.ring.rotate_left(first);
        self.ring.resize(2 * len, TaskNumber::from_word(0));
        self.popped = 0;
        self.pushed = len;
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
            while !queue.is_empty() {
                queue.pop();
            }
            (0..5 * PLACES).for_each(|n| queue.push(number(n)));
            assert_eq!(queue.len(), 5 * PLACES);
            for n in 0..5 * PLACES {
                assert_eq!(queue.pop(), number(n));
            }
            assert!(queue.is_empty());
        }
    }
}
