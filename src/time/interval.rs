//! `interval`: a tick every so often.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::time::clock;
use crate::time::sleep::{Sleep, sleep};

/// Ticks at once, and then every `period`.
///
/// The ticks count from this call; if no loop is running when it is made, from the first poll, which
/// ticks at once. The loop's clock measures the time, virtual or real.
///
/// asyncio has none; there a loop around `sleep` is late by the length of its body, every round. The
/// names and the ways to catch up are tokio's.
///
/// ```
/// use std::time::Duration;
///
/// boucle::run(async {
///     let mut ticks = boucle::interval(Duration::from_millis(2));
///     let first = ticks.tick().await;
///     let second = ticks.tick().await;
///     assert_eq!(second - first, Duration::from_millis(2));
/// });
/// ```
///
/// # Panics
///
/// If the period is zero.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "the period of an interval must not be zero");
    Interval { sleep: sleep(Duration::ZERO), period, missed: MissedTickBehavior::Burst }
}

/// The ticks of [`interval`].
#[derive(Debug)]
#[must_use = "an interval does nothing until `tick` is awaited"]
pub struct Interval {
    /// Its deadline is the next tick's.
    sleep: Sleep,
    period: Duration,
    missed: MissedTickBehavior,
}

/// What an [`Interval`] does when a tick was asked for too late.
///
/// With a period of 10 ms and a tick that was fetched at 34 ms instead of 10, the next ones are due
/// at:
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// 20, 30 (both past, so at once), 40, 50: the number of ticks is right.
    #[default]
    Burst,
    /// 44, 54, 64: a late tick is where a new grid begins. One is late if it comes more than 5 ms
    /// behind, as in tokio, or by a period or more, if that is shorter.
    Delay,
    /// 40, 50, 60: the ticks stay on the grid, and some are left out. The next one is the first on the
    /// grid after now: fetched at exactly 30 ms, it is the one at 40.
    Skip,
}

/// A tick that is no later than this is on time, if the period is longer.
const LATE: Duration = Duration::from_millis(5);

impl Interval {
    /// Waits for the next tick, and returns when it was due.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no tick.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// [`tick`](Self::tick) as a poll.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let due = ready!(self.sleep.poll_over(cx));
        self.sleep.reset(self.next(due, self.sleep.now()));
        Poll::Ready(due)
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Starts anew: the next tick comes a period from now; if no loop is running, a period from the
    /// next poll.
    pub fn reset(&mut self) {
        self.sleep = sleep(self.period);
    }

    /// What is done about ticks that were missed; at first, [`MissedTickBehavior::Burst`].
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Sets what is done about ticks that were missed.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }

    /// Returns when the tick after `due` is due, if that one was fetched at `now`.
    fn next(&self, due: Instant, now: Instant) -> Instant {
        let next = clock::deadline_after(due, self.period);
        let lateness = now.saturating_duration_since(due);
        match self.missed {
            MissedTickBehavior::Delay if lateness > LATE || lateness >= self.period => {
                clock::deadline_after(now, self.period)
            }
            MissedTickBehavior::Skip if lateness >= self.period => {
                let into = lateness.as_nanos() % self.period.as_nanos();
                let rest = self.period.as_nanos() - into;
                clock::deadline_after(now, nanoseconds(rest))
            }
            _ => next,
        }
    }
}

fn nanoseconds(count: u128) -> Duration {
    let second = 1_000_000_000;
    Duration::new((count / second) as u64, (count % second) as u32)
}
