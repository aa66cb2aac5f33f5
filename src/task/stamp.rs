//! The stamp: who a task is and how it stands, in one word.
//!
//! The wake of a task asks three things of its entry: is it the one that was meant, is it queued
//! already, is it done? All three are in one word, so a wake reads and writes one word of the slab.

use std::num::NonZeroU64;

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
        self.0 = NonZeroU64::new(self.0.get() & !(mark as u64)).unwrap_or(self.0);
    }

    /// Sets the queued mark of a task that is neither queued nor done, and says whether it did.
    #[inline]
    pub(crate) fn queue(&mut self) -> bool {
        let idle = self.0.get() & (Mark::Queued as u64 | Mark::Done as u64) == 0;
        if idle {
            self.set(Mark::Queued);
        }
        idle
    }
}
