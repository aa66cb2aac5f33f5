//! The batches of a loop with an order: one task each, drawn from all that are ready. So each pop is O(n). A
//! park is due as in any loop, as if all that is ready were the next batch.

use crate::state::State;
use crate::task::id::TaskNumber;
use crate::task::table::{Status, Tasks};
use crate::wake::ready::ReadyQueue;

impl State {
    /// Begins a batch of one task, which the order draws. If it draws none, the loop is to stop.
    #[cold]
    #[inline(never)]
    pub(crate) fn draw_batch(&mut self) {
        let State { ready, tasks, order: Some(order), .. } = self else {
            return;
        };
        let mut is_spurious = false;
        // (While nothing is ready, it is time to park.)
        if order.draw.is_spurious() && !ready.is_empty() {
            let waiting: Vec<_> = tasks.waiting().collect();
            if let Some(index) = order.draw.draw_spurious(&waiting) {
                tasks.queue(waiting[index], ready); // the last of those that are ready
                is_spurious = true;
            }
        }
        let next = |ready: &[TaskNumber]| if is_spurious { Some(ready.len() - 1) } else { order.next(ready) };
        if !ready.draw(|number| tasks.is_due(number), next) {
            self.stop();
        }
    }
}

impl ReadyQueue {
    /// Makes one number the batch, the one that `next` gives the index of, and lets those before it wait.
    /// Numbers that are not `wanted` are popped first. Returns false, with an empty batch, if `next` gives
    /// none. O(n) in what is ready, and once more for each number that is not wanted.
    pub(super) fn draw(
        &mut self,
        wanted: impl Fn(TaskNumber) -> bool,
        next: impl FnOnce(&[TaskNumber]) -> Option<usize>,
    ) -> bool {
        for index in self.position..self.numbers.len() {
            if !wanted(self.numbers[index]) {
                self.numbers[self.position..=index].rotate_right(1);
                self.position += 1;
            }
        }
        self.batch_end = self.position;
        if self.is_empty() {
            return true;
        }
        let ready = &mut self.numbers[self.position..];
        let next = next(ready);
        if let Some(index) = next {
            ready[..=index].rotate_right(1);
            self.batch_end = self.position + 1;
        }
        next.is_some()
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
