//! What a loop owns.
//!
//! Five tables with numbers in them (tasks, ready queue, groups, timers, sources), a clock, and the
//! inbox. This is what `current` lends out; the turn, in `turn.rs`, is what moves it.
//!
//! Nothing here runs user code: what may (a future to be dropped, a waker of another runtime) is
//! handed to the caller.

use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use mio::Events;

use crate::net::reactor::Reactor;
use crate::net::readiness::Readiness;
use crate::observe::log::Log;
use crate::observe::{EventKind, Origin};
use crate::task::cell::{BoxedTask, End, NewTask};
use crate::task::groups::{Groups, Seat};
use crate::task::id::{LoopNumber, TaskNumber};
use crate::task::slots::{Joiner, Lent, Popped};
use crate::task::tasks::{Finished, Tasks};
use crate::time::clock::Clock;
use crate::time::wheel::Wheel;
use crate::wake::inbox::{self, Inbox, Message};
use crate::wake::ready::ReadyQueue;
use crate::wake::waker::waker;

/// The state of one loop.
pub(crate) struct Loop {
    pub(crate) number: LoopNumber,
    pub(crate) tasks: Tasks,
    pub(crate) ready: ReadyQueue,
    pub(crate) groups: Groups,
    pub(crate) timers: Wheel<Waker>,
    pub(crate) clock: Clock,
    pub(crate) reactor: Reactor,
    pub(crate) inbox: &'static Inbox,
    /// Executor jobs that run or are awaited, counted once for each. A virtual clock waits for
    /// them.
    pub(crate) jobs: usize,
    /// How long its end waits for jobs that have begun; `None`: as long as they take.
    pub(crate) shutdown_timeout: Option<Duration>,
    /// Kept for its memory: the wakers of the third step, and what wakes them.
    pub(crate) woken: Vec<(Waker, Origin)>,
    /// What was taken from the inbox and is not handled yet.
    pub(crate) messages: VecDeque<Message>,
    /// Where in the count of what has left the ready queue the next park is due: a batch that would
    /// end beyond it is begun after the park. Zero if the loop is to stop.
    next_park: u64,
    /// What has happened, if anything observes the loop.
    pub(crate) log: Log,
    /// `stop` was called.
    pub(crate) stopping: bool,
    /// Teardown has begun: what is spawned now is dropped at once.
    pub(crate) closing: bool,
}

/// Why a task was not taken in; it comes back, to be dropped.
pub(crate) enum Refused {
    Closing(NewTask),
    Full(NewTask),
}

/// Polls between two parks, while tasks are ready. (A task that is dropped instead of polled counts,
/// and so does a stale number: both take their time.)
const POLLS_PER_PARK: u64 = 61;

impl Loop {
    pub(crate) fn new(number: LoopNumber, inbox: &'static Inbox, is_virtual: bool) -> Self {
        Loop {
            number,
            tasks: Tasks::new(number),
            ready: ReadyQueue::new(),
            groups: Groups::default(),
            timers: Wheel::new(),
            clock: Clock::new(is_virtual),
            reactor: Reactor::new(),
            inbox,
            jobs: 0,
            shutdown_timeout: None,
            woken: Vec::new(),
            messages: VecDeque::new(),
            next_park: POLLS_PER_PARK,
            log: Log::default(),
            stopping: false,
            closing: false,
        }
    }

    /// Takes a task in and queues it. Returns its slot and its id.
    #[inline(always)]
    pub(crate) fn spawn(
        &mut self,
        task: NewTask,
        held: bool,
        seat: Seat,
        location: &'static Location<'static>,
    ) -> Result<(u32, u64), Refused> {
        if self.closing {
            return Err(Refused::Closing(task));
        }
        if self.tasks.is_full() {
            return Err(Refused::Full(task));
        }
        let (slot, id) = self.tasks.insert(task, held, seat);
        self.ready.push(TaskNumber::new(self.number, id, slot));
        if self.log.on {
            self.record_spawn(slot, id, location);
        }
        Ok((slot, id))
    }

