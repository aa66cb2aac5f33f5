//! The events of a loop, as an observer receives them.
//!
//! A task is named by its id, and so is the main future. A timer or a source is named by its slot, which is
//! used again when that one is gone.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Something that a loop has done.
///
/// ```
/// use boucle::{EventLoop, trace::Recorder};
///
/// let recorder = Recorder::new();
/// let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::yield_now());
/// let events = &recorder.trace().loops[0].events;
/// assert!(events.iter().map(|event| event.sequence).eq(1..=events.len() as u64)); // none is left out
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// Counts the events of the loop, from 1.
    pub sequence: u64,
    /// The loop's number: 1 for "loop 1". No other loop of the process has it.
    pub event_loop: u64,
    /// The turn, counted from 1; 0 before the first. A turn has one batch, so it polls a task at most once. A
    /// turn whose batch is empty is not counted.
    pub turn: u64,
    /// The loop's time, counted from when it was made; virtual under a virtual clock.
    pub time: Duration,
    /// What has happened.
    pub kind: EventKind,
}

/// What has happened.
///
/// ```
/// use boucle::observe::EventKind;
/// # use boucle::{EventLoop, trace::Recorder};
///
/// # let recorder = Recorder::new();
/// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::yield_now());
/// let trace = recorder.trace();
/// let kinds = trace.loops[0].events.iter().map(|event| &event.kind);
/// assert_eq!(kinds.filter(|kind| matches!(kind, EventKind::PollBegins { .. })).count(), 2);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// The loop was made: its first event.
    Opened {
        /// Whether its clock is virtual.
        is_virtual: bool,
    },
    /// A turn begins: the batch is frozen, and has at least one task.
    TurnBegins,
    /// The loop has asked the kernel for events, or has let virtual time pass.
    Parked {
        /// How long it would have slept at most; `None`: until an event.
        timeout: Option<Duration>,
        /// How long the park took, in the loop's time. With a timeout of 0 it did not sleep, even if this is not
        /// zero.
        slept: Duration,
        /// How many sources were ready.
        sources: usize,
    },
    /// A task was spawned, and put in the ready queue.
    Spawned {
        /// The new task.
        task: u64,
        /// The task that was being polled or dropped then, if any; `None` too in the destructor of a main future
        /// that was not done.
        parent: Option<u64>,
        /// The type of its future.
        future: &'static str,
        /// Where `spawn` was called.
        location: &'static Location<'static>,
    },
    /// `block_on` or `run` was called: the main future has a number, and stands in the ready queue.
    MainEntered {
        /// Its number.
        task: u64,
        /// Its type.
        future: &'static str,
        /// Where `block_on` or `run` was called.
        location: &'static Location<'static>,
    },
    /// A task was given a name.
    Named {
        /// The task.
        task: u64,
        /// Its name.
        name: Arc<str>,
    },
    /// A task was woken: it stands in the ready queue. (The wake of a task that is aborted is no event.)
    Woken {
        /// The task.
        task: u64,
        /// What has woken it.
        by: Origin,
        /// Whether it stood there before, so that the wake did nothing.
        already: bool,
    },
    /// A poll begins.
    PollBegins {
        /// The task.
        task: u64,
    },
    /// A poll is over.
    PollEnds {
        /// The task.
        task: u64,
        /// How it has ended.
        outcome: Outcome,
        /// How long it took, in the loop's time: zero under a virtual clock.
        took: Duration,
    },
    /// The task that is being polled waits for something. A pending poll records at least one of these, unless
    /// the task has aborted itself; a ready one may record some too, and so may a destructor that polls a
    /// future, even after its task's `Finished`.
    Waits {
        /// The task.
        task: u64,
        /// What it waits for.
        on: WaitsFor,
    },
    /// A timer was armed.
    TimerArmed {
        /// The timer.
        timer: u32,
        /// The task that was being polled then, which waits for it; or dropped, if a destructor polls a `sleep`.
        task: Option<u64>,
        /// When it fires, in the loop's time.
        deadline: Duration,
    },
    /// A timer has fired. It wakes what waits for it.
    TimerFired {
        /// The timer.
        timer: u32,
    },
    /// A timer is gone, fired or not: its number may be used again.
    TimerDropped {
        /// The timer.
        timer: u32,
        /// Whether it had not fired.
        cancelled: bool,
    },
    /// A source was registered.
    SourceAdded {
        /// The source.
        source: usize,
    },
    /// A source is gone: its number may be used again.
    SourceDropped {
        /// The source.
        source: usize,
    },
    /// A task was aborted: it will be dropped at its place in the ready queue, or when its poll is over.
    Aborted {
        /// The task.
        task: u64,
        /// What has aborted it.
        by: Origin,
    },
    /// A task is done, or the main future is.
    Finished {
        /// The task.
        task: u64,
        /// How it has ended.
        how: Ending,
    },
    /// The loop was closed; nothing comes after.
    Closed,
}

