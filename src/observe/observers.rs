//! The observers of a loop, and how they are notified of what the log has recorded.
//!
//! An observer is user code. The turn calls it between its steps, when the loop's state is free. No loop
//! is the running one meanwhile, so an operation that needs a loop panics and says so.
//! A panic of an observer leaves `block_on`, `run_forever` or `turn` at the next place where nothing is
//! under way; the observers are notified of nothing more.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::current;
use crate::observe::Observer;
use crate::observe::event::Origin;
use crate::task::cell::{Payload, drop_quietly};
use crate::task::id::LoopNumber;

/// The observers of a loop.
#[derive(Default)]
pub(crate) struct Observers {
    list: Vec<Box<dyn Observer>>,
    /// What one of them has panicked with.
    panicked: Option<Payload>,
}

impl Observers {
    pub(crate) fn add(&mut self, observer: Box<dyn Observer>) {
        self.list.push(observer);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl Drop for Observers {
    /// Drops them one by one, since each may panic.
    fn drop(&mut self) {
        self.list.drain(..).for_each(drop_quietly);
        drop_quietly(self.panicked.take());
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.list.len())
    }
}

/// Notifies the observers of what was recorded.
#[cold]
#[inline(never)]
pub(crate) fn notify(of: LoopNumber) {
    let mut state = current::expect(of);
    let events = state.log.take_events();
    // What they do is no task's doing.
    let cause = mem::replace(&mut state.log.cause, Origin::Outside);
    let mut observers = mem::take(&mut state.observers);
    drop(state);
    let notified = catch_unwind(AssertUnwindSafe(|| {
        current::while_notifying(|| {
            for event in &events {
                let each = observers.list.iter_mut();
                each.for_each(|observer| observer.observe(event));
            }
        });
    }));
    let mut dismissed = Vec::new();
    if let Err(payload) = notified {
        observers.panicked = Some(payload);
        dismissed = mem::take(&mut observers.list);
    }
    let mut state = current::expect(of);
    state.observers = observers;
    state.log.cause = cause;
    let time = state.clock.elapsed();
    state.log.set_began(time);
    drop(state);
    dismissed.into_iter().for_each(drop_quietly);
}

/// Notifies the observers for the last time. A panic of one ends here.
pub(crate) fn notify_last(of: LoopNumber) {
    notify(of);
    let observers = mem::take(&mut current::expect(of).observers);
    drop(observers);
}

/// Resumes the panic of an observer, if one has panicked.
pub(crate) fn resume_panic(of: LoopNumber) {
    let panicked = current::expect(of).observers.panicked.take();
    if let Some(payload) = panicked {
        resume_unwind(payload);
    }
}
