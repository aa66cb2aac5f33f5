//! What the core records, for the observers of a loop.
//!
//! Events are recorded by one call, [`State::record`]: a branch if the loop is not observed. The log is also
//! given the cause of what happens, and when a poll, a park or a task begins and ends. It derives the rest.
//!
//! What a poll passes through only asks `is_on`, and calls a function or two. More code in the branch would cost
//! every poll, observed or not.

use std::task::Poll;
use std::time::{Duration, Instant};

use crate::observe::event::{Ending, EventKind, WaitsFor};
use crate::observe::log::Log;
use crate::park::Park;
use crate::state::State;
use crate::task::id::TaskNumber;

impl State {
    /// Records what has happened, if the loop is observed.
    #[inline]
    pub(crate) fn record(&mut self, kind: impl FnOnce(&Log) -> EventKind) {
        if self.log.is_on() {
            self.record_now(kind);
        }
    }

    #[cold]
    #[inline(never)]
    fn record_now(&mut self, kind: impl FnOnce(&Log) -> EventKind) {
        let kind = kind(&self.log);
        self.log.record(self.clock.elapsed(), kind);
    }

    /// Records that the task that is polled waits for something.
    #[inline]
    pub(crate) fn record_wait(&mut self, on: WaitsFor) {
        if let Some(task) = self.log.current_task() {
            self.record(|_| EventKind::Waits { task, on });
        }
    }

    /// Records that the task that is polled waits for a timer, which was armed now or before.
    #[inline]
    pub(crate) fn record_sleep(&mut self, timer: u32, deadline: Instant, is_new: bool) {
        if self.log.is_on() {
            let deadline = self.clock.since_start(deadline);
            if is_new {
                self.record(|log| EventKind::TimerArmed { timer, task: log.current_task(), deadline });
            }
            self.record_wait(WaitsFor::Timer { timer, deadline });
        }
    }

    /// Records that a task leaves the ready queue, to be polled. The caller has asked whether the loop is
    /// observed.
    #[cold]
    #[inline(never)]
    pub(crate) fn record_begin_poll(&mut self, number: TaskNumber) {
        if let Some(task) = self.record_begin(number) {
            self.record(|_| EventKind::PollBegins { task });
        }
    }

    /// As [`record_begin_poll`](Self::record_begin_poll), for an aborted task that is to be dropped.
    pub(crate) fn record_begin_drop(&mut self, number: TaskNumber) {
        self.record_begin(number);
    }

    fn record_begin(&mut self, number: TaskNumber) -> Option<u64> {
        let task = self.tasks.find_live(number.slot())?;
        self.log.begin_task(self.clock.elapsed(), task, self.ready.popped_after_batch());
        Some(task)
    }

    #[inline]
    pub(crate) fn record_end_poll(&mut self, polled: Poll<Ending>) {
        if self.log.is_on() {
            self.log.end_poll(self.clock.elapsed(), polled);
        }
    }

    /// Records that what is polled or dropped is done.
    #[inline]
    pub(crate) fn record_finish(&mut self, ending: Ending) {
        if self.log.is_on() {
            self.log.finish(self.clock.elapsed(), ending);
        }
    }

    /// Records a park that is over.
    pub(crate) fn record_park(&mut self, park: Park) {
        if !self.log.is_on() {
            return;
        }
        let slept = self.log.slept(self.clock.elapsed());
        let timeout = match park {
            // Virtual time has passed instead.
            Park::Skip | Park::Ask(Some(Duration::ZERO)) if self.clock.is_virtual() && !slept.is_zero() => {
                Some(slept)
            }
            Park::Ask(timeout) => timeout,
            Park::Skip | Park::NeedsPoller | Park::Deadlock => return,
        };
        let events = self.poller.iter().flat_map(|poller| &poller.events);
        let sources = events.filter(|event| self.reactor.has(event.token())).count();
        self.record(|_| EventKind::Parked { timeout, slept, sources });
    }
}
