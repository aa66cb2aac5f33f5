//! The reactor: from the kernel's events to the tasks that wait for them.
//!
//! A *source* is a registered socket. It is registered once, for both sides and edge-triggered, and
//! stays so until it is dropped: waiting for it makes no system call. In return the
//! reactor remembers each side's *readiness*: an edge sets it, and the operation that finds nothing
//! more to do clears it ([`Readiness`] says when).
//!
//! mio gives back a token with each event: the source's slot, and nothing else. A slot is freed after
//! its socket is deregistered, and all events of a park are taken before anything else runs, so no
//! event reaches the next tenant of a slot. (If one did, that tenant would try an operation in vain.)
//!
//! This is a table; [`poller`](super::poller) asks the kernel. Nothing in it panics: a socket that
//! finds its slot vacant gets the answer that its loop is gone, which is the truth once the loop is
//! closed.

use std::mem;

use mio::Token;
use mio::event::Event;
use slab::Slab;

use crate::net::readiness::{Readiness, Sides};
use crate::observe::event::WaitsFor;
use crate::shrink::Shrink;
use crate::wake::waiter::Waiter;

/// One side of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
}

impl Side {
    /// The reason a task gives for waiting on this side.
    pub(crate) fn waited_for(self, source: usize) -> WaitsFor {
        match self {
            Side::Read => WaitsFor::Readable(source),
            Side::Write => WaitsFor::Writable(source),
        }
    }
}

/// The sources of one loop.
pub(crate) struct Reactor {
    sources: Slab<Registered>,
    shrink: Shrink,
    /// How often the loop had nothing to do.
    rests: u64,
    /// The loop is closed: its sockets are gone from the table, and no other comes in.
    closed: bool,
}

struct Registered {
    read: Readiness,
    write: Readiness,
}

impl Reactor {
    /// A reactor without sources.
    pub(crate) fn new() -> Self {
        Reactor {
            sources: Slab::new(),
            shrink: Shrink::default(),
            rests: 0,
            closed: false,
        }
    }

    /// Whether a token is a source's.
    pub(crate) fn has(&self, token: Token) -> bool {
        self.sources.contains(token.0)
    }

    /// Whether there is no source.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Marks the sides of a source as ready that an event is about. Returns the first waiter of each, and
    /// moves the others to `others`. An event of the bell is about no source.
    #[inline(always)]
    pub(crate) fn set_ready(
        &mut self,
        event: &Event,
        others: &mut Vec<Waiter>,
    ) -> [Option<Waiter>; 2] {
        let mut first = [None, None];
        let Some(source) = self.sources.get_mut(event.token().0) else {
            return first;
        };
        if event.is_priority() || event.is_read_closed() {
            source.read.drain_first();
        }
        // An error is for the next operation, on either side.
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            first[0] = source.read.set_ready(others);
        }
        if event.is_writable() || event.is_write_closed() || event.is_error() {
            first[1] = source.write.set_ready(others);
        }
        first
    }

    /// Takes a source in, and returns its slot, which is its token; `None` if the loop is closed.
    /// `writable` says whether a write may be tried before the first event.
    pub(crate) fn insert(&mut self, writable: bool) -> Option<usize> {
        let source = Registered {
            read: Readiness::new(false),
            write: Readiness::new(writable),
        };
        (!self.closed).then(|| self.sources.insert(source))
    }

    /// Frees a source's slot, when it is deregistered.
    pub(crate) fn remove(&mut self, slot: usize) -> Option<Sides> {
        let source = self.sources.try_remove(slot);
        debug_assert!(source.is_some() || self.closed, "slot {slot} is vacant");
        source.map(|source| Sides([source.read, source.write]))
    }

    /// One side of a source; `None` if the loop is closed.
    #[inline]
    pub(crate) fn side(&mut self, slot: usize, side: Side) -> Option<&mut Readiness> {
        let source = self.sources.get_mut(slot);
        debug_assert!(source.is_some() || self.closed, "slot {slot} is vacant");
        source.map(|source| match side {
            Side::Read => &mut source.read,
            Side::Write => &mut source.write,
        })
    }

    /// Lets a waiter wait for a side, as [`Readiness::wait`]. If the loop is closed the waiter is woken, to
    /// learn that.
    pub(crate) fn wait(
        &mut self,
        slot: usize,
        side: Side,
        waiter: &mut Option<Waiter>,
    ) -> Vec<Waiter> {
        let rests = self.rests;
        match self.side(slot, side) {
            Some(side) => side.wait(waiter, rests),
            None => waiter.take().into_iter().collect(),
        }
    }

    /// Gives back the memory of sources that are gone.
    pub(crate) fn rest(&mut self) {
        self.rests += 1;
        self.shrink.rest(&mut self.sources);
    }

    /// Whether a task waits for a source. O(n), and only a virtual clock asks, when it is idle.
    pub(crate) fn is_awaited(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|(_, source)| source.read.is_awaited() || source.write.is_awaited())
    }

    /// Empties the table for good, and returns every waiter there was, to be woken once. A socket that is
    /// polled from now on finds that the loop is gone.
    pub(crate) fn close(&mut self) -> Vec<Waiter> {
        self.closed = true;
        let mut waiters = Vec::new();
        for (_, mut source) in mem::take(&mut self.sources) {
            for side in [&mut source.read, &mut source.write] {
                let first = side.take_waiters(&mut waiters);
                waiters.extend(first);
            }
        }
        waiters
    }
}
