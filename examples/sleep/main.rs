//! Three sleeps at once: they take as long as the longest, and their results come in input order.
//!
//! From the course page "la programmation asynchrone en Python", "un autre exemple".
//!
//! ```sh
//! cargo run --release --example sleep
//! ```
//!
//! prints, in a second and a half,
//!
//! ```text
//! Entrée dans 1
//! Entrée dans 0.5
//! Entrée dans 1.5
//! Sortie de 0.5
//! Sortie de 1
//! Sortie de 1.5
//! [1, 0.25, 2.25]
//! ```
//!
//! Each coroutine runs until its `await`, where it hands control back to the loop: so all three
//! enter before any leaves. The first to leave is the shortest, but `gather` keeps each result at
//! its place.
//!
//! Read next: `mysleep.rs` beside this file, the coroutine; then `examples/step.rs`, which runs it
//! one turn of the loop at a time; then `src/combine/gather.rs`.

#[path = "../stdout/mod.rs"]
mod stdout;

mod mysleep;

use mysleep::{list, mysleep};
use stdout::println;

fn main() {
    let results = boucle::run(boucle::gather([1.0, 0.5, 1.5].map(mysleep)));
    println!("{}", list(&results));
}
