//! A source: a socket that belongs to a loop.
//!
//! It owns its descriptor and the number of its slot in the reactor. An operation is tried if its
//! side is ready; if it would block, the task waits for the next edge. [`Readiness`] says when.
//!
//! **One look-up.** An operation asks its source whether the side is ready, marks it when it no longer
//! is, and lets the task wait. All of this happens in one use of the loop's state, with the system
//! call in the middle: it runs no user code. A use for each step would find the loop by its number
//! and index its table three times.
//!
//! **Dropping.** A socket is deregistered first, then closed, and its slot is freed last. Closing is not
//! enough: the kernel keeps a registration while a duplicate of the descriptor is open. mio's
//! [`Registry`](mio::Registry) works on any thread, so a socket that is dropped on another thread is
//! deregistered and closed there at once; only its slot is freed through the inbox. mio reports each
//! registration and its end to a logger, which is user code, so no state is in use then and nothing is
//! locked.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, ready};

use mio::{Interest, Token};

use crate::current;
use crate::net::reactor::Side;
use crate::net::readiness::Readiness;
use crate::observe::event::EventKind;
use crate::task::budget;
use crate::task::cell::drop_quietly;
use crate::task::id::LoopNumber;
use crate::wake::inbox::{self, Message};
use crate::wake::waiter::Waiter;
use crate::wake::waker::{task_of, waiter, wake_quietly};

/// A mio socket and its place in the reactor.
pub(crate) struct Source<S: mio::event::Source> {
    /// Registered. `None` once it was given back.
    io: Option<S>,
    /// Below `io`, so that the slot is freed after the descriptor is closed.
    place: Place,
}

/// The slot, freed when this drops.
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

    /// Registers a socket with a loop of this thread that may not be running.
    pub(crate) fn on(
        of: LoopNumber,
        mut io: S,
        interest: Interest,
        writable: bool,
    ) -> io::Result<Self> {
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
        let io = Some(io);
        Ok(Source { io, place })
    }

    /// The loop it is registered with.
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

    /// Tries an operation on one side until it succeeds, fails, or would block. O(1) and no
    /// allocation, unless several wait for one side.
    ///
    /// The loop's state is in use meanwhile: the operation makes its system call and nothing else.
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        operation: impl FnOnce(&S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_side(cx, side, |side| side.attempt(|| self.operate(operation)))
    }

    /// As [`poll_io`](Self::poll_io), for a transfer of up to `len` bytes of a stream. One of no bytes is
    /// ready at once.
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        len: usize,
        transfer: impl FnOnce(&S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if len == 0 {
            return poll_at_once(cx).map(|()| Ok(0));
        }
        self.poll_side(cx, side, |side| {
            side.attempt_transfer(len, || self.operate(transfer))
        })
    }

    /// Runs an operation while the loop's state is in use, where nothing may panic, as `io` does.
    #[inline]
    fn operate<R>(&self, operation: impl FnOnce(&S) -> io::Result<R>) -> io::Result<R> {
        match &self.io {
            Some(io) => operation(io),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn poll_side<R>(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        attempt: impl FnOnce(&mut Readiness) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        ready!(budget::poll_left(cx));
        let mut is_waiting = true;
        let attempted = current::polled(self.place.of, "a socket", |state| {
            let is_observed = state.log.is_on();
            let side = state.reactor.side(self.place.slot, side)?;
            let attempted = attempt(side);
            if attempted.is_pending() {
                let task = task_of(cx.waker()).filter(|_| !is_observed);
                is_waiting = task.is_some_and(|task| side.wait_first(task));
            }
            Some(attempted)
        });
        if !is_waiting {
            self.place.wait(side, waiter(cx.waker()));
        }
        let attempted = attempted
            .flatten()
            .unwrap_or_else(|| Poll::Ready(Err(gone(self.place.of))));
        if attempted.is_ready() {
            budget::spend();
        }
        attempted
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
    /// Takes a socket from the kernel's watch, on any thread. A loop that is gone watches nothing.
    fn deregister(&self, io: &mut impl mio::event::Source) -> io::Result<()> {
        let Some(registry) = inbox::registry(self.of) else {
            return Ok(());
        };
        match registry.deregister(io) {
            // Where mio polls with `poll`, it has let go of a socket whose peer has hung up.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Lets a waiter wait for a side, when a look was not enough: its loop is observed, its waker is
    /// another runtime's, or it is not the only one that waits. If the loop has gone meanwhile, which the
    /// clone of a foreign waker may have done, the waiter is woken to learn that.
    #[cold]
    fn wait(&self, side: Side, waiter: Waiter) {
        let mut waiter = Some(waiter);
        let woken = match current::find(self.of) {
            Some(mut state) => {
                state.record_wait(side.waited_for(self.slot));
                state.reactor.wait(self.slot, side, &mut waiter)
            }
            None => waiter.take().into_iter().collect(),
        };
        woken.into_iter().for_each(wake_quietly);
        drop_quietly(waiter);
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

/// Spends a unit of the budget on an operation that never waits; pending if none is left.
pub(crate) fn poll_at_once(cx: &mut Context<'_>) -> Poll<()> {
    ready!(budget::poll_left(cx));
    budget::spend();
    Poll::Ready(())
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
