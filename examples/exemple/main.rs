//! A first coroutine, a loop inside a loop, and two coroutines that take turns.
//!
//! From the course "Python avancé: Fonctions asynchrones" by DataScientest, "Coroutines", and its
//! figure "Exécution concurrente".
//!
//! ```sh
//! cargo run --release --example exemple
//! ```
//!
//! prints
//!
//! ```text
//! (exemple() has made an object, and printed nothing)
//! Nous essayons les coroutines.
//! (run inside of run: boucle::run cannot be called while loop 2 is running on this thread: await the future instead, or spawn it)
//! Nous essayons les coroutines.
//!
//! Coroutine 1 : Tâche 1
//! Coroutine 1 : Tâche 2
//! Coroutine 1 : Await
//! Coroutine 2 : Tâche 1
//! Coroutine 2 : Tâche 2
//! Coroutine 1 : Tâche 3
//! ```
//!
//! Calling a coroutine makes an object; `run` makes a loop that polls it. In a notebook a loop is running
//! already, and a second one on the same thread would keep the first from its other tasks. So `run` panics
//! there; the third line is its message. (Loop 1 has run the first coroutine.) The fourth does what the
//! message advises: it awaits the coroutine.
//!
//! The last six lines are the figure. Coroutine 1 keeps control until its `await`, which gives it to
//! the loop; coroutine 2 runs to its end, since it awaits nothing; then coroutine 1 goes on.
//!
//! Read next: `exemple.rs` beside this file; then `src/turn.rs`, which decides what is polled next.
//! Run next: `cargo run --release --example nom`.

mod exemple;

use exemple::{concurrently, exemple, run_inside_of_run};
use stage::{options, println};

const HELP: &str = "\
Runs a first coroutine; then a loop inside a loop; then two coroutines that take turns.

usage: exemple";

fn main() {
    options::none(HELP);
    let coroutine = exemple();
    println!("(exemple() has made an object, and printed nothing)");
    boucle::run(coroutine);
    boucle::run(async {
        let message = run_inside_of_run();
        println!("(run inside of run: {})", message.unwrap_or_default());
        exemple().await;
    });
    println!();
    boucle::run(concurrently());
}
