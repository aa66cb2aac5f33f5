//! What the tests of this package share.

pub mod client;
pub mod process;
pub mod tls;

use std::time::Duration;

/// Runs a future on a loop with the real clock, and fails the test if it hangs.
pub fn run<F: Future>(main: F) -> F::Output {
    boucle::run(async { boucle::timeout(Duration::from_secs(60), main).await.expect("the test hangs") })
}

/// Runs a future on a loop with a virtual clock.
pub fn virtually<F: Future>(main: F) -> F::Output {
    let event_loop = boucle::EventLoop::builder().virtual_clock().build();
    event_loop.expect("the system gives a poller").block_on(main)
}
