//! A shorter schedule that fails in the same way: with fewer deviations from FIFO, and lower choices.

use std::cell::Cell;

use crate::explore::deviations::Deviations;
use crate::explore::options::Strategy;
use crate::explore::run::run;
use crate::explore::schedule::{Chooser, Schedule};
use crate::explore::search::{Exploration, Found};
use crate::observe::observers::Observers;

/// The most schedules that each of the two ways to shorten a failure tries.
const ATTEMPTS: usize = 1_000;

impl<F: Future, P: Fn() -> F + Sync> Exploration<'_, P> {
    /// Returns the shortest schedule that is found to fail in the same way.
    ///
    /// Removing deviations can miss a schedule that has fewer, other ones. So after a random schedule those with
    /// few deviations are searched too. For each of the two the time limit begins anew, and a number of runs is
    /// the bound, [`ATTEMPTS`]. (A failure that was found before the random schedules has as few deviations as
    /// any.)
    pub(super) fn shortest(&self, found: &Found) -> Deviations {
        let shorter = Exploration::new(self.explore.clone(), self.program).shorten(found);
        let in_order = self.bound_in_order();
        if self.tried <= in_order || in_order >= ATTEMPTS as u64 || shorter.0.len() <= 1 {
            return shorter;
        }
        let explore =
            self.explore.clone().strategy(Strategy::Exhaustive).schedules(ATTEMPTS as u64).threads(1);
        let is_better =
            |other: &Found| other.failure.is_like(&found.failure) && other.schedule.0.len() < shorter.0.len();
        match Exploration::new(explore, self.program).search() {
            Err(other) if is_better(&other) => other.schedule,
            _ => shorter,
        }
    }

    /// Removes deviations, in ever smaller groups, while the program still fails in the same way (Zeller and
    /// Hildebrandt, "Simplifying and isolating failure-inducing input", 2002). When none can be removed, lowers
    /// the choices that are left.
    fn shorten(&self, found: &Found) -> Deviations {
        let attempts = Cell::new(0);
        let is_enough = || attempts.get() == ATTEMPTS || self.is_late();
        // Returns where the run has left FIFO, if it fails in the same way.
        let attempt = |planned| {
            attempts.set(attempts.get() + 1);
            let run = run(self.program, self.schedule_of(planned), Observers::default());
            run.fails_like(&found.failure).then(|| run.deviations())
        };
        let mut shortest = found.schedule.clone();
        let mut group = shortest.0.len().div_ceil(2);
        loop {
            let before = shortest.clone();
            let mut at = 0;
            while at < shortest.0.len() && !is_enough() {
                match attempt(shortest.without(at, group)) {
                    Some(without) => shortest = without,
                    None => at += group,
                }
            }
            if group > 1 {
                group /= 2;
                continue;
            }
            if shortest == before {
                let mut at = 0;
                while at < shortest.0.len() {
                    let lowered = shortest.lowered(at).take_while(|_| !is_enough()).find_map(attempt);
                    shortest = lowered.unwrap_or(shortest);
                    at += 1;
                }
            }
            // When something has changed, others may be removed that could not be before.
            if shortest == before {
                return shortest;
            }
        }
    }

    /// Returns the schedule that has these deviations from FIFO and no others.
    pub(super) fn schedule_of(&self, planned: Deviations) -> Schedule {
        Schedule::new(&self.explore, Chooser::Planned { planned, last_options: None }, 0)
    }
}
