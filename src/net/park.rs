//! The park: the one place where the thread sleeps.
//!
//! mio's timeouts are whole milliseconds, rounded up, as epoll's are. That is much for a sleep of
//! 100 µs. So on Linux a wait of less than a millisecond has two steps: `ppoll`, in nanoseconds,
//! until mio's epoll has an event; and if it has, mio fetches it, without waiting. Whatever ends
//! mio's wait ends this one, since the epoll is the same: the loop's bell too, so the protocol of
//! `wake/inbox.rs` holds. (Where mio is built to use `poll` there is no epoll, and no short wait.)
//!
//! A short wait that ends without an event is one system call, as any other. It is late by some 70
//! µs at the median, most of it the kernel's: it may let a thread sleep for 50 µs longer, to wake
//! several at once. A timerfd in the epoll is free of that, and late by 16 µs; but it would cost
//! two system calls each time, and every loop a descriptor.
//!
//! A process that may open no file any more, as in some sandboxes, is refused even a `ppoll` of one
//! descriptor that is open. Then it is mio's millisecond after all; so it is under Miri, which has no
//! `ppoll`.

#[cfg(not(all(target_os = "linux", not(mio_unsupported_force_poll_poll), not(miri))))]
pub(super) use elsewhere::park;
#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll), not(miri)))]
pub(super) use epoll::park;

#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll), not(miri)))]
mod epoll {
    use std::io;
    use std::time::Duration;

    use rustix::event::{self, PollFd, PollFlags, Timespec};
    use rustix::io::Errno;

    /// From here on mio's milliseconds will do.
    const LONG: Duration = Duration::from_millis(1);

    /// No wait is shorter, so that timers which are close together share one.
    const SHORTEST: Duration = Duration::from_micros(50);

    /// Waits for an event, or until the timeout is over.
    pub(in crate::net) fn park(
        poll: &mut mio::Poll,
        events: &mut mio::Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let Some(time) = timeout.and_then(short) else {
            return poll.poll(events, timeout);
        };
        match has_event_within(poll, time) {
            Ok(false) => Ok(()),
            Ok(true) => poll.poll(events, Some(Duration::ZERO)),
            Err(Errno::INVAL) => poll.poll(events, timeout),
            Err(error) => Err(error.into()),
        }
    }

    /// How long to wait in nanoseconds, if the timeout is short.
    fn short(timeout: Duration) -> Option<Duration> {
        let is_short = !timeout.is_zero() && timeout < LONG;
        is_short.then(|| timeout.max(SHORTEST))
    }

    fn has_event_within(poll: &mio::Poll, time: Duration) -> Result<bool, Errno> {
        let time = Timespec {
            tv_sec: 0,
            tv_nsec: time.subsec_nanos().into(),
        };
        let mut epoll = [PollFd::new(poll.registry(), PollFlags::IN)];
        Ok(event::poll(&mut epoll, Some(&time))? > 0)
    }

    #[cfg(test)]
    mod tests {
        use std::time::Instant;

        use super::*;

        const MICROSECOND: Duration = Duration::from_micros(1);

        /// What is less than a millisecond is waited for in nanoseconds, and nothing for less than
        /// timers can share; zero is no wait.
        #[test]
        fn a_wait_of_less_than_a_millisecond_is_short() {
            assert_eq!(short(Duration::ZERO), None);
            assert_eq!(short(MICROSECOND), Some(SHORTEST));
            assert_eq!(short(100 * MICROSECOND), Some(100 * MICROSECOND));
            assert_eq!(short(999 * MICROSECOND), Some(999 * MICROSECOND));
            assert_eq!(short(1_000 * MICROSECOND), None);
        }

        /// A short park lasts as long as it was asked to; one that is rung brings the ring, once.
        #[test]
        fn a_short_park_ends_with_the_time_or_an_event() {
            let mut poll = mio::Poll::new().unwrap();
            let mut events = mio::Events::with_capacity(8);
            let bell = mio::Waker::new(poll.registry(), mio::Token(7)).unwrap();
            for rings in [false, true, false] {
                if rings {
                    bell.wake().unwrap();
                }
                let before = Instant::now();
                park(&mut poll, &mut events, Some(900 * MICROSECOND)).unwrap();
                let rung: Vec<_> = events.iter().map(|event| event.token()).collect();
                if rings {
                    assert_eq!(rung, [mio::Token(7)]);
                } else {
                    assert!(rung.is_empty() && before.elapsed() >= 900 * MICROSECOND);
                }
                events.clear();
            }
        }
    }
}

#[cfg(not(all(target_os = "linux", not(mio_unsupported_force_poll_poll), not(miri))))]
mod elsewhere {
    use std::io;
    use std::time::Duration;

    /// Waits for an event, or until the timeout is over.
    pub(in crate::net) fn park(
        poll: &mut mio::Poll,
        events: &mut mio::Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        poll.poll(events, timeout)
    }
}
