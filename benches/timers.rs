//! What does a timer cost: one that fires, and one that is cancelled while 10,000 others are pending?
//!
//! boucle's `sleep` against tokio's, on the `current_thread` scheduler (its `LocalRuntime`). boucle's wheel
//! ticks in microseconds and tokio's in milliseconds, so boucle's sleeps come in smaller batches. (For a
//! million sleeps at the same time see `ratios`: they would take criterion a minute.)

mod harness;
mod workloads;

use std::time::Duration;

use harness::{Question, criterion};
use workloads::runtime::{Boucle, Tokio};
use workloads::timers::{arm_and_cancel, sleeps};

fn main() {
    let criterion = &mut criterion();
    let [at_least, more] = [1, 49].map(Duration::from_millis);
    Question::new(criterion, "sleep, 100,000 tasks", 100_000)
        .on::<Boucle>(sleeps(at_least, more))
        .on::<Tokio>(sleeps(at_least, more));
    Question::new(criterion, "arm and cancel a timer", 100_000)
        .on::<Boucle>(arm_and_cancel())
        .on::<Tokio>(arm_and_cancel());
    criterion.final_summary();
}
