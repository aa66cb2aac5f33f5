//! The stamp: who a task is and how it stands, in one word.
//!
//! The wake of a task asks three things of its entry: is it the one that was meant, is it queued
//! already, is it done? All three are in one word, so a wake reads and writes one word of the slab.

use std::num::NonZeroU64;

use crate::task::id::{GENERATION_MASK, TaskNumber};

/// A task's id, and below it four marks.
///
/// The word is never zero, since ids start at one; the slab uses the zero for its free entries.
#[derive(Clone, Copy)]
pub(crate) struct Stamp(NonZeroU64);

#[derive(Clone, Copy)]
pub(crate) enum Mark {
    /// Its number stands in the ready queue.
    Queued = 1,
    /// To be dropped instead of polled.
    Aborted = 2,
    /// The cell holds an output, or nothing any more.
    Done = 4,
    /// A `JoinHandle` exists.
    Held = 8,
}

impl Stamp {
    /// The marks' bits. Ids keep 60, enough for a spawn every nanosecond over 36 years.
    const MARKS: u32 = 4;

    pub(crate) fn new(id: u64, held: bool) -> Self {
        let marks = if held { Mark::Held as u64 } else { 0 };
        Stamp(NonZeroU64::new(id << Self::MARKS | marks).expect("ids start at one"))
    }

    #[inline]
    pub(crate) fn id(self) -> u64 {
        self.0.get() >> Self::MARKS
    }

    #[inline]
    pub(crate) fn has(self, mark: Mark) -> bool {
        self.0.get() & mark as u64 != 0
    }

    #[inline]
    pub(crate) fn set(&mut self, mark: Mark) {
        self.0 |= mark as u64;
    }

    #[inline]
    pub(crate) fn unset(&mut self, mark: Mark) {
        // The id's bits stay, so the word stays above zero and the fallback is never taken.
        self.0 = NonZeroU64::new(self.0.get() & !(mark as u64)).unwrap_or(NonZeroU64::MIN);
    }

    /// Sets the queued mark, if the task is neither queued nor done, and says whether it did.
    pub(crate) fn queue(&mut self) -> bool {
        let idle = !self.has(Mark::Queued) && !self.has(Mark::Done);
        if idle {
            self.set(Mark::Queued);
        }
        idle
    }

    /// As [`queue`](Self::queue), if this is the task that the number was made for.
    #[inline]
    pub(crate) fn queue_as(&mut self, number: TaskNumber) -> bool {
        let idle = self.is(number, Mark::Queued as u64 | Mark::Done as u64, 0);
        if idle {
            self.set(Mark::Queued);
        }
        idle
    }

    /// Takes the queued mark off, if this is the task that the number was made for, and it is to be
    /// polled: queued, and neither done nor aborted. Says whether it did.
    #[inline]
    pub(crate) fn unqueue_as(&mut self, number: TaskNumber) -> bool {
        let asked = Mark::Queued as u64 | Mark::Done as u64 | Mark::Aborted as u64;
        let runnable = self.is(number, asked, Mark::Queued as u64);
        if runnable {
            self.unset(Mark::Queued);
        }
        runnable
    }

    /// The same, if it is to be dropped: queued and aborted, and not done.
    pub(crate) fn unqueue_aborted_as(&mut self, number: TaskNumber) -> bool {
        let asked = Mark::Queued as u64 | Mark::Done as u64 | Mark::Aborted as u64;
        let aborted = self.is(number, asked, Mark::Queued as u64 | Mark::Aborted as u64);
        if aborted {
            self.unset(Mark::Queued);
        }
        aborted
    }

    /// Whether the generation is the number's, and the marks that are asked for are those: one
    /// comparison.
    #[inline]
    fn is(self, number: TaskNumber, asked: u64, marks: u64) -> bool {
        let expected = number.generation() << Self::MARKS | marks;
        (self.0.get() ^ expected) & (GENERATION_MASK << Self::MARKS | asked) == 0
    }
}
