//! One run of a program, on a loop of its own.

use std::any::{Any, type_name};
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, Location, PanicHookInfo, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use crate::event_loop::EventLoop;
use crate::explore::outcome::{FailureKind, Run};
use crate::explore::schedule::{Current, Decider, Schedule, current_in_words, fail_current};
use crate::observe::observers::Observers;
use crate::task::quiet::{drop_quietly, text};
use crate::time::virtual_time::DEADLOCK;
use crate::wake::order::Order;

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Runs a program under a schedule. Its first panic is the failure; it is printed only if the schedule asks for
/// that. Dumps and pictures show where the exploration was made as the program's location.
pub(super) fn run<F: Future>(program: &impl Fn() -> F, schedule: Schedule, observers: Observers) -> Run {
    keep_panics();
    let location = schedule.explore.location;
    let schedule = Rc::new(RefCell::new(schedule));
    let current = Current::enter(schedule.clone());
    let order = Order::new(Decider(schedule.clone()));
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let event_loop = EventLoop::in_order(order, observers).expect("exploration needs an event loop");
        let main = Box::pin(async { drop(program().await) });
        event_loop.block_on_as(main, type_name::<F>(), location);
    }));
    drop(current);
    let mut schedule = schedule.borrow_mut();
    if let Err(payload) = ended {
        // `resume_unwind` calls no hook.
        schedule.run.fail(|| panicked(&*payload, None));
        drop_quietly(payload);
    }
    schedule.finish()
}

/// Installs exploration's panic hook, unless it is installed, or a program has taken it and keeps it: see
/// `explore.rs`. It keeps the panics of explored programs. All other panics, and the one that a replay shows, go
/// to the hook before it.
fn keep_panics() {
    static BEFORE: Mutex<Weak<Hook>> = Mutex::new(Weak::new());
    let mut installed = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    if installed.strong_count() > 0 || thread::panicking() {
        return; // a thread that panics may not set a hook
    }
    let before = Arc::new(panic::take_hook());
    *installed = Arc::downgrade(&before);
    panic::set_hook(Box::new(move |panic| {
        let is_kept = fail_current(|| panicked(panic.payload(), panic.location()));
        let is_last = cfg!(panic = "abort") || ends_the_process(panic.payload());
        if is_kept && !is_last {
            return;
        }
        if is_last && let Some(schedule) = current_in_words() {
            eprintln!("explore: the process ends in {schedule}");
        }
        before(panic);
    }));
}

/// Returns true for a panic of std that cannot unwind: after it the process ends, without a report.
/// (`can_unwind` is not stable.)
fn ends_the_process(payload: &(dyn Any + Send)) -> bool {
    const BEGIN: [&str; 5] = [
        "panic in a destructor during cleanup", // the second of two panics at once
        "panic in a function that cannot unwind",
        "unsafe precondition(s) violated: ",
        "misaligned pointer dereference: ",
        "null pointer dereference occurred",
    ];
    text(payload).is_some_and(|text| BEGIN.iter().any(|begin| text.starts_with(begin)))
}

/// Returns a panic as the failure of its run.
fn panicked(payload: &(dyn Any + Send), location: Option<&Location<'_>>) -> FailureKind {
    let message = text(payload).unwrap_or("a value that is not text").to_owned();
    if message.starts_with(DEADLOCK) {
        return FailureKind::Deadlock(message);
    }
    FailureKind::Panicked { location: location.map(Location::to_string), message }
}
