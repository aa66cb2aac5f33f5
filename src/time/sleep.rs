//! `sleep`: a future that a timer makes ready. What happens between the call and the value:
//!
//! ```text
//!   1 call   computes the deadline; nothing is armed
//!   2 poll   arms a timer in the loop's wheel, with the task's number, and is pending
//!   3 park   once nothing is ready, the loop sleeps until the wheel's next deadline (`State::begin_park`)
//!   4 wake   the number leaves the wheel for the ready queue (`State::wake_timers`)
//!   5 poll   in the next batch: the timer has fired, so the sleep is ready, and frees its key
//! ```
//!
//! **Waiting needs no budget; being ready does.** A sleep that is not over arms its timer, whatever the poll has
//! spent. A sleep that is over spends a unit of the [budget]. If none is left it yields, but only once: its next
//! poll is ready whatever is left then. So a `timeout` ends even a future that spends the whole budget of each
//! poll, and a loop of timeouts that have passed still yields.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::current;
use crate::task::budget;
use crate::task::id::LoopNumber;
use crate::time::clock;
use crate::wake::inbox::Message;
use crate::wake::waker::waiter;

/// Reads the running loop's clock, virtual or real; without a loop, the real one: asyncio's `loop.time`.
///
/// `Instant::now()` and `start.elapsed()` are std's, and always read the real clock: write `now() - start`.
///
/// ```
/// use std::time::Duration;
///
/// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
/// # event_loop.block_on(async {
/// let before = boucle::now();
/// boucle::sleep(Duration::from_secs(60)).await; // under a virtual clock
/// assert_eq!(boucle::now() - before, Duration::from_secs(60));
/// assert!(before.elapsed() < Duration::from_secs(60)); // the real clock
/// # });
/// ```
#[doc(alias = "time")]
pub fn now() -> Instant {
    current::running(|state| state.clock.now()).unwrap_or_else(clock::real_now)
}

/// Waits for some time: asyncio's `sleep`.
///
/// The time counts from this call (asyncio's from the await); if no loop is running then, from the first poll. A
/// sleep of zero is ready at once and does not yield; [`yield_now`](crate::yield_now) does. To arm and to cancel
/// are O(1), without a system call. A timer takes 48 bytes, and its share of a vector's spare room.
///
/// ```
/// # use std::time::Duration;
/// boucle::run(async {
///     let before = boucle::now();
///     boucle::sleep(Duration::from_millis(5)).await;
///     assert!(boucle::now() - before >= Duration::from_millis(5));
/// });
/// ```
///
/// As [`trace`](crate::trace) shows it, with a whole second:
///
/// ```text
/// turn         1                   2
/// time         0                   1s
/// #1 main  run>[1]~until 1s~~timer>[1] returned
/// ```
///
/// # How exact it is
///
/// The wheel ticks in microseconds, and a sleep is never early. One of more than a millisecond shares a park
/// with those that end close to it, and is up to a millisecond late. (On Windows it may be 16, unless the
/// program asks for finer waits.) A shorter one is less late on Linux, macOS and the BSDs.
///
/// A duration too long for the clock counts as a century. The ticks of a virtual clock end after 584,542 years:
/// a later deadline is ready at that point.
///
/// # Cancellation
///
/// Dropping it cancels the timer, on any thread, and leaves nothing behind.
///
/// # Panics
///
/// If it is polled where no loop runs, unless its timer is armed and its loop lives. An armed one also panics if
/// it is polled on another loop, or on another thread, while its own loop lives.
pub fn sleep(duration: Duration) -> Sleep {
    let sleep = current::running(|state| {
        let deadline = clock::deadline_after(state.clock.now(), duration);
        Sleep { loop_number: state.number, stage: Stage::Until(deadline) }
    });
    sleep.unwrap_or_else(|| Sleep { loop_number: LoopNumber::NONE, stage: Stage::For(duration) })
}

