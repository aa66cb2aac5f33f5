//! What a loop does when it is asked: by a handle that is aborted or dropped, or from another thread.
//!
//! On the loop's own thread that is at once, from another it is when the loop reads its inbox
//! ([`current::deliver`](crate::current::deliver) decides).

use std::sync::Arc;

use crate::net::readiness::Sides;
use crate::observe::event::EventKind;
use crate::state::State;
use crate::task::cell::{BoxedTask, drop_quietly};
use crate::task::table::Joiner;
use crate::wake::inbox::{Call, Message};
use crate::wake::waiter::Waiter;

/// What is left of a message when the state is free: to be dropped or called, since it may be the user's.
#[derive(Default)]
pub(crate) struct Deferred {
    waiter: Option<Waiter>,
    task: Option<BoxedTask>,
    sides: Option<Sides>,
    call: Option<Call>,
}

impl State {
    /// Does what a message asks for, but for what may be the user's code.
    #[inline(always)]
    pub(crate) fn receive(&mut self, message: Message) -> Deferred {
        let mut deferred = Deferred::default();
        match message {
            Message::Wake(slot) => {
                if let Some(number) = self.tasks.number(slot) {
                    self.wake(number);
                }
            }
            Message::Stop => self.stop(),
            Message::Call(call) => deferred.call = Some(call),
            Message::Abort { slot, id } => {
                if !self.tasks.is_done(slot, id) {
                    self.record(|log| EventKind::Aborted { task: id, by: log.cause });
                    self.tasks.abort(slot, id, &mut self.ready);
                }
            }
            Message::ReleaseTask { slot, id } => {
                let (joiner, unseen) = self.tasks.release_handle(slot, id);
                if let Joiner::Waiter(waiter) = joiner {
                    deferred.waiter = Some(waiter);
                }
                deferred.task = unseen;
            }
            Message::ReleaseTimer(timer) => {
                deferred.waiter = self.timers.cancel(timer);
                let cancelled = deferred.waiter.is_some();
                self.record(|_| EventKind::TimerDropped { timer, cancelled });
            }
            Message::ReleaseSource(source) => {
                self.record(|_| EventKind::SourceDropped { source });
                deferred.sides = self.reactor.remove(source);
            }
            Message::ReleaseGroup(group) => deferred.waiter = self.groups.remove(group),
            Message::ReleaseJob => self.jobs = self.jobs.saturating_sub(1),
            Message::NoHandles => {}
        }
        deferred
    }

    /// Names a task, unless a loop that is closing has refused it.
    pub(crate) fn set_name(&mut self, slot: u32, task: u64, name: Box<str>) {
        if !self.tasks.is_done(slot, task) {
            self.record(|_| EventKind::Named { task, name: Arc::from(&*name) });
            self.tasks.names.insert(slot, name);
        }
    }
}

impl Deferred {
    /// Drops each part by itself, since it may panic; then calls what is to be called.
    #[inline(always)]
    pub(crate) fn run(self) {
        self.waiter.into_iter().for_each(Waiter::drop_quietly);
        self.task.into_iter().for_each(drop_quietly);
        self.sides.into_iter().for_each(Sides::drop_quietly);
        if let Some(call) = self.call {
            call();
        }
    }
}
