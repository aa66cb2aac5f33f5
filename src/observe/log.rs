//! The log: the events of a loop that its observers have not received yet.
//!
//! The tables of a loop change while its state is in use, and then no user code may run, an observer
//! included. So the core records what it does, in order and through one call, `State::record`; the turn
//! notifies the observers when the state is free. If the loop is not observed the log is off, and to record
//! is a branch.
//!
//! What follows from the events is derived here: which task causes something, when a turn begins, what a
//! task waits for if no leaf of ours has recorded it, and which task holds the thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::observe::event::{Ending, Event, EventKind, Origin, Outcome, WaitsFor};
use crate::observe::live::Live;
use crate::time::clock::real_now;

/// The events that the observers have not received yet, and what is needed to record more.
#[derive(Default)]
pub(crate) struct Log {
    /// Whether the loop is observed.
    on: bool,
    /// What causes what happens now.
    pub(crate) cause: Origin,
    events: Vec<Event>,
    /// The state of the loop that the events add up to.
    pub(crate) live: Live,
    event_loop: u64,
    sequence: u64,
    turn: u64,
    /// How many tasks have left the ready queue when the batch ends of which the turn is.
    batch_end: u64,
    /// When the poll or the park began that is under way.
    began: Duration,
}

impl Log {
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// Begins to record what the loop with that number does.
    pub(crate) fn turn_on(&mut self, event_loop: u64) {
        self.on = true;
        self.event_loop = event_loop;
    }

    /// The task that is polled.
    pub(crate) fn polled(&self) -> Option<u64> {
        match self.cause {
            Origin::Task(task) => Some(task),
            _ => None,
        }
    }

    /// Records what happens at `time`.
    pub(crate) fn record(&mut self, time: Duration, kind: impl FnOnce(&Log) -> EventKind) {
        let kind = kind(self);
        self.push(time, kind);
    }

    fn push(&mut self, time: Duration, kind: EventKind) {
        self.sequence += 1;
        let event =
            Event { sequence: self.sequence, event_loop: self.event_loop, turn: self.turn, time, kind };
        self.live.apply(&event);
        self.events.push(event);
    }

    /// Returns the event of a wake; `already` if the task stood in the ready queue.
    pub(crate) fn woken(&self, task: u64, already: bool) -> EventKind {
        let live = self.live.tasks.get(&task);
        let at_job = live.is_some_and(|live| live.waits.contains(&WaitsFor::Job));
        let by = match self.cause {
            Origin::Thread if at_job => Origin::Job,
            cause => cause,
        };
        EventKind::Woken { task, by, already }
    }

    /// A task leaves the ready queue, to be polled or dropped: it causes what happens now, and has the
    /// thread. With the first of its batch, a turn begins.
    pub(crate) fn begin_task(&mut self, time: Duration, task: u64, batch_end: u64) {
        self.cause = Origin::Task(task);
        if self.batch_end != batch_end {
            self.batch_end = batch_end;
            self.turn += 1;
            self.push(time, EventKind::TurnBegins);
        }
        let live = self.live.tasks.get(&task);
        let name = live.and_then(|live| live.name.clone());
        let since = real_now();
        holders().insert(self.event_loop, Holding { task, name, since });
    }

    /// Records the end of a poll.
    pub(crate) fn end_poll(&mut self, time: Duration, polled: Poll<Ending>) {
        holders().remove(&self.event_loop);
        let Some(task) = self.polled() else {
            return;
        };
        let live = self.live.tasks.get(&task);
        if polled.is_pending()
            && let Some(live) = live
            && live.waits.is_empty()
        {
            let on = if live.queued { WaitsFor::Turn } else { WaitsFor::Foreign };
            self.push(time, EventKind::Waits { task, on });
        }
        let outcome = match polled {
            Poll::Pending => Outcome::Pending,
            Poll::Ready(Ending::Panicked) => Outcome::Panicked,
            Poll::Ready(_) => Outcome::Ready,
        };
        let took = time.saturating_sub(self.began);
        self.push(time, EventKind::PollEnds { task, outcome, took });
    }

    /// Records that the task that held the thread is done. It causes the wake of what waits for it.
    pub(crate) fn finish(&mut self, time: Duration, how: Ending) {
        holders().remove(&self.event_loop);
        if let Some(task) = self.polled() {
            self.push(time, EventKind::Finished { task, how });
        }
    }

    /// Records the end of a main future that was not done when it gave up its place.
    pub(crate) fn leave_main(&mut self, time: Duration, task: u64) {
        self.cause = Origin::Outside;
        self.batch_end = 0;
        if self.live.tasks.contains_key(&task) {
            let how = Ending::Cancelled;
            self.push(time, EventKind::Finished { task, how });
        }
    }

    /// Notes that a park begins.
    pub(crate) fn begin_park(&mut self, time: Duration) {
        self.cause = Origin::Outside;
        self.began = time;
    }

    /// How long the park took that is over.
    pub(crate) fn slept(&self, time: Duration) -> Duration {
        time.saturating_sub(self.began)
    }

    /// Takes the events that the observers have not received.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Lets the poll or the park begin anew: what the observers took before is not its time.
    pub(crate) fn set_began(&mut self, time: Duration) {
        self.began = time;
    }
}

/// A task that holds the thread of its loop: it is being polled, or dropped.
#[derive(Clone)]
pub(crate) struct Holding {
    pub(crate) task: u64,
    pub(crate) name: Option<Arc<str>>,
    /// On the real clock.
    pub(crate) since: Instant,
}

/// The task that holds the thread of an observed loop, if one does: for a thread that asks the loop
/// something and gets no answer.
pub(crate) fn holding(event_loop: u64) -> Option<Holding> {
    holders().get(&event_loop).cloned()
}

fn holders() -> MutexGuard<'static, BTreeMap<u64, Holding>> {
    static HOLDERS: Mutex<BTreeMap<u64, Holding>> = Mutex::new(BTreeMap::new());
    HOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}
