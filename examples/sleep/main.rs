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
//! enter before any leaves. The shortest leaves first, but `gather` keeps the results in the order
//! of its input.
//!
//! Read next: `mysleep.rs` beside this file, the coroutine; then `examples/step.rs`, which runs it one turn
//! of the loop at a time; then `src/combine/gather.rs`. Run next: `cargo run --release --example step`.

mod mysleep;

use mysleep::mysleep;
use stage::python::list;
use stage::{options, println};

const HELP: &str = "\
Sleeps 1, 0.5 and 1.5 seconds at the same time, and prints the three results in input order.

usage: sleep [--scale S]

  --scale S  multiply what is waited by S (1)";

fn main() {
    let scale = options::scale(HELP, 1.0);
    let sleeps = [1.0, 0.5, 1.5].map(|duration| mysleep(duration, scale));
    let results = boucle::run(boucle::gather(sleeps));
    println!("{}", list(&results));
}
