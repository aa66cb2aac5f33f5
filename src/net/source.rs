//! A source: a socket, or another descriptor, that is registered with a loop.
//!
//! A socket may be dropped on any thread, in three steps:
//!
//! 1. It is deregistered: the kernel would keep the registration while any duplicate of the descriptor is open.
//! 2. Its slot is freed, by a message (from another thread: later).
//! 3. It is closed.
//!
//! mio logs each registration and its end, and a logger is user code. So both happen while no state is in use
//! and no lock is held.

use std::io;
#[cfg(unix)]
pub(crate) use std::os::fd::AsFd as Io; // what mio can watch: on Unix, anything with a descriptor
#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

#[cfg(windows)]
pub(crate) use mio::event::Source as Io; // on Windows, its own sockets
#[cfg(unix)]
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::current;
use crate::lifecycle::open_poller;
use crate::net::poller::EDGE_TRIGGERED;
use crate::net::reactor::Side;
use crate::net::readiness::Readiness;
use crate::observe::event::{EventKind, WaitsFor};
use crate::task::budget;
use crate::task::id::LoopNumber;
use crate::task::quiet::drop_quietly;
use crate::wake::inbox::{self, Message};
use crate::wake::waker::{number_of, waiter, wake_quietly};

/// What the kernel is asked to report of a TCP stream, and of any source when a write has had to wait: both
/// sides. On Linux also urgent data, since a read stops before it, and such a short read has not emptied the
/// stream. (Miri knows no urgent data.)
pub(super) const BOTH: Interest = READ_SIDE.add(Interest::WRITABLE);

#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
const READ_SIDE: Interest = Interest::READABLE.add(Interest::PRIORITY);
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri))))]
const READ_SIDE: Interest = Interest::READABLE;

/// What the kernel is asked to report of a source that is neither a TCP stream nor a listener, until a write has
/// to wait: the read side alone, where the kernel reports edges. The write side would have an edge whenever the
/// peer takes a message, which would end a park for nothing. (TCP's has one only after a write that has filled
/// its buffer.)
pub(super) const READS: Interest = if EDGE_TRIGGERED { READ_SIDE } else { BOTH };

/// A socket, or another descriptor, and its slot in the reactor of a loop.
pub(crate) struct Source<S: Io> {
    /// `None` until it is registered, and once it is given back.
    io: Option<S>,
    pub(super) loop_number: LoopNumber,
    slot: usize,
}

impl<S: Io> Source<S> {
    /// Registers a socket with the running loop. Panics if no loop runs on this thread.
    #[track_caller]
    pub(super) fn new(io: S, interest: Interest, writable: bool) -> io::Result<Self> {
        let loop_number = current::expect_running("a socket", |state| state.number);
        Self::on(loop_number, io, interest, writable)
    }

    /// Registers a socket with a loop of this thread, running or not. If it is `writable`, a write is tried
    /// before the first event. A read is not: the kernel reports what is there when the socket is registered.
    pub(super) fn on(
        loop_number: LoopNumber,
        mut io: S,
        interest: Interest,
        writable: bool,
    ) -> io::Result<Self> {
        // The registry first: a loop that gives it has not emptied its table for good.
        let registry = registry_of(loop_number)?;
        let inserted = current::on_own_thread(loop_number, "a socket", |state| {
            let source = state.reactor.insert(interest, writable);
            state.record(|_| EventKind::SourceAdded { source });
            source
        });
        let slot = inserted.ok_or_else(|| gone(loop_number))?;
        let mut source = Source { io: None, loop_number, slot }; // frees the slot if the rest fails
        watched(&mut io, |io| registry.register(io, Token(slot), interest))?;
        source.io = Some(io);
        Ok(source)
    }

