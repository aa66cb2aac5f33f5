//! The builder: what a loop is made with.
//!
//! Here the loop meets what stands outside of it: the observers that the environment asks for. So this
//! file, and no other of the loop's, knows `trace`.

use std::io;
use std::time::Duration;

use crate::current::Resident;
use crate::event_loop::EventLoop;
use crate::observe::Observer;
use crate::observe::observers::Observers;
use crate::trace::environment;

/// Configures an [`EventLoop`].
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    virtual_clock: bool,
    shutdown_timeout: Option<Duration>,
    observers: Observers,
}

impl Builder {
    /// Gives the loop a virtual clock: its time stands still while tasks run, and jumps to the next
    /// deadline when nothing else can happen.
    ///
    /// A test of an hour takes no time, and the schedule is the same on every run. While a socket
    /// is waited for or an executor job runs, the park is real, and time passes as it does outside.
    /// (A socket counts as waited for from a poll that found nothing until its next event, even if
    /// the wait was given up.) If nothing can ever run again, the loop panics ("deadlock") and
    /// lists the tasks. It cannot know of a thread that will wake one of its wakers: let that
    /// thread hold a [`LoopHandle`](crate::LoopHandle).
    #[doc(alias = "start_paused")]
    pub fn virtual_clock(mut self) -> Builder {
        self.virtual_clock = true;
        self
    }

    /// Gives the loop an observer, which is given an event for everything that the loop does. More than
    /// one may be given: they are called in that order.
    ///
    /// An observed loop takes several times as long for a turn; one without an observer pays a branch for
    /// each event.
    ///
    /// ```
    /// use boucle::EventLoop;
    /// use boucle::trace::Recorder;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let recorder = Recorder::new();
    /// let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::yield_now());
    /// assert_eq!(recorder.trace().loops.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn observe(mut self, observer: impl Observer + 'static) -> Builder {
        self.observers.add(Box::new(observer));
        self
    }

    /// Bounds how long the end of the loop waits for jobs of
    /// [`run_in_executor`](crate::run_in_executor) that have begun; without it, as long as they take.
    /// asyncio's `shutdown_default_executor(timeout)`, tokio's `Runtime::shutdown_timeout`.
    ///
    /// A job that is not done by then runs on, detached, and is cut off if the process ends first. A
    /// timeout of zero does not wait. The time is real, also under a virtual clock.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::{Duration, Instant};
    ///
    /// use boucle::EventLoop;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let begun = Instant::now();
    /// let event_loop = EventLoop::builder().shutdown_timeout(Duration::from_millis(10)).build()?;
    /// event_loop.block_on(async {
    ///     # #[cfg(feature = "blocking")]
    ///     drop(boucle::run_in_executor(|| thread::sleep(Duration::from_secs(60))));
    /// });
    /// drop(event_loop);
    /// assert!(begun.elapsed() < Duration::from_secs(60));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "shutdown_default_executor")]
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Builder {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// Makes the loop.
    ///
    /// # Errors
    ///
    /// As [`EventLoop::new`].
    pub fn build(self) -> io::Result<EventLoop> {
        let builder = environment::observe(self);
        let resident = Resident::open(builder.virtual_clock, builder.observers)?;
        resident.with(|it| it.shutdown_timeout = builder.shutdown_timeout);
        Ok(EventLoop::of(resident))
    }
}
