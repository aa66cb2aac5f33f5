//! One bit for each slot, to be set from any thread.
//!
//! A bit that is set is a promise: whoever clears it will come by the slot. So who finds it set has
//! nothing to do, if what it did before is seen then. That takes a fence on both sides, since a
//! processor may look at the bit while what it wrote just before is not yet to be seen by others:
//!
//! ```text
//!   who finds the bit set      who clears it
//!   writes something           clears the bit
//!   fence                      fence
//!   is the bit set?            reads what was written
//! ```
//!
//! One of the fences is the first. If it is the left one, what was written is read; if it is the right
//! one, the bit is found clear, unless somebody has set it again, who makes the same promise anew.
//! (`tests/loom` tries this file and the inbox in every order, and fails without either fence.)
//!
//! To set the bit each time, set or not, would do with no fence, and takes half a nanosecond more: that
//! is a write to memory that the loop's thread writes too.
//!
//! The bits stand in chunks that are made when they are needed, each twice as long as the one before,
//! and that never move; so a bit is found without a lock. They are never freed: a million slots are
//! 128 KiB.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Bits of a word.
const WORD: usize = u64::BITS as usize;

/// Enough chunks for 2^32 bits: the first has one word, and each is as long as all before and one.
const CHUNKS: usize = 27;

pub(super) struct Bits([OnceLock<Box<[AtomicU64]>>; CHUNKS]);

impl Bits {
    pub(super) const fn new() -> Self {
        Bits([const { OnceLock::new() }; CHUNKS])
    }

    /// Whether a bit is set. If it is, what the caller did before is seen by whoever clears it, after
    /// that.
    #[inline]
    pub(super) fn is_set(&self, slot: u32) -> bool {
        fence(Ordering::SeqCst);
        let (chunk, index, bit) = place(slot);
        let word = self.0[chunk].get().and_then(|words| words.get(index));
        word.is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0)
    }

    /// Sets a bit, and says whether it was set already. Whoever clears it sees what the caller did before.
    pub(super) fn set(&self, slot: u32) -> bool {
        let (word, bit) = self.find(slot);
        word.fetch_or(bit, Ordering::Release) & bit != 0
    }

    /// Clears some bits. The caller sees, after that, what those did before who have found them set.
    pub(super) fn clear(&self, slots: impl IntoIterator<Item = u32>) {
        for slot in slots {
            let (word, bit) = self.find(slot);
            word.fetch_and(!bit, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst);
    }

    pub(super) fn clear_all(&self) {
        let chunks = self.0.iter().filter_map(OnceLock::get);
        for word in chunks.flat_map(|chunk| chunk.iter()) {
            word.store(0, Ordering::Release);
        }
    }

    fn find(&self, slot: u32) -> (&AtomicU64, u64) {
        let (chunk, index, bit) = place(slot);
        let words = self.0[chunk].get_or_init(|| {
            let zeros = (0..1 << chunk).map(|_| AtomicU64::new(0));
            zeros.collect()
        });
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
            assert!(!bits.is_set(slot), "{slot}");
            assert!(!bits.set(slot), "{slot}");
        }
        for slot in slots {
            assert!(bits.set(slot), "{slot}");
            assert!(bits.is_set(slot), "{slot}");
            bits.clear([slot]);
            assert!(!bits.is_set(slot), "{slot}");
            assert!(!bits.set(slot), "{slot}");
        }
        bits.clear_all();
        for slot in slots {
            assert!(!bits.set(slot), "{slot}");
        }
    }
}
