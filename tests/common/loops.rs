//! Loops to run a test on.

use std::time::Duration;

use boucle::{EventLoop, Turn, timeout};

/// Makes a loop with a virtual clock.
pub(crate) fn virtual_loop() -> EventLoop {
    let event_loop = EventLoop::builder().virtual_clock().build();
    event_loop.expect("the system gives a poller")
}

/// Runs a future on a loop with a virtual clock.
pub(crate) fn virtually<F: Future>(main: F) -> F::Output {
    virtual_loop().block_on(main)
}

/// Runs a future on a loop with the real clock, and fails the test if it hangs.
pub(crate) fn run<F: Future>(main: F) -> F::Output {
    boucle::run(async { timeout(Duration::from_secs(30), main).await.expect("the test hangs") })
}

/// Runs one turn, which does not sleep.
pub(crate) fn turn(event_loop: &EventLoop) -> Turn {
    event_loop.turn(Some(Duration::ZERO)).unwrap()
}

/// Returns a loop's name in messages: "loop 7".
pub(crate) fn name_of(event_loop: &EventLoop) -> String {
    let debug = format!("{event_loop:?}");
    let name = debug.strip_prefix("EventLoop(").unwrap().strip_suffix(')');
    name.unwrap().to_owned()
}
