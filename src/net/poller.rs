//! The poller asks the kernel, and the thread sleeps in its park.
//!
//! It is out of the loop's state while the thread sleeps. Sockets are registered through a [`Registry`] of
//! the same selector, which works on any thread, also while the loop is parked.
//!
//! **Short parks.** mio's timeouts are whole milliseconds, rounded up: too coarse for a sleep of 100 µs. So
//! on Linux a shorter park waits in `ppoll`, whose timeout is in nanoseconds, until mio's epoll has an event,
//! and then mio fetches it without waiting. The loop's bell ends this wait too, so the protocol of
//! `wake/inbox.rs` holds. Without an event a short park is one system call, as any other.
//!
//! The kernel may still delay a thread by 50 µs, to wake several at once. A timerfd in the epoll would be
//! more exact, but would cost two more system calls each time, and a descriptor for each loop.

use std::io;
use std::time::Duration;

use mio::{Events, Poll, Registry, Token};

/// mio's poll, and the events of the last park.
pub(crate) struct Poller {
    poll: Poll,
    pub(crate) events: Events,
}

/// The token of the bell, which ends a park.
const BELL: Token = Token(usize::MAX);

/// How many events one park may bring; the next one brings the rest.
const EVENTS: usize = 1024;

/// From here on mio's milliseconds are fine enough.
const LONG: Duration = Duration::from_millis(1);

/// No wait is shorter, so that timers that are close together share one.
const SHORTEST: Duration = Duration::from_micros(50);

/// Whether the kernel itself reports edges, as epoll and kqueue do. mio's other selectors (`poll`, Windows,
/// event ports) stop watching a side once they have reported it, and watch it again when an operation would block: there
/// a side stays ready until then, whatever was transferred.
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
    /// eventfd, and the epoll again.
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

    /// Parks for a time that is given in nanoseconds.
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

    /// Parks for mio's millisecond, where there is no epoll to wait for, or no `ppoll` (Miri).
    #[cfg(not(all(target_os = "linux", not(mio_unsupported_force_poll_poll), not(miri))))]
    fn park_shortly(&mut self, timeout: Duration) -> io::Result<()> {
        self.poll.poll(&mut self.events, Some(timeout))
    }
}

/// Returns how long to wait in nanoseconds, if the timeout is short. Zero is no wait.
fn short(timeout: Duration) -> Option<Duration> {
    (!timeout.is_zero() && timeout < LONG).then(|| timeout.max(SHORTEST))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const MICROSECOND: Duration = Duration::from_micros(1);

    /// On every Unix for which the tests are compiled so far, mio uses epoll or kqueue, unless it is made to use
    /// `poll`.
    const _: () = assert!(EDGE_TRIGGERED == cfg!(all(unix, not(mio_unsupported_force_poll_poll))));

    /// A timeout of less than a millisecond is waited for in nanoseconds, but no shorter than timers can
    /// share; zero is no wait.
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
