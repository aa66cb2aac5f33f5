//! The time line of a figure: what was done in each of its lanes, and when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A time line. Its clones are the same one, for other threads.
#[derive(Clone, Default)]
pub(crate) struct Timeline {
    entries: Arc<Mutex<Vec<Entry>>>,
}

/// A column of it: a thread or a coroutine of the client, or the server.
#[derive(Clone)]
pub(crate) struct Lane {
    timeline: Timeline,
    number: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) lane: usize,
    pub(crate) what: String,
    pub(crate) at: Instant,
    /// For how long, until it waited.
    pub(crate) ran: Duration,
}

impl Timeline {
    pub(crate) fn lane(&self, number: usize) -> Lane {
        Lane { timeline: self.clone(), number }
    }

    /// What was done so far, in the order of time.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    /// Says what it does from now on.
    pub(crate) fn runs(&self, what: String) {
        let mut entries = self.timeline.lock();
        entries.push(Entry { lane: self.number, what, at: Instant::now(), ran: Duration::ZERO });
    }

    /// Says that this is done, and that it waits from now on.
    pub(crate) fn waits(&self) {
        let now = Instant::now();
        let mut entries = self.timeline.lock();
        let last = entries.iter_mut().rfind(|entry| entry.lane == self.number);
        if let Some(entry) = last {
            entry.ran = now - entry.at;
        }
    }
}

/// How long all of this took, and how much of that passed while nothing of it ran. The entries are
/// in the order of time.
pub(crate) fn total_and_idle(entries: &[Entry]) -> (Duration, Duration) {
    let Some(first) = entries.first() else {
        return (Duration::ZERO, Duration::ZERO);
    };
    let (mut idle, mut ran_until) = (Duration::ZERO, first.at);
    for entry in entries {
        idle += entry.at.saturating_duration_since(ran_until);
        ran_until = ran_until.max(entry.at + entry.ran);
    }
    (ran_until - first.at, idle)
}
