//! One flag for each slot, to be set from any thread.
//!
//! While a flag is set, a wake of its slot is on the way to the loop: the loop clears the flag, and afterwards
//! polls the task in that slot. So a wake that finds the flag set leaves no message. (If the loop ends before,
//! nothing is polled.)
//!
//! **Memory ordering.** Whatever a thread wrote before its wake, first or not, happens before the poll that
//! follows. Each [`set`](Flags::set) is a read-modify-write with `Release`, each [`clear`](Flags::clear) one
//! with `Acquire`, and a chain of them is one release sequence (Bos, "Rust Atomics and Locks", chapter 3). So a
//! wake sets even a flag that is set: a plain load would be cheaper, but it orders nothing.
//!
//! **Chunks.** A flag is a bit, since a loop with a virtual clock looks at those of all its slots before each
//! jump. The bits are in chunks, each twice as long as the one before. A chunk is made when it is needed, and is
//! never moved or freed, so a flag is found without a lock. A million slots take 128 KiB.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The flags of a word. The first chunk is one word.
const WORD: usize = usize::BITS as usize;

/// Enough chunks for 2^32 flags.
const CHUNKS: usize = 33 - WORD.ilog2() as usize;

#[derive(Default)]
pub(super) struct Flags([OnceLock<Box<[AtomicUsize]>>; CHUNKS]);

impl Flags {
    /// Sets a flag. Returns whether it was set already.
    #[inline]
    pub(super) fn set(&self, slot: u32) -> bool {
        let (word, bit) = self.flag(slot);
        word.fetch_or(bit, Ordering::Release) & bit != 0
    }

    pub(super) fn clear(&self, slot: u32) {
        let (word, bit) = self.flag(slot);
        word.fetch_and(!bit, Ordering::Acquire);
    }

    /// Whether a flag of the first `slots` is set. Chunks that were never made do not count, so it may look
    /// at flags of later slots too. O(n), a word at a time.
    pub(super) fn any(&self, slots: usize) -> bool {
        let mut words = self.0.iter().filter_map(OnceLock::get).flatten().take(slots.div_ceil(WORD));
        words.any(|word| word.load(Ordering::Relaxed) != 0)
    }

    /// Returns a flag's word, and its bit in the word.
    fn flag(&self, slot: u32) -> (&AtomicUsize, usize) {
        // Counted from 1, the number of a word has one bit more in each chunk.
        let number = slot as usize / WORD + 1;
        let chunk = number.ilog2() as usize;
        let words = match self.0[chunk].get() {
            Some(words) => words,
            None => self.make(chunk),
        };
        (&words[number - (1 << chunk)], 1 << (slot as usize % WORD))
    }

    /// Makes a chunk, and then puts it in its place: an allocator that calls back, and wakes, must not find
    /// it half made.
    #[cold]
    fn make(&self, chunk: usize) -> &[AtomicUsize] {
        let words = (0..1 << chunk).map(|_| AtomicUsize::new(0)).collect();
        self.0[chunk].get_or_init(|| words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every slot has a flag of its own, on both sides of each border.
    #[test]
    fn a_flag_is_set_once() {
        let flags = Flags::default();
        let slots = [0, 1, 31, 32, 63, 64, 127, 128, 191, 192, 447, 448, 1 << 20, (1 << 20) + 1];
        for slot in slots {
            assert!(!flags.set(slot), "{slot}");
        }
        for slot in slots {
            assert!(flags.set(slot), "{slot}");
            flags.clear(slot);
            assert!(!flags.set(slot), "{slot}");
        }
        for slot in slots {
            assert!(flags.any(1 << 21), "{slot}");
            flags.clear(slot);
        }
        assert!(!flags.any(1 << 21));
        // Flags of slots that the loop's table no longer has are not looked at, but for the rest of a word.
        flags.set(128);
        assert!(!flags.any(128) && flags.any(129));
    }
}
