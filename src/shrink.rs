//! Giving a slab's memory back while the loop is idle: otherwise a loop would keep that of its largest burst.
//! An entry cannot be moved, since its number is its place; only the room behind the last is given back.

use slab::Slab;

/// A slab keeps the memory of this many entries in any case.
const KEPT: usize = 1_024;

/// With no more entries than this left, every call makes an attempt.
const FEW: usize = 16;

/// After an attempt that has left room for n entries, the next comes n / 64 calls later.
const ENTRIES_PER_CALL: usize = 64;

/// When a slab is to be shrunk.
#[derive(Default)]
pub(crate) struct Shrinker {
    /// The calls until the next attempt.
    wait: usize,
}

impl Shrinker {
    /// Shrinks a slab if at most a quarter of it is used and its last place is free. An attempt costs O(n), and
    /// gives little back if an entry near the end stays. So the next one has to [wait](ENTRIES_PER_CALL), unless
    /// [few](FEW) entries are left: a call costs O(1) on average.
    #[inline]
    pub(crate) fn shrink<T>(&mut self, slab: &mut Slab<T>) {
        let capacity = slab.capacity();
        if capacity <= KEPT {
            return;
        }
        let is_used = slab.len() > capacity / 4;
        self.wait = if is_used { 0 } else { self.wait.saturating_sub(1) };
        let is_due = self.wait == 0 || slab.len() <= FEW;
        if is_due && !is_used && !slab.contains(capacity - 1) {
            slab.shrink_to_fit();
            self.wait = slab.capacity() / ENTRIES_PER_CALL;
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
        let (mut shrinker, mut slab) = (Shrinker::default(), slab_of(100_000));
        shrinker.shrink(&mut slab);
        assert!(slab.capacity() >= 100_000);
        slab.retain(|key, _| key < 100);
        shrinker.shrink(&mut slab);
        assert_eq!((slab.len(), slab.capacity()), (100, 100));
        assert!((0..100).all(|key| slab[key] == key) && slab.vacant_key() == 100);

        let mut slab = slab_of(KEPT);
        let capacity = slab.capacity();
        slab.clear();
        shrinker.shrink(&mut slab);
        assert_eq!(slab.capacity(), capacity);
    }

    /// With few entries left, the call that follows the removal gives the memory back; with many, the first
    /// call that makes an attempt.
    #[test]
    fn an_entry_at_the_end_keeps_the_memory_until_it_is_removed() {
        let (mut shrinker, mut slab) = (Shrinker::default(), slab_of(100_000));
        slab.retain(|key, _| key == 7 || key >= 99_998);
        for last in [99_999, 99_998] {
            shrinker.shrink(&mut slab);
            assert_eq!(slab.capacity(), last + 1);
            slab.remove(last);
        }
        shrinker.shrink(&mut slab);
        assert_eq!(slab.capacity(), 8);

        let (mut shrinker, mut slab) = (Shrinker::default(), slab_of(100_000));
        slab.retain(|key, _| key % 1_000 == 999);
        for key in [99_999, 98_999] {
            slab.remove(key);
            shrinker.shrink(&mut slab);
        }
        assert_eq!(slab.capacity(), 99_000, "the second call makes no attempt");
        let calls = (1..).take_while(|_| {
            shrinker.shrink(&mut slab);
            slab.capacity() == 99_000
        });
        assert_eq!(calls.count(), 99_000 / ENTRIES_PER_CALL - 2);
    }

    /// The memory of a burst is given back at once, even if an attempt after an earlier one gave little back.
    #[test]
    fn a_burst_ends_the_wait_that_an_earlier_one_began() {
        let (mut shrinker, mut slab) = (Shrinker::default(), slab_of(100_000));
        slab.retain(|key, _| key < 2 * FEW || key == 99_998);
        shrinker.shrink(&mut slab);
        assert_eq!(slab.capacity(), 99_999, "a long wait begins");
        while slab.len() < slab.capacity() {
            slab.insert(0);
        }
        shrinker.shrink(&mut slab);
        slab.retain(|key, _| key < 2 * FEW);
        shrinker.shrink(&mut slab);
        assert_eq!(slab.capacity(), 2 * FEW);
    }
}
