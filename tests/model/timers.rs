//! The model's sleeps, timeouts and intervals.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use boucle::MissedTickBehavior;

use crate::inbox::deliver;
use crate::model::{Model, with};

/// Ready when its deadline has come. The time counts from the call, the timer's number from the first poll.
pub(crate) struct Sleep {
    pub(crate) deadline: Duration,
    timer: Option<usize>,
    /// The deadline had come in the last poll, which had no budget left. The next one is ready in any case.
    gave_way: bool,
}

pub(crate) fn sleep(duration: Duration) -> Sleep {
    sleep_until(with(|model| model.now) + duration)
}

pub(crate) fn sleep_until(deadline: Duration) -> Sleep {
    Sleep { deadline, timer: None, gave_way: false }
}

impl Future for Sleep {
    type Output = ();

    /// Waiting needs no budget; being ready does.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if with(|model| model.now) < self.deadline {
            let waker = cx.waker().clone();
            self.timer = Some(with(|model| model.arm(self.timer, self.deadline, waker)));
            return Poll::Pending;
        }
        let is_ready = with(Model::spend) || self.gave_way;
        self.gave_way = !is_ready;
        if !is_ready {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            deliver(move || with(|model| model.disarm(timer)));
        }
    }
}

/// Polls the future first, so its value wins. Returns `None` if the time is over.
pub(crate) async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    // The future is dropped first.
    let mut sleep = sleep(duration);
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Pin::new(&mut sleep).poll(cx).map(|()| None),
    })
    .await
}

pub(crate) struct Interval {
    /// Its deadline is the next tick's.
    pub(crate) sleep: Sleep,
    pub(crate) period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    pub(crate) fn new(period: Duration, missed: MissedTickBehavior) -> Interval {
        Interval { sleep: sleep(Duration::ZERO), period, missed }
    }

    /// Waits for the next tick, and returns when it was due.
    pub(crate) async fn tick(&mut self) -> Duration {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    pub(crate) fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let (now, due) = (with(|model| model.now), self.sleep.deadline);
        let late = now - due;
        let mut next = due + self.period;
        match self.missed {
            MissedTickBehavior::Burst => {}
            MissedTickBehavior::Delay => {
                if late > Duration::from_millis(5) || late >= self.period {
                    next = now + self.period;
                }
            }
            MissedTickBehavior::Skip => {
                let missed = late.as_nanos() / self.period.as_nanos();
                next += Duration::from_nanos((missed * self.period.as_nanos()) as u64);
            }
        }
        self.sleep = sleep_until(next);
        Poll::Ready(due)
    }
}
