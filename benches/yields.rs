//! What does it cost to give way: a wake, a turn in the queue, a poll?
//!
//! boucle against tokio, on the `current_thread` scheduler (its `LocalRuntime`) and in a `LocalSet`: one task, where
//! every batch is of one, and a thousand. The same plain future gives way on all sides; the last group has what
//! the runtimes offer, `yield_now`.

mod harness;
mod workloads;

use harness::{criterion, group, row};
use workloads::runtime::{Boucle, Tokio, TokioLocalSet};
use workloads::yields::{yield_1, yield_1000, yield_now_1};

fn main() {
    let mut criterion = criterion();
    let mut one = group(&mut criterion, "yield, 1 task");
    row(&mut one, "boucle", 200_000, yield_1::<Boucle>);
    row(&mut one, "tokio", 200_000, yield_1::<Tokio>);
    row(
        &mut one,
        "tokio LocalSet",
        200_000,
        yield_1::<TokioLocalSet>,
    );
    one.finish();
    let mut thousand = group(&mut criterion, "yield, 1000 tasks");
    row(&mut thousand, "boucle", 200_000, yield_1000::<Boucle>);
    row(&mut thousand, "tokio", 200_000, yield_1000::<Tokio>);
    row(
        &mut thousand,
        "tokio LocalSet",
        200_000,
        yield_1000::<TokioLocalSet>,
    );
    thousand.finish();
    let mut offered = group(&mut criterion, "yield_now, 1 task");
    row(&mut offered, "boucle", 200_000, yield_now_1::<Boucle>);
    row(&mut offered, "tokio", 200_000, yield_now_1::<Tokio>);
    row(
        &mut offered,
        "tokio LocalSet",
        200_000,
        yield_now_1::<TokioLocalSet>,
    );
    offered.finish();
    criterion.final_summary();
}
