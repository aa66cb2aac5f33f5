//! The batches of a loop with an order: one task each, drawn from all that are ready. So each pop is O(n).

use crate::state::State;
use crate::task::id::TaskNumber;
use crate::task::table::{Status, Tasks};
use crate::wake::ready::ReadyQueue;

impl State {
    /// Begins a batch of one task, which the order draws. If nothing is ready, the batch is empty. If the order
    /// draws none, the loop is to stop.
    #[cold]
    #[inline(never)]
    pub(crate) fn draw_batch(&mut self) {
        let State { ready, tasks, order: Some(order), .. } = self else {
            return;
        };
        ready.pop_unless(|number| tasks.is_due(number));
        if ready.is_empty() {
            return;
        }
        let mut next = None;
        if order.draw.is_spurious() {
            let waiting: Vec<_> = tasks.waiting().collect();
            if let Some(index) = order.draw.draw_spurious(&waiting) {
                tasks.queue(waiting[index], ready);
                next = Some(ready.left().len() - 1);
            }
        }
        match next.or_else(|| order.next(ready.left())) {
            Some(index) => ready.draw(index),
            None => self.stop(),
        }
    }
}

impl ReadyQueue {
    /// Pops the numbers that are not `wanted`, and makes the batch empty. O(n) in what is ready, and once more
    /// for each number that is not wanted.
    pub(super) fn pop_unless(&mut self, wanted: impl Fn(TaskNumber) -> bool) {
        for index in self.position..self.numbers.len() {
            if !wanted(self.numbers[index]) {
                self.numbers[self.position..=index].rotate_right(1);
                self.position += 1;
            }
        }
        self.batch_end = self.position;
    }

    /// What was not popped.
    pub(super) fn left(&self) -> &[TaskNumber] {
        &self.numbers[self.position..]
    }

    /// Makes one of the numbers that are left the batch, and lets those before it wait. O(n).
    pub(super) fn draw(&mut self, index: usize) {
        self.numbers[self.position..][..=index].rotate_right(1);
        self.batch_end = self.position + 1;
    }
}

impl Tasks {
    /// The tasks that wait, and the main future if it does. O(n).
    fn waiting(&self) -> impl Iterator<Item = TaskNumber> {
        let waiting = self.entries.iter().filter(|(_, entry)| entry.status == Status::NotQueued);
        waiting.map(|(slot, entry)| TaskNumber::new(self.loop_number, entry.id, slot as u32))
    }

    /// Whether a number of the ready queue stands for a task that is to be polled or dropped.
    fn is_due(&self, number: TaskNumber) -> bool {
        let entry = self.entries.get(number.slot() as usize);
        let task = entry.filter(|entry| entry.identity == number.identity());
        task.is_some_and(|entry| matches!(entry.status, Status::Queued | Status::Aborted))
    }
}
