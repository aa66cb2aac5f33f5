//! A coroutine that keeps control, another that is late because of it, and the cure.
//!
//! From the course page "la programmation asynchrone en Python", "pourquoi c'est mieux que des
//! threads".
//!
//! ```sh
//! cargo run --release --example starvation
//! ```
//!
//! prints
//!
//! ```text
//! (one task has 1000 pieces of work; another wants a turn after each)
//! it keeps control:            turns: 1, longest wait: 1000 pieces of work
//! yield_now before each:       turns: 1000, longest wait: 1 piece of work
//! consume_budget before each:  turns: 8, longest wait: 128 pieces of work
//! ```
//!
//! A loop cannot interrupt a task: it gets control back at an `await` that is not ready. A task that
//! awaits nothing finishes its work first, and every other task is a thousand pieces late.
//!
//! The cure is to yield. `yield_now` yields every time; each time the task goes to the end of the queue, which
//! for small pieces may cost more than the work. `consume_budget` yields once in 128 times. Each await of a
//! socket, a timer or a task that is ready at once spends from the same budget, so a task that finds its socket
//! ready again and again yields by itself. If one piece takes long, since it blocks (is I/O-bound) or computes
//! (is CPU-bound), give it to `run_in_executor`. (In CPython a thread may not cure a computation: `calcul` says
//! why.) `late` shows how to find such a task.
//!
//! Read next: `work.rs` beside this file; then `src/task/budget.rs`. Run next: `cargo run --release
//! --example generators`, how it works underneath; or `calcul`, starvation by arithmetic.

mod work;

use stage::{options, println};
use work::{Seen, Yields, work};

const HELP: &str = "\
Shows how long a task waits for its turn while another one works, and keeps control or yields.

usage: starvation";

const PIECES: usize = 1000;

fn main() {
    options::none(HELP);
    println!("(one task has {PIECES} pieces of work; another wants a turn after each)");
    for (yields, what) in [
        (Yields::Never, "it keeps control:"),
        (Yields::Always, "yield_now before each:"),
        (Yields::WhenBudgetIsSpent, "consume_budget before each:"),
    ] {
        let Seen { turns, longest } = boucle::run(work(PIECES, yields));
        let pieces = if longest == 1 { "piece" } else { "pieces" };
        println!("{what:28} turns: {turns}, longest wait: {longest} {pieces} of work");
    }
}
