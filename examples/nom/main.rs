//! Three names, printed by a function one after the other, and by a coroutine all at once, in a third of
//! the time.
//!
//! From the course "Python avancé: Fonctions asynchrones" by DataScientest, "Coroutines".
//!
//! ```sh
//! cargo run --release --example nom
//! ```
//!
//! prints (the course waits 10 seconds for each name; so does `--scale 1`)
//!
//! ```text
//! Subroutine :
//! Daniel
//! Donna
//! Diane
//! Durée totale d'exécution: 1.50 secondes
//!
//! Coroutine :
//! Daniel
//! Donna
//! Diane
//! Durée totale d'exécution: 0.50 secondes
//! ```
//!
//! While a function sleeps, its thread can do nothing else, so three sleeps take three times as long.
//! While a coroutine sleeps, the loop polls the others: all three sleep at the same time, and end in the
//! order in which they began.
//!
//! Read next: `nom.rs` beside this file; then `src/time/sleep.rs`, how a sleep waits without blocking the
//! thread. Run next: `cargo run --release --example starvation`, what it costs.

mod nom;

use std::time::Duration;

use nom::{coroutines, subroutines};
use stage::{options, println};

const HELP: &str = "\
Prints three names, each after a while: by a function, then by a coroutine.

usage: nom [--scale S]

  --scale S  multiply the wait for each name, 10 s, by S (0.05); the course's own is --scale 1";

fn main() {
    let wait = Duration::from_secs(10).mul_f64(options::scale(HELP, 0.05));
    subroutines(wait);
    println!();
    boucle::run(coroutines(wait));
}
