//! The log: the events of a loop that its observers have not received yet.
//!
//! The tables of a loop change while its state is in use, and then no user code may run, not even an
//! observer. So the core records events here, in order, by `State::record`; the turn notifies the observers
//! when the state is free. If the loop is not observed the log is off, and a record is a branch.
//!
//! Some of what an event says is derived here: which task causes it, which turn it belongs to, and what a
//! task waits for if no leaf of ours has recorded that. The log also knows which task holds the
//! thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::observe::event::{Ending, Event, EventKind, Origin, Outcome, WaitsFor};
use crate::observe::live::{Live, TaskState};
use crate::time::clock::real_now;

/// The events that the observers have not received yet, and what is needed to record more.
#[derive(Default)]
pub(crate) struct Log {
    is_observed: bool,
    /// What causes the events that are recorded now.
    pub(crate) cause: Origin,
    events: Vec<Event>,
    /// The state of the loop after the last event.
    pub(crate) live: Live,
    event_loop: u64,
    sequence: u64,
    /// How many numbers will have been popped since the last park when the batch under way ends. It identifies
    /// the turn; 0 if none is under way.
    batch_end: usize,
    /// When the poll or the park under way began.
    began: Duration,
}

impl Log {
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_observed
    }

    /// Begins to record what the loop with that number does.
    pub(crate) fn switch_on(&mut self, event_loop: u64) {
        self.is_observed = true;
        self.event_loop = event_loop;
    }

    /// Returns the task that is being polled or dropped, if one is.
    pub(crate) fn current_task(&self) -> Option<u64> {
        match self.cause {
            Origin::Task(task) => Some(task),
            _ => None,
        }
    }

    /// Records what happens at `time`.
    pub(crate) fn record(&mut self, time: Duration, kind: EventKind) {
        self.sequence += 1;
        let event =
            Event { sequence: self.sequence, event_loop: self.event_loop, turn: self.live.turn, time, kind };
        self.live.apply(&event);
        self.events.push(event);
    }

    /// Returns the event of a wake; `already` if the task stood in the ready queue.
    pub(crate) fn woken(&self, task: u64, already: bool) -> EventKind {
        let live = self.live.tasks.get(&task);
        let is_at_job = || live.is_some_and(|live| live.waits.contains(&WaitsFor::Job));
        let by = match self.cause {
            Origin::Thread if is_at_job() => Origin::Job,
            cause => cause,
        };
        EventKind::Woken { task, by, already }
    }

    /// Begins the poll or the drop of a task that has left the ready queue: it causes what happens now, and
    /// holds the thread. With the first task of a batch, a turn begins.
    pub(crate) fn begin_task(&mut self, time: Duration, task: u64, batch_end: usize) {
        self.cause = Origin::Task(task);
        if self.batch_end != batch_end {
            self.batch_end = batch_end;
            self.live.turn += 1;
            self.record(time, EventKind::TurnBegins);
        }
        let live = self.live.tasks.get(&task);
        let name = live.and_then(|live| live.name.clone());
        let since = real_now();
        holders().insert(self.event_loop, Holding { task, name, since });
    }

    /// Records the end of a poll.
    pub(crate) fn end_poll(&mut self, time: Duration, polled: Poll<Ending>) {
        holders().remove(&self.event_loop);
        let Some(task) = self.current_task() else {
            return;
        };
        let live = self.live.tasks.get(&task);
        if polled.is_pending()
            && let Some(live) = live
            && live.waits.is_empty()
            && live.state != TaskState::Aborted
        {
            let on = if live.queued { WaitsFor::Turn } else { WaitsFor::Foreign };
            self.record(time, EventKind::Waits { task, on });
        }
        let outcome = match polled {
            Poll::Pending => Outcome::Pending,
            Poll::Ready(Ending::Panicked) => Outcome::Panicked,
            Poll::Ready(_) => Outcome::Ready,
        };
        let took = time.saturating_sub(self.began);
        self.record(time, EventKind::PollEnds { task, outcome, took });
    }

    /// Records that the task that holds the thread is done. It is still the cause: it wakes what waits for
    /// it.
    pub(crate) fn finish(&mut self, time: Duration, how: Ending) {
        holders().remove(&self.event_loop);
        if let Some(task) = self.current_task() {
            self.record(time, EventKind::Finished { task, how });
        }
    }

    /// Records that `block_on` ends; if its main future was not done, it is cancelled.
    pub(crate) fn leave_main(&mut self, time: Duration, task: u64) {
        self.cause = Origin::Outside;
        self.batch_end = 0;
        if self.live.tasks.contains_key(&task) {
            let how = Ending::Cancelled;
            self.record(time, EventKind::Finished { task, how });
        }
    }

    /// Begins a park.
    pub(crate) fn begin_park(&mut self, time: Duration) {
        self.cause = Origin::Outside;
        self.batch_end = 0;
        self.began = time;
    }

    /// Returns how long the park has taken.
    pub(crate) fn slept(&self, time: Duration) -> Duration {
        time.saturating_sub(self.began)
    }

    /// Takes the events that the observers have not received, and the task that would hold the thread while they
    /// are called.
    pub(crate) fn take_events(&mut self) -> (Vec<Event>, Option<Holding>) {
        (std::mem::take(&mut self.events), holders().remove(&self.event_loop))
    }

    /// Begins the poll or the park after the observers were called, whose time is not counted.
    pub(crate) fn resume(&mut self, time: Duration, holding: Option<Holding>) {
        self.began = time;
        if let Some(holding) = holding {
            holders().insert(self.event_loop, Holding { since: real_now(), ..holding });
        }
    }
}

/// A [`Holder`](crate::observe::Holder), with the time since which it holds the thread.
#[derive(Clone)]
pub(crate) struct Holding {
    pub(crate) task: u64,
    pub(crate) name: Option<Arc<str>>,
    /// On the real clock.
    pub(crate) since: Instant,
}

/// Returns the task that holds the thread of an observed loop, if one does. Another thread names it when the
/// loop has not answered.
pub(crate) fn holding(event_loop: u64) -> Option<Holding> {
    holders().get(&event_loop).cloned()
}

fn holders() -> MutexGuard<'static, BTreeMap<u64, Holding>> {
    static HOLDERS: Mutex<BTreeMap<u64, Holding>> = Mutex::new(BTreeMap::new());
    HOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}
