//! A coroutine that awaits another: it goes on from there when the other one has returned.
//!
//! From the course "Programmation asynchrone en Python" (BTS SIO), "Appeler une coroutine depuis une
//! autre coroutine".
//!
//! ```sh
//! cargo run --release --example await_another
//! ```
//!
//! prints (the course waits 2 seconds; so does `--scale 1`)
//!
//! ```text
//! Exécution de la coroutine 1
//! Exécution de la coroutine 2
//! Fin de l'exécution de la coroutine 2
//! Fin de l'exécution de la coroutine 1
//! 1
//! ```
//!
//! An awaited coroutine is not a task: it runs within the one that awaits it, as a called function runs
//! within its caller. When it waits, both wait, and the loop polls other tasks.
//!
//! Read next: `coroutines.rs` beside this file. Run next: `cargo run --release --example run_forever`,
//! where two coroutines are two tasks.

mod coroutines;

use std::time::Duration;

use coroutines::coroutine_1;
use stage::{options, println};

const HELP: &str = "\
Runs a coroutine that awaits another one, which sleeps.

usage: await_another [--scale S]

  --scale S  multiply the sleep, 2 s, by S (0.25); the course's own is --scale 1";

fn main() {
    let wait = Duration::from_secs(2).mul_f64(options::scale(HELP, 0.25));
    println!("{}", boucle::run(coroutine_1(wait)));
}
