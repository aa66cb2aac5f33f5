//! What a loop owns, and what its turn does with it.
//!
//! A loop owns the ready queue, four tables (tasks, groups, timers, sources), a clock and a poller. It reads an
//! inbox, which mostly other threads fill. `current` keeps the state; the turn, in `turn.rs`, takes it from
//! there.
//!
//! Nothing here runs user code. What may is returned to the caller (a task that is refused, an output that no
//! handle will ask for), or kept in `deferred_wakes` for the turn (a foreign waker).
//!
//! Other methods of [`State`] stand with their subjects, since imports between files may have no cycle: in
//! `park.rs`, `messages.rs`, `lifecycle.rs` and `event_loop.rs`; and, not for a first reading, in
//! `recording.rs`, `time/virtual_time.rs` and `wake/draw.rs`.

use std::collections::VecDeque;
use std::panic::Location;
use std::time::Duration;

use crate::net::poller::Poller;
use crate::net::reactor::Reactor;
use crate::observe::event::{Ending, EventKind, Origin};
use crate::observe::log::Log;
use crate::observe::observers::Observers;
use crate::task::cell::BoxedTask;
use crate::task::group_table::Groups;
use crate::task::id::{LoopNumber, TaskNumber};
use crate::task::table::{Joiner, Popped, Tasks, WakeResult};
use crate::time::clock::Clock;
use crate::time::wheel::Wheel;
use crate::wake::inbox::{Inbox, Message};
use crate::wake::order::Order;
use crate::wake::ready::ReadyQueue;
use crate::wake::waiter::Waiter;

/// The state of one loop.
pub(crate) struct State {
    pub(crate) tasks: Tasks,
    pub(crate) ready: ReadyQueue,
    pub(crate) groups: Groups,
    pub(crate) timers: Wheel<Waiter>,
    pub(crate) reactor: Reactor,
    /// `None` while a park or `wake_sources` holds it; with a virtual clock also until the first park that
    /// waits, or the first socket. (The registry, by which sockets are registered, is in the inbox.)
    pub(crate) poller: Option<Poller>,
    /// That of the loop's short id: a static, which passes to the next loop with the id.
    pub(crate) inbox: &'static Inbox,
    /// What was taken from the inbox and is not handled yet.
    pub(crate) messages: VecDeque<Message>,
    /// Waiters that the turn wakes when the state is free. The first of them is no task of this loop; to keep
    /// the order, all that are woken after it join the list. Each with its cause, for observers.
    pub(crate) deferred_wakes: Vec<(Waiter, Origin)>,
    pub(crate) clock: Clock,
    /// The 61 of the rule in `turn.rs`; 0 makes a park due in any case.
    pub(crate) pops_per_park: usize,
    /// `stop` was called. The end of a run clears it (`event_loop.rs`).
    pub(crate) stopping: bool,
    /// The end of the loop has begun: what is spawned now is dropped at once.
    pub(crate) closing: bool,
    pub(crate) number: LoopNumber,

    // On a first reading, skip the rest.
    /// `None`: FIFO.
    pub(crate) order: Option<Order>,
    /// Executor jobs and name look-ups that are queued, running or awaited, and `ClockHold`s. While there is
    /// one, a virtual clock does not jump. If there is none, the end of the loop looks for no jobs.
    pub(crate) holds: usize,
    /// How long the end of the loop waits for jobs that have begun; `None`: as long as they take.
    pub(crate) shutdown_timeout: Option<Duration>,
    /// The loop is being run, by `block_on`, `run_forever` or `turn`.
    pub(crate) entered: bool,
    /// What has happened, if the loop is observed.
    pub(crate) log: Log,
    pub(crate) observers: Observers,
    /// The next in the list of the loops of this thread that do not run; see `current.rs`.
    pub(crate) next_on_thread: Option<Box<State>>,
}

/// The usual `pops_per_park`. The number is tokio's, and `tests/model` has it too.
pub(crate) const POPS_PER_PARK: usize = 61;

impl State {
    pub(crate) fn new(number: LoopNumber, inbox: &'static Inbox, clock: Clock, order: Option<Order>) -> Self {
        State {
            tasks: Tasks::new(number),
            ready: ReadyQueue::new(),
            groups: Groups::default(),
            timers: Wheel::new(),
            reactor: Reactor::default(),
            poller: None,
            inbox,
            messages: VecDeque::new(),
            deferred_wakes: Vec::new(),
            clock,
            pops_per_park: POPS_PER_PARK,
            stopping: false,
            number,
            order,
            holds: 0,
            shutdown_timeout: None,
            closing: false,
            entered: false,
            log: Log::default(),
            observers: Observers::default(),
            next_on_thread: None,
        }
    }

