//! The crowd: whoever waits for a side that another task waits for already, or waits with a waker
//! that is not of this crate.
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
    /// Adds a waker. Who must make room for it comes back, to be woken. `Err` gives the waker back
    /// if it waits already.
    pub(super) fn join(&mut self, waker: Waker, lulls: u64) -> Result<Vec<Waker>, Waker> {
        // A task that polls again was among the last to come; the rest of a crowd is not searched.
        let mut latest = self.waiting.iter().rev().take(MAX_WAITING);
        if latest.any(|other| other.will_wake(&waker)) {
            return Err(waker);
        }
        let sent_away = self.make_room(lulls);
        self.waiting.push(waker);
        Ok(sent_away)
    }

    /// Puts everyone among the woken.
    pub(super) fn leave(&mut self, lulls: u64, woken: &mut Vec<Waker>) {
        self.settle(lulls);
        woken.append(&mut self.waiting);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sets the limit anew, if there was a lull since it was last reached.
    fn settle(&mut self, lulls: u64) {
        if self.woken_in.is_some_and(|then| then < lulls) {
            self.limit = MAX_WAITING.max(2 * self.waiting.len());
            self.woken_in = None;
        }
    }

    /// Makes room for one more waker. Those who must make it are returned, to be woken.
    fn make_room(&mut self, lulls: u64) -> Vec<Waker> {
        self.settle(lulls);
        if self.waiting.len() < self.limit {
            return Vec::new();
        }
        self.limit *= 2;
        self.woken_in = Some(lulls);
        mem::take(&mut self.waiting)
    }
}
