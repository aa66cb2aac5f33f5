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

use std::mem::{self, ManuallyDrop};
use std::task::Waker;

use mio::{Events, Token};
use slab::Slab;

use crate::net::readiness::Readiness;
use crate::observe::{Origin, WaitsFor};
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
    /// Counts the parks at which nothing was ready.
    lulls: u64,
    shrink: Shrink,
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
            lulls: 0,
            shrink: Shrink::default(),
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

    /// Notes what the last park brought. `wake` is called with each task that waited for it, and its
    /// source; everyone else is put among the woken before.
    pub(crate) fn take_events(
        &mut self,
        events: &mut Events,
        woken: &mut Vec<(Waker, Origin)>,
        mut wake: impl FnMut(usize, TaskNumber, &mut Vec<(Waker, Origin)>),
    ) {
        let lulls = self.lulls;
        for event in &*events {
            let slot = event.token().0;
            let Some(source) = self.sources.get_mut(slot) else {
                continue; // the bell
            };
            if event.is_priority() || event.is_read_closed() {
                source.read.doubt();
            }
            let by = Origin::Source(slot);
            // An error is for the next operation, on either side.
            let readable = event.is_readable() || event.is_read_closed() || event.is_error();
            let writable = event.is_writable() || event.is_write_closed() || event.is_error();
            for (has_come, side) in [(readable, &mut source.read), (writable, &mut source.write)] {
                if has_come && let Some(task) = side.rouse(by, lulls, woken) {
                    wake(slot, task, woken);
                }
            }
        }
        events.clear();
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

    /// Frees a source's slot, when it is deregistered. What comes back may hold foreign wakers.
    pub(crate) fn remove(&mut self, slot: usize) -> Option<[Readiness; 2]> {
        let source = self.sources.try_remove(slot);
        debug_assert!(source.is_some() || self.closed, "slot {slot} is vacant");
        source.map(|source| [source.read, source.write])
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

    /// The loop rests: whichever of its tasks was woken has been polled. Gives back the memory of
    /// sources that are gone.
    pub(crate) fn rest(&mut self) {
        self.lulls = self.lulls.wrapping_add(1);
        self.shrink.rest(&mut self.sources);
    }

    /// Adds a waker to the crowd of a side, as [`Readiness::join_crowd`]. If the loop is closed the
    /// waker is woken, to learn that.
    pub(crate) fn join_crowd(
        &mut self,
        slot: usize,
        side: Side,
        waker: &mut Option<Waker>,
    ) -> Vec<Waker> {
        let lulls = self.lulls;
        match self.side(slot, side) {
            Some(side) => side.join_crowd(waker, lulls),
            None => waker.take().into_iter().collect(),
        }
    }

    /// Whether a task waits for a source. O(n), and only a virtual clock asks, when it is idle.
    pub(crate) fn is_awaited(&self) -> bool {
        let mut sources = self.sources.iter();
        sources.any(|(_, source)| source.read.is_awaited() || source.write.is_awaited())
    }

    /// Empties the table for good, and returns every waker there was, to be woken once. A socket that is
    /// polled from now on finds that the loop is gone.
    pub(crate) fn close(&mut self) -> Vec<Waker> {
        self.closed = true;
        let mut all = Vec::new();
        for (_, mut source) in mem::take(&mut self.sources) {
            for side in [&mut source.read, &mut source.write] {
                let task = side.take_waiting(Origin::Outside, self.lulls, &mut all);
                let task = task.map(|task| ManuallyDrop::into_inner(waker(task)));
                all.extend(task.map(|waker| (waker, Origin::Outside)));
            }
        }
        all.into_iter().map(|(waker, _)| waker).collect()
    }
}
