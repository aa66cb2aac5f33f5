//! A coroutine that is run, awaited, spawned and gathered: when do two waits take as long as one?
//!
//! From the notebook "S06E05: Concurrency - The asyncio module" by Cyril Desjouy, sections 2.2 and
//! 2.4.
//!
//! ```sh
//! cargo run --release --example say_after
//! ```
//!
//! prints, in some seven seconds (the times of day, in UTC, vary)
//!
//! ```text
//! hello
//! started at 17:30:36
//! hello
//! world
//! finished at 17:30:39
//! started at 17:30:39
//! world
//! hello
//! finished at 17:30:41
//! World
//! Hello
//! results: ['Hello', 'World']
//! ```
//!
//! - `run` runs one coroutine on a loop of its own.
//! - Two coroutines that are awaited one after the other take 3 seconds: the second one is not
//!   polled, and so does not begin, before the first one is over.
//! - Two tasks take 2, the longer wait. `spawn` puts a task into the ready queue: while the first
//!   `await` waits, one batch polls both, and both arm their timers. `world`'s is due first.
//! - `gather` spawns tasks as well. It returns the results in the order of its input, whichever
//!   comes first. The delays are random; another `--seed` gives others.
//!
//! Read next: `say_after.rs` beside this file; then `examples/step.rs`, the loop one turn at a time.
//! Run next: `cargo run --release --example nom`; or `awaitables`, what else can be awaited.

mod say_after;

use std::time::Duration;

use say_after::{as_tasks, gathered, in_sequence, say_after};
use stage::options::{self, Arg::Long};
use stage::println;
use stage::python::list_of_strings;

const HELP: &str = "\
Says hello and world after some time: by one coroutine, two in sequence, two tasks, and a gather.

usage: say_after [--scale S] [--seed N]

  --scale S  multiply what is waited by S (1)
  --seed N   other random delays for the gather (1)";

fn main() {
    let (scale, seed) = options::read(HELP, |arguments| {
        let (mut scale, mut seed) = (1.0, 1);
        while let Some(option) = arguments.next()? {
            match option {
                Long("scale") => scale = options::factor(arguments)?,
                Long("seed") => seed = options::value(arguments, "seed", "a whole number", |_| true)?,
                other => return Err(other.unexpected()),
            }
        }
        Ok((scale, seed))
    });
    let second = Duration::from_secs(1).mul_f64(scale);
    boucle::run(say_after(second, "hello"));
    boucle::run(in_sequence(second));
    boucle::run(as_tasks(second));
    let results = boucle::run(gathered(second, seed));
    println!("results: {}", list_of_strings(&results));
}