    /// Gives the main future its place, and queues it. Returns its slot and its id.
    pub(crate) fn enter_main(&mut self, main_type: &'static str) -> (u32, u64) {
        let (slot, id) = self.tasks.insert_main(main_type);
        self.ready.push(TaskNumber::new(self.number, id, slot));
        (slot, id)
    }

    /// Frees the main future's place. A loop that does not run is at rest.
    pub(crate) fn leave_main(&mut self, slot: u32) {
        self.tasks.remove_main(slot);
        if self.ready.is_empty() {
            self.rest();
        }
    }

    /// Queues a task, unless it is queued already or done. Returns false if the task is gone or belongs
    /// to another loop.
    #[inline]
    pub(crate) fn wake(&mut self, number: TaskNumber) -> bool {
        let is_new = queue(&mut self.tasks, &mut self.ready, number);
        if let Some(is_new) = is_new
            && self.log.on
        {
            self.record_wake(number.slot(), !is_new);
        }
        is_new.is_some()
    }

    /// Queues the task that has the slot.
    pub(crate) fn wake_slot(&mut self, slot: u32) {
        let number = self.tasks.mark_slot_queued(slot);
        if let Some(number) = number {
            self.ready.push(number);
        }
        if self.log.on {
            self.record_wake(slot, number.is_none());
        }
    }

    /// Names a task, unless a loop that is closing has refused it.
    pub(crate) fn set_name(&mut self, slot: u32, task: u64, name: Box<str>) {
        if self.tasks.is_done(slot, task) {
            return;
        }
        self.record(|_| EventKind::Named {
            task,
            name: Arc::from(&*name),
        });
        self.tasks.set_name(slot, task, name);
    }

    /// Marks a task to be dropped at its place in the queue.
    pub(crate) fn abort(&mut self, slot: u32, id: u64) {
        if self.log.on && !self.tasks.is_done(slot, id) {
            let by = self.log.cause;
            self.record(|_| EventKind::Aborted { task: id, by });
        }
        if let Some(number) = self.tasks.abort(slot, id) {
            self.ready.push(number);
        }
    }

    /// Takes the next number of the batch out of the ready queue; `None` at its end. The task before
    /// comes back, if it is pending.
    ///
    /// One step and not two, because this is where a busy loop spends its time.
    #[inline(always)]
    pub(crate) fn next(&mut self, pending: Option<Lent>) -> Option<Popped> {
        if let Some(task) = pending
            && let Some(aborted) = self.tasks.pend(task)
        {
            return Some(Popped::Aborted(aborted));
        }
        let number = self.ready.pop()?;
        Some(self.tasks.begin(number))
    }

    /// Whether this turn is to park: nothing is ready, or the next batch would end too long after the
    /// last park.
    #[inline]
    pub(crate) fn is_park_due(&self) -> bool {
        self.ready.is_empty() || self.ready.pushed() > self.next_park
    }

    /// Whether so much was polled since the last park that another is due in any case.
    pub(crate) fn is_park_overdue(&self) -> bool {
        self.ready.popped() >= self.next_park
    }

