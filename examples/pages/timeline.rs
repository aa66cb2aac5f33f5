//! The time line of a figure: what was done in each of its lanes, and when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A time line. A clone is the same time line, for another thread.
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
    /// How long it ran until it waited.
    pub(crate) ran: Duration,
}

impl Timeline {
    pub(crate) fn lane(&self, number: usize) -> Lane {
        Lane { timeline: self.clone(), number }
    }

    /// Returns what was done so far, in the order of time.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    /// Enters what the lane does from now on.
    pub(crate) fn runs(&self, what: String) {
        let mut entries = self.timeline.lock();
        entries.push(Entry { lane: self.number, what, at: Instant::now(), ran: Duration::ZERO });
    }

    /// Enters that the lane waits from now on.
    pub(crate) fn waits(&self) {
        let now = Instant::now();
        let mut entries = self.timeline.lock();
        let last = entries.iter_mut().rfind(|entry| entry.lane == self.number);
        if let Some(entry) = last {
            entry.ran = now - entry.at;
        }
    }
}

/// Returns how long all entries took, and how much of that passed while none of them ran. They must be
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
