//! Giving a slab's memory back while the loop rests: a burst of a million tasks would keep 40 MB otherwise.
//! An entry cannot be moved, since its number is its place; only the room behind the last can be given back.

use slab::Slab;

/// A slab keeps the memory of this many entries in any case.
const KEPT: usize = 1_024;

/// With so few entries left, every rest makes an attempt.
const FEW: usize = 16;

/// An attempt that has looked at n entries is followed by n / 64 rests without one.
const ENTRIES_PER_REST: usize = 64;

/// When a slab is to be shrunk.
#[derive(Default)]
pub(crate) struct Shrink {
    /// The rests until the next attempt.
    wait: usize,
}

impl Shrink {
    /// Shrinks a slab if at most a quarter of it is used and its last place is free. That costs O(n), and
    /// gives little back if an entry near the end stays. So the next attempt is made when enough rests have
    /// shared its cost, or when few entries are left: then few attempts are in vain.
    #[inline]
    pub(crate) fn rest<T>(&mut self, slab: &mut Slab<T>) {
        let capacity = slab.capacity();
        if capacity <= KEPT {
            return;
        }
        let is_used = slab.len() > capacity / 4;
        self.wait = if is_used { 0 } else { self.wait.saturating_sub(1) };
        let is_paid = self.wait == 0 || slab.len() <= FEW;
        if is_paid && !is_used && !slab.contains(capacity - 1) {
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

    /// An entry at the end keeps the memory, and not for longer than it stays. A few are waited for one
    /// by one; of many, only each attempt that is paid for.
    #[test]
    fn an_entry_at_the_end_is_waited_for() {
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
        assert_eq!(slab.capacity(), 99_000, "the second is not paid for");
        let rests = (1..).take_while(|_| {
            shrink.rest(&mut slab);
            slab.capacity() == 99_000
        });
        assert_eq!(rests.count(), 99_000 / ENTRIES_PER_REST - 2);
    }

    /// A burst is given back at once, whatever an attempt after the burst before has cost.
    #[test]
    fn a_burst_does_not_wait_for_the_one_before_to_be_paid() {
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
