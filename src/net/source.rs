//! A source: a socket that belongs to a loop.
//!
//! It owns its descriptor and the number of its slot in the reactor. An operation is tried if its side is
//! ready; if it would block, the task waits for the next edge. [`Readiness`] explains when.
//!
//! **One look-up.** An operation needs to know whether its side is ready, marks it when it no longer is, and
//! lets the task wait. All of this happens in one use of the loop's state, with the system call in the
//! middle: it runs no user code.
//!
//! **Dropping.** A socket is deregistered first, then closed, and its slot is freed last. Closing is not
//! enough: the kernel keeps a registration while a duplicate of the descriptor is open. mio's
//! [`Registry`](mio::Registry) works on any thread, so a socket that is dropped on another thread is
//! deregistered and closed there at once; only its slot is freed through the inbox. mio reports each
//! registration and its end to a logger, which is user code, so no state is in use then and nothing is
//! locked.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker, ready};

use mio::{Interest, Token};

use crate::current;
use crate::net::readiness::{Readiness, Side};
use crate::observe::event::EventKind;
use crate::task::budget;
use crate::task::cell::drop_quietly;
use crate::task::id::LoopNumber;
use crate::wake::inbox::{self, Message};
use crate::wake::waker::{task_of, waiter, wake_quietly};

/// A mio socket and its place in the reactor.
pub(crate) struct Source<S: mio::event::Source> {
    /// Registered; `None` when it was given back.
    io: Option<S>,
    /// Below `io`, so that the slot is freed after the descriptor is closed.
    place: Place,
}

/// A slot in the reactor of a loop, freed when this drops.
struct Place {
    of: LoopNumber,
    slot: usize,
}

impl<S: mio::event::Source> Source<S> {
    /// Registers a socket with the running loop.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub(crate) fn new(io: S, interest: Interest, writable: bool) -> io::Result<Self> {
        let of = current::expect_running("a socket", |state| state.number);
        Self::on(of, io, interest, writable)
    }

    /// Registers a socket with a loop of this thread, running or not. If the socket is `writable`, a write
    /// may be tried before the first event.
    pub(crate) fn on(of: LoopNumber, mut io: S, interest: Interest, writable: bool) -> io::Result<Self> {
        let inserted = current::with(of, "a socket", |state| {
            let slot = state.reactor.insert(writable);
            if let Some(source) = slot {
                state.record(|_| EventKind::SourceAdded { source });
            }
            slot
        });
        let slot = inserted.flatten().ok_or_else(|| gone(of))?;
        let place = Place { of, slot };
        let registry = inbox::registry(of).ok_or_else(|| gone(of))?;
        registry.register(&mut io, Token(slot), interest)?;
        Ok(Source { io: Some(io), place })
    }

    /// Returns the loop it is registered with.
    pub(crate) fn of(&self) -> LoopNumber {
        self.place.of
    }

    #[inline]
    pub(crate) fn io(&self) -> &S {
        self.io.as_ref().expect("only `into_inner` takes it")
    }

    /// Gives the socket back, no longer registered.
    pub(crate) fn into_inner(mut self) -> io::Result<S> {
        let mut io = self.io.take().expect("only `into_inner` takes it");
        self.place.deregister(&mut io)?;
        Ok(io)
    }

    /// Makes an attempt on one side; if that is pending, lets the task wait for the next edge. O(1), and no
    /// allocation unless several tasks wait for one side.
    ///
    /// The loop's state is in use meanwhile: the attempt makes its system call and nothing else.
    pub(super) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        attempt: impl FnOnce(&mut Readiness, &S) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        ready!(budget::poll_left(cx));
        let io = self.io();
        let Place { of, slot } = self.place;
        let polled = current::polled(of, "a socket", |state| {
            let readiness = state.reactor.side(slot, side)?;
            let polled = attempt(readiness, io);
            if polled.is_ready() {
                budget::spend();
            } else {
                task_of(cx.waker()).filter(|task| readiness.wait_first(*task))?;
                state.record_wait(side.waited_for(slot));
            }
            Some(polled)
        });
        match polled.flatten() {
            Some(polled) => polled,
            None => self.place.wait(side, cx.waker()).map(Err),
        }
    }
}

impl<S: mio::event::Source> Drop for Source<S> {
    fn drop(&mut self) {
        let Some(io) = &mut self.io else { return };
        // The logger may panic, and this drop be part of an unwinding.
        let deregistered = catch_unwind(AssertUnwindSafe(|| self.place.deregister(io)));
        if let Err(payload) = deregistered {
            drop_quietly(payload);
        }
    }
}

impl Place {
    /// Deregisters a socket, on any thread. A loop that is gone watches nothing.
    fn deregister(&self, io: &mut impl mio::event::Source) -> io::Result<()> {
        let Some(registry) = inbox::registry(self.of) else {
            return Ok(());
        };
        match registry.deregister(io) {
            // Where mio uses `poll`, it has deregistered a socket whose peer has hung up.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Lets a waiter wait in the uncommon cases: the waker is another runtime's, other tasks wait for the
    /// side, or an operation was interrupted. Ready with an error if the loop is gone.
    #[cold]
    fn wait(&self, side: Side, waker: &Waker) -> Poll<io::Error> {
        // First the clone of a foreign waker, which may do anything, even drop the loop.
        let mut waiter = Some(waiter(waker));
        let woken = current::find(self.of).and_then(|mut state| {
            state.record_wait(side.waited_for(self.slot));
            let rests = state.reactor.rests;
            let side = state.reactor.side(self.slot, side)?;
            Some(side.wait(&mut waiter, rests))
        });
        drop_quietly(waiter);
        let Some(woken) = woken else {
            budget::spend();
            return Poll::Ready(gone(self.of));
        };
        woken.into_iter().for_each(wake_quietly);
        Poll::Pending
    }
}

/// The error of a socket whose loop is gone.
#[cold]
fn gone(of: LoopNumber) -> io::Error {
    io::Error::other(format!("the socket's event loop, {of}, is gone"))
}

impl Drop for Place {
    fn drop(&mut self) {
        current::deliver(self.of, Message::ReleaseSource(self.slot));
    }
}

/// Makes sockets, each with a field `source`, print as mio's do, and lend out their descriptors.
macro_rules! socket {
    ($($socket:ty),+) => {$(
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
    )+};
}

pub(super) use socket;
