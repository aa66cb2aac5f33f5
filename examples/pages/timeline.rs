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
        Lane {
            timeline: self.clone(),
            number,
        }
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
        entries.push(Entry {
            lane: self.number,
            what,
            at: Instant::now(),
            ran: Duration::ZERO,
        });
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

/// From the begin of the first of these entries to the end of the last.
pub(crate) fn total(entries: &[Entry]) -> Duration {
    let begin = entries.iter().map(|entry| entry.at).min();
    let end = entries.iter().map(|entry| entry.at + entry.ran).max();
    begin
        .zip(end)
        .map_or(Duration::ZERO, |(begin, end)| end - begin)
}

/// How much of the total passed while none of them ran. They are in the order of time.
pub(crate) fn idle(entries: &[Entry]) -> Duration {
    let mut idle = Duration::ZERO;
    let mut ran_until = entries.first().map(|entry| entry.at);
    for entry in entries {
        idle += entry
            .at
            .saturating_duration_since(ran_until.unwrap_or(entry.at));
        ran_until = ran_until.max(Some(entry.at + entry.ran));
    }
    idle
}
