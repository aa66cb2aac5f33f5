//! What is left of a loop's tasks when it ends, or when nothing can wake them any more.

use std::mem;

use crate::task::cell::BoxedTask;
use crate::task::slots::Joiner;
use crate::task::stamp::Mark;
use crate::task::tasks::Tasks;

impl Tasks {
    /// The tasks that still own a cell, in spawn order, for teardown. O(n log n).
    pub(crate) fn in_spawn_order(&self) -> Vec<(u64, u32)> {
        let mut order: Vec<(u64, u32)> = self
            .slots
            .iter()
            .filter(|(_, entry)| entry.has_cell())
            .map(|(slot, entry)| (entry.stamp.id(), slot))
            .collect();
        order.sort_unstable();
        order
    }

    /// Takes the cell of a task for teardown, which drops it. The entry stays: a handle may
    /// ask for it.
    pub(crate) fn take_for_teardown(&mut self, id: u64, slot: u32) -> Option<(BoxedTask, Joiner)> {
        self.get(slot, id)?;
        let task = self.slots.take_cell(slot)?;
        let entry = self.get(slot, id)?;
        let joiner = mem::replace(&mut entry.joiner, Joiner::NOBODY);
        if !entry.stamp.has(Mark::Done) {
            entry.stamp.set(Mark::Done);
            self.live -= 1;
        }
        Some((task, joiner))
    }

    /// One line for each task that is not done, in spawn order.
    pub(crate) fn describe_live(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for (id, slot) in self.in_spawn_order() {
            if self.is_done(slot, id) {
                continue;
            }
            let name = self.names.get(&slot).map(|name| format!(" \"{name}\""));
            let name = name.unwrap_or_default();
            if let Some(task) = self.slots.cell(slot) {
                lines.push(format!("task {id}{name}: {}", task.future_type()));
            }
        }
        lines
    }
}
