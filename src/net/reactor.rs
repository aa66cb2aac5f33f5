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

use std::io;
use std::mem::ManuallyDrop;
use std::task::Waker;
use std::time::Duration;

use mio::{Interest, Token};
use slab::Slab;

use crate::net::park::park;
use crate::net::readiness::Readiness;
use crate::task::id::TaskNumber;
use crate::wake::waker::waker;

/// One side of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
}

/// The sources of one loop, and mio's poll.
pub(crate) struct Reactor {
    poll: mio::Poll,
    events: mio::Events,
    sources: Slab<Registered>,
    /// Counts the registrations; its low bits go into the tokens.
    registrations: usize,
    /// Counts the parks at which nothing was ready.
    lulls: u64,
}

struct Registered {
    token: Token,
    read: Readiness,
    write: Readiness,
}

/// The token of what rings the loop.
const BELL: Token = Token(usize::MAX);

/// A token is the generation above and the slot below, half of a word each.
const SLOT_BITS: u32 = usize::BITS / 2;

/// How many events one system call may bring; what does not fit comes with the next.
const EVENTS: usize = 1024;

impl Reactor {
    /// A reactor without sources, and what rings it.
    pub(crate) fn new() -> io::Result<(Self, mio::Waker)> {
        let poll = mio::Poll::new()?;
        let bell = mio::Waker::new(poll.registry(), BELL)?;
        let reactor = Reactor {
            poll,
            events: mio::Events::with_capacity(EVENTS),
            sources: Slab::new(),
            registrations: 0,
            lulls: 0,
        };
        Ok((reactor, bell))
    }

    /// Parks the thread until an event, a ring of the bell, or the timeout. A signal ends it early.
    ///
    /// Without a source there is nothing to ask but whether the bell was rung, and a loop that does
    /// not mean to sleep need not know: it reads its inbox next. That spares a loop without sockets
    /// a system call in every 61 polls.
    pub(crate) fn park(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) && self.sources.is_empty() {
            return Ok(());
        }
        match park(&mut self.poll, &mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// Notes what the last park brought. `wake` wakes the tasks that waited for it, if they are this
    /// loop's; everyone else is put among the woken.
    pub(crate) fn take_events(
        &mut self,
        woken: &mut Vec<Waker>,
        mut wake: impl FnMut(TaskNumber) -> bool,
    ) {
        let lulls = self.lulls;
        for event in &self.events {
            let slot = event.token().0 & ((1 << SLOT_BITS) - 1);
            let Some(source) = self.sources.get_mut(slot) else {
                continue;
            };
            if source.token != event.token() {
                continue;
            }
            let mut tasks = [None, None];
            // An error is for whoever tries next, on either side.
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                tasks[0] = source.read.rouse(event.is_read_closed(), lulls, woken);
            }
            if event.is_writable() || event.is_write_closed() || event.is_error() {
                tasks[1] = source.write.rouse(event.is_write_closed(), lulls, woken);
            }
            for task in tasks.into_iter().flatten() {
                if !wake(task) {
                    woken.push(ManuallyDrop::into_inner(waker(task)));
                }
            }
        }
        self.events.clear();
    }

    /// Registers a source for good, and returns its slot. `writable` says whether a write may be
    /// tried before the first event.
    pub(crate) fn register(
        &mut self,
        io: &mut impl mio::event::Source,
        interest: Interest,
        writable: bool,
    ) -> io::Result<usize> {
        let slot = self.sources.vacant_key();
        self.registrations = self.registrations.wrapping_add(1);
        let token = Token(self.registrations << SLOT_BITS | slot);
        self.poll.registry().register(io, token, interest)?;
        Ok(self.sources.insert(Registered {
            token,
            read: Readiness::new(false),
            write: Readiness::new(writable),
        }))
    }

    /// Takes a source back from the kernel that is not going to be closed.
    pub(crate) fn deregister(&self, io: &mut impl mio::event::Source) -> io::Result<()> {
        self.poll.registry().deregister(io)
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

    /// Nothing is ready: whichever task of this loop was woken has had its turn.
    pub(crate) fn note_lull(&mut self) {
        self.lulls += 1;
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
