//! [`Turn`]: what one turn did.

use std::fmt;
use std::time::Duration;

/// What one turn did, as [`EventLoop::turn`](crate::EventLoop::turn) returns it.
///
/// ```
/// use std::time::Duration;
///
/// let event_loop = boucle::EventLoop::builder().virtual_clock().build()?;
/// let _task = event_loop.spawn(boucle::sleep(Duration::from_secs(1)));
/// let turn = event_loop.turn(None)?;
/// assert_eq!((turn.polled, turn.woken_by_timers, turn.left), (1, 1, 1));
/// assert_eq!(turn.time, Duration::from_secs(1)); // it slept until the deadline
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn {
    /// Futures that were polled.
    pub polled: usize,
    /// Tasks that came into the ready queue because a socket is ready.
    pub woken_by_sources: usize,
    /// Tasks that came into it because they were woken, spawned or aborted from outside the loop.
    pub woken_by_inbox: usize,
    /// Tasks that came into it because a deadline has come.
    pub woken_by_timers: usize,
    /// What stands in the ready queue for the next turn; a task that is done by now may be among it.
    pub ready: usize,
    /// Tasks that are not done.
    pub left: usize,
    /// The loop's time at the end of the turn, counted from when the loop was made.
    pub time: Duration,
    /// Whether [`stop`](crate::stop) was called.
    pub stopped: bool,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Turn { polled, woken_by_sources, woken_by_inbox, woken_by_timers, ready, left, time, .. } = self;
        write!(
            f,
            "polled {polled}; woken by sources {woken_by_sources}, inbox {woken_by_inbox}, \
             timers {woken_by_timers}; ready {ready}, left {left}; {:.3} s",
            time.as_secs_f64(),
        )
    }
}
