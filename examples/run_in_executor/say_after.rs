//! A function that blocks, and a task that ticks while it does.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use boucle::{interval, run_in_executor, spawn};

/// A function, not a coroutine: the thread that calls it sleeps.
pub(crate) fn say_after(delay: Duration, what: &str) -> &str {
    thread::sleep(delay);
    what
}

/// Runs a function on a thread of the pool. Returns its value, and how often a task of this loop
/// ticked meanwhile.
pub(crate) async fn beside_a_tick<T: Send + 'static>(
    period: Duration,
    function: impl FnOnce() -> T + Send + 'static,
) -> (T, usize) {
    let turns = Rc::new(Cell::new(0));
    let counted = Rc::clone(&turns);
    let ticking = spawn(async move {
        let mut ticks = interval(period);
        loop {
            ticks.tick().await;
            counted.set(counted.get() + 1);
        }
    });
    let value = run_in_executor(function).await;
    ticking.abort();
    (value, turns.get())
}
