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
    /// Whether these are all that the options allow. (True if it was [`replayed`](Self::replayed).)
    pub complete: bool,
    /// Whether it was the one schedule for which `BOUCLE_SCHEDULE` asked.
    pub replayed: bool,
}

/// How many schedules the threads run between two looks at the results.
const CHUNK: usize = 256;

/// An exploration under way.
pub(super) struct Exploration<'a, P> {
    pub(super) explore: Explore,
    pub(super) program: &'a P,
    /// How many schedules were tried.
    pub(super) tried: u64,
    /// The most choices that one of them had.
    most_choices: usize,
    /// When it has no more time, if that is limited.
    until: Option<Instant>,
}

/// A failure that was found, and the schedule that fails.
pub(super) struct Found {
    pub(super) failure: FailureKind,
    pub(super) schedule: Deviations,
}

impl<'a, F: Future, P: Fn() -> F + Sync> Exploration<'a, P> {
    pub(super) fn new(explore: Explore, program: &'a P) -> Self {
        let until = explore.time.and_then(|limit| real_now().checked_add(limit));
        Exploration { explore, program, tried: 0, most_choices: 0, until }
    }

    pub(super) fn search(&mut self) -> Result<Explored, Found> {
        let complete = self.search_in_order()?;
        if !complete && self.explore.strategy != Strategy::Exhaustive {
            self.search_at_random()?;
        }
        Ok(Explored { schedules: self.tried, complete, replayed: false })
    }

    /// Returns how many schedules are tried, at most, before the random ones.
    pub(super) fn bound_in_order(&self) -> u64 {
        match self.explore.strategy {
            Strategy::Mixed => self.explore.schedules.div_ceil(2),
            Strategy::Exhaustive => self.explore.schedules,
            Strategy::Random => 1,
        }
    }

    /// Tries FIFO, then each schedule with one deviation from it, then each with two, up to a bound. Returns
    /// true if these are all.
    fn search_in_order(&mut self) -> Result<bool, Found> {
        let bound = self.bound_in_order();
        // Each schedule comes before those that have more deviations.
        let mut plans = VecDeque::from([(Deviations::default(), None)]);
        while !plans.is_empty() {
            if self.tried == bound || (self.tried > 0 && self.is_late()) {
                return Ok(false);
            }
            let left = usize::try_from(bound - self.tried).unwrap_or(usize::MAX);
            let chunk = left.min(CHUNK).min(plans.len());
            let drained = plans.drain(..chunk);
            let choosers = drained.map(|(planned, last_options)| Chooser::Planned { planned, last_options });
            let runs = self.try_all(choosers.collect())?;
            if runs.len() < chunk {
                return Ok(false); // it is late
            }
            let longer = runs.iter().flat_map(Run::one_deviation_more);
            // Up to `left`, a chunk more than the bound still allows: if it is reached, plans are left over, so
            // these were not all.
            plans.extend(longer.take(left.saturating_sub(plans.len())));
        }
        Ok(true)
    }

    /// Tries random schedules, for as long as there is time.
    fn search_at_random(&mut self) -> Result<(), Found> {
        while self.tried < self.explore.schedules && !self.is_late() {
            let to = self.explore.schedules.min(self.tried + CHUNK as u64);
            let choosers = (self.tried..to).map(|index| self.random(index));
            self.try_all(choosers.collect())?;
        }
        Ok(())
    }

    /// Returns what makes a random schedule: every other one chooses evenly.
    fn random(&self, index: u64) -> Chooser {
        let seed = Random::new(self.explore.seed ^ index.rotate_left(32)).next();
        let random = Random::new(seed);
        if index.is_multiple_of(2) {
            return Chooser::Random(random);
        }
        let changes = 1 + index as usize / 2 % 3;
        Chooser::Priorities(Priorities::new(random, changes, self.most_choices as u64))
    }

    pub(super) fn is_late(&self) -> bool {
        self.until.is_some_and(|until| real_now() >= until)
    }

    /// Runs schedules, up to the first that fails.
    fn try_all(&mut self, choosers: Vec<Chooser>) -> Result<Vec<Run>, Found> {
        let mut runs = self.run_all(choosers);
        self.tried += runs.len() as u64;
        self.most_choices = runs.iter().fold(self.most_choices, |most, run| most.max(run.taken.len()));
        if let Some(last) = runs.last_mut()
            && let Some(failure) = last.failure.take()
        {
            return Err(Found { failure, schedule: last.deviations() });
        }
        Ok(runs)
    }

    /// Runs schedules, shared among the threads, up to the first that fails, or until it is late.
    fn run_all(&self, choosers: Vec<Chooser>) -> Vec<Run> {
        let planned = choosers.len();
        let choosers = Mutex::new(choosers.into_iter().enumerate());
        let next = || choosers.lock().unwrap_or_else(PoisonError::into_inner).next();
        let first_failed = AtomicUsize::new(usize::MAX);
        let work = || {
            let mut runs = Vec::new();
            while let Some((index, chooser)) = next()
                && index < first_failed.load(Ordering::Relaxed)
            {
                let schedule = Schedule::new(&self.explore, chooser, self.most_choices);
                let run = run(self.program, schedule, Observers::default());
                if run.failure.is_some() {
                    first_failed.fetch_min(index, Ordering::Relaxed);
                }
                runs.push((index, run));
                if self.is_late() {
                    break; // what was shared out has been run, so none is missing
                }
            }
            runs
        };
        let mut runs = if self.explore.threads == 1 {
            work()
        } else {
            thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..self.explore.threads.min(planned)).map(|_| scope.spawn(work)).collect();
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
        let kind = match self {
            Explored { replayed: true, .. } => "replayed",
            Explored { complete: true, .. } => "complete",
            _ => "bounded",
        };
        let plural = if self.schedules == 1 { "" } else { "s" };
        write!(f, "{} schedule{plural}, {kind}", self.schedules)
    }
}
