//! What a loop does with a [`Message`]: a request of a handle, of something that is dropped, or of another
//! thread.
//!
//! [`current::deliver`](crate::current::deliver) handles it at once if it finds the loop's state on this thread.
//! Otherwise it goes into the inbox, and the turn handles it. `LoopHandle::spawn` and `stop` leave theirs in the
//! inbox in any case, and so does the end of a `ClockHold`.

use crate::net::readiness::Readiness;
use crate::observe::event::EventKind;
use crate::state::State;
use crate::task::cell::BoxedTask;
use crate::task::id::TaskNumber;
use crate::task::quiet::drop_quietly;
use crate::task::table::Joiner;
use crate::wake::inbox::{Call, Message};
use crate::wake::waiter::Waiter;

/// What may run the user's code, and so is done when the state is free.
pub(crate) enum UserCode {
    Nothing,
    Call(Call),
    DropTask(Option<BoxedTask>, Joiner),
    DropWaiter(Option<Waiter>),
    DropSides(Option<[Readiness; 2]>),
}

impl State {
    /// Does what a message asks for. Returns what is left to do when the state is free.
    #[inline(always)]
    pub(crate) fn receive(&mut self, message: Message) -> UserCode {
        match message {
            Message::Wake(slot) => {
                if let Some(id) = self.tasks.find_live(slot) {
                    self.wake(TaskNumber::new(self.number, id, slot));
                }
            }
            Message::Stop => self.stop(),
            Message::Call(call) => return UserCode::Call(call),
            Message::Abort { slot, id } => {
                if self.tasks.abort(slot, id, &mut self.ready) {
                    self.record(|log| EventKind::Aborted { task: id, by: log.cause });
                }
            }
            Message::ReleaseTask { slot, id } => {
                let (joiner, unwanted) = self.tasks.release_handle(slot, id);
                return UserCode::DropTask(unwanted, joiner);
            }
            Message::ReleaseTimer(timer) => {
                let waiter = self.timers.cancel(timer);
                let cancelled = waiter.is_some();
                self.record(|_| EventKind::TimerDropped { timer, cancelled });
                return UserCode::DropWaiter(waiter);
            }
            Message::ReleaseSource(source) => {
                self.record(|_| EventKind::SourceDropped { source });
                return UserCode::DropSides(self.reactor.remove(source));
            }
            Message::ReleaseGroup(group) => return UserCode::DropWaiter(self.groups.remove(group)),
            Message::HoldClock => self.holds += 1,
            Message::ReleaseClock => self.holds = self.holds.saturating_sub(1),
            Message::NoLoopHandles => {}
        }
        UserCode::Nothing
    }
}

impl UserCode {
    /// Does what is left to do. Catches a panic of a destructor, but not one of the call.
    #[inline(always)]
    pub(crate) fn run(self) {
        match self {
            UserCode::Nothing => {}
            UserCode::Call(call) => call(),
            UserCode::DropTask(task, joiner) => {
                drop(joiner);
                task.into_iter().for_each(drop_quietly);
            }
            UserCode::DropWaiter(waiter) => drop(waiter),
            UserCode::DropSides(sides) => drop(sides),
        }
    }
}
