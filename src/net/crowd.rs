//! The crowd: the wakers that wait for a side beside the one task that is noted there: of further
//! tasks, and those that are not of this crate.
//!
//! A future that waits may be dropped without a word, so a waker that was left here may be stale;
//! and a task that polls with a new waker each time, as some combinators do, leaves a stale one
//! behind at every poll. So a limited number may wait, before all of them are woken to come again:
//! that is how the stale ones go.
//!
//! A task that waits in earnest does come again. So the limit doubles each time: a crowd soon fits,
//! and the loop comes to rest. Once there was a lull, all of them are back, and the limit is set to
//! twice their number. (Not those that come back by way of another thread, or of a sleep: a crowd of
//! these is woken again and again.) So a loop that has lulls keeps no more stale wakers than a few
//! times those of its longest stretch without one.

use std::mem;
use std::task::Waker;

use crate::observe::Origin;
use crate::task::cell::drop_quietly;

/// The wakers that wait for one side.
pub(super) struct Crowd {
    waiting: Vec<Waker>,
    /// How many may wait, before all of them are woken to come again.
    limit: usize,
    /// In which stretch between two lulls that was last done, if the limit is to be set anew.
    woken_in: Option<u64>,
}

/// The limit at first; and how many of the latest are searched for one that polls again.
const MAX_WAITING: usize = 64;

impl Default for Crowd {
    fn default() -> Self {
        Crowd {
            waiting: Vec::new(),
            limit: MAX_WAITING,
            woken_in: None,
        }
    }
}

impl Crowd {
    /// Takes a waker in, unless it waits already. Returns those that make room for it, to be woken.
    pub(super) fn join(&mut self, waker: &mut Option<Waker>, lulls: u64) -> Vec<Waker> {
        // A task that polls again was among the last to come; the rest of a crowd is not searched.
        let latest = || self.waiting.iter().rev().take(MAX_WAITING);
        let Some(waker) = waker.take_if(|waker| !latest().any(|other| other.will_wake(waker)))
        else {
            return Vec::new();
        };
        let sent_away = self.make_room(lulls);
        self.waiting.push(waker);
        sent_away
    }

    /// Puts all of them among the woken, and gives the memory of a large crowd back.
    #[inline(never)]
    pub(super) fn leave(&mut self, lulls: u64, by: Origin, woken: &mut Vec<(Waker, Origin)>) {
        self.settle(lulls);
        woken.extend(self.waiting.drain(..).map(|waker| (waker, by)));
        self.waiting.shrink_to(MAX_WAITING);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sets the limit anew, if there was a lull since it was last reached.
    fn settle(&mut self, lulls: u64) {
        if self.woken_in.is_some_and(|then| then < lulls) {
            self.limit = MAX_WAITING.max(self.waiting.len().saturating_mul(2));
            self.woken_in = None;
        }
    }

    /// Makes room for one more waker. Returns those that make room, to be woken.
    fn make_room(&mut self, lulls: u64) -> Vec<Waker> {
        self.settle(lulls);
        if self.waiting.len() < self.limit {
            return Vec::new();
        }
        self.limit = self.limit.saturating_mul(2);
        self.woken_in = Some(lulls);
        mem::take(&mut self.waiting)
    }
}

impl Drop for Crowd {
    /// One by one: a foreign waker may panic when it is dropped, and two panics at once would end the
    /// process.
    fn drop(&mut self) {
        self.waiting.drain(..).for_each(drop_quietly);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many wakers have waited, what is kept for the next ones is small.
    #[test]
    fn a_crowd_that_has_left_keeps_little_memory() {
        struct Ignores;
        impl std::task::Wake for Ignores {
            fn wake(self: std::sync::Arc<Self>) {}
        }
        let mut crowd = Crowd::default();
        crowd.limit = 1_000;
        for _ in 0..1_000 {
            let waker = Waker::from(std::sync::Arc::new(Ignores));
            assert!(crowd.join(&mut Some(waker), 0).is_empty());
        }
        let mut woken = Vec::new();
        crowd.leave(0, Origin::Outside, &mut woken);
        assert_eq!(
            (woken.len(), crowd.waiting.capacity()),
            (1_000, MAX_WAITING)
        );
    }
}
