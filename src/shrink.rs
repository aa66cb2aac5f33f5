//! Giving a slab's memory back while the loop rests: otherwise a loop would keep that of its largest burst.
//! An entry cannot be moved, since its number is its place; only the room behind the last is given back.

use slab::Slab;

/// A slab keeps the memory of this many entries in any case.
const KEPT: usize = 1_024;

/// With so few entries left, every rest makes an attempt.
const FEW: usize = 16;

/// After an attempt that has left room for n entries, the next comes n / 64 rests later.
const ENTRIES_PER_REST: usize = 64;

/// When a slab is to be shrunk.
#[derive(Default)]
pub(crate) struct Shrink {
    /// The rests until the next attempt.
    wait: usize,
}

impl Shrink {
    /// Shrinks a slab if at most a quarter of it is used and its last place is free. That costs O(n), and
    /// gives little back if an entry near the end stays. So an attempt is followed by so many rests without one
    /// that a rest costs O(1) on average. With few entries left, each rest makes an attempt.
    #[inline]
    pub(crate) fn rest<T>(&mut self, slab: &mut Slab<T>) {
        let capacity = slab.capacity();
        if capacity <= KEPT {
            return;
        }
        let is_used = slab.len() > capacity / 4;
        self.wait = if is_used { 0 } else { self.wait.saturating_sub(1) };
        let is_due = self.wait == 0 || slab.len() <= FEW;
        if is_due && !is_used && !slab.contains(capacity - 1) {
            slab.shrink_to_fit();
            self.wait = slab.capacity() / ENTRIES_PER_REST;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slab_of(entries: usize) -> Slab<usize> {
        (0..entries).map(|n| (n, n)).collect()
    }

    /// An empty slab gives everything back; one that is small or in use, nothing.
    #[test]
    fn a_slab_that_is_hardly_used_shrinks() {
        let (mut shrink, mut slab) = (Shrink::default(), slab_of(100_000));
        shrink.rest(&mut slab);
        assert!(slab.capacity() >= 100_000);
        slab.retain(|key, _| key < 100);
        shrink.rest(&mut slab);
        assert_eq!((slab.len(), slab.capacity()), (100, 100));
        assert!((0..100).all(|key| slab[key] == key) && slab.vacant_key() == 100);

        let mut slab = slab_of(KEPT);
        let capacity = slab.capacity();
        slab.clear();
        shrink.rest(&mut slab);
        assert_eq!(slab.capacity(), capacity);
    }

    /// With few entries left, the rest that follows the removal gives the memory back; with many, the first
    /// rest that makes an attempt.
    #[test]
    fn an_entry_at_the_end_keeps_the_memory_until_it_is_removed() {
        let (mut shrink, mut slab) = (Shrink::default(), slab_of(100_000));
        slab.retain(|key, _| key == 7 || key >= 99_998);
        for last in [99_999, 99_998] {
            shrink.rest(&mut slab);
            assert_eq!(slab.capacity(), last + 1);
            slab.remove(last);
        }
        shrink.rest(&mut slab);
        assert_eq!(slab.capacity(), 8);

        let (mut shrink, mut slab) = (Shrink::default(), slab_of(100_000));
        slab.retain(|key, _| key % 1_000 == 999);
        for key in [99_999, 98_999] {
            slab.remove(key);
            shrink.rest(&mut slab);
        }
        assert_eq!(slab.capacity(), 99_000, "the second rest makes no attempt");
        let rests = (1..).take_while(|_| {
            shrink.rest(&mut slab);
            slab.capacity() == 99_000
        });
        assert_eq!(rests.count(), 99_000 / ENTRIES_PER_REST - 2);
    }

    /// The memory of a burst is given back at once, even if an attempt after an earlier one gave little back.
    #[test]
    fn a_burst_ends_the_wait_that_an_earlier_one_began() {
        let (mut shrink, mut slab) = (Shrink::default(), slab_of(100_000));
        slab.retain(|key, _| key < 2 * FEW || key == 99_998);
        shrink.rest(&mut slab);
        assert_eq!(slab.capacity(), 99_999, "a long wait begins");
        while slab.len() < slab.capacity() {
            slab.insert(0);
        }
        shrink.rest(&mut slab);
        slab.retain(|key, _| key < 2 * FEW);
        shrink.rest(&mut slab);
        assert_eq!(slab.capacity(), 2 * FEW);
    }
}
