//! `interval`: a tick every so often.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::time::clock;
use crate::time::sleep::{Sleep, sleep};

/// Ticks at once, and then every `period`.
///
/// The ticks count from this call; if no loop is running then, from the first poll. The names are tokio's. By
/// default it catches up on missed ticks in a burst. In asyncio, a loop around `sleep` drifts by the time that
/// its body takes.
///
/// ```
/// # use std::time::Duration;
/// boucle::run(async {
///     let mut ticks = boucle::interval(Duration::from_millis(2));
///     let first = ticks.tick().await;
///     assert_eq!(ticks.tick().await - first, Duration::from_millis(2));
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
///
/// ```
/// use std::time::Duration;
///
/// struct Heart(boucle::Interval);
///
/// let mut heart = Heart(boucle::interval(Duration::from_millis(1))); // no loop is needed yet
/// boucle::run(async { heart.0.tick().await });
/// ```
#[derive(Debug)]
#[must_use = "an interval does nothing until `tick` is awaited"]
pub struct Interval {
    /// Its deadline is the next tick's.
    sleep: Sleep,
    period: Duration,
    missed: MissedTickBehavior,
}

/// What an [`Interval`] does after a tick was awaited too late.
///
/// Each variant says when the next ticks are due if the period is 10 ms, and the tick of 10 ms is awaited at
/// 34 ms.
///
/// ```
/// use boucle::MissedTickBehavior;
/// use std::time::Duration;
///
/// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
/// # event_loop.block_on(async {
/// let (start, millis) = (boucle::now(), Duration::from_millis);
/// let mut ticks = boucle::interval(millis(10));
/// ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
/// ticks.tick().await;
/// boucle::sleep(millis(34)).await;
/// assert_eq!(ticks.tick().await - start, millis(10)); // when it was due
/// assert_eq!(ticks.tick().await - start, millis(40));
/// # });
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// 20, 30 (both past, so at once), 40, 50: the number of ticks is right.
    #[default]
    Burst,
    /// 44, 54, 64: a late tick begins a new grid. Late is more than 5 ms, as in tokio, or a whole period.
    Delay,
    /// 40, 50, 60: the next tick is the first on the grid after now; fetched at exactly 30 ms, it is 40.
    Skip,
}

/// A tick that is no later than this is on time for `Delay`, if the period is longer.
const LATE: Duration = Duration::from_millis(5);

impl Interval {
    /// Waits for the next tick, and returns when it was due.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
    /// # event_loop.block_on(async {
    /// let mut ticks = boucle::interval(Duration::from_secs(60));
    /// let first = ticks.tick().await; // at once
    /// boucle::sleep(Duration::from_secs(10)).await; // work
    /// assert_eq!(ticks.tick().await - first, Duration::from_secs(60)); // not 70
    /// # });
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no tick.
    ///
    /// # Panics
    ///
    /// As [`sleep`].
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// [`tick`](Self::tick) as a poll.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # boucle::run(async {
    /// let mut ticks = boucle::interval(Duration::from_secs(60));
    /// let first = std::future::poll_fn(|cx| ticks.poll_tick(cx)).await;
    /// assert!(first <= boucle::now());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`tick`](Self::tick).
    #[track_caller]
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let due = ready!(self.sleep.poll_over(cx));
        let now = self.sleep.now();
        let lateness = now.saturating_duration_since(due);
        let last = match self.missed {
            MissedTickBehavior::Delay if lateness > LATE || lateness >= self.period => now,
            MissedTickBehavior::Skip if lateness >= self.period => {
                let (nanos, second) = (lateness.as_nanos() % self.period.as_nanos(), 1_000_000_000);
                now - Duration::new((nanos / second) as u64, (nanos % second) as u32)
            }
            _ => due,
        };
        self.sleep.reset(clock::deadline_after(last, self.period));
        Poll::Ready(due)
    }

    /// Returns the time between two ticks.
    ///
    /// ```
    /// # use std::time::Duration;
    /// assert_eq!(boucle::interval(Duration::from_secs(5)).period(), Duration::from_secs(5));
    /// ```
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Starts anew: the next tick comes a period from now, or from the next poll if no loop is running. This
    /// wakes no task that waits for a tick: let it poll again, as after [`Sleep::reset`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
    /// # event_loop.block_on(async {
    /// let start = boucle::now();
    /// let mut idle = boucle::interval(Duration::from_secs(60));
    /// boucle::sleep(Duration::from_secs(50)).await;
    /// idle.reset(); // something has happened
    /// assert_eq!(idle.tick().await - start, Duration::from_secs(110));
    /// # });
    /// ```
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Starts anew with a tick at once, for the next poll: see [`reset`](Self::reset).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
    /// # event_loop.block_on(async {
    /// let mut ticks = boucle::interval(Duration::from_secs(60));
    /// ticks.tick().await;
    /// ticks.reset_immediately();
    /// assert_eq!(ticks.tick().await, boucle::now());
    /// # });
    /// ```
    pub fn reset_immediately(&mut self) {
        self.reset_after(Duration::ZERO);
    }

    /// Starts anew: the next tick comes after `wait`, counted as in [`reset`](Self::reset), and the others a
    /// period apart.
    ///
    /// ```
    /// # use std::time::Duration;
    /// boucle::run(async {
    ///     let start = boucle::now();
    ///     let mut ticks = boucle::interval(Duration::from_secs(60));
    ///     ticks.reset_after(Duration::from_millis(2)); // the first one
    ///     assert!(ticks.tick().await - start >= Duration::from_millis(2));
    /// });
    /// ```
    pub fn reset_after(&mut self, wait: Duration) {
        self.sleep = sleep(wait);
    }

    /// Starts anew: the next tick comes at `deadline`, and the others a period apart. If some are past, they are
    /// [missed](MissedTickBehavior), and the next comes at once. It wakes no task, as [`reset`](Self::reset).
    /// Called before the first tick, this is tokio's `interval_at`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
    /// # event_loop.block_on(async {
    /// let start = boucle::now() + Duration::from_secs(5);
    /// let mut ticks = boucle::interval(Duration::from_secs(60));
    /// ticks.reset_at(start);
    /// assert_eq!(ticks.tick().await, start);
    /// assert_eq!(ticks.tick().await, start + Duration::from_secs(60));
    /// # });
    /// ```
    #[doc(alias = "interval_at")]
    pub fn reset_at(&mut self, deadline: Instant) {
        self.sleep.reset(deadline);
    }

    /// Returns what is done about ticks that were missed; at first, [`MissedTickBehavior::Burst`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ticks = boucle::interval(Duration::from_secs(5));
    /// assert_eq!(ticks.missed_tick_behavior(), boucle::MissedTickBehavior::Burst);
    /// ```
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Sets what is done about ticks that were missed.
    ///
    /// ```
    /// use boucle::MissedTickBehavior;
    /// use std::time::Duration;
    ///
    /// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
    /// # event_loop.block_on(async {
    /// let mut ticks = boucle::interval(Duration::from_secs(1));
    /// ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    /// boucle::sleep(Duration::from_secs(9)).await;
    /// ticks.tick().await; // late
    /// let before = boucle::now();
    /// ticks.tick().await;
    /// assert_eq!(boucle::now() - before, Duration::from_secs(1)); // and no burst after it
    /// # });
    /// ```
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }
}
