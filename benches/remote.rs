//! What does it cost to wake a task from another thread?
//!
//! boucle's wakers against tokio's, on the `current_thread` scheduler (its `LocalRuntime`) and in a
//! `LocalSet`: a storm of wakes, of a loop that sleeps when it can and of one that never does, and a ball
//! that goes to a thread and back. The CPU time is that of both threads.

mod harness;
mod workloads;

use harness::{Question, criterion};
use workloads::remote::{Beside, round_trips, storm};
use workloads::runtime::{Boucle, Tokio, TokioLocalSet};

fn main() {
    let criterion = &mut criterion();
    Question::new(criterion, "from a thread, 1 task", 200_000)
        .on::<Boucle>(storm(1, Beside::Nothing))
        .on::<Tokio>(storm(1, Beside::Nothing))
        .on::<TokioLocalSet>(storm(1, Beside::Nothing));
    Question::new(criterion, "from a thread, 1 task, loop awake", 200_000)
        .on::<Boucle>(storm(1, Beside::Yields))
        .on::<Tokio>(storm(1, Beside::Yields))
        .on::<TokioLocalSet>(storm(1, Beside::Yields));
    Question::new(criterion, "from a thread, 1,000 tasks", 200_000)
        .on::<Boucle>(storm(1_000, Beside::Nothing))
        .on::<Tokio>(storm(1_000, Beside::Nothing))
        .on::<TokioLocalSet>(storm(1_000, Beside::Nothing));
    Question::new(criterion, "to a thread and back", 500)
        .on::<Boucle>(round_trips())
        .on::<Tokio>(round_trips())
        .on::<TokioLocalSet>(round_trips());
    criterion.final_summary();
}
