//! What does it cost to wait: a task that is awaited before the next is spawned, and a main future that is
//! woken?
//!
//! boucle against tokio, on the `current_thread` scheduler (its `LocalRuntime`) and in a `LocalSet`. The main
//! future, the one that `block_on` is given, is no task; it sleeps and wakes for each operation.

mod harness;
mod workloads;

use harness::{Question, criterion};
use workloads::ring::with_main;
use workloads::runtime::{Boucle, Tokio, TokioLocalSet};
use workloads::spawn::one_after_another;
use workloads::yields::main_yields;

fn main() {
    let criterion = &mut criterion();
    Question::new(criterion, "spawn(..).await, one by one", 50_000)
        .on::<Boucle>(one_after_another())
        .on::<Tokio>(one_after_another())
        .on::<TokioLocalSet>(one_after_another());
    Question::new(criterion, "ping-pong, main and a task", 100_000)
        .on::<Boucle>(with_main())
        .on::<Tokio>(with_main())
        .on::<TokioLocalSet>(with_main());
    Question::new(criterion, "yield, main future", 100_000)
        .on::<Boucle>(main_yields())
        .on::<Tokio>(main_yields())
        .on::<TokioLocalSet>(main_yields());
    criterion.final_summary();
}
