//! The search: which schedules are tried, and in what order.

use std::collections::VecDeque;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::explore::deviations::Deviations;
use crate::explore::options::{Explore, Strategy};
use crate::explore::outcome::{FailureKind, Run};
use crate::explore::priorities::Priorities;
use crate::explore::run::run;
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

/// A failure that was found.
pub(super) struct Found {
    pub(super) failure: FailureKind,
    /// The schedule that fails.
    pub(super) deviations: Deviations,
    /// How many schedules were tried, with this one.
    pub(super) tried: u64,
}

impl Explore {
    pub(super) fn search<F: Future>(&self, program: &(impl Fn() -> F + Sync)) -> Result<Explored, Found> {
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
            let choices = tried.choices as u64;
            let choosers = (tried.schedules..to).map(|index| self.random(index, choices)).collect();
            self.try_all(program, choosers, &mut tried)?;
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
    ) -> Result<bool, Found> {
        let bound = self.bound_in_order();
        // Each schedule comes before those that have more deviations.
        let mut plans = VecDeque::from([(Deviations::default(), None)]);
        while !plans.is_empty() {
            if tried.schedules == bound || (tried.schedules > 0 && tried.is_late()) {
                return Ok(false);
            }
            let left = usize::try_from(bound - tried.schedules).unwrap_or(usize::MAX);
            let chunk = left.min(CHUNK).min(plans.len());
            let choosers = plans.drain(..chunk).map(|(planned, options)| Chooser::Planned(planned, options));
            let runs = self.try_all(program, choosers.collect(), tried)?;
            if runs.len() < chunk {
                return Ok(false); // it is late
            }
            let longer = runs.iter().flat_map(Run::one_deviation_more);
            let longer = longer.map(|(planned, options)| (planned, Some(options)));
            // As many as were left before this chunk: at least one too many, if the bound will be reached.
            plans.extend(longer.take(left.saturating_sub(plans.len())));
        }
        Ok(true)
    }

    /// Runs schedules, up to the first that fails.
    fn try_all<F: Future>(
        &self,
        program: &(impl Fn() -> F + Sync),
        choosers: Vec<Chooser>,
        tried: &mut Tried,
    ) -> Result<Vec<Run>, Found> {
        let mut runs = self.run_all(program, choosers, tried);
        tried.schedules += runs.len() as u64;
        tried.choices = runs.iter().fold(tried.choices, |most, run| most.max(run.taken.len()));
        if let Some(last) = runs.last_mut()
            && let Some(failure) = last.failure.take()
        {
            return Err(Found { failure, deviations: last.deviations(), tried: tried.schedules });
        }
        Ok(runs)
    }

    /// Plans a random schedule of so many choices: every other one chooses evenly.
    fn random(&self, index: u64, choices: u64) -> Chooser {
        let seed = Random::new(self.seed ^ index.rotate_left(32)).next();
        let random = Random::new(seed);
        if index.is_multiple_of(2) {
            return Chooser::Random(random);
        }
        let changes = 1 + index as usize / 2 % 3;
        Chooser::Priorities(Priorities::new(random, changes, choices))
    }

    /// Runs schedules, shared among the threads, up to the first that fails, or until it is late.
    fn run_all<F: Future>(
        &self,
        program: &(impl Fn() -> F + Sync),
        choosers: Vec<Chooser>,
        tried: &Tried,
    ) -> Vec<Run> {
        let planned = choosers.len();
        let choosers = Mutex::new(choosers.into_iter().enumerate());
        let next = || choosers.lock().unwrap_or_else(PoisonError::into_inner).next();
        let first_failed = AtomicUsize::new(usize::MAX);
        let work = || {
            let mut runs = Vec::new();
            while let Some((index, chooser)) = next()
                && index < first_failed.load(Ordering::Relaxed)
            {
                let run = run(program, Schedule::new(self, chooser, tried.choices), Observers::default());
                if run.failure.is_some() {
                    first_failed.fetch_min(index, Ordering::Relaxed);
                }
                runs.push((index, run));
                if tried.is_late() {
                    break; // what was shared out has been run, so none is missing
                }
            }
            runs
        };
        let mut runs = if self.threads == 1 {
            work()
        } else {
            thread::scope(|scope| {
                let threads: Vec<_> = (0..self.threads.min(planned)).map(|_| scope.spawn(work)).collect();
                let ended = threads.into_iter().map(|thread| thread.join());
                ended.flat_map(|runs| runs.unwrap_or_else(|payload| resume_unwind(payload))).collect()
            })
        };
        runs.sort_unstable_by_key(|(index, _)| *index);
        let first_failed = first_failed.into_inner();
        runs.into_iter().take_while(|(index, _)| *index <= first_failed).map(|(_, run)| run).collect()
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.complete { "complete" } else { "bounded" };
        let plural = if self.schedules == 1 { "" } else { "s" };
        write!(f, "{} schedule{plural}, {kind}", self.schedules)
    }
}
