//! The clock: the one file that reads the time.
//!
//! The loop counts *ticks* of one microsecond since it was made. A deadline is rounded up to a tick
//! and the present is rounded down, so no timer is ever early.
//!
//! The clock may be *virtual*. Then its time is the start plus an offset that stands still while
//! the tasks run and jumps to the next deadline when nothing else can happen: a program that sleeps
//! for a year is done at once, and its schedule is the same on every run.

use std::time::{Duration, Instant};

/// A loop's clock.
pub(crate) struct Clock {
    start: Instant,
    /// How far a virtual clock has come; `None` if the clock is real.
    offset: Option<Duration>,
    /// When a wait in real time began, for a virtual clock.
    waits_since: Option<Instant>,
}

impl Clock {
    pub(crate) fn new(is_virtual: bool) -> Self {
        Clock {
            start: Instant::now(),
            offset: is_virtual.then_some(Duration::ZERO),
            waits_since: None,
        }
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.offset.is_some()
    }

    /// The time of this loop.
    pub(crate) fn now(&self) -> Instant {
        match self.offset {
            None => Instant::now(),
            Some(offset) => self.start + offset,
        }
    }

    /// The time since the loop was made.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now().saturating_duration_since(self.start)
    }

    /// The present, in ticks.
    pub(crate) fn tick(&self) -> u64 {
        micros(self.elapsed())
    }

    /// The first tick at which a deadline has come.
    pub(crate) fn tick_of(&self, deadline: Instant) -> u64 {
        let until = deadline.saturating_duration_since(self.start);
        micros(until).saturating_add(u64::from(!until.subsec_nanos().is_multiple_of(1_000)))
    }

    /// How long it is until a tick.
    pub(crate) fn until(&self, tick: u64) -> Duration {
        Duration::from_micros(tick).saturating_sub(self.elapsed())
    }

    /// What comes now may take real time, which passes for a virtual clock too.
    pub(crate) fn begin_wait(&mut self) {
        if self.is_virtual() {
            self.waits_since = Some(Instant::now());
        }
    }

    /// It is over. Of a virtual clock's time no more than `limit` passes.
    pub(crate) fn end_wait(&mut self, limit: Option<Duration>) {
        if let Some(begin) = self.waits_since.take() {
            let time = begin.elapsed();
            self.pass(limit.map_or(time, |limit| time.min(limit)));
        }
    }

    /// Lets the time of a virtual clock pass, up to what an `Instant` can hold.
    pub(crate) fn pass(&mut self, time: Duration) {
        if let Some(offset) = &mut self.offset {
            let later = offset.saturating_add(time);
            if self.start.checked_add(later).is_some() {
                *offset = later;
            }
        }
    }
}

/// The real time, for whoever asks outside of a loop.
pub(crate) fn real_now() -> Instant {
    Instant::now()
}

/// The instant `wait` after `now`; a century after it, if the clock cannot represent that.
pub(crate) fn deadline_after(now: Instant, wait: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    now.checked_add(wait).unwrap_or_else(|| now + CENTURY)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