    /// Gives a task a slot, and queues it. Returns its slot and its id; or the task, if the loop is closing
    /// or full.
    #[inline(always)]
    pub(crate) fn spawn(
        &mut self,
        task: BoxedTask,
        joiner: Joiner,
        location: &'static Location<'static>,
    ) -> Result<(u32, u64), BoxedTask> {
        if self.closing || self.tasks.is_full() {
            return Err(task);
        }
        let future = task.future_type();
        let (slot, id) = self.tasks.insert(Some(task), joiner);
        self.ready.push(TaskNumber::new(self.number, id, slot));
        self.record(|log| EventKind::Spawned { task: id, parent: log.current_task(), future, location });
        Ok((slot, id))
    }

    /// Wakes a task on the fast path, inlined. Returns false, and has done nothing, if the queue has no room,
    /// the loop is observed, the task is aborted or done, or no task of this loop has the number. (A waker's
    /// `current::wake` tries this, then [`wake`](Self::wake), or the loop that has the number. A table's
    /// `wake_waiter` tries this, then `wake_or_defer`.)
    #[inline(always)]
    pub(crate) fn try_wake(&mut self, number: TaskNumber) -> bool {
        let is_quick = self.ready.has_room() && !self.log.is_on();
        is_quick && self.tasks.queue(number, &mut self.ready) != WakeResult::Refused
    }

    /// Wakes a task on the slow path: queues it, unless it is queued, aborted, done or gone.
    #[cold]
    #[inline(never)]
    pub(crate) fn wake(&mut self, number: TaskNumber) {
        let wake = self.tasks.queue(number, &mut self.ready);
        if wake != WakeResult::Refused
            && let Some(id) = self.tasks.find_live(number.slot())
        {
            self.record(|log| log.woken(id, wake == WakeResult::Needless));
        }
    }

    /// Wakes what waited for a timer, a source, a task or a group. A task of this loop is queued at once. Any
    /// other waiter is kept until the state is free, and so are all that follow it, to keep the order.
    #[inline(always)]
    fn wake_waiter(&mut self, waiter: Waiter, cause: Origin) {
        if let Waiter::Task(number) = waiter
            && self.deferred_wakes.is_empty()
            && self.try_wake(number)
        {
            return;
        }
        self.wake_or_defer(waiter, cause);
    }

    #[cold]
    #[inline(never)]
    fn wake_or_defer(&mut self, waiter: Waiter, cause: Origin) {
        match waiter {
            Waiter::Task(number) if self.deferred_wakes.is_empty() && self.owns(number) => {
                self.log.cause = cause;
                self.wake(number);
            }
            waiter => self.deferred_wakes.push((waiter, cause)),
        }
    }

    /// Whether a number is of this loop, by its short id. If not, a wake of it goes elsewhere.
    pub(crate) fn owns(&self, number: TaskNumber) -> bool {
        number.short_id() == self.number.short_id()
    }

    /// Begins a batch: all that is ready, or the one task that the loop's order draws.
    #[inline]
    pub(crate) fn begin_batch(&mut self) {
        if self.order.is_none() {
            self.ready.freeze();
        } else {
            self.draw_batch();
        }
    }

    /// Pops the next number of the batch, and returns it with what it stands for; `None` at the end of the
    /// batch.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<(TaskNumber, Popped)> {
        let number = self.ready.pop()?;
        Some((number, self.tasks.take_out(number)))
    }

    /// Marks a task as done, and wakes what waits for it. The box holds the output by now; it is returned if
    /// no handle will ask for it.
    #[inline(always)]
    pub(crate) fn finish(
        &mut self,
        number: TaskNumber,
        task: BoxedTask,
        ending: Ending,
    ) -> Option<BoxedTask> {
        self.record_finish(ending);
        let (joiner, unwanted) = self.tasks.finish(number.slot(), task);
        let waiter = match joiner {
            Joiner::Nothing => None,
            Joiner::Waiter(waiter) => Some(waiter),
            Joiner::Group(member) => self.groups.finish_member(member, ending),
        };
        if let Some(waiter) = waiter {
            self.wake_waiter(waiter, self.log.cause);
        }
        unwanted
    }

    /// Wakes what waits for the sources that the last park has found ready.
    pub(crate) fn wake_sources(&mut self) {
        let Some(mut poller) = self.poller.take() else {
            return;
        };
        // Moved out, because the closure uses the rest of the state.
        let mut reactor = std::mem::take(&mut self.reactor);
        for event in &poller.events {
            let cause = Origin::Source(event.token().0);
            reactor.set_ready(event, |waiter| self.wake_waiter(waiter, cause));
        }
        self.reactor = reactor;
        poller.events.clear();
        self.poller = Some(poller);
    }

    /// Wakes what waited for the timers that are due. (No user code may run before `pop_due` returns `None`: it
    /// might arm or cancel a timer. So foreign waiters are deferred.)
    pub(crate) fn wake_timers(&mut self) {
        if self.timers.is_empty() {
            return;
        }
        let now = self.clock.tick();
        while let Some((timer, waiter)) = self.timers.pop_due(now) {
            self.record(|_| EventKind::TimerFired { timer });
            self.wake_waiter(waiter, Origin::Timer(timer));
        }
    }
}
