//! Random priorities of tasks: a strategy that finds failures which need one task to be very late.

use crate::task::id::TaskNumber;
use crate::wake::order::Random;

/// The strategy PCT (Burckhardt, Kothari, Musuvathi and Nagarakatte, "A randomized scheduler with probabilistic
/// guarantees of finding bugs", 2010). Each task has a random priority, and the ready task with the highest is
/// next. At a few random steps the task that would be next falls below all others.
pub(super) struct Priorities {
    /// Draws the choices that choose no task.
    pub(super) random: Random,
    /// Draws the tasks' priorities.
    seed: u64,
    /// The tasks that have fallen. Each is below those before it.
    fallen: Vec<usize>,
    /// The steps at which a task falls, the next one last.
    change_points: Vec<u64>,
    step: u64,
}

impl Priorities {
    /// Makes priorities that change at most `changes` times, within `steps` steps.
    pub(super) fn new(mut random: Random, changes: usize, steps: u64) -> Self {
        let draw = |_| random.below(steps.max(1) as usize) as u64;
        let mut change_points: Vec<_> = (0..changes).map(draw).collect();
        change_points.sort_unstable_by(|one, other| other.cmp(one));
        change_points.dedup();
        let seed = random.next();
        Priorities { random, seed, fallen: Vec::new(), change_points, step: 0 }
    }

    /// Returns the index of the next task.
    pub(super) fn choose(&mut self, ready: &[TaskNumber]) -> usize {
        if self.change_points.pop_if(|at| *at == self.step).is_some() {
            let falling = self.highest(ready);
            self.fallen.push(ready[falling].without_loop());
        }
        self.step += 1;
        self.highest(ready)
    }

    fn highest(&self, ready: &[TaskNumber]) -> usize {
        (0..ready.len()).max_by_key(|index| self.priority(ready[*index].without_loop())).unwrap_or(0)
    }

    /// Returns the priority of a task: random, or below zero if it has fallen.
    fn priority(&self, task: usize) -> i64 {
        match self.fallen.iter().rposition(|fallen| *fallen == task) {
            Some(place) => -1 - place as i64,
            None => (Random::new(self.seed ^ task as u64).next() >> 1) as i64,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A task that has fallen is below all others, and below those that fell before it.
    #[test]
    fn the_task_that_fell_last_is_the_lowest() {
        let [a, b, other] = [1, 2, 3].map(TaskNumber::from_word);
        let mut priorities = Priorities::new(Random::new(7), 0, 1);
        priorities.fallen = [a, b, a].map(TaskNumber::without_loop).to_vec();
        for (ready, highest) in [(vec![a, b], 1), (vec![b, a], 0), (vec![a, other, b], 1)] {
            assert_eq!(priorities.highest(&ready), highest);
        }
    }

    /// The priorities of three tasks stand in each of the six orders, by one seed or another.
    #[test]
    fn every_order_of_tasks_is_drawn() {
        let orders: BTreeSet<_> = (0..100)
            .map(|seed| {
                let mut priorities = Priorities::new(Random::new(seed), 0, 1);
                let mut ready: Vec<_> = [1, 2, 3].map(TaskNumber::from_word).into();
                [(); 3].map(|()| ready.remove(priorities.choose(&ready)).without_loop())
            })
            .collect();
        assert_eq!(orders.len(), 6);
    }

    /// Every fall takes place. Two that are drawn for the same step are one.
    #[test]
    fn every_fall_takes_place() {
        let ready = [1, 2].map(TaskNumber::from_word);
        for seed in 0..50 {
            let mut priorities = Priorities::new(Random::new(seed), 3, 4);
            let falls = priorities.change_points.len();
            for _ in 0..4 {
                priorities.choose(&ready);
            }
            assert!(priorities.change_points.is_empty() && priorities.fallen.len() == falls, "{seed}");
        }
    }
}