impl EventKind {
    /// Returns how long the thread slept, if it is a park in which it did. A park with timeout 0 takes time too,
    /// but does not sleep.
    pub(crate) fn sleep(&self) -> Option<Duration> {
        match self {
            EventKind::Parked { timeout, slept, .. } if *timeout != Some(Duration::ZERO) => {
                Some(*slept).filter(|slept| !slept.is_zero())
            }
            _ => None,
        }
    }
}

/// What has caused an event.
///
/// ```
/// use boucle::observe::{EventKind, Origin};
/// # use boucle::{EventLoop, trace::Recorder};
///
/// # let recorder = Recorder::new();
/// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::yield_now());
/// let trace = recorder.trace();
/// let woken = trace.loops[0].events.iter().find_map(|event| match event.kind {
///     EventKind::Woken { by, .. } => Some(by),
///     _ => None,
/// });
/// assert_eq!(woken, Some(Origin::Task(1))); // it has woken itself
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Origin {
    /// A task that was being polled or dropped, or has just ended; or the main future, unless it is dropped
    /// before it is done.
    Task(u64),
    /// A timer that has fired.
    Timer(u32),
    /// A source that is ready.
    Source(usize),
    /// Another thread, through the inbox. The event is recorded when the loop reads its inbox.
    Thread,
    /// A job of the executor that has ended; or any other wake from another thread, if the task waits for a
    /// job.
    Job,
    /// Code on the loop's thread, but outside any task: before the loop runs, between its turns, in an observer,
    /// or in the destructor of a main future that was not done.
    #[default]
    Outside,
}

/// How a poll has ended.
///
/// ```
/// use boucle::observe::{EventKind, Outcome};
/// # use boucle::{EventLoop, trace::Recorder};
///
/// # let recorder = Recorder::new();
/// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::yield_now());
/// let trace = recorder.trace();
/// let outcomes = trace.loops[0].events.iter().filter_map(|event| match event.kind {
///     EventKind::PollEnds { outcome, .. } => Some(outcome),
///     _ => None,
/// });
/// assert!(outcomes.eq([Outcome::Pending, Outcome::Ready]));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The future is not ready: it is polled again later.
    Pending,
    /// The future has returned a value.
    Ready,
    /// The future has panicked.
    Panicked,
}

/// How a task has ended.
///
/// ```
/// use boucle::observe::{Ending, EventKind};
/// # use boucle::{EventLoop, trace::Recorder};
///
/// # let recorder = Recorder::new();
/// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::yield_now());
/// let trace = recorder.trace();
/// let ended = trace.loops[0].events.iter().find_map(|event| match event.kind {
///     EventKind::Finished { how, .. } => Some(how),
///     _ => None,
/// });
/// assert_eq!(ended, Some(Ending::Returned));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a value.
    Returned,
    /// With a panic.
    Panicked,
    /// It was aborted, or its loop has ended.
    Cancelled,
}

/// What a task waits for.
///
/// ```
/// use boucle::observe::{EventKind, WaitsFor};
/// # use boucle::{EventLoop, trace::Recorder};
///
/// # let recorder = Recorder::new();
/// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::yield_now());
/// let trace = recorder.trace();
/// let waits = trace.loops[0].events.iter().find_map(|event| match event.kind {
///     EventKind::Waits { on, .. } => Some(on),
///     _ => None,
/// });
/// assert_eq!(waits, Some(WaitsFor::Turn));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// A timer, until that time of the loop.
    Timer {
        /// The timer.
        timer: u32,
        /// When it fires, in the loop's time.
        deadline: Duration,
    },
    /// A source to become readable.
    Readable(usize),
    /// A source to become writable.
    Writable(usize),
    /// Another task, whose handle it awaits.
    Task(u64),
    /// Several tasks.
    Tasks {
        /// What waits: "gather", "wait", "TaskGroup" and so on.
        what: &'static str,
        /// How many of them are not done.
        left: usize,
    },
    /// A job of the executor.
    Job,
    /// A signal of the process, by its number.
    Signal(i32),
    /// Its next poll: it has woken itself, as `yield_now` does.
    Turn,
    /// Something that the loop does not know: a channel, a lock, another thread. Given only if the poll waits
    /// for nothing that it knows: a `timeout` around a channel waits for its timer alone.
    Foreign,
}
