//! A schedule: the choices of one run of a program, and what makes them.
//!
//! A program that is explored runs on one thread, under a virtual clock. So two runs differ only in which
//! ready task is next, in what [`choose`] returns, and in which task is polled though nothing has woken it.
//! Each of these is a *choice*: a number below the number of options. 0 is what a loop does outside an
//! exploration. So a schedule is written down as its *deviations*: the choices that are not 0, with their
//! positions.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;

use crate::explore::deviations::Deviations;
use crate::explore::options::Explore;
use crate::explore::outcome::{FailureKind, Run};
use crate::explore::priorities::Priorities;
use crate::task::id::TaskNumber;
use crate::wake::order::{Draw, Random};

/// The most choices for which memory is reserved in advance.
const RESERVED: usize = 1_024;

/// A schedule under way.
pub(super) struct Schedule {
    pub(super) explore: Explore,
    chooser: Chooser,
    /// The number of the turn under way. Each turn polls one task.
    turn: u64,
    /// Whether the last turn polled a task that nothing had woken.
    was_spurious: bool,
    /// What the run has done until now.
    pub(super) run: Run,
    /// Whether the deviations of the run are described.
    pub(super) is_in_words: bool,
    /// Whether the panic by which the run fails is printed.
    pub(super) shows_panic: bool,
}

/// What makes the choices of a schedule.
pub(super) enum Chooser {
    /// Leaves FIFO where that is planned.
    Planned {
        planned: Deviations,
        /// How many options the last of these choices had in the run that it was planned from, if that is known.
        last_options: Option<u32>,
    },
    /// Chooses evenly.
    Random(Random),
    Priorities(Priorities),
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
    schedule.describe(chosen, || words(chosen));
    chosen
}

/// Returns the schedule of the run under way on this thread. A thread that ends has none.
fn current() -> Option<Rc<RefCell<Schedule>>> {
    CURRENT.try_with(|current| current.try_borrow().ok()?.clone()).ok().flatten()
}

impl Schedule {
    /// Makes a schedule with memory for `capacity` choices.
    pub(super) fn new(explore: &Explore, chooser: Chooser, capacity: usize) -> Self {
        let taken = Vec::with_capacity(capacity.min(RESERVED));
        Schedule {
            explore: explore.clone(),
            chooser,
            turn: 0,
            was_spurious: false,
            run: Run { taken, ..Run::default() },
            is_in_words: false,
            shows_panic: false,
        }
    }

    fn choose(&mut self, options: usize) -> usize {
        if options == 1 {
            return 0;
        }
        let chosen = match &mut self.chooser {
            Chooser::Planned { planned, last_options } => {
                let at = self.run.taken.len();
                let chosen = planned.chosen_at(at);
                let before = last_options.filter(|_| planned.last_position() == Some(at));
                if chosen >= options || before.is_some_and(|before| before as usize != options) {
                    self.run.fail(|| FailureKind::Misfit { planned: mem::take(planned), at });
                    return self.take(0, options);
                }
                chosen
            }
            Chooser::Random(random) | Chooser::Priorities(Priorities { random, .. }) => random.below(options),
        };
        self.take(chosen, options)
    }

    fn choose_task(&mut self, ready: &[TaskNumber]) -> usize {
        match &mut self.chooser {
            _ if !self.explore.orders => 0,
            Chooser::Priorities(priorities) if ready.len() > 1 => {
                let chosen = priorities.choose(ready);
                self.take(chosen, ready.len())
            }
            _ => self.choose(ready.len()),
        }
    }

    fn take(&mut self, chosen: usize, options: usize) -> usize {
        self.run.taken.push((chosen as u32, options as u32));
        chosen
    }

    /// Describes the last choice, if it is a deviation.
    fn describe(&mut self, chosen: usize, words: impl FnOnce() -> String) {
        if self.is_in_words && chosen != 0 {
            let at = self.run.taken.len() - 1;
            self.run.words += &format!("  choice {at}, turn {}: {}\n", self.turn, words());
        }
    }

    /// Ends the run, and returns it. It has failed if it did not reach the last planned choice.
    pub(super) fn finish(&mut self) -> Run {
        if let Chooser::Planned { planned, .. } = &mut self.chooser
            && let Some(at) = planned.last_position()
            && at >= self.run.taken.len()
        {
            self.run.fail(|| FailureKind::Misfit { planned: mem::take(planned), at });
        }
        mem::take(&mut self.run)
    }
}

/// Decides for the loop of a run.
pub(super) struct Decider(pub(super) Rc<RefCell<Schedule>>);

impl Draw for Decider {
    fn draw(&mut self, ready: &[TaskNumber]) -> Option<usize> {
        let schedule = &mut *self.0.borrow_mut();
        schedule.turn += 1;
        let next = schedule.choose_task(ready);
        schedule.describe(next, || format!("#{} is next, not #{}", ready[next].task(), ready[0].task()));
        let limit = schedule.explore.polls;
        if schedule.turn > limit {
            schedule.turn = limit; // in this one nothing is polled
            schedule.run.fail(|| FailureKind::TooManyPolls(limit));
        }
        schedule.run.failure.is_none().then_some(next)
    }

    fn is_explored(&self) -> bool {
        true
    }

    fn is_spurious(&self) -> bool {
        self.0.borrow().explore.spurious
    }

    fn draw_spurious(&mut self, waiting: &[TaskNumber]) -> Option<usize> {
        let mut schedule = self.0.borrow_mut();
        let was_spurious = mem::take(&mut schedule.was_spurious);
        let is_over = schedule.run.failure.is_some() || schedule.turn == schedule.explore.polls;
        if waiting.is_empty() || is_over {
            return None; // if it is over, `draw` ends the run
        }
        let options = 1 + waiting.len();
        let chosen = match schedule.chooser {
            // Two in a row are left to the search in order: at random, a run would hardly come to its end.
            Chooser::Random(_) | Chooser::Priorities(_) if was_spurious => schedule.take(0, options),
            _ => schedule.choose(options),
        };
        let drawn = chosen.checked_sub(1)?;
        schedule.was_spurious = true;
        schedule.turn += 1;
        let task = waiting[drawn].task();
        schedule.describe(chosen, || format!("#{task} is polled, though nothing has woken it"));
        Some(drawn)
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
    let is_first = schedule.run.failure.is_none();
    schedule.run.fail(how);
    !(schedule.shows_panic && is_first && matches!(schedule.run.failure, Some(FailureKind::Panicked { .. })))
}

/// Returns the schedule under way on this thread, and its failure, in words; `None` if there is none.
pub(super) fn current_in_words() -> Option<String> {
    let current = current()?;
    let schedule = current.try_borrow().ok()?;
    let failure = schedule.run.failure.as_ref()?;
    let schedule = schedule.run.deviations().numbered(schedule.explore.number);
    Some(format!("schedule {schedule}, which fails: {failure}"))
}
