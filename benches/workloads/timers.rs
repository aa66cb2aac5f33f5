//! Timers: many that fire, and many that are cancelled.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::runtime::Timers;
use super::watch::{Spent, Watch};

/// Timers that stand in the wheel while others come and go.
const PENDING: u64 = 10_000;

/// As many tasks as operations, each of which sleeps once, for 1 to 50 ms in no order. An operation is one
/// task, from `spawn` to its end; the time in which nothing is due is no CPU time.
pub fn sleeps<R: Timers>(runtime: &R, sleeps: usize) -> Spent {
    runtime.block_on(async {
        let mut handles = Vec::with_capacity(sleeps);
        let watch = Watch::start();
        for n in 0..sleeps as u64 {
            handles.push(R::spawn(R::sleep(Duration::from_micros(
                1_000 + scattered(n) % 49_000,
            ))));
        }
        for handle in handles {
            handle.await.expect("the sleep ends");
        }
        watch.stop()
    })
}

/// A timeout that is not needed, over and over: an operation makes a sleep of 10 to 20 s, polls it once,
/// which arms it, and drops it, which cancels it. 10,000 others are pending.
pub fn arm_and_cancel<R: Timers>(runtime: &R, timers: usize) -> Spent {
    runtime.block_on(async {
        let mut pending = Vec::new();
        for n in 0..PENDING {
            let mut sleep = Box::pin(R::sleep(Duration::from_millis(60_000 + n)));
            poll_once(sleep.as_mut()).await;
            pending.push(sleep);
        }
        let watch = Watch::start();
        for n in 0..timers as u64 {
            let sleep = pin!(R::sleep(Duration::from_micros(
                10_000_000 + scattered(n) % 10_000_000,
            )));
            poll_once(sleep).await;
        }
        let spent = watch.stop();
        black_box(pending);
        spent
    })
}

async fn poll_once(mut future: std::pin::Pin<&mut impl Future<Output = ()>>) {
    let is_ready = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
    assert!(!is_ready);
}

/// Numbers without an order, the same on every run (Knuth's multiplicative hash).
fn scattered(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}
