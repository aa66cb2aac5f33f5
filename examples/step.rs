//! The loop, one turn at a time: the three sleeps of `sleep`, and after each turn what the loop did
//! in it.
//!
//! From the course page "la programmation asynchrone en Python", "un autre exemple": what its event
//! loop does behind the scenes. (asyncio too makes one turn, by `stop` and then `run_forever`, but it
//! does not say what it did; tokio has no such call.)
//!
//! ```sh
//! cargo run --release --example step
//! ```
//!
//! prints, at once, since the clock is virtual and jumps to the next deadline instead of waiting
//! for it,
//!
//! ```text
//! turn 1:
//!   polled 1; woken by sources 0, inbox 0, timers 0; ready 3, left 4; 0.000 s
//! turn 2:
//! Entrée dans 1
//! Entrée dans 0.5
//! Entrée dans 1.5
//!   polled 3; woken by sources 0, inbox 0, timers 1; ready 1, left 4; 0.500 s
//! turn 3:
//! Sortie de 0.5
//!   polled 1; woken by sources 0, inbox 0, timers 1; ready 1, left 3; 1.000 s
//! turn 4:
//! Sortie de 1
//!   polled 1; woken by sources 0, inbox 0, timers 1; ready 1, left 2; 1.500 s
//! turn 5:
//! Sortie de 1.5
//!   polled 1; woken by sources 0, inbox 0, timers 0; ready 1, left 1; 1.500 s
//! turn 6:
//! [1, 0.25, 2.25]
//!   polled 1; woken by sources 0, inbox 0, timers 0; ready 0, left 0; 1.500 s
//! ```
//!
//! A turn polls the tasks that are ready and parks: if none is ready by then, it sleeps until a timer, a socket
//! or another thread ends that. Then it wakes the tasks that waited: they are ready for the next turn. In the
//! line after each turn, `sources` are sockets, and `inbox` is other threads; `ready` is polled next turn,
//! `left` is not done yet. The last figure is the time when the turn ended.
//!
//! - Turn 1 polls the task that awaits `gather`, which spawns the three sleeps.
//! - Turn 2 polls them in the order in which they were spawned, and each arms a timer. Now nothing
//!   is ready: the loop parks until 0.5 s, when the first timer fires.
//! - In each of turns 3 to 5 one sleep is over, and `left` counts down.
//! - The end of the last sleep wakes the first task, which has the results in turn 6. Nothing is left.
//!
//! With `--real` the same turns take a second and a half.
//!
//! Read next: `src/turn.rs`, the turn. Run next: `cargo run --release --example say_after`.

#[path = "sleep/mysleep.rs"]
mod mysleep;

use std::io;
use std::process::ExitCode;

use boucle::EventLoop;
use mysleep::mysleep;
use stage::python::list;
use stage::{options, println};

const HELP: &str = "\
Runs three sleeps one turn of the loop at a time, and shows what each turn does.

usage: step [--real]

  --real  wait in real time: otherwise the clock is virtual, and nothing waits";

fn main() -> ExitCode {
    let three_sleeps = async {
        let results = boucle::gather([1.0, 0.5, 1.5].map(|duration| mysleep(duration, 1.0))).await;
        println!("{}", list(&results));
    };
    match step(three_sleeps, options::flag(HELP, "real")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("step: {error}");
            ExitCode::FAILURE
        }
    }
}

fn step(program: impl Future<Output = ()> + 'static, in_real_time: bool) -> io::Result<()> {
    let event_loop =
        if in_real_time { EventLoop::new()? } else { EventLoop::builder().virtual_clock().build()? };

    // Dropping the handle detaches the task: it goes on.
    drop(event_loop.spawn(program));

    for number in 1.. {
        println!("turn {number}:");
        let turn = event_loop.turn(None)?;
        println!("  {turn}");
        if turn.left == 0 {
            break;
        }
    }
    Ok(())
}