/// Waits until a point in time, by the clock of [`now`]. As [`sleep`] in all else; a deadline that is past is
/// ready at once.
///
/// ```
/// use std::time::Duration;
///
/// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
/// # event_loop.block_on(async {
/// let start = boucle::now();
/// for n in 1..4 {
///     boucle::sleep_until(start + n * Duration::from_secs(1)).await; // does not drift
/// }
/// assert_eq!(boucle::now() - start, Duration::from_secs(3));
/// # });
/// ```
pub fn sleep_until(deadline: Instant) -> Sleep {
    let loop_number = current::running_number().unwrap_or(LoopNumber::NONE);
    Sleep { loop_number, stage: Stage::Until(deadline) }
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// ```
/// use std::time::Duration;
///
/// # boucle::run(async {
/// let mut sleep = boucle::sleep(Duration::from_millis(1));
/// (&mut sleep).await; // it is `Unpin`, and need not be pinned
/// assert!(sleep.is_elapsed());
/// # });
/// ```
#[must_use = "a future does nothing until it is awaited"]
pub struct Sleep {
    /// The loop whose clock measures the time, or none.
    loop_number: LoopNumber,
    stage: Stage,
}

/// A poll makes it `Armed`, if the deadline is ahead. One that finds it over makes it `Until` again; or
/// `GaveWay`, if no budget is left.
enum Stage {
    /// No loop was running when the sleep was made.
    For(Duration),
    Until(Instant),
    /// The wheel of its loop has a timer, with this key.
    Armed(Instant, u32),
    /// It is over, and its last poll had no budget left. The next one is ready.
    GaveWay(Instant),
}

impl Sleep {
    /// Returns when it is over; `None` if the time does not count yet, because no loop ran when it was made.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// assert_eq!(boucle::sleep(Duration::from_secs(1)).deadline(), None); // no loop is running
    /// let later = boucle::now() + Duration::from_secs(1);
    /// assert_eq!(boucle::sleep_until(later).deadline(), Some(later));
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::For(_) => None,
            Stage::Until(deadline) | Stage::Armed(deadline, _) | Stage::GaveWay(deadline) => Some(deadline),
        }
    }

    /// Returns true if the deadline has come, by the clock of the loop that made, reset or polled it last,
    /// whether or not that loop runs. By [`now`] if that loop is gone or on another thread.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
    /// # event_loop.block_on(async {
    /// let limit = boucle::sleep(Duration::from_secs(5));
    /// while !limit.is_elapsed() {
    ///     boucle::sleep(Duration::from_secs(2)).await; // work
    /// }
    /// assert_eq!(boucle::now(), limit.deadline().unwrap() + Duration::from_secs(1));
    /// # });
    /// ```
    pub fn is_elapsed(&self) -> bool {
        self.deadline().is_some_and(|deadline| self.now() >= deadline)
    }

    /// Gives it another deadline, whether or not the first has come. O(1). A task that was pending on it must
    /// poll it again to be woken by the new one.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
    /// # event_loop.block_on(async {
    /// let start = boucle::now();
    /// let mut limit = boucle::sleep(Duration::from_secs(5));
    /// limit.reset(start + Duration::from_secs(60)); // the peer has given a sign of life
    /// limit.await;
    /// assert_eq!(boucle::now() - start, Duration::from_secs(60));
    /// # });
    /// ```
    pub fn reset(&mut self, deadline: Instant) {
        let loop_number = current::running_number().unwrap_or(self.loop_number);
        *self = Sleep { loop_number, stage: Stage::Until(deadline) };
    }

    pub(crate) fn now(&self) -> Instant {
        current::find(self.loop_number).map_or_else(now, |state| state.clock.now())
    }

    /// Waits until it is over, and returns the deadline.
    #[track_caller]
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let gave_way = matches!(self.stage, Stage::GaveWay(_));
        let deadline = ready!(self.poll_deadline(cx));
        // The assignments drop the old value, which frees its timer.
        if budget::try_spend() || gave_way {
            *self = Sleep { loop_number: self.loop_number, stage: Stage::Until(deadline) };
            return Poll::Ready(deadline);
        }
        *self = Sleep { loop_number: self.loop_number, stage: Stage::GaveWay(deadline) };
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Waits for the deadline, whatever the budget. (The deadline may come before a busy loop fires the timer.)
    #[track_caller]
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        if let Stage::Armed(deadline, key) = self.stage {
            let waiter = waiter(cx.waker());
            let found = current::on_own_loop(self.loop_number, "a sleep", |state| {
                let has_fired = state.timers.has_fired(key);
                if has_fired && !state.closing || state.clock.has_come(deadline) {
                    return (Some(Poll::Ready(deadline)), waiter);
                }
                if has_fired {
                    return (None, waiter); // the end of the loop has taken the timer out
                }
                state.record_sleep(key, deadline, false);
                (Some(Poll::Pending), state.timers.replace(key, waiter))
            });
            if let Some((Some(polled), former)) = found {
                drop(former);
                return polled;
            }
            // The timer is gone, and its loop perhaps too. The sleep gets another on the running loop. (This
            // drops the old value, which frees what is left of its timer.)
            *self = Sleep { loop_number: self.loop_number, stage: Stage::Until(deadline) };
        }
        self.arm(cx)
    }

    /// Arms a timer on the running loop, if the deadline is ahead. A sleep that had no loop counts from now.
    #[track_caller]
    fn arm(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let waiter = waiter(cx.waker());
        let polled = current::expect_running("a sleep", |state| {
            let deadline = match self.stage {
                Stage::For(wait) => clock::deadline_after(state.clock.now(), wait),
                Stage::Until(deadline) | Stage::Armed(deadline, _) | Stage::GaveWay(deadline) => deadline,
            };
            self.loop_number = state.number;
            let Some(tick) = state.clock.tick_ahead(deadline) else {
                self.stage = Stage::Until(deadline);
                return Poll::Ready((deadline, waiter));
            };
            let key = state.timers.arm(tick, waiter);
            self.stage = Stage::Armed(deadline, key);
            state.record_sleep(key, deadline, true);
            Poll::Pending
        });
        polled.map(|(deadline, _former)| deadline)
    }
}

impl Future for Sleep {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_over(cx).map(drop)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Stage::Armed(_, key) = self.stage {
            current::deliver(self.loop_number, Message::ReleaseTimer(key));
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stage {
            Stage::For(duration) => write!(f, "Sleep(for {duration:?})"),
            Stage::Armed(deadline, _) => {
                write!(f, "Sleep(until {deadline:?}, armed on {})", self.loop_number)
            }
            Stage::Until(deadline) | Stage::GaveWay(deadline) => write!(f, "Sleep(until {deadline:?})"),
        }
    }
}

#[cfg(test)]
mod tests;
