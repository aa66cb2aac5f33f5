//! An asynchronous generator, and iteration over it: `async for`, and comprehensions.
//!
//! From the notebook "S06E05: Concurrency - The asyncio module" by Cyril Desjouy, section 2.4.
//!
//! ```sh
//! cargo run --release --example dwarfs
//! ```
//!
//! prints
//!
//! ```text
//! Grumpy
//! Happy
//! Sleepy
//! Bashful
//! Sneezy
//! Dopey
//! Doc
//! ['Grumpy', 'Happy', 'Sleepy', 'Bashful', 'Sneezy', 'Dopey', 'Doc']
//! ['Sleepy', 'Sneezy', 'Dopey']
//! (7 waits of 0.10 s took 0.70 s, and another task had 7 turns meanwhile)
//! ```
//!
//! Python's asynchronous generator is a `Stream` in Rust: like a future that is ready several times.
//! `__anext__` becomes `poll_next`, and `StopAsyncIteration` becomes `None`. The macro of `async-stream`
//! makes a stream of a block with `yield`, and the combinators of `futures-lite` iterate over it, on boucle
//! as on any other loop.
//!
//! The last line shows what the notebook warns of: iteration is not concurrent. Each wait begins when
//! the one before is over, so seven waits take seven times as long. But during each of them the other
//! tasks have their turn.
//!
//! Read next: `dwarfs.rs` beside this file; then `examples/sleep/main.rs`, where the waits overlap. Run
//! next: `cargo run --release --example download`.

mod dwarfs;

use std::time::Duration;

use dwarfs::{all_dwarfs, beside_another_task, dwarfs_with_e, print_all};
use stage::python::list_of_strings as list;
use stage::{options, println};

const HELP: &str = "\
Iterates over an asynchronous generator: one by one, as a list, and as a list that is filtered.

usage: dwarfs [--scale S]

  --scale S  multiply the wait before each name, 0.1 s, by S (1)";

fn main() {
    let wait = Duration::from_millis(100).mul_f64(options::scale(HELP, 1.0));
    boucle::run(async {
        print_all(wait).await;
        println!("{}", list(&all_dwarfs(wait).await));
        println!("{}", list(&dwarfs_with_e(wait).await));
        let (time, turns) = beside_another_task(wait).await;
        let (wait, time) = (wait.as_secs_f64(), time.as_secs_f64());
        println!("(7 waits of {wait:.2} s took {time:.2} s, and another task had {turns} turns meanwhile)");
    });
}
