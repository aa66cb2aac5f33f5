//! What does a task cost that is waited for in a crowd of a thousand?
//!
//! boucle's `wait`, until all are done, and until the first is done over and over, against tokio's
//! `JoinSet`, on the `current_thread` scheduler (its `LocalRuntime`) and in a `LocalSet`.

mod harness;
mod workloads;

use harness::{Question, criterion};
use workloads::runtime::{Boucle, Tokio, TokioLocalSet};
use workloads::wait::{all_completed, first_completed};

fn main() {
    let criterion = &mut criterion();
    Question::new(criterion, "wait for all of 1,000", 50_000)
        .on::<Boucle>(all_completed(1_000))
        .on::<Tokio>(all_completed(1_000))
        .on::<TokioLocalSet>(all_completed(1_000));
    Question::new(criterion, "wait for the first of 1,000", 50_000)
        .on::<Boucle>(first_completed(1_000))
        .on::<Tokio>(first_completed(1_000))
        .on::<TokioLocalSet>(first_completed(1_000));
    criterion.final_summary();
}
