//! The reactor: from the kernel's events to who waits for them.
//!
//! A *source* is a registered socket. It is registered once, for both sides and edge-triggered, and
//! stays so until it is closed: the kernel is told nothing more, whoever waits. In return the
//! reactor remembers each side's *readiness*: an edge sets it, and the operation that finds nothing
//! more to do clears it ([`Readiness`] says when).
//!
//! mio gives back a token with each event. It holds the source's slot and a generation, since an
//! event that was fetched in one system call can outlive its source by a few steps, and the slot
//! may have a new owner by then.
//!
//! This is a table; [`poller`](super::poller) asks the kernel.

use std::mem::ManuallyDrop;
use std::task::Waker;

use mio::{Events, Token};
use slab::Slab;

use crate::net::readiness::Readiness;
use crate::observe::WaitsFor;
use crate::shrink::Shrink;
use crate::task::id::TaskNumber;
use crate::wake::waker::waker;

/// One side of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
}

impl Side {
    /// What who waits for this side of a source waits for.
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
    /// Counts the registrations; its low bits go into the tokens.
    registrations: usize,
    /// Counts the parks at which nothing was ready.
    lulls: u64,
    shrink: Shrink,
}

struct Registered {
    token: Token,
    read: Readiness,
    write: Readiness,
}

/// A token is the generation above and the slot below, half of a word each.
const SLOT_BITS: u32 = usize::BITS / 2;

impl Reactor {
    /// A reactor without sources.
    pub(crate) fn new() -> Self {
        Reactor {
            sources: Slab::new(),
            registrations: 0,
            lulls: 0,
            shrink: Shrink::default(),
        }
    }

    /// Whether a token is a source's.
    pub(crate) fn has(&self, token: Token) -> bool {
        let slot = token.0 & ((1 << SLOT_BITS) - 1);
        self.sources
            .get(slot)
            .is_some_and(|source| source.token == token)
    }

    /// Whether there is no source.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Notes what the last park brought. `wake` is called for each side that is ready, and wakes the task
    /// that waited for it, if one did; everyone else is put among the woken before.
    pub(crate) fn take_events(
        &mut self,
        events: &mut Events,
        woken: &mut Vec<Waker>,
        mut wake: impl FnMut(usize, Option<TaskNumber>, &mut Vec<Waker>),
    ) {
        let lulls = self.lulls;
        for event in &*events {
            let slot = event.token().0 & ((1 << SLOT_BITS) - 1);
            let Some(source) = self.sources.get_mut(slot) else {
                continue;
            };
            if source.token != event.token() {
                continue;
            }
            if event.is_priority() || event.is_read_closed() {
                source.read.doubt();
            }
            // An error is for whoever tries next, on either side.
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                let task = source.read.rouse(lulls, woken);
                wake(slot, task, woken);
            }
            if event.is_writable() || event.is_write_closed() || event.is_error() {
                let task = source.write.rouse(lulls, woken);
                wake(slot, task, woken);
            }
        }
        events.clear();
    }

    /// Takes a source in, and returns its slot and its token. `writable` says whether a write may be
    /// tried before the first event.
    pub(crate) fn insert(&mut self, writable: bool) -> (usize, Token) {
        let slot = self.sources.vacant_key();
        self.registrations = self.registrations.wrapping_add(1);
        let token = Token(self.registrations << SLOT_BITS | slot);
        self.sources.insert(Registered {
            token,
            read: Readiness::new(false),
            write: Readiness::new(writable),
        });
        (slot, token)
    }

    /// Frees a source's slot. Closing the descriptor is what takes it from the kernel.
    pub(crate) fn remove(&mut self, slot: usize) -> [Readiness; 2] {
        let source = self.sources.remove(slot);
        [source.read, source.write]
    }

    /// One side of a source.
    #[inline]
    pub(crate) fn side(&mut self, slot: usize, side: Side) -> &mut Readiness {
        let source = &mut self.sources[slot];
        match side {
            Side::Read => &mut source.read,
            Side::Write => &mut source.write,
        }
    }

    /// The loop rests: whichever of its tasks was woken has been polled. Gives back the memory of
    /// sources that are gone.
    pub(crate) fn rest(&mut self) {
        self.lulls += 1;
        self.shrink.rest(&mut self.sources);
    }

    /// Adds a waker to the crowd of a side, as [`Readiness::join_crowd`].
    pub(crate) fn join_crowd(
        &mut self,
        slot: usize,
        side: Side,
        waker: Waker,
    ) -> Result<Vec<Waker>, Waker> {
        let lulls = self.lulls;
        self.side(slot, side).join_crowd(waker, lulls)
    }

    /// Whether a task waits for a source. O(n), and only a virtual clock asks, when it is idle.
    pub(crate) fn is_awaited(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|(_, source)| source.read.is_awaited() || source.write.is_awaited())
    }

    /// Every waker there is, for teardown.
    pub(crate) fn take_waiting(&mut self) -> Vec<Waker> {
        let mut all = Vec::new();
        for (_, source) in &mut self.sources {
            for side in [&mut source.read, &mut source.write] {
                let task = side.take_waiting(self.lulls, &mut all);
                all.extend(task.map(|task| ManuallyDrop::into_inner(waker(task))));
            }
        }
        all
    }
}
