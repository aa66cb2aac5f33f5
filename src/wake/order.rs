//! Another order than FIFO, to find what a program leaves to chance.
//!
//! In a loop with an order each batch is one task, drawn from all that are ready (`draw.rs`). Everything else is
//! as in any loop, so a program that is right has to be right in each such order.
//!
//! **Fairness.** After 64 draws that have passed over the task that became ready first, that task is next. So
//! a task with n tasks ready before it is polled within 65 (n + 1) draws.

use crate::task::id::TaskNumber;

/// How many draws in a row may pass over the first of the ready tasks.
const PATIENCE: u32 = 64;

/// Draws the next task.
pub(crate) struct Order {
    pub(crate) draw: Box<dyn Draw>,
    /// How many draws have passed over the first of the ready tasks.
    passed_over: u32,
}

/// Chooses among the ready tasks. It is called while the loop's state is in use.
pub(crate) trait Draw {
    /// The index of one of the ready tasks, which stand in the order in which they became ready; `None` to
    /// stop the loop.
    fn draw(&mut self, ready: &[TaskNumber]) -> Option<usize>;

    /// Whether the loop runs within an exploration.
    fn is_explored(&self) -> bool {
        false
    }

    /// Whether some tasks are to be polled though nothing has woken them.
    fn is_spurious(&self) -> bool {
        false
    }

    /// The index of one of the tasks that wait, which is polled before any that is ready; `None` for no task.
    fn draw_spurious(&mut self, _waiting: &[TaskNumber]) -> Option<usize> {
        None
    }
}

impl Order {
    pub(crate) fn new(draw: impl Draw + 'static) -> Self {
        Order { draw: Box::new(draw), passed_over: 0 }
    }

    /// Draws by pseudorandom numbers.
    pub(crate) fn shuffle(seed: u64) -> Self {
        Order::new(Shuffle(Random::new(seed)))
    }

    /// The index of the task that is next; `None` to stop the loop.
    pub(crate) fn next(&mut self, ready: &[TaskNumber]) -> Option<usize> {
        let choices = if self.passed_over < PATIENCE { ready } else { &ready[..1] };
        let drawn = self.draw.draw(choices)?;
        self.passed_over = if drawn == 0 { 0 } else { self.passed_over + 1 };
        Some(drawn)
    }
}

struct Shuffle(Random);

impl Draw for Shuffle {
    fn draw(&mut self, ready: &[TaskNumber]) -> Option<usize> {
        Some(self.0.below(ready.len()))
    }
}

/// A generator of pseudorandom numbers: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014). The same seed gives the same numbers, in every version.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}
