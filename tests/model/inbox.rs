//! The model's inbox: what other threads leave for the loop, and what a `LoopHandle` does on any thread.
//!
//! The model has one thread: what is done while `elsewhere` is set counts as done by another one.

use std::collections::VecDeque;
use std::mem;

use crate::model::{Id, Slot, drop_quietly, spawn, stop, with};
use crate::runtime::Coroutine;

/// How many messages a turn handles.
const PER_TURN: usize = 1_024;

#[derive(Default)]
pub(crate) struct Inbox {
    /// What was left, first come, first served.
    left: VecDeque<Message>,
    /// What the loop has taken, and not handled yet. When it has handled that, it takes all that was left.
    taken: VecDeque<Message>,
    is_open: bool,
    handles: usize,
    elsewhere: bool,
}

#[derive(PartialEq)]
enum Kind {
    /// Wakes the task that has the slot when the message is handled. `left` has at most one for a slot.
    Wake(Slot),
    /// The last handle is gone. `left` never has two of them in a row.
    NoLoopHandles,
    Call,
}

struct Message {
    kind: Kind,
    call: Box<dyn FnOnce()>,
}

impl Inbox {
    pub(crate) fn open() -> Inbox {
        Inbox { is_open: true, ..Inbox::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left.is_empty() && self.taken.is_empty()
    }
}

/// Leaves a message. Returns false, and drops it, if the loop is gone.
fn leave(kind: Kind, call: impl FnOnce() + 'static) -> bool {
    with(|model| {
        let Inbox { left, is_open, .. } = &mut model.inbox;
        let is_there = match kind {
            Kind::Wake(_) => left.iter().any(|message| message.kind == kind),
            Kind::NoLoopHandles => left.back().is_some_and(|message| message.kind == kind),
            Kind::Call => false,
        };
        if *is_open && !is_there {
            left.push_back(Message { kind, call: Box::new(call) });
        }
        *is_open
    })
}

/// Handles messages, up to the number for one turn.
pub(crate) fn read() {
    with(|model| {
        if model.inbox.taken.is_empty() {
            model.inbox.taken = mem::take(&mut model.inbox.left);
        }
    });
    for _ in 0..PER_TURN {
        let Some(message) = with(|model| model.inbox.taken.pop_front()) else { return };
        (message.call)();
    }
}

/// The loop reads no more. Drops what it has not handled.
pub(crate) fn close() {
    let Inbox { taken, left, .. } = with(|model| mem::take(&mut model.inbox));
    taken.into_iter().chain(left).for_each(drop_quietly);
}

pub(crate) fn elsewhere(act: impl FnOnce()) {
    with(|model| model.inbox.elsewhere = true);
    act();
    with(|model| model.inbox.elsewhere = false);
}

/// Calls at once; from another thread, when the loop handles the message.
pub(crate) fn deliver(call: impl FnOnce() + 'static) {
    if with(|model| model.inbox.elsewhere) {
        leave(Kind::Call, call);
    } else {
        call();
    }
}

/// Wakes a task at once; from another thread, whatever has its slot when the loop handles the message.
pub(crate) fn wake(id: Id) {
    if with(|model| model.inbox.elsewhere) {
        let slot = with(|model| model.tasks[id].slot);
        leave(Kind::Wake(slot), move || with(|model| model.wake(model.slots[slot])));
    } else {
        with(|model| model.wake(id));
    }
}

pub(crate) struct LoopHandle;

impl LoopHandle {
    pub(crate) fn new() -> LoopHandle {
        with(|model| model.inbox.handles += 1);
        LoopHandle
    }

    pub(crate) fn spawn(&self, make: impl FnOnce() -> Coroutine + 'static) -> bool {
        leave(Kind::Call, || drop(spawn(Box::pin(async { make().await }))))
    }

    pub(crate) fn stop(&self) {
        leave(Kind::Call, stop);
    }

    pub(crate) fn hold_clock(&self) -> ClockHold {
        ClockHold
    }
}

impl Drop for LoopHandle {
    fn drop(&mut self) {
        // The loop may be gone, and with it the inbox that counted this handle.
        let handles = with(|model| model.inbox.handles.saturating_sub(1));
        with(|model| model.inbox.handles = handles);
        if handles == 0 {
            leave(Kind::NoLoopHandles, || {});
        }
    }
}

/// While it exists, an idle loop waits in real time. But a task that holds the clock is ready, so the loop is
/// not idle, and the model has only the message of the end.
pub(crate) struct ClockHold;

impl Drop for ClockHold {
    fn drop(&mut self) {
        leave(Kind::Call, || {});
    }
}
