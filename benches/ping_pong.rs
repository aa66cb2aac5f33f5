//! What does it cost to wake another task by a waker that was stored, and to be woken by it?
//!
//! boucle's wakers against tokio's, on the `current_thread` scheduler (its `LocalRuntime`) and in a
//! `LocalSet`, and against the floor's. What the tasks share is the same plain cell on all sides. An
//! operation is one wake.

mod harness;
mod workloads;

use harness::{Question, criterion};
use workloads::floor::Floor;
use workloads::ring::ring;
use workloads::runtime::{Boucle, Tokio, TokioLocalSet};

fn main() {
    let criterion = &mut criterion();
    Question::new(criterion, "ping-pong", 200_000)
        .on::<Boucle>(ring(2))
        .on::<Tokio>(ring(2))
        .on::<TokioLocalSet>(ring(2))
        .on::<Floor>(ring(2));
    Question::new(criterion, "ring of 1,000", 200_000)
        .on::<Boucle>(ring(1_000))
        .on::<Tokio>(ring(1_000))
        .on::<TokioLocalSet>(ring(1_000))
        .on::<Floor>(ring(1_000));
    criterion.final_summary();
}
