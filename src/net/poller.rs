//! The poller: what asks the kernel.
//!
//! It is mio's, and stands beside the loop's state, not in it: mio reports registrations to the `log`
//! crate, and so to a logger of the program's, which may call back into the loop.

use std::io;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use super::park::park;

/// mio's poll, and the events of the last park.
pub(crate) struct Poller {
    poll: Poll,
    pub(crate) events: Events,
}

/// The token of what rings the loop.
const BELL: Token = Token(usize::MAX);

/// How many events one system call may bring; what does not fit comes with the next.
const EVENTS: usize = 1024;

impl Poller {
    /// A poller, and what rings the loop out of its sleep.
    pub(crate) fn new() -> io::Result<(Self, mio::Waker)> {
        let poll = Poll::new()?;
        let bell = mio::Waker::new(poll.registry(), BELL)?;
        let events = Events::with_capacity(EVENTS);
        Ok((Poller { poll, events }, bell))
    }

    /// Parks the thread until an event, a ring of the bell, or the timeout. A signal ends it early.
    pub(crate) fn park(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match park(&mut self.poll, &mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.events.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// Tells the kernel to report what happens to a socket, both sides, edge-triggered.
    pub(crate) fn register(
        &self,
        io: &mut impl mio::event::Source,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.poll.registry().register(io, token, interest)
    }

    /// Takes a socket back from the kernel that is not going to be closed.
    pub(crate) fn deregister(&self, io: &mut impl mio::event::Source) -> io::Result<()> {
        self.poll.registry().deregister(io)
    }
}
