//! One run of a program, on a loop of its own.

use std::any::{Any, type_name};
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, Location, PanicHookInfo, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use crate::event_loop::EventLoop;
use crate::explore::deviations::Deviations;
use crate::explore::schedule::{Current, Decider, FailureKind, Schedule, current_in_words, fail_current};
use crate::observe::observers::Observers;
use crate::task::quiet::{drop_quietly, text};
use crate::turn::DEADLOCK;
use crate::wake::order::Order;

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// A run that is over.
pub(super) struct Run {
    /// Each choice: what was chosen, and among how many options.
    pub(super) taken: Vec<(u32, u32)>,
    /// Each deviation in words, after its turn, if they are asked for.
    pub(super) words: Vec<(u64, String)>,
    /// What went wrong, if anything did.
    pub(super) failure: Option<FailureKind>,
}

impl Run {
    /// Returns true if both runs fail, in the same way.
    pub(super) fn fails_like(&self, other: &Run) -> bool {
        self.failure.as_ref().zip(other.failure.as_ref()).is_some_and(|(own, others)| own.is_like(others))
    }

    /// Returns what went wrong, in words.
    pub(super) fn message(&self) -> String {
        self.failure.as_ref().map(FailureKind::to_string).unwrap_or_default()
    }

    /// Returns the run's deviations from FIFO.
    pub(super) fn deviations(&self) -> Deviations {
        Deviations::of(&self.taken)
    }

    /// Returns all plans that add one deviation to this run's, at a later choice; and how many options that
    /// choice had.
    pub(super) fn one_deviation_more(&self) -> impl Iterator<Item = (Deviations, u32)> {
        let planned = self.deviations().0;
        let first = planned.last().map_or(0, |last| last.0 + 1);
        let later = (0..).zip(&self.taken).skip(first as usize);
        let more =
            later.flat_map(|(at, &(_, options))| (1..options).map(move |chosen| (at, chosen, options)));
        more.map(move |(at, chosen, options)| {
            (Deviations(planned.iter().copied().chain([(at, chosen)]).collect()), options)
        })
    }
}

/// Runs a program under a schedule. Its first panic is the failure; it is printed only if the schedule asks for
/// that. Dumps and pictures show `location` as the program's.
pub(super) fn run<F: Future>(
    program: &impl Fn() -> F,
    location: &'static Location<'static>,
    schedule: Schedule,
    observers: Observers,
) -> Run {
    keep_panics();
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
        schedule.fail(|| panicked(&*payload, None));
        drop_quietly(payload);
    }
    schedule.finish();
    Run {
        taken: std::mem::take(&mut schedule.taken),
        words: schedule.words.take().unwrap_or_default(),
        failure: schedule.failure.take(),
    }
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
        let is_last = ends_the_process(panic.payload());
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