    /// Tries an operation on one side. If it is pending, lets the task wait for the next edge. The operation
    /// runs while the loop's state is in use, so it only makes its system call. O(1). There is no allocation,
    /// unless several tasks wait for one side, or a foreign waker does.
    pub(super) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        operation: impl FnOnce(&S, &mut Readiness) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        ready!(budget::poll_left(cx));
        let io = self.io();
        // `None` if the loop is gone, and in the uncommon cases: `wait` does the rest.
        let polled = current::on_own_loop(self.loop_number, "a socket", |state| {
            let readiness = state.reactor.side(self.slot, side)?;
            let polled = readiness.attempt(|readiness| operation(io, readiness));
            if polled.is_ready() {
                budget::spend();
                return Some(polled);
            }
            let waits = number_of(cx.waker()).is_some_and(|task| readiness.wait_first(task));
            state.record_wait(match side {
                Side::Read => WaitsFor::Readable(self.slot),
                Side::Write => WaitsFor::Writable(self.slot),
            });
            waits.then_some(Poll::Pending)
        });
        polled.flatten().unwrap_or_else(|| self.wait(side, cx.waker()).map(Err))
    }

    /// Lets a task wait in the uncommon cases: its waker is foreign, other tasks wait for the side, the
    /// kernel does not report the side yet, or an operation was interrupted. Ready with an error if the loop
    /// is gone, or the kernel refuses to watch the side.
    #[cold]
    fn wait(&self, side: Side, waker: &Waker) -> Poll<io::Error> {
        let Err(error) = self.try_wait(side, waker) else {
            return Poll::Pending;
        };
        budget::spend();
        Poll::Ready(error)
    }

    fn try_wait(&self, side: Side, waker: &Waker) -> io::Result<()> {
        // First: the clone of a foreign waker is user code, which may even drop the loop.
        let mut waiter = Some(waiter(waker));
        let waits = current::find(self.loop_number).and_then(|mut state| {
            let idle_count = state.reactor.idle_count;
            let readiness = state.reactor.side(self.slot, side)?;
            Some((readiness.wait(&mut waiter, idle_count), readiness.unwatched))
        });
        drop(waiter);
        let (woken, unwatched) = waits.ok_or_else(|| gone(self.loop_number))?;
        woken.into_iter().for_each(wake_quietly);
        if unwatched && let Some(registry) = inbox::registry(self.loop_number) {
            self.watch_both(&registry)?;
            // Not before: if the kernel refuses, or a logger panics, the next wait asks again.
            self.with_side(side, |readiness| readiness.unwatched = false);
        }
        Ok(())
    }

    /// Has the kernel report both sides. If one is ready by now, the next park returns its edge.
    #[cfg(unix)]
    fn watch_both(&self, registry: &Registry) -> io::Result<()> {
        watched(&mut self.io(), |io| match registry.reregister(io, Token(self.slot), BOTH) {
            // Where mio uses `poll`, it has deregistered a source that had an error.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                registry.register(io, Token(self.slot), BOTH)
            }
            result => result,
        })
    }

    /// On Windows both are watched from the beginning.
    #[cfg(not(unix))]
    fn watch_both(&self, _: &Registry) -> io::Result<()> {
        Ok(())
    }

    /// Marks a side as ready, and wakes what waits for it.
    pub(super) fn set_ready(&self, side: Side) {
        let mut woken = Vec::new();
        self.with_side(side, |readiness| readiness.set_ready(|waiter| woken.push(waiter)));
        woken.into_iter().for_each(wake_quietly);
    }

    /// Uses one side, unless the loop is gone, or is not of this thread.
    pub(super) fn with_side(&self, side: Side, within: impl FnOnce(&mut Readiness)) {
        if let Some(mut state) = current::find(self.loop_number) {
            state.reactor.side(self.slot, side).map(within);
        }
    }

    #[inline]
    pub(super) fn io(&self) -> &S {
        self.io.as_ref().expect("only `into_inner` takes it")
    }

    /// Gives the socket back, no longer registered.
    pub(super) fn into_inner(mut self) -> io::Result<S> {
        let mut io = self.io.take().expect("only `into_inner` takes it");
        deregister(self.loop_number, &mut io)?;
        Ok(io)
    }

    /// Returns an error if the loop is gone. Panics on another loop than its own.
    pub(super) fn expect_loop(&self) -> io::Result<()> {
        current::on_own_loop(self.loop_number, "a socket", |_| ()).ok_or_else(|| gone(self.loop_number))
    }
}

impl<S: Io> Drop for Source<S> {
    fn drop(&mut self) {
        if let Some(io) = &mut self.io {
            // The logger may panic, and this drop may be part of an unwinding.
            let _ = catch_unwind(AssertUnwindSafe(|| deregister(self.loop_number, io))).map_err(drop_quietly);
        }
        current::deliver(self.loop_number, Message::ReleaseSource(self.slot));
    }
}

/// Returns the registry of the running loop. Panics if no loop runs on this thread.
#[cfg(unix)]
#[track_caller]
pub(super) fn expect_registry() -> io::Result<Arc<Registry>> {
    registry_of(current::expect_running("a socket", |state| state.number))
}

/// Returns the registry of a loop of this thread. Opens the loop's poller if it has none.
fn registry_of(loop_number: LoopNumber) -> io::Result<Arc<Registry>> {
    if let Some(registry) = inbox::registry(loop_number) {
        return Ok(registry);
    }
    open_poller(loop_number)?;
    inbox::registry(loop_number).ok_or_else(|| gone(loop_number))
}

