//! What does a task cost, from `spawn` to its value, when 100,000 of them are alive?
//!
//! boucle's `spawn` against tokio's `spawn_local`, on the `current_thread` scheduler (its `LocalRuntime`)
//! and in a `LocalSet`. The tasks are ready at their first poll.

mod harness;
mod workloads;

use harness::{Question, criterion};
use workloads::runtime::{Boucle, Tokio, TokioLocalSet};
use workloads::spawn::spawn_and_await;

fn main() {
    let criterion = &mut criterion();
    Question::new(criterion, "spawn and await", 100_000)
        .on::<Boucle>(spawn_and_await())
        .on::<Tokio>(spawn_and_await())
        .on::<TokioLocalSet>(spawn_and_await());
    criterion.final_summary();
}
