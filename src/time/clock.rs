//! The clock: the one file that reads the time. It counts *ticks* of one microsecond since the loop was made.
//! A deadline is rounded up to a tick and the present is rounded down, so no timer is ever early.
//!
//! A *virtual* clock stands still while tasks run, and jumps to the next deadline when nothing else can
//! happen: a program that sleeps for a year is done at once, with the same schedule on every run.
//!
//! A sleep reads the exact time when it is made. At its first poll the question is only whether the deadline
//! has come: if that is far, a time that is milliseconds old will do. Linux has such a *coarse* clock, set at
//! each timer interrupt. It is cheaper to read, and reading the time is much of what a timer costs.

use std::time::{Duration, Instant};

/// A loop's clock.
pub(crate) struct Clock {
    start: Instant,
    /// How far a virtual clock has come; `None` if the clock is real.
    offset: Option<Duration>,
    /// The coarse clock's tick at the start; `None` if the clock is virtual, or the system has no such clock.
    coarse_start: Option<u64>,
    /// The latest of the fine deadlines, in ticks.
    fine_until: u64,
}

/// A deadline is far if it is more ticks than this ahead of the coarse clock: a tenth of a second, less than
/// most timeouts, and much more than that clock is behind. (If a machine stands still for that long between two
/// interrupts, a sleep that is over is pending until the loop looks at its timers.)
const FAR: u64 = 100_000;

/// A deadline that is nearer than this when its timer is armed is fine: it is waited for in microseconds. A park
/// for another lasts at least this long, so those that are close together mostly share one. (One that comes
/// before a fine deadline is waited for like that.)
const FINE: Duration = Duration::from_millis(1);

impl Clock {
    pub(crate) fn new(is_virtual: bool) -> Self {
        Clock {
            start: Instant::now(),
            offset: is_virtual.then_some(Duration::ZERO),
            coarse_start: coarse_tick().filter(|_| !is_virtual),
            fine_until: 0,
        }
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.offset.is_some()
    }

    pub(crate) fn now(&self) -> Instant {
        self.offset.map_or_else(Instant::now, |offset| self.start + offset)
    }

    /// Returns the time since the loop was made.
    pub(crate) fn elapsed(&self) -> Duration {
        self.since_start(self.now())
    }

    /// Returns the time between the start and an instant.
    pub(crate) fn since_start(&self, time: Instant) -> Duration {
        time.saturating_duration_since(self.start)
    }

    /// Returns the present, in ticks.
    pub(crate) fn tick(&self) -> u64 {
        ticks(self.elapsed())
    }

    /// Returns true if the deadline has come. Reads the exact time only if the deadline is near.
    pub(crate) fn has_come(&self, deadline: Instant) -> bool {
        !self.is_far(self.tick_of(deadline)) && deadline <= self.now()
    }

    /// Returns the tick at which a timer for the deadline is to fire; `None` if the deadline has come.
    pub(crate) fn tick_ahead(&mut self, deadline: Instant) -> Option<u64> {
        let tick = self.tick_of(deadline);
        if !self.is_far(tick) {
            let now = self.now();
            if deadline <= now {
                return None;
            }
            if deadline - now < FINE {
                self.fine_until = self.fine_until.max(tick);
            }
        }
        Some(tick)
    }

    /// Returns how long the loop may sleep until a tick: zero if it has come; else at least a millisecond,
    /// unless a fine deadline is as late, or later, or the clock is virtual.
    pub(crate) fn until(&self, tick: u64) -> Duration {
        let time = Duration::from_micros(tick).saturating_sub(self.elapsed());
        if time.is_zero() || tick <= self.fine_until || self.is_virtual() { time } else { time.max(FINE) }
    }

    /// Begins a wait in real time. Returns when it began, if the clock is virtual.
    pub(crate) fn begin_wait(&self) -> Option<Instant> {
        self.is_virtual().then(Instant::now)
    }

