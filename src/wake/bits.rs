//! One bit for each slot, to be set from any thread.
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

    /// Sets a bit, and says whether it was set already: then somebody has left a message for that, or
    /// is about to.
    ///
    /// What the caller did before is seen by whoever clears the bit, and by what that one does after.
    /// Also if it was set already: for that a load would not do, it takes a write.
    pub(super) fn set(&self, slot: u32) -> bool {
        let (word, bit) = self.find(slot);
        word.fetch_or(bit, Ordering::AcqRel) & bit != 0
    }

    pub(super) fn clear(&self, slot: u32) {
        let (word, bit) = self.find(slot);
        word.fetch_and(!bit, Ordering::AcqRel);
    }

    pub(super) fn clear_all(&self) {
        let chunks = self.0.iter().filter_map(OnceLock::get);
        for word in chunks.flat_map(|chunk| chunk.iter()) {
            word.store(0, Ordering::Release);
        }
    }

    fn find(&self, slot: u32) -> (&AtomicU64, u64) {
        // Words are counted from 1: then the highest bit of the count says which chunk it is.
        let count = slot as usize / WORD + 1;
        let chunk = count.ilog2();
        let words = self.0[chunk as usize].get_or_init(|| {
            let zeros = (0..1 << chunk).map(|_| AtomicU64::new(0));
            zeros.collect()
        });
        (&words[count - (1 << chunk)], 1 << (slot as usize % WORD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every slot has a bit of its own, on both sides of each border.
    #[test]
    fn a_bit_is_set_once() {
        let bits = Bits::new();
        let slots = [
            0,
            1,
            63,
            64,
            127,
            128,
            191,
            192,
            447,
            448,
            1 << 20,
            (1 << 20) + 1,
        ];
        for slot in slots {
            assert!(!bits.set(slot), "{slot}");
        }
        for slot in slots {
            assert!(bits.set(slot), "{slot}");
            bits.clear(slot);
            assert!(!bits.set(slot), "{slot}");
        }
        bits.clear_all();
        for slot in slots {
            assert!(!bits.set(slot), "{slot}");
        }
    }
}
