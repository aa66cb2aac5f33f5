//! `sleep`: a future that a timer makes ready. What happens between the call and the value:
//!
//! ```text
//!   1 call   notes the deadline; nothing is armed
//!   2 poll   arms a timer in the loop's wheel, with the task's waker, and is pending: the turn puts
//!            the task back into its slot, idle
//!   3 park   once nothing is ready, the loop sleeps until the wheel's next deadline
//!            (`Loop::begin_park`)
//!   4 wake   `Loop::take_due` takes the waker out of the wheel. To wake it marks the task as queued
//!            and pushes its number (`wake/waker.rs`, `current::wake_running`, `Loop::wake`)
//!   5 poll   in the next batch: the timer has fired, so the sleep is ready, and frees its key
//! ```
//!
//! A waker may be another runtime's, and to clone or drop it may run that one's code. So it is cloned
//! before the loop's state is borrowed, and what is left over is dropped after.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::current::{self, Unreachable};
use crate::task::budget;
use crate::task::cell::drop_quietly;
use crate::task::id::LoopNumber;
use crate::time::clock;
use crate::wake::inbox::{self, Message};

/// The time of the running loop, virtual or real; without a loop, the real time.
///
/// asyncio's `loop.time`. A reading of the clock, nothing cached.
#[doc(alias = "time")]
pub fn now() -> Instant {
    current::with_running(|it| it.clock.now()).unwrap_or_else(clock::real_now)
}

/// Waits for some time: asyncio's `sleep`.
///
/// The time counts from this call, not from the first poll; if no loop is running when it is made,
/// from the first poll. It is never early. The wheel ticks in microseconds. Sleeps of more than a
/// millisecond share the loop's wakes, and are up to a millisecond late; a shorter one is late by
/// about a tenth of that, on Linux.
///
/// A sleep of zero is ready at once, and does not give way: [`yield_now`](crate::yield_now) does.
/// Any duration is accepted; one that the clock cannot represent is a century.
///
/// To arm and to cancel the timer are O(1) and no system call. It takes 48 bytes, and the room in
/// which a vector grows.
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
    let deadline = current::with_running(|it| clock::deadline_after(it.clock.now(), duration));
    Sleep {
        state: deadline.map_or(State::For(duration), State::Until),
    }
}

/// Waits until a point in time. As [`sleep`] in all else; a deadline that is past is ready at once.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep {
        state: State::Until(deadline),
    }
}

/// The future of [`sleep`] and [`sleep_until`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Sleep {
    state: State,
}

/// `For` becomes `Until` when it is known what the time is, and `Armed` at the first poll that is
/// not ready. 32 bytes: a million sleeping tasks hold a million of these.
enum State {
    /// No loop was running when the sleep was made.
    For(Duration),
    Until(Instant),
    Armed(Instant, TimerKey),
}

/// A key of a wheel, cancelled when this drops.
struct TimerKey {
    of: LoopNumber,
    key: u32,
}

impl Sleep {
    /// When it is over; `None` if it does not count yet, because no loop was running when it was
    /// made.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::For(_) => None,
            State::Until(deadline) | State::Armed(deadline, _) => Some(deadline),
        }
    }

    /// Whether the deadline has come.
    pub fn is_elapsed(&self) -> bool {
        self.deadline().is_some_and(|deadline| now() >= deadline)
    }

    /// Gives it another deadline, whether or not the first has come. O(1).
    ///
    /// A task that was pending on it must poll it again to be woken by the new one.
    pub fn reset(&mut self, deadline: Instant) {
        self.state = State::Until(deadline);
    }

    /// Polls without regard to the budget: `timeout` must be able to end a future that spends all
    /// of it.
    pub(crate) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Armed(deadline, timer) = &self.state {
            let deadline = *deadline;
            match timer.poll(deadline, cx) {
                Some(Poll::Pending) => return Poll::Pending,
                Some(Poll::Ready(())) => {
                    self.state = State::Until(deadline);
                    return Poll::Ready(());
                }
                // Its loop is gone, and its timer with it; it may have another on this one.
                None => self.state = State::Until(deadline),
            }
        }
        self.poll_unarmed(cx)
    }

    fn poll_unarmed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.count();
        let waker = cx.waker().clone();
        let armed = current::expect_running("a sleep", |it| match it.clock.tick_ahead(deadline) {
            Some(tick) => {
                let (of, key) = (it.number, it.timers.arm(tick, waker));
                it.note_sleep(key, deadline, true);
                Ok(TimerKey { of, key })
            }
            None => Err(waker),
        });
        match armed {
            Ok(timer) => {
                self.state = State::Armed(deadline, timer);
                Poll::Pending
            }
            Err(unused) => {
                drop(unused);
                Poll::Ready(())
            }
        }
    }

    /// The deadline; if the sleep was made without a loop, it counts from now on.
    fn count(&mut self) -> Instant {
        match self.state {
            State::Until(deadline) | State::Armed(deadline, _) => deadline,
            State::For(duration) => {
                let now = current::expect_running("a sleep", |it| it.clock.now());
                let deadline = clock::deadline_after(now, duration);
                self.state = State::Until(deadline);
                deadline
            }
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(budget::poll_left(cx));
        ready!(self.poll_deadline(cx));
        budget::spend();
        Poll::Ready(())
    }
}

impl TimerKey {
    /// Whether it has fired, or its deadline has come all the same: a loop that is busy looks at
    /// its timers only now and then. `None` if its loop is gone.
    fn poll(&self, deadline: Instant, cx: &mut Context<'_>) -> Option<Poll<()>> {
        let waker = cx.waker().clone();
        let (polled, unused) = current::with_polled(self.of, "a sleep", |it| {
            if it.timers.has_fired(self.key) || it.clock.has_come(deadline) {
                (Poll::Ready(()), waker)
            } else {
                it.note_sleep(self.key, deadline, false);
                (Poll::Pending, it.timers.replace(self.key, waker))
            }
        })?;
        drop(unused);
        Some(polled)
    }
}

impl Drop for TimerKey {
    fn drop(&mut self) {
        match current::with(self.of, |it| it.drop_timer(self.key)) {
            Ok(waker) => drop_quietly(waker),
            Err(Unreachable::Elsewhere) => {
                let _ = inbox::send(self.of, Message::ReleaseTimer(self.key));
            }
            Err(Unreachable::Gone) => {}
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::For(duration) => write!(f, "Sleep(for {duration:?})"),
            State::Until(deadline) => write!(f, "Sleep(until {deadline:?})"),
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
