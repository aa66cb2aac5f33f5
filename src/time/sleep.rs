//! `sleep`: a future that a timer makes ready. What happens between the call and the value:
//!
//! ```text
//!   1 call   computes the deadline; nothing is armed
//!   2 poll   arms a timer in the loop's wheel, with the task's number, and is pending: the turn puts
//!            the task back into its slot, idle
//!   3 park   once nothing is ready, the loop sleeps until the wheel's next deadline
//!            (`State::begin_park`)
//!   4 wake   `State::wake_timers` takes the number out of the wheel, pushes it and marks the task as
//!            queued (`Tasks::queue`)
//!   5 poll   in the next batch: the timer has fired, so the sleep is ready, and frees its key
//! ```
//!
//! **To wait needs no budget, to be ready does.** A sleep that is not over arms its timer and is
//! pending, whatever the poll has spent. A sleep that is over spends a unit of the [budget]. If none is
//! left it gives way once: it wakes its task and is pending, and its next poll is ready whatever is left
//! then. So a `timeout` ends even a future that spends the whole budget of each poll, and a loop of
//! timeouts that have passed still gives way.
//!
//! A waker may be another runtime's, and its clone and its drop that runtime's code. So a waker is cloned
//! before the loop's state is used, and what is left over is dropped after.

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

/// The time of the running loop, virtual or real; without a loop, the real time.
///
/// asyncio's `loop.time`. Each call reads the clock.
#[doc(alias = "time")]
pub fn now() -> Instant {
    current::running(|state| state.clock.now()).unwrap_or_else(clock::real_now)
}

/// Waits for some time: asyncio's `sleep`.
///
/// The time counts from this call; if no loop is running then, from the first poll. A sleep is never early.
/// The wheel ticks in microseconds. Sleeps of more than a millisecond share the loop's wakes, and are up
/// to a millisecond late; a shorter one is less late, on Linux.
///
/// A sleep of zero is ready at once, and does not give way: [`yield_now`](crate::yield_now) does.
/// Any duration is accepted; one that the clock cannot represent is a century.
///
/// To arm and to cancel the timer are O(1), without a system call. A timer takes 48 bytes, and its share of
/// the room that a vector keeps to grow.
///
/// ```
/// use std::time::Duration;
///
/// boucle::run(async {
///     let before = boucle::now();
///     boucle::sleep(Duration::from_millis(5)).await;
///     assert!(boucle::now() - before >= Duration::from_millis(5));
/// });
/// ```
///
/// What the loop does meanwhile, as [`trace`](crate::trace) shows it: it polls the task, which waits
/// until its timer wakes it, and polls it again.
///
/// ```text
/// turn         1                   2
/// time         0                   1s
/// #1 main  run>[1]~until 1s~~timer>[1] returned
/// ```
///
/// # Cancellation
///
/// Dropping it cancels the timer, on any thread, and leaves nothing behind.
///
/// # Panics
///
/// When it is polled on another loop than the one it waits on, or for the first time without a
/// loop.
pub fn sleep(duration: Duration) -> Sleep {
    let until = current::running(|state| {
        let deadline = clock::deadline_after(state.clock.now(), duration);
        State::Until(deadline, state.number)
    });
    Sleep { state: until.unwrap_or(State::For(duration)) }
}

/// Waits until a point in time. As [`sleep`] in all else; a deadline that is past is ready at once.
pub fn sleep_until(deadline: Instant) -> Sleep {
    let of = current::running_number().unwrap_or(LoopNumber::NONE);
    Sleep { state: State::Until(deadline, of) }
}

/// The future of [`sleep`] and [`sleep_until`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Sleep {
    state: State,
}

/// `For` becomes `Until` when the time is known, and `Armed` at the first poll that is not ready. The
/// number is that of the loop whose clock measures the time, or none. 32 bytes: a million sleeping tasks
/// hold a million of these.
enum State {
    /// No loop was running when the sleep was made.
    For(Duration),
    Until(Instant, LoopNumber),
    Armed(Instant, TimerKey),
    /// It is over, and its last poll had no budget left. The next one is ready.
    GaveWay(Instant, LoopNumber),
}

/// A key of a wheel, cancelled when this drops.
struct TimerKey {
    of: LoopNumber,
    key: u32,
}

