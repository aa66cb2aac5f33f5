//! The ways to run a loop of one's own, and to stop it. Dropping the loop is Python's `close()`.

use std::thread;
use std::time::Duration;

use boucle::{EventLoop, gather};
use stage::panics::message_of;

use super::coroutines::{coroutine, coroutine_1, coroutine_2, coroutine_2_that_stops, coroutine_that_stops};

/// `run_until_complete`: the loop ends with the coroutine.
pub(crate) fn until_complete(event_loop: &EventLoop) {
    event_loop.block_on(coroutine());
}

/// `ensure_future`, then `run_forever`: the coroutine stops the loop.
pub(crate) fn forever(event_loop: &EventLoop) {
    drop(event_loop.spawn(coroutine_that_stops()));
    event_loop.run_forever();
}

/// The same, but no coroutine stops it: it goes on until another thread does, after `bound`.
pub(crate) fn forever_without_stop(event_loop: &EventLoop, bound: impl FnOnce() + Send + 'static) {
    drop(event_loop.spawn(coroutine()));
    let handle = event_loop.handle();
    thread::spawn(move || {
        bound();
        handle.stop();
    });
    event_loop.run_forever();
}

/// Two tasks, of which the second one stops the loop.
pub(crate) fn two_forever(event_loop: &EventLoop, wait: Duration) {
    drop(event_loop.spawn(coroutine_1(wait)));
    drop(event_loop.spawn(coroutine_2_that_stops(wait)));
    event_loop.run_forever();
}

/// The course's version with `gather`, whose second coroutine still stops the loop. Returns the message
/// of the panic.
pub(crate) fn two_gathered_with_stop(event_loop: &EventLoop, wait: Duration) -> Option<String> {
    let both = gather!(coroutine_1(wait), coroutine_2_that_stops(wait));
    message_of(|| event_loop.block_on(both))
}

/// The version that was meant: the loop ends when the gather does.
pub(crate) fn two_gathered(event_loop: &EventLoop, wait: Duration) {
    event_loop.block_on(gather!(coroutine_1(wait), coroutine_2(wait)));
}
