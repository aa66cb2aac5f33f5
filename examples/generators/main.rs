//! From a generator to a scheduler: what an event loop is made of, by hand.
//!
//! From the notebook "S06E05: Concurrency - The asyncio module" by Cyril Desjouy, section 1, and the
//! course page "la programmation asynchrone en Python", "comment ça marche".
//!
//! ```sh
//! cargo run --release --example generators
//! ```
//!
//! prints
//!
//! ```text
//! Get ready for this
//! Surprise!
//! TypeError: can't send non-None value to a just-started generator
//!
//! (a generator that the decorator has started)
//! Get ready for this
//! Surprise!
//!
//! (yield from)
//! Grumpy
//! Happy
//! Sleepy
//! Bashful
//! Sneezy
//! Dopey
//! Doc
//! Get ready for this
//! Surprise!
//!
//! (a scheduler by hand)
//! Grumpy 1
//! Happy 1
//! Sleepy 1
//! Grumpy 2
//! Happy 2
//! Sleepy 2
//! Grumpy 3
//! Happy 3
//! Sleepy 3
//! (the same coroutines on boucle print the same lines)
//! ```
//!
//! A generator freezes its frame at each `yield`: where it stands, and its variables. By hand that is
//! an enum, and `resume` is a `match` on it. The compiler makes the same of every `async fn`, with one
//! state for each `await`; `poll` is its `resume`. A value sent to a generator that has not begun finds
//! no `yield` to receive it, hence the error. `yield from` passes on what is sent.
//!
//! A scheduler needs nothing but frozen frames, a queue of those that are ready, and a loop that resumes
//! the first. The one here has some thirty lines of code, and prints the last nine names; boucle runs the same
//! coroutines in the same order. Another thread can also wake one of its coroutines. What boucle adds is
//! timers, sockets, tasks that spawn others, and their results.
//!
//! Read next: `talk.rs`, `scheduler.rs` and `coroutines.rs` beside this file; then `src/turn.rs`. Run
//! next: `cargo run --release --example shared_state`.

mod coroutines;
mod scheduler;
mod talk;

use boucle::gather;
use coroutines::count;
use scheduler::Coroutine;
use stage::stdout::capture;
use stage::{options, println};
use talk::{Generator, NotStarted, Talk, dwarfs, started};

const HELP: &str = "\
Shows generators made by hand, a scheduler by hand, and boucle with the same coroutines.

usage: generators";

const NAMES: [&str; 3] = ["Grumpy", "Happy", "Sleepy"];

fn main() {
    options::none(HELP);
    talks().unwrap_or_else(|error| println!("{error}"));
    println!("\n(a generator that the decorator has started)");
    decorated().unwrap_or_else(|error| println!("{error}"));
    println!("\n(yield from)");
    delegated().unwrap_or_else(|error| println!("{error}"));

    println!("\n(a scheduler by hand)");
    let ((), by_hand) = capture(scheduled);
    by_hand.iter().for_each(|line| println!("{line}"));
    let (_, on_boucle) = capture(|| boucle::run(gather(NAMES.map(count))));
    let others = if on_boucle == by_hand { "the same" } else { "other" };
    println!("(the same coroutines on boucle print {others} lines)");
}

/// Sends a value to a talk that was started; then to one that was not.
fn talks() -> Result<(), NotStarted> {
    let mut talk = Talk::Start;
    talk.next();
    talk.send("Surprise!")?;
    Talk::Start.send("Surprise!")?;
    Ok(())
}

fn decorated() -> Result<(), NotStarted> {
    started(Talk::Start).send("Surprise!")?;
    Ok(())
}

/// Prints the names, and then sends a value, which reaches the talk behind them.
fn delegated() -> Result<(), NotStarted> {
    let mut dwarfs = dwarfs();
    // The `next` that gives no name has started the talk.
    while let Some(Some(name)) = dwarfs.next() {
        println!("{name}");
    }
    dwarfs.send("Surprise!")?;
    Ok(())
}

fn scheduled() {
    let coroutine = |name| -> Coroutine { Box::pin(count(name)) };
    scheduler::run(NAMES.map(coroutine).into());
}
