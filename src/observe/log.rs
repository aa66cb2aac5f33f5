//! The log: what has happened in a loop and was not given to its observers yet.
//!
//! The tables of a loop change while its state is borrowed, and no user code may run then, no observer
//! either. So the core records what happens, in order, and the turn notifies the observers when nothing
//! is borrowed. If nothing observes the loop the log is off, and to record is a comparison.

use std::panic::Location;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::observe::{Ending, Event, EventKind, Live, Origin, Outcome, WaitsFor};
use crate::state::Loop;
use crate::task::tasks::Tasks;
use crate::time::clock::{Clock, real_now};
use crate::wake::inbox::Holding;

/// The events that the observers have not been given yet, and what is needed to record more.
#[derive(Default)]
pub(crate) struct Log {
    /// Whether anything observes the loop.
    pub(crate) on: bool,
    /// What causes what happens now.
    pub(crate) cause: Origin,
    pub(crate) events: Vec<Event>,
    /// The state of the loop that the events add up to.
    pub(crate) live: Live,
    pub(crate) event_loop: u64,
    sequence: u64,
    turn: u64,
    /// Where the batch ends that the turn is of; zero once that is over.
    batch_end: u64,
}

impl Log {
    /// The task that is polled.
    fn polled(&self) -> Option<u64> {
        match self.cause {
            Origin::Task(task) => Some(task),
            _ => None,
        }
    }

    fn push(&mut self, clock: &Clock, kind: EventKind) {
        self.sequence += 1;
        let event = Event {
            sequence: self.sequence,
            event_loop: self.event_loop,
            turn: self.turn,
            time: clock.elapsed(),
            kind,
        };
        self.live.apply(&event);
        self.events.push(event);
    }

    /// A task was put in the ready queue, or stood there.
    #[cold]
    #[inline(never)]
    pub(crate) fn record_wake(
        &mut self,
        clock: &Clock,
        tasks: &mut Tasks,
        slot: u32,
        by: Origin,
        already: bool,
    ) {
        let Some(task) = tasks.live_id(slot) else {
            return;
        };
        let live = self.live.tasks.get(&task);
        let at_job = live.is_some_and(|live| live.waits.contains(&WaitsFor::Job));
        let by = if at_job && by == Origin::Thread {
            Origin::Job
        } else {
            by
        };
        self.push(clock, EventKind::Woken { task, by, already });
    }
}

impl Loop {
    /// Records what has happened, if anything observes the loop.
    #[inline]
    pub(crate) fn record(&mut self, kind: impl FnOnce(&Loop) -> EventKind) {
        if self.log.on {
            self.record_now(kind);
        }
    }

