//! What does a runtime add to what the kernel takes for a small request over TCP?
//!
//! boucle's `net` against tokio's, on the `current_thread` scheduler (its `LocalRuntime`), and against a
//! program by hand on mio: an echo of 64 bytes, client and server on the same loop.

mod harness;
mod workloads;

use harness::{Question, criterion};
use workloads::mio_echo;
use workloads::runtime::{Boucle, Tokio};
use workloads::tcp::{accept_and_close, echo};

fn main() {
    let criterion = &mut criterion();
    Question::new(criterion, "TCP echo, 1 connection", 2_000)
        .on::<Boucle>(echo(1))
        .on::<Tokio>(echo(1))
        .by_hand("mio", mio_echo::echo(1));
    Question::new(criterion, "TCP echo, 50 connections", 2_000)
        .on::<Boucle>(echo(50))
        .on::<Tokio>(echo(50))
        .by_hand("mio", mio_echo::echo(50));
    Question::new(criterion, "TCP echo, 1,000 connections", 10_000)
        .on::<Boucle>(echo(1_000))
        .on::<Tokio>(echo(1_000))
        .by_hand("mio", mio_echo::echo(1_000));
    Question::new(criterion, "accept and close", 500)
        .on::<Boucle>(accept_and_close())
        .on::<Tokio>(accept_and_close());
    criterion.final_summary();
}
