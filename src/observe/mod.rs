//! Observing: what a loop does, as events.
//!
//! An [`Observer`] is added to a loop when the loop is built, and gets an event for everything that the
//! loop does, in order. The core records with one call, `State::record`, which is a branch if nothing
//! observes the loop. All else is derived from the events: the [state](Live) of the loop,
//! what a [dump](Dump) adds for an observed loop, and each picture in [`trace`](crate::trace).

pub(crate) mod event;
pub(crate) mod live;
pub(crate) mod dump;
mod dump_names; // names that are short enough for a table
mod dump_text; // what a dump looks like
mod dump_tree; // which task awaits which
pub(crate) mod log;
pub(crate) mod notify;
pub(crate) mod observers;
pub(crate) mod words;

pub use dump::{Dump, DumpError, DumpedTask, Holder};
pub use event::{Ending, Event, EventKind, Origin, Outcome, WaitsFor};
pub use live::{Live, LiveTask, TaskState};

/// Something that gets the events of a loop: see [`Builder::observe`](crate::Builder::observe).
pub trait Observer {
    /// Receives an event.
    ///
    /// It is called on the loop's thread, in the order of the events, while nothing of the loop is in
    /// use: not at the moment itself, but soon after, before another future is polled.
    ///
    /// An observer sees the loop and may not use it: to spawn, to await or to run a loop is a panic that
    /// says so. It may wake a waker; and what it aborts, drops, or asks of a
    /// [`LoopHandle`](crate::LoopHandle), the loop finds in its inbox.
    fn observe(&mut self, event: &Event);
}
