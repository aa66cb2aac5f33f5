//! What a loop does when it is asked: by a handle that is aborted or dropped, or a wake of another thread.
//!
//! On the loop's own thread that is at once, from another it is when the loop reads its inbox
//! ([`current::deliver`](crate::current::deliver) decides). What is then to be dropped may be the user's,
//! so it goes to the caller.

use std::sync::Arc;

use crate::net::readiness::Sides;
use crate::observe::event::EventKind;
use crate::state::State;
use crate::task::cell::{BoxedTask, drop_quietly};
use crate::task::table::Joiner;
use crate::wake::inbox::Message;
use crate::wake::waiter::Waiter;

/// What a message leaves to be dropped when the state is free, since it may be the user's.
pub(crate) enum Unwanted {
    Nothing,
    Task(Option<BoxedTask>, Joiner),
    Waiter(Waiter),
    Sides(Sides),
}

impl State {
    /// Does what a message asks for. Returns what is to be dropped when the state is free.
    #[inline(always)]
    pub(crate) fn receive(&mut self, message: Message) -> Unwanted {
        match message {
            Message::Wake(slot) => self.wake_slot(slot),
            Message::Stop => self.stop(),
            Message::Abort { slot, id } => self.abort(slot, id),
            Message::ReleaseTask { slot, id } => {
                let (joiner, unseen) = self.tasks.release_handle(slot, id);
                return Unwanted::Task(unseen, joiner);
            }
            Message::ReleaseTimer(key) => return self.drop_timer(key).into(),
            Message::ReleaseSource(source) => {
                self.record(|_| EventKind::SourceDropped { source });
                return self.reactor.remove(source).map_or(Unwanted::Nothing, Unwanted::Sides);
            }
            Message::ReleaseGroup(group) => return self.groups.remove(group).into(),
            Message::ReleaseJob => self.jobs = self.jobs.saturating_sub(1),
            Message::NoHandles => {}
        }
        Unwanted::Nothing
    }

    /// Queues the task that has the slot.
    fn wake_slot(&mut self, slot: u32) {
        if let Some((_, number)) = self.tasks.live(slot) {
            self.wake(number);
        }
    }

    /// Marks a task to be dropped at its place in the queue.
    fn abort(&mut self, slot: u32, id: u64) {
        if self.log.is_on() && !self.tasks.is_done(slot, id) {
            self.record(|log| EventKind::Aborted { task: id, by: log.cause });
        }
        self.tasks.abort(slot, id, &mut self.ready);
    }

    /// Frees a timer's key, fired or not.
    #[inline(always)]
    fn drop_timer(&mut self, timer: u32) -> Option<Waiter> {
        let waiter = self.timers.cancel(timer);
        let cancelled = waiter.is_some();
        self.record(|_| EventKind::TimerDropped { timer, cancelled });
        waiter
    }

    /// Names a task, unless a loop that is closing has refused it.
    pub(crate) fn set_name(&mut self, slot: u32, task: u64, name: Box<str>) {
        if self.tasks.is_done(slot, task) {
            return;
        }
        self.record(|_| EventKind::Named { task, name: Arc::from(&*name) });
        self.tasks.names.insert(slot, name);
    }
}

impl Unwanted {
    /// Drops each part by itself: it may be the user's, and panic.
    #[inline(always)]
    pub(crate) fn drop_quietly(self) {
        match self {
            Unwanted::Nothing => {}
            Unwanted::Task(task, joiner) => {
                if let Joiner::Waiter(waiter) = joiner {
                    waiter.drop_quietly();
                }
                task.into_iter().for_each(drop_quietly);
            }
            Unwanted::Waiter(waiter) => waiter.drop_quietly(),
            Unwanted::Sides(sides) => sides.drop_quietly(),
        }
    }
}

impl From<Option<Waiter>> for Unwanted {
    #[inline(always)]
    fn from(waiter: Option<Waiter>) -> Unwanted {
        match waiter {
            Some(waiter) => Unwanted::Waiter(waiter),
            None => Unwanted::Nothing,
        }
    }
}
