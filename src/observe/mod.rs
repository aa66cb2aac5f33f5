//! Observing: what a loop does, as events.
//!
//! An [`Observer`] is given to a loop when it is built, and is given everything that the loop does, in
//! order. The loop records its events in a log, wherever something happens; without an observer that is
//! a branch.

pub(crate) mod event;
pub(crate) mod live;
pub(crate) mod dump;
pub(crate) mod log;
pub(crate) mod notify;
pub(crate) mod observers;
pub(crate) mod words;

pub use dump::{Dump, DumpError, DumpedTask, Holder};
pub use event::{Ending, Event, EventKind, Origin, Outcome, WaitsFor};
pub use live::{Live, LiveTask, TaskState};

/// Something that is given the events of a loop: see [`Builder::observe`](crate::Builder::observe).
pub trait Observer {
    /// Something has happened.
    ///
    /// It is called on the loop's thread, in the order of the events, when nothing of the loop is in
    /// use: not at the moment itself, but soon after, before another future is polled.
    ///
    /// An observer sees the loop and may not use it: to spawn, to await or to run a loop is a panic that
    /// says so. It may wake a waker; and what it aborts, drops, or asks of a
    /// [`LoopHandle`](crate::LoopHandle), the loop finds in its inbox.
    fn observe(&mut self, event: &Event);
}
