//! Timers: many that fire, and many that are cancelled.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::runtime::Timers;
use super::watch::{Spent, Watch};

/// How many timers are pending while others are armed and cancelled.
const PENDING: u64 = 10_000;

/// Tasks that sleep once each, for at least a time and up to some more, in no order. An operation is one
/// task, from `spawn` to its end; while nothing is due, no CPU time passes.
pub fn sleeps<R: Timers>(at_least: Duration, more: Duration) -> impl Fn(&R, usize) -> Spent {
    move |runtime, sleeps| {
        runtime.block_on(async {
            let mut handles = Vec::with_capacity(sleeps);
            let watch = Watch::start();
            for n in 0..sleeps as u64 {
                handles.push(R::spawn(R::sleep(at_least + scattered(n, more))));
            }
            for handle in handles {
                handle.await.expect("the sleep ends");
            }
            watch.stop()
        })
    }
}

/// The main future sleeps again and again, on a loop without tasks. An operation is one sleep.
pub fn isolated_sleeps<R: Timers>(duration: Duration) -> impl Fn(&R, usize) -> Spent {
    move |runtime, sleeps| {
        runtime.block_on(async {
            let watch = Watch::start();
            for _ in 0..sleeps {
                R::sleep(duration).await;
            }
            watch.stop()
        })
    }
}

/// A timeout that is not needed, over and over: an operation makes a sleep of 10 to 20 s, polls it once,
/// which arms it, and drops it, which cancels it. 10,000 others are pending, later ones. Before all of them
/// may be an `earlier` one that was pending when the loop last parked, as in most servers. (If there is none,
/// tokio writes to an eventfd at each operation: a deadline that comes before all others must wake its driver.)
pub fn arm_and_cancel<R: Timers>(earlier: bool) -> impl Fn(&R, usize) -> Spent {
    move |runtime, timers| {
        runtime.block_on(async {
            let mut pending = Vec::new();
            if earlier {
                let mut sleep = Box::pin(R::sleep(Duration::from_secs(5)));
                poll_once(sleep.as_mut()).await;
                pending.push(sleep);
                R::sleep(Duration::from_millis(2)).await;
            }
            for n in 0..PENDING {
                let mut sleep = Box::pin(R::sleep(Duration::from_millis(60_000 + n)));
                poll_once(sleep.as_mut()).await;
                pending.push(sleep);
            }
            let ten = Duration::from_secs(10);
            let watch = Watch::start();
            for n in 0..timers as u64 {
                poll_once(pin!(R::sleep(ten + scattered(n, ten)))).await;
            }
            let spent = watch.stop();
            black_box(pending);
            spent
        })
    }
}

async fn poll_once(mut future: Pin<&mut impl Future<Output = ()>>) {
    let is_ready = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
    assert!(!is_ready);
}

/// Whole microseconds below a limit, without an order, the same on every run (Knuth's multiplicative hash).
fn scattered(n: u64, limit: Duration) -> Duration {
    let number = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    Duration::from_micros(number % limit.as_micros() as u64)
}
