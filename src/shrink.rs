//! Giving a slab's memory back, while the loop rests.
//!
//! A slab grows with what is in it and never shrinks by itself: a burst of a million tasks would keep
//! 40 MB until the loop is dropped. An entry cannot be moved, since its number is its place. So what can
//! be given back is the room behind the last entry, and to look for that costs O(n) if there is some.

use slab::Slab;

/// For how many entries the memory is kept in any case.
const KEPT: usize = 1_024;

/// When a slab was last shrunk.
#[derive(Default)]
pub(crate) struct Shrink {
    /// How many entries it had then; `None` if it was not worth the attempt since.
    tried_at: Option<usize>,
}

impl Shrink {
    /// Shrinks a slab if less than a quarter of it is used.
    ///
    /// If the last entry stays for long, that has no effect: so it is tried again only when the
    /// number of entries has halved or doubled. Then the entries that have come or gone in between
    /// pay for the attempt.
    #[inline]
    pub(crate) fn rest<T>(&mut self, slab: &mut Slab<T>) {
        if slab.capacity() > KEPT {
            self.try_to_shrink(slab);
        }
    }

    #[cold]
    fn try_to_shrink<T>(&mut self, slab: &mut Slab<T>) {
        let len = slab.len();
        if slab.capacity() / 4 < len {
            self.tried_at = None;
        } else if !self
            .tried_at
            .is_some_and(|then| then / 2 < len && len < 2 * then)
        {
            slab.shrink_to_fit();
            self.tried_at = Some(len);
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
        slab.retain(|key, _| key < 10);
        shrink.rest(&mut slab);
        assert_eq!((slab.len(), slab.capacity()), (10, 10));
        assert!((0..10).all(|key| slab[key] == key) && slab.vacant_key() == 10);

        let mut slab = slab_of(KEPT);
        let capacity = slab.capacity();
        slab.clear();
        shrink.rest(&mut slab);
        assert_eq!(slab.capacity(), capacity);
    }

    /// An entry at the end keeps the memory, and no longer than it stays.
    #[test]
    fn an_entry_at_the_end_is_waited_for() {
        let (mut shrink, mut slab) = (Shrink::default(), slab_of(100_000));
        slab.retain(|key, _| key < 10 || key == 99_999);
        shrink.rest(&mut slab);
        assert!(slab.capacity() >= 100_000);
        slab.remove(99_999);
        shrink.rest(&mut slab);
        assert!(slab.capacity() >= 100_000, "ten of eleven: not tried");
        (0..6).for_each(|key| assert_eq!(slab.remove(key), key));
        shrink.rest(&mut slab);
        assert_eq!(slab.capacity(), 10);
    }
}
