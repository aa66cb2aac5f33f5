//! The poller asks the kernel for events; the thread sleeps in its park.
//!
//! Sockets are registered and deregistered through a [`Registry`] of the same selector, which works on any
//! thread, also during a park.
//!
//! **Short parks.** With epoll, mio rounds a timeout up to whole milliseconds. That is too coarse for a sleep
//! of 100 µs. So on Linux a park of less than a millisecond waits in `ppoll`, whose timeout is in
//! nanoseconds, until mio's epoll has an event; then mio fetches the event without waiting. The bell is in
//! the epoll, so it ends this wait too. A short park without an event is one system call, like a long one.
//!
//! The kernel may still wake the thread late (by its timer slack, 50 µs by default), to wake several at once. A
//! timerfd in the epoll would be more exact, but would cost more system calls in each short park, and a
//! descriptor for each loop.

use std::io;
use std::time::Duration;

use mio::{Events, Poll, Registry, Token};

/// mio's poll, and the events of the last park.
pub(crate) struct Poller {
    poll: Poll,
    pub(crate) events: Events,
}

/// The token of the bell, which ends a park. It belongs to no source, so its event wakes no task. (With epoll
/// the bell need not be emptied: it is registered edge-triggered too, and each ring is a new edge.)
const BELL: Token = Token(usize::MAX);

/// How many events one park may bring; the next one brings the rest.
const EVENTS: usize = 1024;

/// A timeout from here on is left to mio.
const LONG: Duration = Duration::from_millis(1);

/// The shortest wait: timers that are closer together share one.
const SHORTEST: Duration = Duration::from_micros(50);

/// Whether the kernel itself reports edges, as epoll and kqueue do. mio's other selectors (`poll`, Windows,
/// event ports) stop watching a side once they have reported it, and watch it again after an operation that
/// would block. (What that means for a side, `readiness.rs` says.)
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
        target_os = "netbsd",
        target_os = "openbsd",
        target_vendor = "apple",
    )
));

impl Poller {
    /// Makes a poller, the bell that ends its park, and the registry of its sockets: on Linux an epoll, an
    /// eventfd, and a duplicate of the epoll.
    pub(crate) fn new() -> io::Result<(Self, mio::Waker, Registry)> {
        let poll = Poll::new()?;
        let bell = mio::Waker::new(poll.registry(), BELL)?;
        let registry = poll.registry().try_clone()?;
        Ok((Poller { poll, events: Events::with_capacity(EVENTS) }, bell, registry))
    }

    /// Parks the thread until an event, a ring of the bell, or the timeout. A signal ends the park early.
    pub(crate) fn park(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let parked = match timeout.and_then(short) {
            Some(timeout) => self.park_shortly(timeout),
            None => self.poll.poll(&mut self.events, timeout),
        };
        match parked {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    /// Parks for less than a millisecond.
    #[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll), not(miri)))]
    fn park_shortly(&mut self, timeout: Duration) -> io::Result<()> {
        use rustix::event::{self, PollFd, PollFlags, Timespec};
        use rustix::io::Errno;

        let time = Timespec { tv_sec: 0, tv_nsec: timeout.subsec_nanos().into() };
        let mut epoll = [PollFd::new(self.poll.registry(), PollFlags::IN)];
        let timeout = match event::poll(&mut epoll, Some(&time)) {
            Ok(0) => return Ok(()),
            Ok(_) => Duration::ZERO,
            // In a process that may not open files, as in some sandboxes, even one descriptor is refused.
            Err(Errno::INVAL) => timeout,
            Err(error) => return Err(error.into()),
        };
        self.poll.poll(&mut self.events, Some(timeout))
    }

    /// Leaves the timeout to mio, where there is no epoll to wait for, or no `ppoll` (Miri).
    #[cfg(not(all(target_os = "linux", not(mio_unsupported_force_poll_poll), not(miri))))]
    fn park_shortly(&mut self, timeout: Duration) -> io::Result<()> {
        self.poll.poll(&mut self.events, Some(timeout))
    }
}

/// Returns how long a short park lasts; `None` if the timeout is not short. (Zero is no wait, so not short.)
fn short(timeout: Duration) -> Option<Duration> {
    (!timeout.is_zero() && timeout < LONG).then(|| timeout.max(SHORTEST))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const MICROSECOND: Duration = Duration::from_micros(1);

    /// On each Unix that the tests are compiled for, mio uses epoll or kqueue, unless it is made to use
    /// `poll`.
    const _: () = assert!(EDGE_TRIGGERED == cfg!(all(unix, not(mio_unsupported_force_poll_poll))));

    /// A timeout of less than a millisecond is waited for in nanoseconds, raised to the shortest wait; zero
    /// is no wait.
    #[test]
    fn a_wait_of_less_than_a_millisecond_is_short() {
        assert_eq!(short(Duration::ZERO), None);
        assert_eq!(short(MICROSECOND), Some(SHORTEST));
        assert_eq!(short(100 * MICROSECOND), Some(100 * MICROSECOND));
        assert_eq!(short(999 * MICROSECOND), Some(999 * MICROSECOND));
        assert_eq!(short(1_000 * MICROSECOND), None);
    }

    /// A short park without events lasts as long as its timeout; a ring of the bell comes out once.
    #[test]
    fn a_short_park_ends_with_the_time_or_an_event() {
        let (mut poller, bell, _registry) = Poller::new().unwrap();
        for rings in [false, true, false] {
            if rings {
                bell.wake().unwrap();
            }
            let before = Instant::now();
            poller.park(Some(900 * MICROSECOND)).unwrap();
            let rung: Vec<_> = poller.events.iter().map(|event| event.token()).collect();
            if rings {
                assert_eq!(rung, [BELL]);
            } else {
                assert!(rung.is_empty() && before.elapsed() >= 900 * MICROSECOND);
            }
            poller.events.clear();
        }
    }
}
