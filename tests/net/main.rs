//! Sockets, over the loopback device alone.
//!
//! Each test has a loop of its own, mostly with the real clock, since the kernel reports events in real time.
//! The helpers that run a test fail it if it hangs; no test asserts how long something took. An end of a
//! connection that must not be on a loop is a socket of std's.

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
mod operations;
#[cfg(unix)]
mod system;
#[cfg(unix)]
mod temp_path;

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};

use boucle::net::TcpListener;

use crate::common::{byte_at, waker_of};
#[cfg(unix)]
use temp_path::TempPath;

/// Returns an address where nothing listens: the system never picks port 1 for a listener.
fn refused() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 1))
}

/// Asserts that an error says what was tried, and keeps the system's error, with its code.
#[track_caller]
fn assert_tried(error: io::Error, kind: io::ErrorKind, tried: &str) {
    let system = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let system = system.expect("the system's error is the source");
    assert_eq!((error.kind(), system.kind()), (kind, kind));
    assert!(system.raw_os_error().is_some());
    assert_eq!(error.to_string(), format!("{tried}: {system}"));
}

/// Polls for a connection, once, with a waker that makes these calls.
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

/// Asserts that a write has found its side shut down. (Windows' error for this is WSAESHUTDOWN, 10058.)
#[track_caller]
fn assert_shut_down(written: io::Result<usize>) {
    let error = written.unwrap_err();
    let is_shut_down = cfg!(windows) && error.raw_os_error() == Some(10_058);
    assert!(is_shut_down || error.kind() == io::ErrorKind::BrokenPipe, "{error}");
}
