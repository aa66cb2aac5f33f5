//! Several loops, for several cores: one coroutine at a time on each, and two at once on two.
//!
//! From the course "Programmation asynchrone en Python" (BTS SIO), "Gérer différentes tâches".
//!
//! ```sh
//! cargo run --release --example two_loops
//! ```
//!
//! prints, in half a second,
//!
//! ```text
//! (two coroutines on one loop: 1 at a time)
//! (two coroutines on two loops: 2 at the same instant)
//! (the loop of the main thread asked the other one for 6 times 7: 42)
//! ```
//!
//! A loop polls one task at a time, on its own thread: its coroutines are concurrent, not parallel. To use
//! several cores, a program has several loops, each in a thread: here each can have a core, where in CPython
//! they share the GIL. The first two lines do not measure time: each coroutine blocks its thread until another
//! one arrives. On one loop none can, and it gives up; on two loops both are there at once.
//!
//! Loops share no tasks. A `LoopHandle` may go to other threads, and spawns a task on its loop; tasks of
//! different loops send each other values through a channel for threads.
//!
//! Read next: `loops.rs` and `messages.rs` beside this file; then `src/wake/inbox.rs`, how a message
//! wakes another thread's loop. Run next: `cargo run --release --example scale`.

mod loops;
mod messages;

use std::time::Duration;

use loops::{on_one_loop, on_two_loops};
use messages::ask_another_loop;
use stage::{options, println};

const HELP: &str = "\
Runs two coroutines on one loop and on two, and counts how many run at the same instant; then one
loop asks another.

usage: two_loops [--scale S]

  --scale S  multiply the 0.2 s for which a coroutine waits in vain by S (1)";

fn main() {
    let patience = Duration::from_millis(200).mul_f64(options::scale(HELP, 1.0));
    let most = on_one_loop(patience);
    println!("(two coroutines on one loop: {most} at a time)");
    let most = on_two_loops(Duration::from_secs(10));
    println!("(two coroutines on two loops: {most} at the same instant)");
    let answer = boucle::run(ask_another_loop(|| 6 * 7));
    println!("(the loop of the main thread asked the other one for 6 times 7: {answer})");
}
