//! The reactor: from the kernel's events to the tasks that wait for them.
//!
//! A socket is registered once, edge-triggered, and stays registered until it is dropped. So a wait makes no
//! system call, and the reactor remembers the [`Readiness`] of each side. (The first write that waits makes one,
//! if it is of no TCP stream: see `READS` in `source.rs`. Where mio uses `poll` or event ports, each
//! wait after an operation that would block makes one.)
//!
//! An event's token is the slot of its source. A slot is freed after its socket is deregistered, and all
//! events of a park are handled before other code runs, so no event reaches a later source of a slot.

use mio::event::Event;
use mio::{Interest, Token};
use slab::Slab;

use crate::net::readiness::Readiness;
use crate::shrink::Shrinker;
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
    shrinker: Shrinker,
    /// How often the loop was idle. It may wrap, since it is only compared for equality.
    pub(super) idle_count: u32,
}

impl Reactor {
    /// Returns true if a token is that of a source. (The bell has one too.)
    pub(crate) fn has(&self, token: Token) -> bool {
        self.sources.contains(token.0)
    }

    /// Returns true if there is no source.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Marks the sides that an event reports as ready, and wakes what waits for them.
    #[inline(always)]
    pub(crate) fn set_ready(&mut self, event: &Event, mut wake: impl FnMut(Waiter)) {
        let Some([read, write]) = self.sources.get_mut(event.token().0) else {
            return;
        };
        if event.is_priority() || event.is_read_closed() || event.is_error() {
            read.drain_first = true;
        }
        // The next operation of either side returns the error; a read, after the bytes that came before it.
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            read.set_ready(&mut wake);
        }
        if event.is_writable() || event.is_write_closed() || event.is_error() {
            write.set_ready(wake);
        }
    }

    /// Adds a source. Returns its slot.
    pub(crate) fn insert(&mut self, interest: Interest, writable: bool) -> usize {
        let mut sides = [false, writable].map(Readiness::new);
        sides[Side::Write as usize].unwatched = !interest.is_writable();
        self.sources.insert(sides)
    }

    /// Frees the slot of a source that is deregistered. Returns its sides: the caller drops their waiters.
    pub(crate) fn remove(&mut self, slot: usize) -> Option<[Readiness; 2]> {
        self.sources.try_remove(slot)
    }

    /// Returns one side of a source; `None` if the loop is closed.
    #[inline]
    pub(crate) fn side(&mut self, slot: usize, side: Side) -> Option<&mut Readiness> {
        self.sources.get_mut(slot).map(|sides| &mut sides[side as usize])
    }

    /// Counts that the loop is idle, and gives back the memory of sources that are gone.
    pub(crate) fn shrink(&mut self) {
        self.idle_count = self.idle_count.wrapping_add(1);
        self.shrinker.shrink(&mut self.sources);
    }

    /// Returns true if a task waits for a source. O(n): only a virtual clock asks, when its loop is idle.
    pub(crate) fn is_awaited(&self) -> bool {
        self.sources.iter().any(|(_, sides)| sides.iter().any(Readiness::is_awaited))
    }

    /// Empties the table for good. Returns every waiter.
    pub(crate) fn close(&mut self) -> Vec<Waiter> {
        let mut waiters = Vec::new();
        for side in self.sources.iter_mut().flat_map(|(_, sides)| sides) {
            side.set_ready(|waiter| waiters.push(waiter));
        }
        self.sources = Slab::new();
        waiters
    }
}
