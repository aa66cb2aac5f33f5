//! The reactor: from the kernel's events to who waits for them.
//!
//! A *source* is a registered socket. It is registered once, for both sides and edge-triggered, and
//! stays so until it is closed: the kernel is told nothing more, whoever waits. In return the
//! reactor remembers each side's *readiness*: an edge sets it, and the operation that finds nothing
//! more to do clears it ([`source`](super::source) says when).
//!
//! mio gives back a token with each event. It holds the source's slot and a generation, since an
//! event that was fetched in one system call can outlive its source by a few steps, and the slot
//! may have a new owner by then.

use std::io;
use std::mem;
use std::task::Waker;
use std::time::Duration;

use mio::{Interest, Token};
use slab::Slab;

use crate::net::park::park;

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

/// What is known of one side, and who waits for it.
struct Readiness {
    ready: bool,
    /// The peer has closed this side. It stays ready then: no further edge will come.
    closed: bool,
    waiting: Vec<Waker>,
    /// How many may wait, before all of them are woken to come again.
    limit: usize,
    /// In which stretch between two lulls that was last done, if the limit is to be set anew.
    woken_in: Option<u64>,
}

/// The token of what rings the loop.
const BELL: Token = Token(usize::MAX);

/// A token is the generation above and the slot below, half of a word each.
const SLOT_BITS: u32 = usize::BITS / 2;

/// How many wakers may wait for one side, at first, before all of them are woken to come again; and
/// how many of the latest are searched for one that polls again. A task that polls with a new waker
/// each time, as some combinators do, leaves a stale one behind at every poll; this is how they go.
///
/// A task that waits in earnest does come again. So the limit doubles each time: a crowd soon fits,
/// and the loop comes to rest. Once there was a lull, all of them are back, and the limit is set to
/// twice their number. (Not those that come back by way of another thread, or of a sleep: a crowd of
/// these is woken again and again.) So a loop that has lulls keeps no more stale wakers than a few
/// times those of its longest stretch without one.
const MAX_WAITING: usize = 64;

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

    /// Notes what the last park brought, and hands out who waited for it.
    pub(crate) fn take_events(&mut self, woken: &mut Vec<Waker>) {
        for event in &self.events {
            let slot = event.token().0 & ((1 << SLOT_BITS) - 1);
            let Some(source) = self.sources.get_mut(slot) else {
                continue;
            };
            if source.token != event.token() {
                continue;
            }
            // An error is for whoever tries next, on either side.
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                source.read.rouse(event.is_read_closed(), self.lulls, woken);
            }
            if event.is_writable() || event.is_write_closed() || event.is_error() {
                source
                    .write
                    .rouse(event.is_write_closed(), self.lulls, woken);
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
    pub(crate) fn remove(&mut self, slot: usize) -> [Vec<Waker>; 2] {
        let source = self.sources.remove(slot);
        [source.read.waiting, source.write.waiting]
    }

    pub(crate) fn is_ready(&self, slot: usize, side: Side) -> bool {
        self.sources[slot].side(side).ready
    }

    /// There was nothing more to do: the next edge will say when there is.
    pub(crate) fn set_blocked(&mut self, slot: usize, side: Side) {
        self.sources[slot].side_mut(side).ready = false;
    }

    /// An operation did less than it was asked to, so the kernel has nothing more at the moment.
    pub(crate) fn set_drained(&mut self, slot: usize, side: Side) {
        let side = self.sources[slot].side_mut(side);
        side.ready = side.closed;
    }

    /// Nothing is ready: whichever task of this loop was woken has had its turn.
    pub(crate) fn note_lull(&mut self) {
        self.lulls += 1;
    }

    /// Adds a waker to those of a side. Who is to be woken comes back: nobody mostly; all the
    /// others if they were too many; the waker itself if the side is ready by now. `Err` gives the
    /// waker back if it waits already.
    pub(crate) fn wait(
        &mut self,
        slot: usize,
        side: Side,
        waker: Waker,
    ) -> Result<Vec<Waker>, Waker> {
        let lulls = self.lulls;
        let side = self.sources[slot].side_mut(side);
        if side.ready {
            return Ok(vec![waker]);
        }
        // A task that polls again was among the last to come; the rest of a crowd is not searched.
        let mut latest = side.waiting.iter().rev().take(MAX_WAITING);
        if latest.any(|other| other.will_wake(&waker)) {
            return Err(waker);
        }
        let crowd = side.make_room(lulls);
        side.waiting.push(waker);
        Ok(crowd)
    }

    /// Whether a task waits for a source. O(n), and only a virtual clock asks, when it is idle.
    pub(crate) fn is_awaited(&self) -> bool {
        self.sources
            .iter()
            .any(|(_, source)| !source.read.waiting.is_empty() || !source.write.waiting.is_empty())
    }

    /// Every waker there is, for teardown.
    pub(crate) fn take_waiting(&mut self) -> Vec<Waker> {
        let mut all = Vec::new();
        for (_, source) in &mut self.sources {
            all.append(&mut source.read.waiting);
            all.append(&mut source.write.waiting);
        }
        all
    }
}

impl Registered {
    fn side(&self, side: Side) -> &Readiness {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut Readiness {
        match side {
            Side::Read => &mut self.read,
            Side::Write => &mut self.write,
        }
    }
}

impl Readiness {
    fn new(ready: bool) -> Self {
        Readiness {
            ready,
            closed: false,
            waiting: Vec::new(),
            limit: MAX_WAITING,
            woken_in: None,
        }
    }

    /// Sets the limit anew, if there was a lull since it was last reached.
    fn settle(&mut self, lulls: u64) {
        if self.woken_in.is_some_and(|then| then < lulls) {
            self.limit = MAX_WAITING.max(2 * self.waiting.len());
            self.woken_in = None;
        }
    }

    /// Makes room for one more waker. Those who must make it are returned, to be woken.
    fn make_room(&mut self, lulls: u64) -> Vec<Waker> {
        self.settle(lulls);
        if self.waiting.len() < self.limit {
            return Vec::new();
        }
        self.limit *= 2;
        self.woken_in = Some(lulls);
        mem::take(&mut self.waiting)
    }

    fn rouse(&mut self, closed: bool, lulls: u64, woken: &mut Vec<Waker>) {
        self.settle(lulls);
        self.ready = true;
        self.closed |= closed;
        woken.append(&mut self.waiting);
    }
}