impl Sleep {
    /// When it is over; `None` if the time does not count yet, because no loop was running when it was
    /// made.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::For(_) => None,
            State::Until(deadline, _) | State::Armed(deadline, _) | State::GaveWay(deadline, _) => {
                Some(deadline)
            }
        }
    }

    /// Whether the deadline has come, by the clock of the sleep's own loop, running or not: the one
    /// that polled it, reset it or ran when it was made. If that loop is gone or on another thread,
    /// by [`now`].
    pub fn is_elapsed(&self) -> bool {
        let deadline = self.deadline();
        deadline.is_some_and(|deadline| self.now() >= deadline)
    }

    /// Gives it another deadline, whether or not the first has come. O(1).
    ///
    /// A task that was pending on it must poll it again to be woken by the new one.
    pub fn reset(&mut self, deadline: Instant) {
        let of = current::running_number().unwrap_or(self.of());
        self.state = State::Until(deadline, of);
    }

    /// The loop whose clock measures its time.
    fn of(&self) -> LoopNumber {
        match &self.state {
            State::For(_) => LoopNumber::NONE,
            State::Until(_, of) | State::GaveWay(_, of) => *of,
            State::Armed(_, timer) => timer.of,
        }
    }

    /// The time of its loop.
    pub(crate) fn now(&self) -> Instant {
        current::find(self.of()).map_or_else(now, |state| state.clock.now())
    }

    /// Waits until it is over, and returns the deadline.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let gave_way = matches!(self.state, State::GaveWay(..));
        let (deadline, of) = ready!(self.poll_deadline(cx));
        if budget::poll_spend(cx).is_ready() || gave_way {
            self.state = State::Until(deadline, of);
            return Poll::Ready(deadline);
        }
        self.state = State::GaveWay(deadline, of);
        Poll::Pending
    }

    /// Waits for the deadline, whatever the budget is. Returns it, with the loop whose clock has reached
    /// it. A timer may have fired late: a loop that is busy looks at its timers only now and then.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<(Instant, LoopNumber)> {
        if let State::Armed(deadline, TimerKey { of, key }) = self.state {
            let waiter = waiter(cx.waker());
            let polled = current::polled(of, "a sleep", |state| {
                if state.timers.has_fired(key) || state.clock.has_come(deadline) {
                    return (Poll::Ready((deadline, of)), waiter);
                }
                state.record_sleep(key, deadline, false);
                (Poll::Pending, state.timers.replace(key, waiter))
            });
            if let Some((polled, unused)) = polled {
                unused.drop_quietly();
                return polled;
            }
            // The loop is gone, and the timer with it. The sleep may have another on the running loop.
        }
        self.arm(cx)
    }

    /// Arms a timer on the running loop, unless the deadline has come by its clock. A sleep that was made
    /// without a loop counts from now on.
    fn arm(&mut self, cx: &mut Context<'_>) -> Poll<(Instant, LoopNumber)> {
        let waiter = waiter(cx.waker());
        let armed = current::expect_running("a sleep", |state| {
            let of = state.number;
            let deadline = match self.state {
                State::For(wait) => clock::deadline_after(state.clock.now(), wait),
                State::Until(deadline, _) | State::Armed(deadline, _) | State::GaveWay(deadline, _) => {
                    deadline
                }
            };
            let Some(tick) = state.clock.tick_ahead(deadline) else {
                return Err((deadline, of, waiter));
            };
            let key = state.timers.arm(tick, waiter);
            state.record_sleep(key, deadline, true);
            Ok((deadline, TimerKey { of, key }))
        });
        match armed {
            Ok((deadline, timer)) => {
                self.state = State::Armed(deadline, timer);
                Poll::Pending
            }
            Err((deadline, of, unused)) => {
                unused.drop_quietly();
                Poll::Ready((deadline, of))
            }
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_over(cx).map(drop)
    }
}

impl Drop for TimerKey {
    fn drop(&mut self) {
        current::deliver(self.of, Message::ReleaseTimer(self.key));
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::For(duration) => write!(f, "Sleep(for {duration:?})"),
            State::Until(deadline, _) | State::GaveWay(deadline, _) => {
                write!(f, "Sleep(until {deadline:?})")
            }
            State::Armed(deadline, timer) => {
                write!(f, "Sleep(until {deadline:?}, armed on {})", timer.of)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million sleeping tasks hold a million of these: the size is a promise.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_sleep_takes_thirty_two_bytes() {
        assert_eq!(size_of::<Sleep>(), 32);
    }
}
