//! The ready queue: FIFO of what is to be polled.
//!
//! It holds task numbers, eight bytes each, in one ring buffer that grows and is kept. Whether a
//! number stands in it is a mark in the slab, so a task is in it at most once. A number whose task
//! is gone, or whose slot has a new owner, is skipped when its turn comes: cheaper than to search
//! the queue when a task ends.
//!
//! A turn polls the *batch*: as many as stood here when the turn began. Whatever is pushed
//! meanwhile is behind them, so a batch is frozen by its length alone.

use std::collections::VecDeque;

use crate::task::id::TaskNumber;

/// What is to be polled, in order.
#[derive(Default)]
pub(crate) struct ReadyQueue(VecDeque<TaskNumber>);

impl ReadyQueue {
    #[inline]
    pub(crate) fn push(&mut self, number: TaskNumber) {
        self.0.push_back(number);
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<TaskNumber> {
        self.0.pop_front()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
