//! Observing: what a loop does, as events.
//!
//! An [`Observer`] is added to a loop when the loop is built. It receives an event for everything that the
//! loop does, in order. The core records with one call, `State::record`, which is a branch if nothing
//! observes the loop. The rest is derived from the events: the [state](Live) of the loop, what a
//! [dump](Dump) adds for an observed loop, and each picture in [`trace`](crate::trace).
//!
//! ```
//! use boucle::{EventLoop, observe::EventKind, trace::Recorder};
//!
//! let recorder = Recorder::new(); // an observer that keeps the events
//! let event_loop = EventLoop::builder().observe(recorder.clone()).build()?;
//! event_loop.block_on(async {});
//! assert!(matches!(recorder.trace().loops[0].events[0].kind, EventKind::Opened { .. }));
//! # std::io::Result::Ok(())
//! ```

pub(crate) mod event; // what an observer receives
pub(crate) mod live; // the state of a loop, from its events
pub(crate) mod log; // the events that the observers have not received yet
pub(crate) mod observers; // the observers of a loop
pub(crate) mod notify; // the call of the observers
pub(crate) mod words; // what events and their parts are called
pub(crate) mod dump; // the tasks of a loop, and what they wait for
mod dump_tree; // which task awaits which
pub(crate) mod dump_names; // names that are short enough for a table
mod dump_text; // a dump as text

pub use dump::{Dump, DumpError, DumpedTask, Holder};
pub use event::{Ending, Event, EventKind, Origin, Outcome, WaitsFor};
pub use live::{Live, LiveTask, TaskState};

/// Receives the events of a loop: see [`Builder::observe`](crate::Builder::observe).
///
/// ```
/// use boucle::observe::{Event, EventKind, Observer};
///
/// struct Polls(u64);
///
/// impl Observer for Polls {
///     fn observe(&mut self, event: &Event) {
///         if let EventKind::PollBegins { task } = event.kind {
///             self.0 += 1;
///             println!("poll {} is of task {task}", self.0);
///         }
///     }
/// }
/// let event_loop = boucle::EventLoop::builder().observe(Polls(0)).build()?;
/// event_loop.block_on(boucle::yield_now()); // prints two lines
/// # std::io::Result::Ok(())
/// ```
pub trait Observer {
    /// Receives an event.
    ///
    /// It is called on the loop's thread, in the order of the events. The call comes when the loop's state
    /// is free: soon after the event, and before another future is polled. What happens outside of a
    /// run, as a `spawn`, comes with the next run, or when the loop ends; so does the end of a main future whose
    /// `block_on` was stopped.
    ///
    /// An observer may not use the loop: `spawn`, `stop`, `run`, `block_on`, `dump`, `is_finished`,
    /// `LoopHandle::current`, the making of a socket and the poll of what waits for the loop panic in it. It may
    /// wake a task: that happens at once. It may abort one, drop its handle, and spawn or stop through a
    /// [`LoopHandle`](crate::LoopHandle): the loop does these when it reads its inbox. [`now`](crate::now) is
    /// the system's clock here, also of a loop with a virtual one, whose time is [`Event::time`].
    ///
    /// An observer that panics gets no more events; others do. The panic leaves what runs the loop,
    /// [`run`](crate::run), `block_on`, `run_forever` or `turn`, in place of its value or panic. (A panic at
    /// [`Opened`](EventKind::Opened) leaves the first run; one at the loop's end leaves nothing.)
    ///
    /// ```
    /// use boucle::observe::{Event, EventKind, Observer};
    ///
    /// struct Longest(std::rc::Rc<std::cell::Cell<std::time::Duration>>);
    ///
    /// impl Observer for Longest {
    ///     fn observe(&mut self, event: &Event) {
    ///         if let EventKind::PollEnds { took, .. } = event.kind {
    ///             self.0.set(self.0.get().max(took));
    ///         }
    ///     }
    /// }
    /// # let longest = std::rc::Rc::default();
    /// # let observer = Longest(std::rc::Rc::clone(&longest));
    /// # let event_loop = boucle::EventLoop::builder().observe(observer).build()?;
    /// event_loop.block_on(async { std::thread::sleep(std::time::Duration::from_millis(2)) });
    /// assert!(longest.get().as_millis() >= 2);
    /// # std::io::Result::Ok(())
    /// ```
    fn observe(&mut self, event: &Event);
}
