//! Two calculations and a sleep, as tasks. The sleep overlaps the calculations; these do not overlap each
//! other, and delay all other tasks.
//!
//! From the course "Python avancé: Fonctions asynchrones" by DataScientest, "Coroutines".
//!
//! ```sh
//! cargo run --release --example calcul
//! ```
//!
//! prints (the times and the last number vary)
//!
//! ```text
//! (the two calculations take 0.28 s here; the sleep is as long)
//! Subroutine :
//! Daniel
//! 10
//! 17
//! Durée totale d'exécution: 0.57 secondes
//!
//! Coroutine :
//! 10
//! 17
//! Daniel
//! Durée totale d'exécution: 0.28 secondes
//! (a task that ticks every 5 ms had 0 turns before the calculations were done)
//!
//! (the same, but the executor calculates)
//! Coroutine :
//! 17
//! 10
//! Daniel
//! Durée totale d'exécution: 0.28 secondes
//! (a task that ticks every 5 ms had 34 turns before the calculations were done)
//! ```
//!
//! `calcul(x)` computes `x` to the power of a million and prints the first two of its digits: of
//! 698,971 for 5, of 477,122 for 3.
//!
//! As tasks they take half the time, since the sleep passes while the loop calculates. Only the sleep is saved:
//! on one thread the calculations still run one after the other. They have no `await`, so meanwhile the loop
//! stands still: the task that ticks has no turn, and `Daniel` comes last, however short its sleep is (unless it
//! is over before the first poll).
//!
//! The cure is `run_in_executor`: other threads calculate, and the task ticks. Here each line is printed
//! as soon as it is computed; `17` mostly comes first, since its number is shorter.
//!
//! In CPython, in its usual build, threads cure half of it: one at a time runs Python code, so the calculations
//! still take turns. And a single call in C, such as the power (before Python 3.12 `str` too), holds the
//! interpreter's lock, the GIL, until it is done: meanwhile the task that ticks has no turn. There a thread is
//! for what waits (is I/O-bound), since a call that waits releases the lock; for what computes (is CPU-bound)
//! there are other processes (`ProcessPoolExecutor`). Since Python 3.11 (and 3.10.7) `str` also refuses an
//! integer of more than 4,300 digits, unless `sys.set_int_max_str_digits(0)` was called.
//!
//! Read next: `calcul.rs` beside this file, the coroutines, and `ticking.rs`, the task that ticks;
//! then `src/executor/run_in_executor.rs`. Run next: `cargo run --release --example wiki`.

mod calcul;
mod ticking;

use std::time::{Duration, Instant};

use boucle::JoinError;
use calcul::{calcul_async, calcul_in_executor, coroutines, of_a_million, subroutines};
use stage::options::{self, Arg::Long};
use stage::println;
use ticking::TICK;

const HELP: &str = "\
Sleeps and calculates: as subroutines, as tasks, and as tasks that calculate in the executor.

usage: calcul [--sleep SECONDS]

  --sleep SECONDS  how long to sleep (as long as the two calculations take, which is measured);
                   the course's own is --sleep 10";

/// Reads how long to sleep, if the command line says it.
fn wait() -> Option<Duration> {
    let seconds = options::read(HELP, |arguments| {
        let mut seconds = None;
        while let Some(option) = arguments.next()? {
            match option {
                Long("sleep") => {
                    let is_fine = |seconds: &f64| (0.0..=1000.0).contains(seconds);
                    let wanted = "a number of seconds from 0 to 1000";
                    seconds = Some(options::value(arguments, "sleep", wanted, is_fine)?);
                }
                other => return Err(other.unexpected()),
            }
        }
        Ok(seconds)
    });
    seconds.map(Duration::from_secs_f64)
}

/// Measures how long the two calculations take.
fn measured() -> Duration {
    let begin = Instant::now();
    for x in [5, 3] {
        of_a_million(x);
    }
    let time = begin.elapsed();
    let seconds = time.as_secs_f64();
    println!("(the two calculations take {seconds:.2} s here; the sleep is as long)");
    time
}

fn print_turns(turns: usize) {
    let tick = TICK.as_millis();
    println!("(a task that ticks every {tick} ms had {turns} turns before the calculations were done)");
}

fn main() -> Result<(), JoinError> {
    let wait = wait().unwrap_or_else(measured);
    subroutines(wait);
    println!();
    let in_the_loop = |x| calcul_async(x, of_a_million);
    print_turns(boucle::run(coroutines(wait, in_the_loop))?);
    println!();
    println!("(the same, but the executor calculates)");
    let in_the_executor = |x| calcul_in_executor(x, of_a_million);
    print_turns(boucle::run(coroutines(wait, in_the_executor))?);
    Ok(())
}
