//! A schedule: the choices of one run of a program, and what makes them.
//!
//! A program that is explored runs on one thread, under a virtual clock. So two runs differ only in which
//! ready task is next, in what [`choose`] returns, and in which task is polled though nothing has woken it.
//! Each of these is a *choice*: a number below the number of options. 0 is what a loop does outside an
//! exploration. So a schedule is written down as its *deviations*: the choices that are not 0, with their
//! positions.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::rc::Rc;

use crate::explore::deviations::Deviations;
use crate::explore::priorities::Priorities;
use crate::task::id::TaskNumber;
use crate::wake::order::{Draw, Random};

/// The most choices for which memory is reserved in advance.
const RESERVED: usize = 1_024;

/// A schedule under way, or one that is over.
pub(super) struct Schedule {
    /// What is chosen up to the last planned deviation.
    planned: Deviations,
    /// How many options the last planned choice had in the run that it was planned from; 0 if that is not known.
    pub(super) last_options: u32,
    /// What chooses after that.
    chooser: Chooser,
    /// Each choice so far: what was chosen, and among how many options.
    pub(super) taken: Vec<(u32, u32)>,
    /// The number of the turn under way. Each turn polls one task.
    turn: u64,
    /// The most polls of the run.
    limit: u64,
    choices: Choices,
    pub(super) failure: Option<FailureKind>,
    /// Each deviation in words, after the turn in which it was chosen, if they are asked for.
    pub(super) words: Option<Vec<(u64, String)>>,
    /// Whether the panic by which the run fails is printed.
    pub(super) shows_panic: bool,
}

/// What the schedules of an exploration have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choices {
    /// The order of tasks.
    pub(super) orders: bool,
    /// Whether a task that nothing has woken is polled.
    pub(super) spurious: bool,
    /// Which exploration of its thread it is, from 1 on; 0 before it begins.
    pub(super) number: u64,
}

/// What makes the choices after the planned ones.
pub(super) enum Chooser {
    /// Chooses 0.
    First,
    Random(Random),
    Priorities(Priorities),
}

/// How a run fails. Its first failure stops it.
pub(super) enum FailureKind {
    /// By a panic. `resume_unwind` gives no location.
    Panicked { location: Option<String>, message: String },
    /// By a deadlock, in the loop's words.
    Deadlock(String),
    /// By its limit of polls.
    TooManyPolls(u64),
    /// The choice at that position has other options than when it was planned, or is never made.
    Misfit { planned: Deviations, at: usize },
}

thread_local! {
    /// The schedule of the run under way on this thread.
    static CURRENT: RefCell<Option<Rc<RefCell<Schedule>>>> = const { RefCell::new(None) };
}

/// Makes a choice of the program's own: returns a number below `options`. Exploration tries each, as it tries
/// each order of tasks. Use it for inputs, and for faults, such as a write that fails. Outside of an
/// exploration, and on another thread than the program's, it returns 0.
///
/// ```
/// use std::collections::BTreeSet;
/// use std::sync::Mutex;
///
/// let seen = Mutex::new(BTreeSet::new());
/// boucle::explore(|| async {
///     let (input, fails) = (boucle::explore::choose(3), boucle::explore::choose(2) == 1);
///     seen.lock().unwrap().insert((input, fails));
/// });
/// assert_eq!(seen.lock().unwrap().len(), 6);
/// ```
///
/// # Panics
///
/// If there are no options, or 2^32 or more.
#[track_caller]
pub fn choose(options: usize) -> usize {
    assert!(options > 0, "a choice needs at least one option");
    assert!(u32::try_from(options).is_ok(), "a choice may have at most 2^32 - 1 options, not {options}");
    choose_in_words(options, |chosen| format!("choose({options}) is {chosen}"))
}

/// As [`choose`], with the words for a choice that is not 0.
pub(super) fn choose_in_words(options: usize, words: impl FnOnce(usize) -> String) -> usize {
    let Some(schedule) = current() else {
        return 0;
    };
    let mut schedule = schedule.borrow_mut();
    let chosen = schedule.choose(options);
    let turn = schedule.turn;
    schedule.describe(chosen, turn, || words(chosen));
    chosen
}

/// Returns the schedule of the run under way on this thread. A thread that ends has none.
fn current() -> Option<Rc<RefCell<Schedule>>> {
    CURRENT.try_with(|current| current.try_borrow().ok()?.clone()).ok().flatten()
}

impl Schedule {
    /// Makes a schedule with memory for `capacity` choices, and at most `limit` polls.
    pub(super) fn new(
        planned: Deviations,
        chooser: Chooser,
        capacity: usize,
        limit: u64,
        choices: Choices,
    ) -> Self {
        Schedule {
            planned,
            last_options: 0,
            chooser,
            taken: Vec::with_capacity(capacity.min(RESERVED)),
            turn: 0,
            limit,
            choices,
            failure: None,
            words: None,
            shows_panic: false,
        }
    }

    /// Ends the run by a failure, unless one has ended it before.
    pub(super) fn fail(&mut self, how: impl FnOnce() -> FailureKind) {
        self.failure.get_or_insert_with(how);
    }

    /// Ends the run, since what was planned at a position cannot be chosen.
    fn fail_to_fit(&mut self, at: usize) {
        let planned = mem::take(&mut self.planned);
        self.fail(|| FailureKind::Misfit { planned, at });
    }

    /// Ends the run. It has failed if it did not reach the last planned choice.
    pub(super) fn finish(&mut self) {
        if let Some(&(at, _)) = self.planned.0.last()
            && at as usize >= self.taken.len()
        {
            self.fail_to_fit(at as usize);
        }
    }

