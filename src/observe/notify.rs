//! How the observers of a loop receive what the log has recorded.
//!
//! An observer is user code: [`Observer::observe`] says what it may do. The turn calls it between polls and
//! between its steps, when the state is free. No loop is the running one meanwhile, so an operation that needs
//! one panics. The panic of an observer is kept, and leaves what runs the loop at the next place where nothing
//! is under way.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::current;
use crate::observe::Observer;
use crate::observe::event::Origin;
use crate::task::id::LoopNumber;
use crate::task::quiet::drop_quietly;

/// Notifies the observers, if there are any, of what was recorded.
#[cold]
#[inline(never)]
pub(crate) fn notify(loop_number: LoopNumber) {
    let mut state = current::expect(loop_number);
    if !state.log.is_on() {
        return;
    }
    let (events, holding) = state.log.take_events();
    // What an observer does is not caused by a task.
    let cause = mem::replace(&mut state.log.cause, Origin::Outside);
    let mut observers = mem::take(&mut state.observers);
    drop(state);
    let (mut payloads, mut dismissed) = (Vec::new(), Vec::new());
    current::while_notifying(|| {
        for event in &events {
            let panics = |observer: &mut Box<dyn Observer>| {
                let observed = catch_unwind(AssertUnwindSafe(|| observer.observe(event)));
                observed.map_err(|payload| payloads.push(payload)).is_err()
            };
            dismissed.extend(observers.list.extract_if(.., panics));
        }
    });
    let mut payloads = payloads.into_iter();
    if observers.panicked.is_none() {
        observers.panicked = payloads.next();
    }
    let mut state = current::expect(loop_number);
    state.observers = observers;
    state.log.cause = cause;
    let time = state.clock.elapsed();
    state.log.resume(time, holding);
    drop(state);
    dismissed.into_iter().for_each(drop_quietly);
    payloads.for_each(drop_quietly);
}

/// Notifies the observers for the last time. A panic of one ends here.
pub(crate) fn notify_last(loop_number: LoopNumber) {
    notify(loop_number);
    let observers = mem::take(&mut current::expect(loop_number).observers);
    drop(observers);
}

/// Resumes the panic of an observer, if one has panicked.
pub(crate) fn resume_panic(loop_number: LoopNumber) {
    let panicked = current::expect(loop_number).observers.panicked.take();
    if let Some(payload) = panicked {
        resume_unwind(payload);
    }
}
