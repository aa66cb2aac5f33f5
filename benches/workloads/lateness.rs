//! Lateness: how long after its deadline a sleep returns, in microseconds.
//!
//! Only here is wall time measured. No sleep may return early, on any side.

use std::time::{Duration, Instant};

use super::runtime::Timers;

/// The median of sleeps one after the other, on a loop that has nothing else to do.
pub fn median_of_isolated<R: Timers>(duration: Duration) -> impl Fn(&R, usize) -> f64 {
    move |runtime, sleeps| {
        runtime.block_on(async {
            let mut late = Vec::with_capacity(sleeps);
            for _ in 0..sleeps {
                late.push(lateness::<R>(duration).await);
            }
            quantile(late, 0.5)
        })
    }
}

/// The 99th percentile of sleeps at the same time, each in a task of its own.
pub fn p99_of_many<R: Timers>(duration: Duration) -> impl Fn(&R, usize) -> f64 {
    move |runtime, sleeps| {
        runtime.block_on(async {
            let spawn = |_| R::spawn(lateness::<R>(duration));
            let handles: Vec<_> = (0..sleeps).map(spawn).collect();
            let mut late = Vec::with_capacity(sleeps);
            for handle in handles {
                late.push(handle.await.expect("the sleep ends"));
            }
            quantile(late, 0.99)
        })
    }
}

async fn lateness<R: Timers>(duration: Duration) -> f64 {
    let start = Instant::now();
    R::sleep(duration).await;
    let late = start.elapsed().checked_sub(duration);
    late.expect("no sleep returns early").as_secs_f64() * 1e6
}

fn quantile(mut numbers: Vec<f64>, share: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[(numbers.len() as f64 * share) as usize]
}
