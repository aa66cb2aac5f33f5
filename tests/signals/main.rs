//! Signals of the process: what waits for one receives it, and what it does when nothing waits.
//!
//! Each test has a signal of its own, since a signal reaches all tests of this process. Tests in which a
//! signal ends the process, or is an interrupt, run in a process of their own.

#![cfg(all(unix, feature = "signal"))]

mod allocator; // what an allocator may do while a stream is used
#[path = "../common/mod.rs"]
mod common;
mod processes; // what a signal does to a process
mod running; // a process of a test
mod streams; // what a stream receives, and which waker it keeps

use std::task::{Context, Poll, Waker};

use boucle::signal::{SignalKind, SignalStream};

/// Raises a signal on this thread: its handler has run when this returns.
fn raise(kind: SignalKind) {
    signal_hook::low_level::raise(kind as i32).unwrap();
}

fn poll(stream: &mut SignalStream) -> Poll<()> {
    stream.poll_recv(&mut Context::from_waker(Waker::noop()))
}
