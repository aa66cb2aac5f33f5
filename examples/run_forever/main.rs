//! A loop of one's own: until a coroutine is complete, or for ever, until it is stopped.
//!
//! From the course "Programmation asynchrone en Python" (BTS SIO), "Principe de programmation avec la
//! bibliothèque asyncio" and "Lancer plusieurs coroutines".
//!
//! ```sh
//! cargo run --release --example run_forever
//! ```
//!
//! prints (the course's coroutines wait 2 seconds; so does `--scale 1`)
//!
//! ```text
//! (run_until_complete)
//! Exécution de la coroutine
//!
//! (run_forever, and the coroutine calls stop)
//! Exécution de la coroutine
//!
//! (run_forever, and no coroutine calls stop)
//! Exécution de la coroutine
//! (it would run for ever: another thread has stopped it after 0.5 s)
//!
//! (run_forever with two coroutines, and the second one calls stop)
//! Exécution de la coroutine 1
//! Exécution de la coroutine 2
//! Fin de l'exécution de la coroutine 1
//! Fin de l'exécution de la coroutine 2
//!
//! (run_until_complete with gather, and the second one calls stop)
//! Exécution de la coroutine 1
//! Exécution de la coroutine 2
//! Fin de l'exécution de la coroutine 1
//! Fin de l'exécution de la coroutine 2
//! (error: event loop stopped before the future completed)
//!
//! (run_until_complete with gather)
//! Exécution de la coroutine 1
//! Exécution de la coroutine 2
//! Fin de l'exécution de la coroutine 1
//! Fin de l'exécution de la coroutine 2
//! ```
//!
//! asyncio's `run_until_complete` is `EventLoop::block_on`, and its `close()` is to drop the loop.
//!
//! `run_forever` goes on when no task is left: an event might still come, for example from another
//! thread. So the program has to call `stop`, which lets the current batch finish.
//!
//! The version with `gather`, as the course prints it, ends in an error, here as in CPython. The second
//! coroutine calls `stop` in the batch in which it ends. The next batch would poll the gather, but there is
//! none. Without `stop` the loop ends by itself, when the gather is complete.
//!
//! Read next: `loops.rs` beside this file; then `src/event_loop.rs`. Run next: `cargo run --release
//! --example two_loops`.

mod coroutines;
mod loops;

use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use boucle::EventLoop;
use stage::{options, println};

const HELP: &str = "\
Runs a loop until a coroutine is complete, and for ever, with and without something that stops it.

usage: run_forever [--scale S]

  --scale S  multiply what is waited by S (0.25); the course's own durations are --scale 1";

fn main() -> ExitCode {
    let wait = Duration::from_secs(2).mul_f64(options::scale(HELP, 0.25));
    match demos(wait) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("run_forever: no event loop can be made: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Each on a loop of its own, which closes when it is dropped.
fn demos(wait: Duration) -> io::Result<()> {
    println!("(run_until_complete)");
    loops::until_complete(&EventLoop::new()?);

    println!("\n(run_forever, and the coroutine calls stop)");
    loops::forever(&EventLoop::new()?);

    println!("\n(run_forever, and no coroutine calls stop)");
    loops::forever_without_stop(&EventLoop::new()?, move || thread::sleep(wait));
    let bound = wait.as_secs_f64();
    println!("(it would run for ever: another thread has stopped it after {bound} s)");

    println!("\n(run_forever with two coroutines, and the second one calls stop)");
    loops::two_forever(&EventLoop::new()?, wait);

    println!("\n(run_until_complete with gather, and the second one calls stop)");
    let message = loops::two_gathered_with_stop(&EventLoop::new()?, wait);
    println!("(error: {})", message.unwrap_or_default());

    println!("\n(run_until_complete with gather)");
    loops::two_gathered(&EventLoop::new()?, wait);
    Ok(())
}
