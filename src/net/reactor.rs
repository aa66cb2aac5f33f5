//! The reactor: from the kernel's events to the tasks that wait for them.
//!
//! A socket is registered once, edge-triggered, until it is dropped. So a wait makes no system call (but for the
//! first write that has to wait, at all but TCP: `READS` in `source.rs`), and the reactor must remember the
//! [`Readiness`] of each side.
//!
//! An event's token is the slot of its source. A slot is freed after its socket is deregistered, and all
//! events of a park are taken before anything else runs, so no event reaches the next tenant of a slot. A
//! socket finds its slot vacant only if the loop is closed.

use mio::event::Event;
use mio::{Interest, Token};
use slab::Slab;

use crate::net::readiness::Readiness;
use crate::shrink::Shrink;
use crate::wake::waiter::Waiter;

/// One side of a source, as an index.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Read,
    Write,
}

/// The sources of one loop.
#[derive(Default)]
pub(crate) struct Reactor {
    /// The two sides of each source.
    sources: Slab<[Readiness; 2]>,
    shrink: Shrink,
    /// How often the loop had nothing to do. It may wrap: it is compared with what it was.
    pub(super) rests: u32,
}

impl Reactor {
    /// Returns whether a token is a source's.
    pub(crate) fn has(&self, token: Token) -> bool {
        self.sources.contains(token.0)
    }

    /// Returns whether there is no source.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Marks the sides of an event as ready, and wakes what waits for them. The bell's event has no source.
    #[inline(always)]
    pub(crate) fn set_ready(&mut self, event: &Event, mut wake: impl FnMut(Waiter)) {
        let Some([read, write]) = self.sources.get_mut(event.token().0) else {
            return;
        };
        if event.is_priority() || event.is_read_closed() {
            read.drain_first = true;
        }
        // An error is for the next operation, on either side.
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            read.set_ready(&mut wake);
        }
        if event.is_writable() || event.is_write_closed() || event.is_error() {
            write.set_ready(wake);
        }
    }

    /// Takes a source in, and returns its slot, which is its token.
    pub(crate) fn insert(&mut self, interest: Interest, writable: bool) -> usize {
        let mut sides = [false, writable].map(Readiness::new);
        sides[Side::Write as usize].unwatched = !interest.is_writable();
        self.sources.insert(sides)
    }

    /// Frees the slot of a source that is deregistered. Its sides, and what waits for them, go to the caller.
    pub(crate) fn remove(&mut self, slot: usize) -> Option<[Readiness; 2]> {
        self.sources.try_remove(slot)
    }

    /// Returns one side of a source; `None` if the loop is closed.
    #[inline]
    pub(crate) fn side(&mut self, slot: usize, side: Side) -> Option<&mut Readiness> {
        self.sources.get_mut(slot).map(|sides| &mut sides[side as usize])
    }

    /// Gives back the memory of sources that are gone.
    pub(crate) fn rest(&mut self) {
        self.rests = self.rests.wrapping_add(1);
        self.shrink.rest(&mut self.sources);
    }

    /// Returns whether a task waits for a source. O(n): only a virtual clock asks, when its loop is idle.
    pub(crate) fn is_awaited(&self) -> bool {
        self.sources.iter().any(|(_, sides)| sides.iter().any(Readiness::is_awaited))
    }

    /// Empties the table for good, and returns every waiter. A socket that is polled later finds no loop.
    pub(crate) fn close(&mut self) -> Vec<Waiter> {
        let mut waiters = Vec::new();
        for side in self.sources.iter_mut().flat_map(|(_, sides)| sides) {
            side.set_ready(|waiter| waiters.push(waiter));
        }
        self.sources = Slab::new();
        waiters
    }
}
