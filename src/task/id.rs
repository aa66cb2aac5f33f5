//! The numbers of loops and tasks.
//!
//! A [`LoopNumber`] names a loop for ever: its upper 52 bits are a sequence number that the process never uses
//! twice, and its lower 12 the loop's *short id*, unique among the loops that live.
//!
//! A [`TaskNumber`] is what a waker holds, and what is in the ready queue: the loop's short id, the generation
//! and the slot (`lib.rs` has a picture). Short id and generation are its *identity*, which is in the task's
//! entry, too: so one comparison shows whether loop and task are the right ones.
//!
//! The number has to fit into the data pointer of a `RawWaker`, so its fields are bounded, and repeat: the
//! generation after 2^20 tasks, the short id when another loop has it. Then a stale number may look like that of
//! another task. The worst it can do is a poll too many, which every future must bear.
//!
//! A `JoinHandle` is never stale: it has the loop's number, the slot and the whole id.
//!
//! On a 32-bit target a short id has 4 bits, a generation 8 and a slot 20, which leaves room for 16 loops and
//! 1,048,575 tasks in each.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bits of a task's number, on 64 bits and on 32.
const IS_WIDE: bool = cfg!(target_pointer_width = "64");
const SHORT: u32 = if IS_WIDE { 12 } else { 4 };
const GENERATION: u32 = if IS_WIDE { 20 } else { 8 };
const SLOT: u32 = if IS_WIDE { 32 } else { 20 };

/// How many loops may live at once.
pub(crate) const MAX_LOOPS: usize = 1 << SHORT;

/// How many tasks a loop may hold at once: one fewer than there are numbers of slots. (On 64 bits the last one
/// is [`NO_SLOT`].)
pub(crate) const MAX_TASKS: u64 = SLOT_MASK;

/// Stands for "no slot": no slot has this number, on any target.
pub(crate) const NO_SLOT: u32 = u32::MAX;

const SLOT_MASK: u64 = (1 << SLOT) - 1;

/// The bits of an id that are the task's generation, the lowest ones.
const GENERATION_MASK: u32 = (1 << GENERATION) - 1;

/// A loop's number, never reused in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LoopNumber(u64);

impl LoopNumber {
    /// No loop's number: the sequence begins at one.
    pub(crate) const NONE: LoopNumber = LoopNumber(0);

    /// Takes the next sequence number of the process. The first is 1, and so the first loop prints as "loop 1".
    /// (One loop every microsecond exhausts them in 142 years.)
    pub(crate) fn next_sequence() -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        LAST.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn new(sequence: u64, short_id: usize) -> Self {
        LoopNumber(sequence << SHORT | short_id as u64)
    }

    /// Returns the sequence number, which no other loop of the process has: 1 for "loop 1".
    pub(crate) fn sequence(self) -> u64 {
        self.0 >> SHORT
    }

    pub(crate) fn short_id(self) -> usize {
        (self.0 & (MAX_LOOPS as u64 - 1)) as usize
    }

    /// Returns the identity of this loop's task with that id.
    #[inline]
    pub(crate) fn identity(self, id: u64) -> u32 {
        (self.short_id() as u32) << GENERATION | id as u32 & GENERATION_MASK
    }
}

impl fmt::Display for LoopNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loop {}", self.sequence())
    }
}

/// The word that a waker holds: short id, generation, slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskNumber(usize);

impl TaskNumber {
    #[inline]
    pub(crate) fn new(loop_number: LoopNumber, id: u64, slot: u32) -> Self {
        TaskNumber((loop_number.identity(id) as usize) << SLOT | slot as usize)
    }

    #[inline]
    pub(crate) fn from_word(word: usize) -> Self {
        TaskNumber(word)
    }

    #[inline]
    pub(crate) fn word(self) -> usize {
        self.0
    }

    /// Returns the short id of the task's loop.
    #[inline]
    pub(crate) fn short_id(self) -> usize {
        self.0 >> (GENERATION + SLOT)
    }

    #[inline]
    pub(crate) fn slot(self) -> u32 {
        (self.0 as u64 & SLOT_MASK) as u32
    }

    /// Returns the low bits of the task's id. On a 64-bit target they are the whole id of the first million
    /// tasks.
    pub(crate) fn task(self) -> u32 {
        self.identity() & GENERATION_MASK
    }

    /// Returns the number without the loop's short id: the same for a task in each run of a program.
    pub(crate) fn without_loop(self) -> usize {
        self.0 & usize::MAX >> SHORT
    }

    /// Returns which task of which loop this number was made for.
    #[inline]
    pub(crate) fn identity(self) -> u32 {
        (self.0 >> SLOT) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields fill the word.
    const _: () = assert!(SHORT + GENERATION + SLOT == usize::BITS);

    /// They neither touch nor lose a bit at their ends.
    #[test]
    fn a_task_number_gives_back_what_it_was_made_of() {
        let last = MAX_LOOPS - 1;
        let loop_number = LoopNumber::new(7, last);
        for slot in [0, 1, (MAX_TASKS - 1) as u32] {
            for id in [1, 1 << 19, u64::MAX] {
                let number = TaskNumber::from_word(TaskNumber::new(loop_number, id, slot).word());
                assert_eq!(number.short_id(), last);
                assert_eq!(number.slot(), slot);
                assert_eq!(number.identity(), loop_number.identity(id));
                assert_eq!(number.identity() & GENERATION_MASK, id as u32 & GENERATION_MASK);
            }
        }
        assert_eq!(loop_number.to_string(), "loop 7");
    }
}
