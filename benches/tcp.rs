//! What does a runtime add to what the kernel takes for a small request over TCP?
//!
//! boucle's `net` against tokio's, on the `current_thread` scheduler (its `LocalRuntime`): an echo of 64 bytes on 1 and
//! on 50 connections, client and server on the same loop.

mod harness;
mod workloads;

use harness::{criterion, group, row};
use workloads::runtime::{Boucle, Tokio};
use workloads::tcp::{echo_1, echo_50};

fn main() {
    let mut criterion = criterion();
    let mut one = group(&mut criterion, "TCP echo, 1 connection");
    row(&mut one, "boucle", 2_000, echo_1::<Boucle>);
    row(&mut one, "tokio", 2_000, echo_1::<Tokio>);
    one.finish();
    let mut fifty = group(&mut criterion, "TCP echo, 50 connections");
    row(&mut fifty, "boucle", 2_000, echo_50::<Boucle>);
    row(&mut fifty, "tokio", 2_000, echo_50::<Tokio>);
    fifty.finish();
    criterion.final_summary();
}