    /// Ends the wait. Lets as much of a virtual clock's time pass as it took, but no more than `limit`.
    pub(crate) fn end_wait(&mut self, begun: Option<Instant>, limit: Option<Duration>) {
        if let Some(begun) = begun {
            let time = begun.elapsed();
            self.pass(limit.map_or(time, |limit| time.min(limit)));
        }
    }

    /// Lets the time of a virtual clock pass, unless an `Instant` cannot hold it.
    pub(crate) fn pass(&mut self, time: Duration) {
        let later = self.offset.and_then(|offset| offset.checked_add(time));
        if later.is_some_and(|later| self.start.checked_add(later).is_some()) {
            self.offset = later;
        }
    }

    /// Returns the first tick at which a deadline has come.
    fn tick_of(&self, deadline: Instant) -> u64 {
        ticks(self.since_start(deadline).saturating_add(Duration::from_nanos(999)))
    }

    /// Returns true if a tick is so far ahead that a coarse look at the time is enough.
    fn is_far(&self, tick: u64) -> bool {
        let elapsed = self.coarse_start.and_then(|start| Some(coarse_tick()?.saturating_sub(start)));
        elapsed.is_some_and(|elapsed| elapsed + FAR < tick)
    }
}

/// Returns the real time, whatever the loop's clock is.
pub(crate) fn real_now() -> Instant {
    Instant::now()
}

/// Returns the instant `wait` after `now`; a century after it, if the clock cannot represent that; `now` itself
/// in the last century of a virtual clock. Never panics: it is called while the loop's state is in use.
pub(crate) fn deadline_after(now: Instant, wait: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    now.checked_add(wait).or_else(|| now.checked_add(CENTURY)).unwrap_or(now)
}

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Returns the tick of the coarse clock, if the system has one.
#[cfg(target_os = "linux")]
fn coarse_tick() -> Option<u64> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    Some(now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000)
}

#[cfg(not(target_os = "linux"))]
fn coarse_tick() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deadline that is near when its timer is armed is waited for as long as it takes, whatever is
    /// armed after it, and no later one for less than a millisecond.
    #[test]
    fn only_a_fine_deadline_is_waited_for_in_microseconds() {
        let mut clock = Clock::new(false);
        arm_in(&mut clock, 50_000);
        let near = clock.tick() + 900;
        let rounded = clock.until(near);
        assert!(rounded == FINE || clock.tick() >= near);

        let tick = arm_in(&mut clock, 900);
        arm_in(&mut clock, 100);
        assert!(clock.until(tick) < FINE);
        let later = clock.tick() + 1_900;
        assert!(clock.until(later) >= FINE || clock.tick() > later - 1_000);
    }

    /// The tick of a deadline that is so many microseconds ahead when its timer is armed.
    fn arm_in(clock: &mut Clock, micros: u64) -> u64 {
        loop {
            let deadline = clock.now() + Duration::from_micros(micros);
            // `None` on a machine that stood still meanwhile.
            if let Some(tick) = clock.tick_ahead(deadline) {
                return tick;
            }
        }
    }

    /// Whether a deadline has come is known exactly, near or far, before it and after.
    #[test]
    fn a_deadline_has_come_when_it_is_reached() {
        let mut clock = Clock::new(false);
        for seconds in [0, 60, 1 << 40] {
            let deadline = deadline_after(clock.now(), Duration::from_secs(seconds));
            assert_eq!(clock.has_come(deadline), seconds == 0);
            assert_eq!(clock.tick_ahead(deadline).is_none(), seconds == 0);
        }
        let deadline = clock.now() + Duration::from_millis(1);
        while clock.now() < deadline {}
        assert!(clock.has_come(deadline));
        assert_eq!(clock.tick_ahead(deadline), None);
    }

    /// The coarse clock, which Linux has, is behind the exact one, but never by so much as makes a tick far.
    #[test]
    fn the_present_is_never_far() {
        let clock = Clock::new(false);
        assert_eq!(clock.coarse_start.is_some(), cfg!(target_os = "linux"));
        for _ in 0..100_000 {
            assert!(!clock.is_far(clock.tick()));
        }
    }
}
