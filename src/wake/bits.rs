//! One bit for each slot, to be set from any thread.
//!
//! A set bit is a promise: the thread that clears it will poll the task in that slot afterwards, unless the
//! loop has closed. So a wake that finds the bit set has nothing more to do. It sets it all the same, for
//! the order of memory: each [`set`](Bits::set) is a read-modify-write with `Release`,
//! [`clear`](Bits::clear) is one with `Acquire`, and a chain of them is one release sequence. So whatever a
//! thread wrote before its wake, first or not, happens before the poll that follows. (To look first, and
//! write nothing if the bit is set, would be cheaper; it orders nothing.)
//!
//! The bits stand in chunks that are made when they are needed, each twice as long as the one before,
//! and that never move; so a bit is found without a lock. They are never freed: a million slots are
//! 128 KiB.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of a word.
const WORD: usize = u64::BITS as usize;

/// Enough chunks for 2^32 bits: the first has one word, and each is as long as all before and one.
const CHUNKS: usize = 27;

pub(super) struct Bits([OnceLock<Box<[AtomicU64]>>; CHUNKS]);

impl Bits {
    pub(super) const fn new() -> Self {
        Bits([const { OnceLock::new() }; CHUNKS])
    }

    /// Sets a bit. Returns whether it was set already. What the caller did before happens before
    /// whatever follows the [`clear`](Self::clear) of the bit.
    #[inline]
    pub(super) fn set(&self, slot: u32) -> bool {
        let (word, bit) = self.find(slot);
        word.fetch_or(bit, Ordering::Release) & bit != 0
    }

    /// Clears some bits.
    pub(super) fn clear(&self, slots: impl IntoIterator<Item = u32>) {
        for slot in slots {
            let (word, bit) = self.find(slot);
            word.fetch_and(!bit, Ordering::Acquire);
        }
    }

    /// Whether any bit is set. O(n) in the slots.
    pub(super) fn any(&self) -> bool {
        self.words().any(|word| word.load(Ordering::Relaxed) != 0)
    }

    pub(super) fn clear_all(&self) {
        self.words().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    /// Makes a chunk, before it is put in its place: an allocator that calls back, and wakes, must not
    /// find it half made.
    #[cold]
    fn make(&self, chunk: usize) -> &[AtomicU64] {
        let zeros = (0..1 << chunk).map(|_| AtomicU64::new(0)).collect();
        self.0[chunk].get_or_init(|| zeros)
    }

    fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        let chunks = self.0.iter().filter_map(OnceLock::get);
        chunks.flat_map(|chunk| chunk.iter())
    }

    fn find(&self, slot: u32) -> (&AtomicU64, u64) {
        let (chunk, index, bit) = place(slot);
        let words = match self.0[chunk].get() {
            Some(words) => words,
            None => self.make(chunk),
        };
        (&words[index], bit)
    }
}

/// Where the bit of a slot stands: the chunk, the word in it, the bit of that.
#[inline]
fn place(slot: u32) -> (usize, usize, u64) {
    // Words are counted from 1: then the highest bit of the count says which chunk it is.
    let count = slot as usize / WORD + 1;
    let chunk = count.ilog2() as usize;
    (chunk, count - (1 << chunk), 1 << (slot as usize % WORD))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every slot has a bit of its own, on both sides of each border.
    #[test]
    fn a_bit_is_set_once() {
        let bits = Bits::new();
        let slots = [0, 1, 63, 64, 127, 128, 191, 192, 447, 448, 1 << 20, (1 << 20) + 1];
        for slot in slots {
            assert!(!bits.set(slot), "{slot}");
        }
        for slot in slots {
            assert!(bits.set(slot), "{slot}");
            bits.clear([slot]);
            assert!(!bits.set(slot), "{slot}");
        }
        assert!(bits.any());
        bits.clear(slots);
        assert!(!bits.any());
        bits.set(1 << 20);
        assert!(bits.any());
        bits.clear_all();
        assert!(!bits.any());
        for slot in slots {
            assert!(!bits.set(slot), "{slot}");
        }
    }
}
