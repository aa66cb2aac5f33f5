//! What does a child cost, when some are run concurrently and their values collected in input order?
//!
//! boucle's `gather` against tokio's `JoinSet`, on the `current_thread` scheduler (its `LocalRuntime`) and
//! in a `LocalSet`. For reference, two other ways on tokio: handles in a `Vec`, which keep no set, and
//! `join_all` of the `futures` crate, whose children are no tasks.

mod harness;
mod workloads;

use harness::{Question, criterion};
use workloads::gather::{at_once, gather, handles_in_a_vec, join_all, once, staggered};
use workloads::runtime::{Boucle, Tokio, TokioLocalSet};

fn main() {
    let criterion = &mut criterion();
    Question::new(criterion, "gather of 10, at once", 50_000)
        .on::<Boucle>(gather(10, at_once))
        .on::<Tokio>(gather(10, at_once))
        .on::<TokioLocalSet>(gather(10, at_once));
    Question::new(criterion, "gather of 1,000, at once", 50_000)
        .on::<Boucle>(gather(1_000, at_once))
        .on::<Tokio>(gather(1_000, at_once))
        .on::<TokioLocalSet>(gather(1_000, at_once));
    Question::new(criterion, "gather of 1,000, staggered", 50_000)
        .on::<Boucle>(gather(1_000, staggered))
        .on::<Tokio>(gather(1_000, staggered))
        .on::<TokioLocalSet>(gather(1_000, staggered));
    Question::new(criterion, "gather of 100,000, staggered", 100_000)
        .on::<Boucle>(gather(100_000, staggered))
        .on::<Tokio>(gather(100_000, staggered));
    Question::new(criterion, "gather of 1,000, once", 50_000)
        .on::<Boucle>(gather(1_000, once))
        .on::<Tokio>(gather(1_000, once))
        .with::<Tokio>("tokio, handles in a Vec", handles_in_a_vec(1_000, once))
        .with::<Tokio>("tokio, join_all", join_all(1_000, once));
    criterion.final_summary();
}
