//! What a runtime has to offer so that a workload, written once, runs on it.
//!
//! There are several traits, since there are runtimes without timers, without sockets, with none but TCP, or
//! with nothing for groups of tasks; a workload asks for the least that it needs. A method is mostly one call
//! of the runtime, which the compiler inlines.

mod boucle;
mod tokio;

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub use boucle::Boucle;
pub use tokio::{Tokio, TokioLocalSet};

use super::socket::Socket;

/// A runtime that runs on this thread. It is kept from round to round, as a program keeps it.
pub trait Runtime: Sized + 'static {
    const NAME: &str;

    type Joined<T: 'static>: Future<Output = Result<T, Self::JoinError>> + 'static;
    type JoinError: Debug;

    fn new() -> Self;
    fn block_on<F: Future>(&self, main: F) -> F::Output;

    // The other methods, here and below, are called inside of `block_on`.

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static;
    fn yield_now() -> impl Future<Output = ()>;
}

/// A runtime that can be made for one run, without a poller.
pub trait Alone: Runtime {
    fn run_alone<F: Future>(main: F) -> F::Output;
}

/// A runtime with a clock.
pub trait Timers: Runtime {
    type Sleep: Future<Output = ()> + 'static;

    fn sleep(duration: Duration) -> Self::Sleep;
}

/// A runtime with sockets. What connects and what is accepted sends small messages at once (`nodelay`).
pub trait Net: Runtime {
    type Listener: 'static;
    type Stream: 'static;

    fn listen(address: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>>;
    fn address(listener: &Self::Listener) -> io::Result<SocketAddr>;
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>>;
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;
    fn read(stream: &mut Self::Stream, to: &mut [u8]) -> impl Future<Output = io::Result<usize>>;
    fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>>;
}

/// A runtime with sockets of a kind, by std's name of it, in pairs whose ends are connected to each other.
pub trait Pairs<S: Socket>: Runtime {
    type End: 'static;

    fn pairs(count: usize) -> impl Future<Output = io::Result<Vec<(Self::End, Self::End)>>>;
    /// Receives a message, or some bytes of a stream. Zero is the end of a stream, or an empty message.
    fn receive(end: &mut Self::End, to: &mut [u8]) -> impl Future<Output = io::Result<usize>>;
    /// Sends all bytes: if there are none, an empty message, or nothing to a stream.
    fn send(end: &mut Self::End, bytes: &[u8]) -> impl Future<Output = io::Result<()>>;
}

/// Makes pairs of the runtime's sockets from std's.
pub fn pairs_from_std<S: Socket, E>(count: usize, end: fn(S) -> io::Result<E>) -> io::Result<Vec<(E, E)>> {
    let pair = || S::pair().and_then(|(one, other)| Ok((end(one)?, end(other)?)));
    (0..count).map(|_| pair()).collect()
}

/// A runtime that runs several children as tasks and collects their values, with what it offers for this.
pub trait Groups: Runtime {
    /// In the order of the children.
    fn gather<F>(children: impl Iterator<Item = F>) -> impl Future<Output = Vec<usize>>
    where
        F: Future<Output = usize> + 'static;

    /// In any order, when all are done.
    fn wait_for_all<F>(children: impl Iterator<Item = F>) -> impl Future<Output = Vec<usize>>
    where
        F: Future<Output = usize> + 'static;

    /// As they come, each as soon as it is done.
    fn wait_for_each<F>(children: impl Iterator<Item = F>) -> impl Future<Output = Vec<usize>>
    where
        F: Future<Output = usize> + 'static;
}
