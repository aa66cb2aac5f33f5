//! One flag for each slot, to be set from any thread.
//!
//! While a flag is set, a wake of its slot is on the way to the loop: the loop clears the flag, and
//! afterwards polls the task in that slot. (If the loop ends before, nothing is polled.) So a wake that finds
//! the flag set leaves no message. It sets the flag all the same, for the memory ordering: each
//! [`set`](Flags::set) is a read-modify-write with `Release`, each [`clear`](Flags::clear) one with
//! `Acquire`, and a chain of them is one release sequence (Bos, "Rust Atomics and Locks", chapter 3). So
//! whatever a thread wrote before its wake, first or not, happens before the poll that follows. (A plain load
//! of a set flag would be cheaper, but it orders nothing.)
//!
//! The flags stand in chunks that are made when they are needed, each twice as long as the one before, and
//! that never move; so a flag is found without a lock. They are never freed: a million slots take 1 MiB.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The length of the first chunk.
const FIRST: usize = 64;

/// Enough chunks for 2^32 flags.
const CHUNKS: usize = 27;

#[derive(Default)]
pub(super) struct Flags([OnceLock<Box<[AtomicBool]>>; CHUNKS]);

impl Flags {
    /// Sets a flag. Returns whether it was set already.
    #[inline]
    pub(super) fn set(&self, slot: u32) -> bool {
        self.flag(slot).swap(true, Ordering::Release)
    }

    pub(super) fn clear(&self, slot: u32) {
        self.flag(slot).swap(false, Ordering::Acquire);
    }

    /// Whether a flag of the first `slots` is set. It may look at some after these, since chunks that were
    /// never made are skipped, and not counted. O(n).
    pub(super) fn any(&self, slots: usize) -> bool {
        let mut flags = self.0.iter().filter_map(OnceLock::get).flatten().take(slots);
        flags.any(|flag| flag.load(Ordering::Relaxed))
    }

    fn flag(&self, slot: u32) -> &AtomicBool {
        // Counted from `FIRST`, the number of a flag has one bit more in each chunk.
        let number = slot as usize + FIRST;
        let chunk = (number / FIRST).ilog2() as usize;
        let flags = match self.0[chunk].get() {
            Some(flags) => flags,
            None => self.make(chunk),
        };
        &flags[number - (FIRST << chunk)]
    }

    /// Makes a chunk, and then puts it in its place: an allocator that calls back, and wakes, must not find
    /// it half made.
    #[cold]
    fn make(&self, chunk: usize) -> &[AtomicBool] {
        let flags = (0..FIRST << chunk).map(|_| AtomicBool::new(false)).collect();
        self.0[chunk].get_or_init(|| flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every slot has a flag of its own, on both sides of each border.
    #[test]
    fn a_flag_is_set_once() {
        let flags = Flags::default();
        let slots = [0, 1, 63, 64, 127, 128, 191, 192, 447, 448, 1 << 20, (1 << 20) + 1];
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
        // Flags of slots that the loop's table no longer has are not looked at.
        flags.set(100);
        assert!(!flags.any(100) && flags.any(101));
    }
}