    #[cold]
    #[inline(never)]
    fn record_now(&mut self, kind: impl FnOnce(&Loop) -> EventKind) {
        let kind = kind(self);
        self.log.push(&self.clock, kind);
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn record_spawn(
        &mut self,
        slot: u32,
        task: u64,
        location: &'static Location<'static>,
    ) {
        let future = self.tasks.future_type(slot);
        self.record(|it| EventKind::Spawned {
            task,
            parent: it.log.polled(),
            future,
            location,
        });
    }

    /// The main future's place is gone, and the batch with it; if it was not done, that ends it.
    pub(crate) fn record_main_left(&mut self, task: u64) {
        self.log.cause = Origin::Outside;
        self.log.batch_end = 0;
        if self.log.live.tasks.contains_key(&task) {
            let how = Ending::Cancelled;
            self.record(|_| EventKind::Finished { task, how });
        }
    }

    /// A task was put in the ready queue, or stood there.
    pub(crate) fn record_wake(&mut self, slot: u32, already: bool) {
        let by = self.log.cause;
        self.log
            .record_wake(&self.clock, &mut self.tasks, slot, by, already);
    }

    /// The timers among the woken have fired.
    #[cold]
    #[inline(never)]
    pub(crate) fn record_fired(&mut self) {
        for index in 0..self.woken.len() {
            if let (_, Origin::Timer(timer)) = self.woken[index] {
                self.record(|_| EventKind::TimerFired { timer });
            }
        }
    }

    /// The task that is polled waits for something.
    #[inline]
    pub(crate) fn record_wait(&mut self, on: WaitsFor) {
        if self.log.on {
            self.record_wait_now(on);
        }
    }

    #[cold]
    #[inline(never)]
    fn record_wait_now(&mut self, on: WaitsFor) {
        if let Some(task) = self.log.polled() {
            self.record_now(|_| EventKind::Waits { task, on });
        }
    }

    /// The task that is polled waits for a timer, which was armed now or before.
    #[inline]
    pub(crate) fn record_sleep(&mut self, timer: u32, deadline: Instant, armed: bool) {
        if self.log.on {
            self.record_sleep_now(timer, deadline, armed);
        }
    }

    #[cold]
    #[inline(never)]
    fn record_sleep_now(&mut self, timer: u32, deadline: Instant, armed: bool) {
        let deadline = self.clock.since_start(deadline);
        let task = self.log.polled();
        if armed {
            self.record(|_| EventKind::TimerArmed {
                timer,
                task,
                deadline,
            });
        }
        self.record_wait(WaitsFor::Timer { timer, deadline });
    }

    /// A task comes out of the ready queue, to be polled or dropped: it causes what happens now, and has
    /// the thread. If it is the first of its batch, a turn begins. Returns its id.
    fn record_task(&mut self, slot: u32) -> Option<u64> {
        let batch_end = self.ready.batch_end();
        let task = self.tasks.live_id(slot)?;
        self.log.cause = Origin::Task(task);
        if self.log.batch_end != batch_end {
            self.log.batch_end = batch_end;
            self.log.turn += 1;
            self.record(|_| EventKind::TurnBegins);
        }
        let name = self
            .log
            .live
            .tasks
            .get(&task)
            .and_then(|live| live.name.clone());
        let since = real_now();
        self.inbox.set_holder(Some(Holding { task, name, since }));
        Some(task)
    }

    pub(crate) fn record_poll_begins(&mut self, slot: u32) {
        if let Some(task) = self.record_task(slot) {
            self.record(|_| EventKind::PollBegins { task });
        }
    }

    /// A poll is over.
    pub(crate) fn record_poll_ends(&mut self, slot: u32, polled: Poll<Ending>, began: Duration) {
        let took = self.clock.elapsed().saturating_sub(began);
        self.inbox.set_holder(None);
        let Some(task) = self.log.polled() else {
            return;
        };
        let live = self.log.live.tasks.get(&task);
        if polled.is_pending() && live.is_some_and(|live| live.waits.is_empty()) {
            let itself = self.tasks.is_queued(slot);
            self.record_wait(if itself {
                WaitsFor::Turn
            } else {
                WaitsFor::Foreign
            });
        }
        let outcome = match polled {
            Poll::Pending => Outcome::Pending,
            Poll::Ready(Ending::Panicked) => Outcome::Panicked,
            Poll::Ready(_) => Outcome::Ready,
        };
        self.record(|_| EventKind::PollEnds {
            task,
            outcome,
            took,
        });
    }

    /// The task whose cell is lent is to be dropped.
    pub(crate) fn record_cancel(&mut self) {
        if self.log.on
            && let Some(slot) = self.tasks.lent()
        {
            self.record_task(slot);
        }
    }

    /// The task that had the thread is done. What waits for it is woken in its name.
    #[cold]
    #[inline(never)]
    pub(crate) fn record_finish(&mut self, how: Ending) {
        if !self.log.on {
            return;
        }
        self.inbox.set_holder(None);
        if let Some(task) = self.log.polled() {
            self.record(|_| EventKind::Finished { task, how });
        }
    }
}
