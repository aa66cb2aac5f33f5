//! What does a timer cost: one that fires, and one that is cancelled while 10,000 others are pending?
//!
//! boucle's `sleep` against tokio's, on the `current_thread` scheduler (its `LocalRuntime`). boucle's wheel ticks in
//! microseconds and tokio's in milliseconds, so boucle's sleeps come in smaller batches.

mod harness;
mod workloads;

use harness::{criterion, group, row};
use workloads::runtime::{Boucle, Tokio};
use workloads::timers::{arm_and_cancel, sleeps};

fn main() {
    let mut criterion = criterion();
    let mut firing = group(&mut criterion, "sleep, 100000 tasks");
    firing.sample_size(10);
    row(&mut firing, "boucle", 100_000, sleeps::<Boucle>);
    row(&mut firing, "tokio", 100_000, sleeps::<Tokio>);
    firing.finish();
    let mut cancelled = group(&mut criterion, "arm and cancel a timer");
    row(&mut cancelled, "boucle", 100_000, arm_and_cancel::<Boucle>);
    row(&mut cancelled, "tokio", 100_000, arm_and_cancel::<Tokio>);
    cancelled.finish();
    criterion.final_summary();
}
