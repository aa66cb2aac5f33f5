//! A source: a socket that belongs to a loop.
//!
//! It owns its descriptor and the number of its slot in the reactor. An operation is tried if its
//! side is ready, and if it would block, the task waits for the next edge:
//!
//! ```text
//!                      edge                            tried: WouldBlock, or a short read or write
//!   waiting ──────────────────────────▶ ready ──────────────────────────────────────────▶ waiting
//! ```
//!
//! **Short reads.** A stream that fills only a part of the buffer is empty: the kernel would answer
//! the next read with `EAGAIN`, so the side is marked as waiting without asking, which saves one
//! system call in two. It is true for streams, edge-triggered, and of `0 < n < len` only. If the
//! peer has closed, the side stays ready: the end of the stream was in the same edge as the last
//! bytes.
//!
//! What drops on another thread closes its descriptor there and then, and frees the slot through
//! the inbox.

use std::io;
use std::task::{Context, Poll, ready};

use mio::Interest;

use crate::current::{self, Unreachable};
use crate::net::reactor::Side;
use crate::task::budget;
use crate::task::cell::drop_quietly;
use crate::task::id::LoopNumber;
use crate::wake::inbox::{self, Message};
use crate::wake::waker::wake_quietly;

/// A mio socket and its place in the reactor.
pub(crate) struct Source<S> {
    io: S,
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
    pub(crate) fn new(mut io: S, interest: Interest, writable: bool) -> io::Result<Self> {
        let place = current::expect_running("a socket", |it| {
            let slot = it.reactor.register(&mut io, interest, writable)?;
            io::Result::Ok(Place {
                of: it.number,
                slot,
            })
        })?;
        Ok(Source { io, place })
    }

    pub(crate) fn io(&self) -> &S {
        &self.io
    }

    /// Gives the socket back, no longer registered.
    ///
    /// Where its loop cannot be reached the kernel keeps the registration until the descriptor is
    /// closed; its events find no one.
    pub(crate) fn into_inner(self) -> io::Result<S> {
        let Source { mut io, place } = self;
        if let Ok(result) = current::with(place.of, |it| it.reactor.deregister(&mut io)) {
            result?;
        }
        Ok(io)
    }

    /// Tries an operation on one side until it succeeds, fails, or would block. O(1) and no
    /// allocation, but for tasks that wait for a side.
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        mut operation: impl FnMut(&S) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        ready!(budget::poll_left(cx));
        loop {
            ready!(self.poll_ready(cx, side))?;
            match operation(&self.io) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ = current::with(self.place.of, |it| {
                        it.reactor.set_blocked(self.place.slot, side);
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    budget::spend();
                    return Poll::Ready(result);
                }
            }
        }
    }

    /// As [`poll_io`](Self::poll_io), for a transfer of up to `len` bytes of a stream.
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        len: usize,
        transfer: impl FnMut(&S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.poll_io(cx, side, transfer))?;
        if 0 < count && count < len {
            let _ = current::with(self.place.of, |it| {
                it.reactor.set_drained(self.place.slot, side);
            });
        }
        Poll::Ready(Ok(count))
    }

    fn poll_ready(&self, cx: &mut Context<'_>, side: Side) -> Poll<io::Result<()>> {
        let Place { of, slot } = self.place;
        match current::with_polled(of, "a socket", |it| it.reactor.is_ready(slot, side)) {
            Some(true) => return Poll::Ready(Ok(())),
            Some(false) => {}
            None => {
                let gone = format!("the socket's event loop, {of}, is gone");
                return Poll::Ready(Err(io::Error::other(gone)));
            }
        }
        let waker = cx.waker().clone();
        match current::with(of, |it| it.reactor.wait(slot, side, waker)) {
            Ok(Ok(crowd)) => crowd.into_iter().for_each(wake_quietly),
            unused => drop(unused),
        }
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match current::with(self.of, |it| it.reactor.remove(self.slot)) {
            Ok(waiting) => drop_quietly(waiting),
            Err(Unreachable::Elsewhere) => {
                let _ = inbox::send(self.of, Message::ReleaseSource(self.slot));
            }
            Err(Unreachable::Gone) => {}
        }
    }
}
