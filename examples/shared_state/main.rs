//! A counter and a queue that tasks share without a lock.
//!
//! From the course page "la programmation asynchrone en Python", "pourquoi c'est mieux que des
//! threads", the slides "programmation asynchrone" by Thierry Parmentelat, and the course
//! "Programmation asynchrone en Python" (BTS SIO).
//!
//! ```sh
//! cargo run --release --example shared_state
//! ```
//!
//! prints
//!
//! ```text
//! (10 tasks add 1, 100 times each: 1000)
//! (with an await between reading and writing: 100)
//!
//! Daniel 1
//! Donna 1
//! Daniel 2
//! Donna 2
//! Daniel fin
//! Donna fin
//! ```
//!
//! Between two threads control may pass anywhere, so a counter needs a lock or an atomic. Between two
//! tasks of a loop it passes only at an `await`: code without one is never interrupted by another task.
//! So the counter is a `Cell`, the queue a `RefCell`, and both are shared through an `Rc`. The compiler
//! checks it: an `Rc` cannot be sent to another thread, nor a `Cell` or a `RefCell` shared between two.
//!
//! The order still matters. In the second line the `await` stands between reading and writing, and nine
//! of ten additions are lost, as may happen between threads; but here the source shows where.
//!
//! Messages go through a queue that is shared in the same way. A reader that finds it empty leaves a
//! waker, and the next writer wakes it. (Between threads: `async-channel`.)
//!
//! Read next: `state.rs` beside this file; then `src/wake/waker.rs`, what a waker is. Run next:
//! `cargo run --release --example echo`, sockets.

mod state;

use stage::{options, println};
use state::{count, count_badly, exchange};

const HELP: &str = "\
Counts in ten tasks at once without a lock, correctly and incorrectly; then tasks exchange messages.

usage: shared_state";

fn main() {
    options::none(HELP);
    boucle::run(async {
        println!("(10 tasks add 1, 100 times each: {})", count().await);
        let badly = count_badly().await;
        println!("(with an await between reading and writing: {badly})");
        println!();
        exchange().await;
    });
}
