//! A coroutine that keeps the hand, who is late because of it, and the cure.
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
//! it keeps the hand:           1 turns, the latest after 1000 pieces
//! yield_now before each:       1000 turns, the latest after 1 pieces
//! consume_budget before each:  8 turns, the latest after 128 pieces
//! ```
//!
//! A loop cannot take the hand from a task: it gets it back at an `await` that is not ready. A task
//! that awaits nothing finishes its work first, and everybody else is a thousand pieces late.
//!
//! The cure is to give way. `yield_now` does so every time; it costs a turn in the queue, which for
//! small pieces may be more than the work. `consume_budget` does so once in 128 times. What boucle
//! itself waits for (sockets, timers, tasks) takes part in that budget: so a task that finds its
//! socket ready again and again gives way without being asked. If one piece takes long, give it to
//! `run_in_executor`.
//!
//! Read next: `work.rs` beside this file; then `src/task/budget.rs`. Run next: `cargo run --release
//! --example calcul`, starvation by arithmetic.

mod work;

use stage::{options, println};
use work::{Manners, work};

const HELP: &str = "\
Shows how long a task waits for its turn while another one works, keeps the hand or gives way.

usage: starvation";

const PIECES: usize = 1000;

fn main() {
    options::none(HELP);
    println!("(one task has {PIECES} pieces of work; another wants a turn after each)");
    for (manners, what) in [
        (Manners::None, "it keeps the hand:"),
        (Manners::Yield, "yield_now before each:"),
        (Manners::Budget, "consume_budget before each:"),
    ] {
        let seen = boucle::run(work(PIECES, manners));
        let (turns, latest) = (seen.turns, seen.latest);
        println!("{what:28} {turns} turns, the latest after {latest} pieces");
    }
}
