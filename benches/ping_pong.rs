//! What does it cost to wake another task by a waker that was stored, and to be woken by it?
//!
//! boucle's wakers against tokio's, on the `current_thread` scheduler (its `LocalRuntime`) and in a `LocalSet`. What
//! the two tasks share is the same plain cell on all sides.

mod harness;
mod workloads;

use harness::{criterion, group, row};
use workloads::ping_pong::ping_pong;
use workloads::runtime::{Boucle, Tokio, TokioLocalSet};

fn main() {
    let mut criterion = criterion();
    let mut ping_pong_group = group(&mut criterion, "ping-pong");
    row(&mut ping_pong_group, "boucle", 100_000, ping_pong::<Boucle>);
    row(&mut ping_pong_group, "tokio", 100_000, ping_pong::<Tokio>);
    row(
        &mut ping_pong_group,
        "tokio LocalSet",
        100_000,
        ping_pong::<TokioLocalSet>,
    );
    ping_pong_group.finish();
    criterion.final_summary();
}
