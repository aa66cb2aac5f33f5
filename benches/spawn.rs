//! What does a task cost, from `spawn` to its value, when 100,000 of them are alive?
//!
//! boucle's `spawn` against tokio's `spawn_local`, on the `current_thread` scheduler (its `LocalRuntime`) and in a
//! `LocalSet`. The tasks are ready at their first poll.

mod harness;
mod workloads;

use harness::{criterion, group, row};
use workloads::runtime::{Boucle, Tokio, TokioLocalSet};
use workloads::spawn::spawn_and_await;

fn main() {
    let mut criterion = criterion();
    let mut spawn = group(&mut criterion, "spawn and await");
    row(&mut spawn, "boucle", 100_000, spawn_and_await::<Boucle>);
    row(&mut spawn, "tokio", 100_000, spawn_and_await::<Tokio>);
    row(
        &mut spawn,
        "tokio LocalSet",
        100_000,
        spawn_and_await::<TokioLocalSet>,
    );
    spawn.finish();
    criterion.final_summary();
}
