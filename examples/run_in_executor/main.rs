//! A function that blocks, run on another thread and awaited like a coroutine.
//!
//! From the notebook "S06E05: Concurrency - The asyncio module" by Cyril Desjouy, section 2.3.
//!
//! ```sh
//! cargo run --release --example run_in_executor
//! ```
//!
//! prints, after a second (the number of turns may vary by one),
//!
//! ```text
//! Hello
//! (a task that ticks every 0.1 s had 11 turns meanwhile)
//! ```
//!
//! `say_after` is still a function, in which a thread sleeps. Called in a coroutine, it would block the
//! loop for a second. `run_in_executor` gives it to a thread of a pool, in a closure that brings the
//! arguments, as `functools.partial` does, and returns a future for its value. Meanwhile the loop goes on,
//! as the task that ticks shows.
//!
//! Read next: `say_after.rs` beside this file; then `src/executor/run_in_executor.rs`. Run next:
//! `cargo run --release --example calcul`, which needs a processor instead of sleeping.

mod say_after;

use std::time::Duration;

use say_after::{beside_a_tick, say_after};
use stage::{options, println};

const HELP: &str = "\
Runs a function that blocks for a second on another thread, while a task ticks on the loop.

usage: run_in_executor [--scale S]

  --scale S  multiply the second, and the period of the ticks, by S (1)";

fn main() {
    let scale = options::scale(HELP, 1.0);
    let delay = Duration::from_secs(1).mul_f64(scale);
    // An interval needs a period; with `--scale 0` it is the shortest.
    let period = (delay / 10).max(Duration::from_nanos(1));
    let (what, turns) = boucle::run(beside_a_tick(period, move || say_after(delay, "Hello")));
    println!("{what}");
    let period = period.as_secs_f64();
    println!("(a task that ticks every {period} s had {turns} turns meanwhile)");
}
