//! The stamp: which task it is and how it stands, in one word.
//!
//! The wake of a task asks three things of its entry: is it the one that was meant, is it queued
//! already, is it done? All three are in one word, so a wake reads and writes one word of the slab.
//!
//! ```text
//!   Stamp   | identity (32) | upper bits of the id (28) | marks (4) |
//! ```

use std::num::NonZeroU64;

use crate::task::id::{GENERATION_BITS, GENERATION_MASK, LoopNumber, TaskNumber};

/// A task's identity, the rest of its id, and four marks.
///
/// The word is never zero, since ids start at one; the slab uses the zero for its free entries.
#[derive(Clone, Copy)]
pub(crate) struct Stamp(NonZeroU64);

#[derive(Clone, Copy)]
pub(crate) enum Mark {
    /// Its number stands in the ready queue.
    Queued = 1, // the lowest bit, which `queued` relies on
    /// To be dropped instead of polled.
    Aborted = 2,
    /// The cell holds an output, or nothing any more.
    Done = 4,
    /// A `JoinHandle` exists.
    Held = 8,
}

/// The marks' bits.
const MARKS: u32 = 4;

/// The identity is the upper half.
const IDENTITY: u32 = 32;

/// The last id. A loop that spawns a task every microsecond comes to it in nine years.
pub(crate) const MAX_ID: u64 = (1 << (IDENTITY - MARKS + GENERATION_BITS)) - 1;

impl Stamp {
    /// The stamp of a new task, which is queued.
    #[inline]
    pub(crate) fn queued(of: LoopNumber, id: u64, held: bool) -> Self {
        debug_assert!(id <= MAX_ID);
        let identity = u64::from(of.identity(id)) << IDENTITY;
        let held = if held { Mark::Held as u64 } else { 0 };
        let word = identity | id >> GENERATION_BITS << MARKS | held;
        Stamp(NonZeroU64::MIN | word)
    }

    pub(crate) fn id(self) -> u64 {
        let upper = (self.0.get() & u64::from(u32::MAX)) >> MARKS;
        upper << GENERATION_BITS | u64::from(self.identity() & GENERATION_MASK)
    }

    #[inline]
    fn identity(self) -> u32 {
        (self.0.get() >> IDENTITY) as u32
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
        // The id's bits stay, so the word stays above zero.
        if let Some(rest) = NonZeroU64::new(self.0.get() & !(mark as u64)) {
            self.0 = rest;
        }
    }

    /// Sets the queued mark, if the task is neither queued nor done. Returns whether it did.
    #[inline]
    pub(crate) fn queue(&mut self) -> bool {
        let idle = self.marks(&[Mark::Queued, Mark::Done]) == 0;
        if idle {
            self.set(Mark::Queued);
        }
        idle
    }

    /// Takes the queued mark off, if the task is to be polled: queued, and neither done nor aborted.
    /// Returns whether it did.
    #[inline]
    pub(crate) fn unqueue(&mut self) -> bool {
        let asked = self.marks(&[Mark::Queued, Mark::Done, Mark::Aborted]);
        let runnable = asked == Mark::Queued as u64;
        if runnable {
            self.unset(Mark::Queued);
        }
        runnable
    }

    /// The same, if it is to be dropped: queued and aborted, and not done.
    pub(crate) fn unqueue_aborted(&mut self) -> bool {
        let asked = self.marks(&[Mark::Queued, Mark::Done, Mark::Aborted]);
        let aborted = asked == Mark::Queued as u64 | Mark::Aborted as u64;
        if aborted {
            self.unset(Mark::Queued);
        }
        aborted
    }

    /// Those of the marks that are set.
    #[inline]
    fn marks(self, asked: &[Mark]) -> u64 {
        let asked = asked.iter().fold(0, |marks, &mark| marks | mark as u64);
        self.0.get() & asked
    }

    /// Whether this is the task that the number was made for.
    #[inline]
    pub(crate) fn is(self, number: TaskNumber) -> bool {
        self.identity() == number.identity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::id::MAX_LOOPS;

    /// Whatever the loop, the id and the marks, the stamp gives back the id, and is the task that
    /// its number was made for and no other.
    #[test]
    fn a_stamp_keeps_an_id_and_its_marks_apart() {
        let loops = [0, 1, MAX_LOOPS - 1].map(|short| LoopNumber::new(7, short));
        let ids = [
            1,
            2,
            u64::from(GENERATION_MASK),
            1 << GENERATION_BITS,
            MAX_ID,
        ];
        for of in loops {
            for id in ids {
                let mut stamp = Stamp::queued(of, id, true);
                for mark in [Mark::Aborted, Mark::Done] {
                    stamp.set(mark);
                }
                stamp.unset(Mark::Queued);
                assert_eq!(stamp.id(), id);
                assert!(stamp.has(Mark::Held) && !stamp.has(Mark::Queued));
                assert!(stamp.is(TaskNumber::new(of, id, 3)));
                assert!(!stamp.is(TaskNumber::new(of, id + 1, 3)));
                for other in loops.into_iter().filter(|other| *other != of) {
                    assert!(!stamp.is(TaskNumber::new(other, id, 3)));
                }
            }
        }
    }

    /// A task is queued once, is polled if it was queued, and dropped if it was aborted.
    #[test]
    fn the_marks_say_what_is_to_be_done() {
        let mut stamp = Stamp::queued(LoopNumber::new(1, 1), 1, false);
        assert!(!stamp.queue());
        assert!(!stamp.unqueue_aborted() && stamp.unqueue());
        assert!(!stamp.unqueue() && stamp.queue());
        stamp.set(Mark::Aborted);
        assert!(!stamp.unqueue() && stamp.unqueue_aborted());
        stamp.set(Mark::Done);
        assert!(!stamp.queue());
    }
}