    /// Keeps a choice in words, if it is a deviation.
    fn describe(&mut self, chosen: usize, turn: u64, words: impl FnOnce() -> String) {
        if chosen != 0
            && let Some(all) = &mut self.words
        {
            all.push((turn, words()));
        }
    }

    fn choose(&mut self, options: usize) -> usize {
        if options == 1 {
            return 0;
        }
        let chosen = match self.planned_here() {
            Some(planned) => self.fit(planned, options),
            None => match &mut self.chooser {
                Chooser::First => 0,
                Chooser::Random(random) | Chooser::Priorities(Priorities { random, .. }) => {
                    random.below(options)
                }
            },
        };
        self.take(chosen, options)
    }

    fn choose_task(&mut self, ready: &[TaskNumber]) -> usize {
        match &mut self.chooser {
            _ if !self.choices.orders => 0,
            Chooser::Priorities(priorities) if ready.len() > 1 => {
                let chosen = priorities.choose(ready);
                self.take(chosen, ready.len())
            }
            _ => self.choose(ready.len()),
        }
    }

    /// Returns the next choice, if the plan reaches so far.
    fn planned_here(&self) -> Option<usize> {
        let at = self.taken.len() as u32;
        let planned = &self.planned.0;
        if planned.last().is_none_or(|last| last.0 < at) {
            return None;
        }
        let here = planned.binary_search_by_key(&at, |deviation| deviation.0);
        Some(here.map_or(0, |index| planned[index].1 as usize))
    }

    fn fit(&mut self, planned: usize, options: usize) -> usize {
        let is_last = self.planned.0.last().is_some_and(|last| last.0 as usize == self.taken.len());
        let before = if is_last && self.last_options != 0 { self.last_options as usize } else { options };
        if planned < options && options == before {
            return planned;
        }
        self.fail_to_fit(self.taken.len());
        0
    }

    fn take(&mut self, chosen: usize, options: usize) -> usize {
        self.taken.push((chosen as u32, options as u32));
        chosen
    }
}

/// Decides for the loop of a run.
pub(super) struct Decider(pub(super) Rc<RefCell<Schedule>>);

impl Draw for Decider {
    fn draw(&mut self, ready: &[TaskNumber]) -> Option<usize> {
        let mut schedule = self.0.borrow_mut();
        let next = schedule.choose_task(ready);
        let turn = schedule.turn + 1;
        schedule
            .describe(next, turn, || format!("#{} is next, not #{}", ready[next].task(), ready[0].task()));
        let limit = schedule.limit;
        match turn <= limit {
            true => schedule.turn = turn,
            false => schedule.fail(|| FailureKind::TooManyPolls(limit)),
        }
        schedule.failure.is_none().then_some(next)
    }

    fn is_spurious(&self) -> bool {
        self.0.borrow().choices.spurious
    }

    fn draw_spurious(&mut self, waiting: &[TaskNumber]) -> Option<usize> {
        let mut schedule = self.0.borrow_mut();
        let chosen = schedule.choose(1 + waiting.len());
        let turn = schedule.turn + 1;
        schedule.describe(chosen, turn, || {
            format!("#{} is polled too, though nothing has woken it", waiting[chosen - 1].task())
        });
        chosen.checked_sub(1)
    }
}

/// Makes a schedule the current one of this thread. When this drops, the one before is current again. (A program
/// that is explored may try to explore.)
pub(super) struct Current(Option<Rc<RefCell<Schedule>>>);

impl Current {
    pub(super) fn enter(schedule: Rc<RefCell<Schedule>>) -> Current {
        Current(CURRENT.replace(Some(schedule)))
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Ends the run under way on this thread by a panic, unless it has failed before. Returns true if the panic is
/// not to be printed. (The loop's own panics, of a deadlock or at the end of a run that has failed, never are.)
pub(super) fn fail_current(how: impl FnOnce() -> FailureKind) -> bool {
    let Some(schedule) = current() else {
        return false;
    };
    let Ok(mut schedule) = schedule.try_borrow_mut() else {
        return true;
    };
    let is_first = schedule.failure.is_none();
    schedule.fail(how);
    !(schedule.shows_panic && is_first && matches!(schedule.failure, Some(FailureKind::Panicked { .. })))
}

/// Returns the schedule under way on this thread, and its failure, in words; `None` if there is none.
pub(super) fn current_in_words() -> Option<String> {
    let current = current()?;
    let schedule = current.try_borrow().ok()?;
    let failure = schedule.failure.as_ref()?;
    let schedule = Deviations::of(&schedule.taken).numbered(schedule.choices.number);
    Some(format!("schedule {schedule}, which fails: {failure}"))
}

impl FailureKind {
    /// Returns true if both fail in the same way. Two panics do if they have the same location: their messages
    /// may differ. Without a location, the messages decide.
    pub(super) fn is_like(&self, other: &FailureKind) -> bool {
        match (self, other) {
            (
                FailureKind::Panicked { location, message },
                FailureKind::Panicked { location: other, message: others },
            ) => location == other && (location.is_some() || message == others),
            (FailureKind::Deadlock(_), FailureKind::Deadlock(_)) => true,
            (FailureKind::TooManyPolls(_), FailureKind::TooManyPolls(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FailureKind::Panicked { location: Some(location), message } => {
                write!(f, "panicked at {location}: {message}")
            }
            FailureKind::Panicked { location: None, message } => write!(f, "panicked: {message}"),
            FailureKind::Deadlock(message) => f.write_str(message),
            FailureKind::TooManyPolls(limit) => write!(f, "the program has not ended after {limit} polls"),
            FailureKind::Misfit { at, .. } => write!(
                f,
                "the schedule does not fit the program: choice {at} has other options than before, or is never made"
            ),
        }
    }
}
