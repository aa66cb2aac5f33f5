//! The search: which schedules are tried, and in what order.

use std::collections::VecDeque;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::explore::deviations::Deviations;
use crate::explore::options::{Explore, Strategy};
use crate::explore::priorities::Priorities;
use crate::explore::run::{Run, run};
use crate::explore::schedule::{Chooser, Schedule};
use crate::observe::observers::Observers;
use crate::time::clock::real_now;
use crate::wake::order::Random;

/// What was explored, without a failure.
///
/// ```
/// let explored = boucle::explore(|| async {
///     let child = boucle::spawn(async {});
///     child.await.unwrap();
/// });
/// assert!(explored.complete && explored.schedules == 1);
/// assert_eq!(explored.to_string(), "1 schedule, complete");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored {
    /// How many schedules were tried.
    pub schedules: u64,
    /// Whether these are all that the options allow. (True if `BOUCLE_SCHEDULE` asked for one.)
    pub complete: bool,
}

/// How many schedules the threads run between two looks at the results.
const CHUNK: usize = 256;

/// A schedule to be tried.
enum Plan {
    /// The deviations, and how many options the last one had in the run that it was planned from; 0 if there is
    /// none.
    Deviations(Deviations, u32),
    /// Chooses evenly, by a seed.
    Even(u64),
    /// Chooses by priorities: a seed, and how often they change.
    Priorities(u64, usize),
}

/// What has been tried so far.
struct Tried {
    schedules: u64,
    /// The most choices that a run had.
    choices: usize,
    until: Option<Instant>,
}

impl Tried {
    fn is_late(&self) -> bool {
        self.until.is_some_and(|until| real_now() >= until)
    }
}

/// A run that has failed, and how many schedules were tried.
pub(super) struct FailedRun {
    pub(super) run: Run,
    pub(super) tried: u64,
}

impl Explore {
    pub(super) fn search<F: Future>(&self, program: &(impl Fn() -> F + Sync)) -> Result<Explored, FailedRun> {
        let mut tried = Tried {
            schedules: 0,
            choices: 0,
            until: self.time.and_then(|limit| real_now().checked_add(limit)),
        };
        let complete = self.search_by_deviations(program, &mut tried)?;
        while !complete
            && self.strategy != Strategy::Exhaustive
            && tried.schedules < self.schedules
            && !tried.is_late()
        {
            let to = self.schedules.min(tried.schedules + CHUNK as u64);
            let plans: Vec<_> = (tried.schedules..to).map(|index| self.random_plan(index)).collect();
            self.try_all(program, &plans, &mut tried)?;
        }
        Ok(Explored { schedules: tried.schedules, complete })
    }

    /// Returns how many schedules are tried, at most, before the random ones.
    pub(super) fn bound_in_order(&self) -> u64 {
        match self.strategy {
            Strategy::Mixed => self.schedules.div_ceil(2),
            Strategy::Exhaustive => self.schedules,
            Strategy::Random => self.schedules.min(1),
        }
    }

    /// Tries FIFO, then each schedule with one deviation from it, then each with two, up to a bound. Returns
    /// true if these are all.
    fn search_by_deviations<F: Future>(
        &self,
        program: &(impl Fn() -> F + Sync),
        tried: &mut Tried,
    ) -> Result<bool, FailedRun> {
        let bound = self.bound_in_order();
        // Each schedule comes before those that have more deviations.
        let mut plans = VecDeque::from([Plan::Deviations(Deviations::default(), 0)]);
        while !plans.is_empty() {
            if tried.schedules == bound || (tried.schedules > 0 && tried.is_late()) {
                return Ok(false);
            }
            let left = usize::try_from(bound - tried.schedules).unwrap_or(usize::MAX);
            let chunk: Vec<Plan> = plans.drain(..left.min(CHUNK).min(plans.len())).collect();
            let runs = self.try_all(program, &chunk, tried)?;
            if runs.len() < chunk.len() {
                return Ok(false); // it is late
            }
            let longer = runs.iter().flat_map(Run::one_deviation_more);
            let longer = longer.map(|(planned, options)| Plan::Deviations(planned, options));
            // As many as were left before this chunk: at least one too many, if the bound will be reached.
            plans.extend(longer.take(left.saturating_sub(plans.len())));
        }
        Ok(true)
    }

    /// Runs schedules, up to the first that fails.
    fn try_all<F: Future>(
        &self,
        program: &(impl Fn() -> F + Sync),
        plans: &[Plan],
        tried: &mut Tried,
    ) -> Result<Vec<Run>, FailedRun> {
        let mut runs = self.run_all(program, plans, tried);
        tried.schedules += runs.len() as u64;
        tried.choices = runs.iter().fold(tried.choices, |most, run| most.max(run.taken.len()));
        match runs.pop_if(|last| last.failure.is_some()) {
            Some(run) => Err(FailedRun { run, tried: tried.schedules }),
            None => Ok(runs),
        }
    }

    /// Plans a random schedule: every other one chooses evenly.
    fn random_plan(&self, index: u64) -> Plan {
        let seed = Random::new(self.seed ^ index.rotate_left(32)).next();
        if index.is_multiple_of(2) {
            Plan::Even(seed)
        } else {
            Plan::Priorities(seed, 1 + index as usize / 2 % 3)
        }
    }

    /// Runs schedules, shared among the threads, up to the first that fails, or until it is late.
    fn run_all<F: Future>(
        &self,
        program: &(impl Fn() -> F + Sync),
        plans: &[Plan],
        tried: &Tried,
    ) -> Vec<Run> {
        let (next, end) = (AtomicUsize::new(0), AtomicUsize::new(plans.len()));
        let work = || {
            let mut runs = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= end.load(Ordering::Relaxed) {
                    return runs;
                }
                let run = run(
                    program,
                    self.location,
                    self.schedule(&plans[index], tried.choices),
                    Observers::default(),
                );
                if run.failure.is_some() {
                    end.fetch_min(index, Ordering::Relaxed);
                }
                runs.push((index, run));
                if tried.is_late() {
                    return runs; // what was shared out has been run, so none is missing
                }
            }
        };
        let mut runs = if self.threads == 1 {
            work()
        } else {
            thread::scope(|scope| {
                let threads: Vec<_> = (0..self.threads.min(plans.len())).map(|_| scope.spawn(work)).collect();
                let ended = threads.into_iter().map(|thread| thread.join());
                ended.flat_map(|runs| runs.unwrap_or_else(|payload| resume_unwind(payload))).collect()
            })
        };
        runs.sort_unstable_by_key(|(index, _)| *index);
        let first_failed = end.into_inner();
        runs.into_iter().take_while(|(index, _)| *index <= first_failed).map(|(_, run)| run).collect()
    }

    fn schedule(&self, plan: &Plan, choices: usize) -> Schedule {
        let (planned, chooser) = match plan {
            Plan::Deviations(deviations, _) => (deviations.clone(), Chooser::First),
            Plan::Even(seed) => (Deviations::default(), Chooser::Random(Random::new(*seed))),
            Plan::Priorities(seed, changes) => {
                let priorities = Priorities::new(Random::new(*seed), *changes, choices as u64);
                (Deviations::default(), Chooser::Priorities(priorities))
            }
        };
        let mut schedule = Schedule::new(planned, chooser, choices, self.polls, self.choices);
        if let Plan::Deviations(_, options) = plan {
            schedule.last_options = *options;
        }
        schedule
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.complete { "complete" } else { "bounded" };
        let plural = if self.schedules == 1 { "" } else { "s" };
        write!(f, "{} schedule{plural}, {kind}", self.schedules)
    }
}
