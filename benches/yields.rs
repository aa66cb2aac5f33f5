//! What does it cost to give way: a wake, a turn in the queue, a poll?
//!
//! boucle against tokio, on the `current_thread` scheduler (its `LocalRuntime`) and in a `LocalSet`, and
//! against the floor: one task, where every batch is of one, a thousand, and more than the caches hold. The
//! same plain future gives way on all sides; the last group has what the runtimes offer, `yield_now`.

mod harness;
mod workloads;

use harness::{Question, criterion};
use workloads::floor::Floor;
use workloads::runtime::{Boucle, Tokio, TokioLocalSet};
use workloads::yields::{yield_now, yields};

fn main() {
    let criterion = &mut criterion();
    Question::new(criterion, "yield, 1 task", 200_000)
        .on::<Boucle>(yields(1))
        .on::<Tokio>(yields(1))
        .on::<TokioLocalSet>(yields(1))
        .on::<Floor>(yields(1));
    Question::new(criterion, "yield, 1,000 tasks", 200_000)
        .on::<Boucle>(yields(1_000))
        .on::<Tokio>(yields(1_000))
        .on::<TokioLocalSet>(yields(1_000))
        .on::<Floor>(yields(1_000));
    Question::new(criterion, "yield, 100,000 tasks", 500_000)
        .on::<Boucle>(yields(100_000))
        .on::<Tokio>(yields(100_000))
        .on::<TokioLocalSet>(yields(100_000))
        .on::<Floor>(yields(100_000));
    Question::new(criterion, "yield_now, 1 task", 100_000)
        .on::<Boucle>(yield_now())
        .on::<Tokio>(yield_now())
        .on::<TokioLocalSet>(yield_now());
    criterion.final_summary();
}