/// Uses a source as mio registers it: on Unix by its descriptor.
#[cfg(unix)]
fn watched<R>(io: &mut impl Io, within: impl FnOnce(&mut SourceFd<'_>) -> R) -> R {
    within(&mut SourceFd(&io.as_fd().as_raw_fd()))
}

#[cfg(windows)]
fn watched<S: Io, R>(io: &mut S, within: impl FnOnce(&mut S) -> R) -> R {
    within(io)
}

/// Deregisters a socket, on any thread. If the loop is gone, there is nothing to do.
fn deregister(loop_number: LoopNumber, io: &mut impl Io) -> io::Result<()> {
    match inbox::registry(loop_number).map(|registry| watched(io, |io| registry.deregister(io))) {
        // Where mio uses `poll`, it has deregistered a socket whose peer has hung up.
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Repeats a call while a signal interrupts it. (Where a supervisor makes the system calls of the process, as
/// in some containers, a signal may interrupt even a call that does not wait.)
pub(super) fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(signal) if signal.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Returns the error of a socket whose loop is gone.
#[cold]
fn gone(loop_number: LoopNumber) -> io::Error {
    io::Error::other(format!("the socket's event loop, {loop_number}, is gone"))
}

/// The method of every socket that may have a peer, named as for [`socket!`].
macro_rules! peer {
    ($std:ident: $($socket:ident),+) => {$(
        impl $socket {
            /// Returns the peer's address: for a datagram socket, the one that it is connected to. (Of a Unix
            /// socket, an unnamed address if the peer is not bound.)
            ///
            /// ```
            /// # boucle::run(async {
            /// // as every socket here but a listener:
            /// use boucle::net::{TcpListener, TcpStream};
            ///
            /// let listener = TcpListener::bind("127.0.0.1:0").await?;
            /// let stream = TcpStream::connect(listener.local_addr()?).await?;
            /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// Those of `getpeername`: `NotConnected` if there is no peer.
            pub fn peer_addr(&self) -> std::io::Result<$std::SocketAddr> {
                self.source.io().peer_addr()
            }
        }
    )+};
}

/// The methods of every socket. A socket has the name that it has in mio and in a module of std's, and a field
/// `source`. The arguments after its name are those of [`Source::new`].
macro_rules! socket {
    ($std:ident: $($socket:ident($interest:expr, $writable:expr)),+) => {$(
        impl $socket {
            /// Takes a socket of std's, connected or bound, and makes it non-blocking. The crate `socket2`
            /// makes one with any options.
            ///
            /// ```
            /// # boucle::run(async {
            /// // as every socket here:
            /// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
            /// let address = socket.local_addr()?;
            /// let socket = boucle::net::UdpSocket::from_std(socket)?;
            /// assert_eq!(socket.local_addr()?, address);
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// If the kernel refuses to make it non-blocking or to watch it.
            ///
            /// # Panics
            ///
            /// If no loop runs on this thread.
            #[track_caller]
            pub fn from_std(socket: $std::$socket) -> std::io::Result<Self> {
                socket.set_nonblocking(true)?;
                Self::new(mio::net::$socket::from_std(socket))
            }

            #[track_caller]
            fn new(io: mio::net::$socket) -> std::io::Result<Self> {
                Ok($socket { source: Source::new(io, $interest, $writable)? })
            }

            /// Returns the address of this side.
            ///
            /// ```
            /// # boucle::run(async {
            /// // as every socket here:
            /// let socket = boucle::net::UdpSocket::bind("127.0.0.1:0").await?;
            /// assert_ne!(socket.local_addr()?.port(), 0); // the port that the system has chosen
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// Those of `getsockname`.
            pub fn local_addr(&self) -> std::io::Result<$std::SocketAddr> {
                self.source.io().local_addr()
            }

            /// Gives the socket back as std's, on any thread. It is still non-blocking.
            ///
            /// ```
            /// # boucle::run(async {
            /// // as every socket here:
            /// let socket = boucle::net::UdpSocket::bind("127.0.0.1:0").await?.into_std()?;
            /// let nothing = socket.recv(&mut [0; 64]).unwrap_err();
            /// assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// If the kernel refuses to deregister it; it is closed then.
            pub fn into_std(self) -> std::io::Result<$std::$socket> {
                Ok(self.source.into_inner()?.into())
            }
        }

        impl std::fmt::Debug for $socket {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.source.io().fmt(f)
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsFd for $socket {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.source.io().as_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsRawFd for $socket {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.source.io().as_raw_fd()
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::AsSocket for $socket {
            fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
                self.source.io().as_socket()
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::AsRawSocket for $socket {
            fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
                self.source.io().as_raw_socket()
            }
        }
    )+};
}

pub(super) use {peer, socket};
