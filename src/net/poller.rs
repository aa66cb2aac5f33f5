//! The poller: what asks the kernel.
//!
//! It is mio's, and stands beside the loop's state, not in it: the park borrows it for as long as the
//! thread sleeps. Sockets are registered through a [`Registry`] of the same selector, which may be used
//! on any thread and at any time, also while the loop is parked.

use std::io;
use std::time::Duration;

use mio::{Events, Poll, Registry, Token};

use super::park::park;

/// mio's poll, and the events of the last park.
pub(crate) struct Poller {
    poll: Poll,
    pub(crate) events: Events,
}

/// The token of what rings the loop.
const BELL: Token = Token(usize::MAX);

/// Whether the kernel itself reports edges, as epoll and kqueue do. mio's other selectors (`poll`,
/// Windows, event ports) take a side off the watch when they have reported it, and put it back when an
/// operation would block: there a side is ready until that has happened, whatever was transferred.
pub(super) const EDGE_TRIGGERED: bool = cfg!(all(
    not(mio_unsupported_force_poll_poll),
    any(
        // epoll
        target_os = "android",
        target_os = "illumos",
        target_os = "linux",
        target_os = "redox",
        // kqueue
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "ios",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "tvos",
        target_os = "visionos",
        target_os = "watchos",
    )
));

/// How many events one system call may bring; what does not fit comes with the next.
const EVENTS: usize = 1024;

impl Poller {
    /// Makes a poller, what rings the loop out of its sleep, and where its sockets are registered. (On
    /// Linux these are three descriptors: an epoll, an eventfd, and the epoll again.)
    pub(crate) fn new() -> io::Result<(Self, mio::Waker, Registry)> {
        let poll = Poll::new()?;
        let bell = mio::Waker::new(poll.registry(), BELL)?;
        let registry = poll.registry().try_clone()?;
        let events = Events::with_capacity(EVENTS);
        Ok((Poller { poll, events }, bell, registry))
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
}