    /// Lets this turn be the last one: it parks, without waiting, and the loop returns.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.next_park = 0;
    }

    /// A park begins; the next is due in 61 polls.
    pub(crate) fn park_begins(&mut self) {
        if self.ready.is_empty() {
            self.rest();
        }
        self.next_park = self.ready.popped() + POLLS_PER_PARK;
    }

    /// Nothing is ready: gives back the memory that a burst has left in the tables.
    fn rest(&mut self) {
        self.ready.rest();
        self.tasks.rest();
        self.groups.rest();
        self.timers.rest();
        self.reactor.rest();
        inbox::give_back(&mut self.messages);
    }

    /// A task is done. Returns what is to be woken, and the cell if no handle will ask for it; or the task,
    /// if it has aborted itself and is to be cancelled first.
    pub(crate) fn finish(
        &mut self,
        task: Lent,
        end: End,
    ) -> Result<(Option<Waker>, Option<BoxedTask>), Lent> {
        let Finished { joiner, unheld } = self.tasks.finish(task)?;
        if self.log.on {
            self.record_finish(end);
        }
        let waker = match joiner {
            Joiner::Waker(waker) => Some(waker),
            Joiner::Seat(Seat::NONE) => None,
            Joiner::Seat(seat) => self.groups.report(seat, end),
        };
        Ok((waker, unheld))
    }

    /// Queues the tasks whose sources are ready, and puts the wakers of others among the woken.
    pub(crate) fn take_events(&mut self, events: &mut Events) {
        let Loop {
            reactor,
            tasks,
            ready,
            woken,
            log,
            clock,
            ..
        } = self;
        reactor.take_events(events, woken, |source, task, woken| {
            match queue(tasks, ready, task) {
                Some(is_new) if log.on => {
                    let by = Origin::Source(source);
                    log.record_wake(clock, tasks, task.slot(), by, !is_new);
                }
                Some(_) => {}
                None => push_waker(woken, task, source),
            }
        });
    }

    /// Puts the wakers of the timers that are due among the woken.
    pub(crate) fn take_due(&mut self) {
        if self.timers.is_empty() {
            return;
        }
        let fire = |timer, waker| self.woken.push((waker, Origin::Timer(timer)));
        self.timers.advance(self.clock.tick(), fire);
        if self.log.on {
            self.record_fired();
        }
    }

    /// Frees a timer's key, fired or not.
    pub(crate) fn drop_timer(&mut self, timer: u32) -> Option<Waker> {
        let waker = self.timers.cancel(timer);
        let cancelled = waker.is_some();
        self.record(|_| EventKind::TimerDropped { timer, cancelled });
        waker
    }

    /// Frees a source's slot.
    pub(crate) fn drop_source(&mut self, source: usize) -> Option<[Readiness; 2]> {
        self.record(|_| EventKind::SourceDropped { source });
        self.reactor.remove(source)
    }

    /// Takes what other threads have left, if all that was taken before is handled. `None` if there is
    /// nothing to handle; else how many numbers were ever put in the ready queue.
    pub(crate) fn open_inbox(&mut self) -> Option<u64> {
        if self.messages.is_empty() {
            self.inbox.drain(&mut self.messages);
        }
        if self.messages.is_empty() {
            return None;
        }
        self.log.cause = Origin::Thread;
        Some(self.ready.pushed())
    }

    /// The next message of those that were taken.
    pub(crate) fn next_message(&mut self) -> Option<Message> {
        self.messages.pop_front()
    }

    /// Takes the cell of a task for teardown, which drops it.
    pub(crate) fn take_for_teardown(&mut self, id: u64, slot: u32) -> Option<(BoxedTask, Joiner)> {
        if self.log.on && !self.tasks.is_done(slot, id) {
            self.log.cause = Origin::Task(id);
            self.record_finish(End::Cancelled);
        }
        self.tasks.take_for_teardown(id, slot)
    }

    /// Every waker that waits for something, for teardown.
    pub(crate) fn take_waiting(&mut self) -> Vec<Waker> {
        let mut waiting = self.reactor.close();
        waiting.extend(self.timers.take_all());
        waiting.extend(self.groups.take_all());
        waiting
    }
}

#[cold]
#[inline(never)]
fn push_waker(woken: &mut Vec<(Waker, Origin)>, task: TaskNumber, source: usize) {
    let waker = ManuallyDrop::into_inner(waker(task));
    woken.push((waker, Origin::Source(source)));
}

/// Queues a task. Returns false if it was queued or is done; `None` if the number leads to none.
#[inline]
fn queue(tasks: &mut Tasks, ready: &mut ReadyQueue, number: TaskNumber) -> Option<bool> {
    let is_new = tasks.mark_queued(number);
    if is_new == Some(true) {
        ready.push(number);
    }
    is_new
}
