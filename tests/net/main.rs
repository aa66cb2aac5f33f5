//! Sockets, over the loopback device and nothing else.
//!
//! Each test runs a loop of its own. A test that would hang if the loop missed an event fails after half a
//! minute instead; this is all that the real clock is needed for, and no test asserts how long something
//! took. Where a peer must be told apart from the code under test, it is a socket of std's on another thread.

#[path = "../common/mod.rs"]
mod common;

mod connections;
mod addresses;
#[cfg(target_os = "linux")]
mod connect;
#[cfg(target_os = "linux")]
mod listeners;
mod streams;
mod serve;
mod transfers;
mod waiters;
mod lifetimes;
mod fairness;
mod kinds;
mod datagrams;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod descriptors;
#[cfg(unix)]
mod system;
#[cfg(unix)]
mod place;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};

use boucle::net::TcpListener;

use crate::common::{byte_at, waker_of};
#[cfg(unix)]
use place::Place;

/// Returns an address where nothing listens: a port that the system gives to none of the listeners of
/// these tests.
fn refused() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 1))
}

/// Polls for a connection, once, with a waker that makes one call when it is woken and another one when
/// it is dropped.
fn poll_accept_with(
    listener: &TcpListener,
    on_wake: impl Fn() + Send + Sync + 'static,
    on_drop: impl Fn() + Send + Sync + 'static,
) -> Poll<io::Result<()>> {
    let waker = waker_of(on_wake, on_drop);
    let polled = listener.poll_accept(&mut Context::from_waker(&waker));
    polled.map_ok(drop)
}

/// Asserts that a read has found a reset. (Wine's sockets lose the error, and the read finds the end.)
#[track_caller]
fn assert_reset(read: io::Result<usize>) {
    match read {
        Ok(read) => assert!(cfg!(windows) && read == 0, "{read} bytes"),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
}

/// Asserts that a write has found its side shut down. (Windows has an error of its own for this, WSAESHUTDOWN.)
#[track_caller]
fn assert_shut_down(written: io::Result<usize>) {
    let error = written.unwrap_err();
    let is_shut_down = cfg!(windows) && error.raw_os_error() == Some(10_058);
    assert!(is_shut_down || error.kind() == io::ErrorKind::BrokenPipe, "{error}");
}
