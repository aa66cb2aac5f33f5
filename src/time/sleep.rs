//! `sleep`: a future that a timer makes ready.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::current::{self, Unreachable};
use crate::task::budget;
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
/// The time counts from this call, not from the first poll; if no loop is running when it is made, from the
/// first poll. It is never early. The wheel ticks in microseconds; the kernel wakes the loop in
/// milliseconds, rounded up.
///
/// A sleep of zero is ready at once, and does not give way: [`yield_now`](crate::yield_now) does. Any
/// duration is accepted; one that the clock cannot represent is a century.
///
/// To arm and to cancel the timer are O(1), 32 bytes in a slab, and no system call.
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
/// # Cancellation
///
/// Dropping it cancels the timer, on any thread, and leaves nothing behind.
///
/// # Panics
///
/// When it is polled on another loop than the one it waits on, or for the first time without a loop.
pub fn sleep(duration: Duration) -> Sleep {
    let deadline = current::with_running(|it| clock::deadline_after(it.clock.now(), duration));
    Sleep {
        wait: deadline.map_or(Wait::For(duration), Wait::Until),
        timer: None,
    }
}

/// Waits until a point in time. As [`sleep`] in all else; a deadline that is past is ready at once.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep {
        wait: Wait::Until(deadline),
        timer: None,
    }
}

/// The future of [`sleep`] and [`sleep_until`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Sleep {
    wait: Wait,
    /// Armed at the first poll that is not ready.
    timer: Option<Timer>,
}

#[derive(Debug, Clone, Copy)]
enum Wait {
    /// No loop was running when the sleep was made.
    For(Duration),
    Until(Instant),
}

/// A key of a wheel, cancelled when this drops.
struct Timer {
    of: LoopNumber,
    key: u32,
}

impl Sleep {
    /// When it is over; `None` if it does not count yet, because no loop was running when it was made.
    pub fn deadline(&self) -> Option<Instant> {
        match self.wait {
            Wait::For(_) => None,
            Wait::Until(deadline) => Some(deadline),
        }
    }

    /// Whether the deadline has come.
    pub fn is_elapsed(&self) -> bool {
        self.deadline().is_some_and(|deadline| now() >= deadline)
    }

    /// Gives it another deadline, whether or not the first has come. O(1).
    ///
    /// Who waits for it already is woken by the new one once it has been polled again.
    pub fn reset(&mut self, deadline: Instant) {
        self.timer = None;
        self.wait = Wait::Until(deadline);
    }

    /// Polls without regard to the budget: `timeout` must be able to end a future that spends all of it.
    pub(crate) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = &self.timer {
            match timer.poll(self.deadline(), cx) {
                Some(Poll::Pending) => return Poll::Pending,
                Some(Poll::Ready(())) => {
                    self.timer = None;
                    return Poll::Ready(());
                }
                // Its loop is gone, and so is its timer; this one may have another.
                None => self.timer = None,
            }
        }
        let waker = cx.waker().clone();
        let armed = current::expect_running("a sleep", |it| {
            let now = it.clock.now();
            let deadline = match self.wait {
                Wait::For(duration) => clock::deadline_after(now, duration),
                Wait::Until(deadline) => deadline,
            };
            self.wait = Wait::Until(deadline);
            if deadline <= now {
                return Err(waker);
            }
            let key = it.timers.arm(it.clock.tick_of(deadline), waker);
            Ok(Timer { of: it.number, key })
        });
        match armed {
            Ok(timer) => {
                self.timer = Some(timer);
                Poll::Pending
            }
            Err(waker) => {
                drop(waker);
                Poll::Ready(())
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

impl Timer {
    /// Whether it has expired or its deadline has come all the same: a loop that is busy looks at its timers
    /// only now and then. `None` if its loop is gone.
    fn poll(&self, deadline: Option<Instant>, cx: &mut Context<'_>) -> Option<Poll<()>> {
        let waker = cx.waker().clone();
        let (is_over, unused) = current::with_polled(self.of, "a sleep", |it| {
            let is_over = it.timers.has_expired(self.key)
                || deadline.is_some_and(|deadline| it.clock.now() >= deadline);
            let unused = if is_over {
                waker
            } else {
                it.timers.replace(self.key, waker)
            };
            (is_over, unused)
        })?;
        drop(unused);
        Some(if is_over {
            Poll::Ready(())
        } else {
            Poll::Pending
        })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        match current::with(self.of, |it| it.timers.cancel(self.key)) {
            Ok(waker) => drop(waker),
            Err(Unreachable::Elsewhere) => {
                let _ = inbox::send(self.of, Message::ReleaseTimer(self.key));
            }
            Err(Unreachable::Gone) => {}
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let armed = self.timer.is_some();
        f.debug_struct("Sleep")
            .field("wait", &self.wait)
            .field("armed", &armed)
            .finish()
    }
}
