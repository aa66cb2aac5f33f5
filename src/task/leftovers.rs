//! What is left of a loop's tasks when it ends, or when nothing can wake them any more.

use std::mem;

use crate::task::cell::BoxedTask;
use crate::task::entry::Joiner;
use crate::task::stamp::Mark;
use crate::task::tasks::Tasks;

impl Tasks {
    /// The tasks that still own a cell, in spawn order, for teardown. O(n log n).
    pub(crate) fn in_spawn_order(&self) -> Vec<(u64, u32)> {
        let mut order: Vec<(u64, u32)> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.task.is_some())
            .map(|(slot, entry)| (entry.stamp.id(), slot as u32))
            .collect();
        order.sort_unstable();
        order
    }

    /// Takes the cell of a task for teardown, which drops it. The entry stays: a handle may
    /// ask for it.
    pub(crate) fn take_for_teardown(&mut self, id: u64, slot: u32) -> Option<(BoxedTask, Joiner)> {
        let entry = self.get(slot, id)?;
        let task = entry.task.take()?;
        let joiner = mem::replace(&mut entry.joiner, Joiner::NOBODY);
        if !entry.stamp.has(Mark::Done) {
            entry.stamp.set(Mark::Done);
            self.live -= 1;
        }
        Some((task, joiner))
    }

    /// One line for each task that is not done, in spawn order.
    pub(crate) fn describe_live(&self) -> Vec<String> {
        self.in_spawn_order()
            .into_iter()
            .filter_map(|(id, slot)| {
                let entry = &self.entries[slot as usize];
                let task = entry
                    .task
                    .as_ref()
                    .filter(|_| !entry.stamp.has(Mark::Done))?;
                let name = self.names.get(&slot).map(|name| format!(" \"{name}\""));
                let name = name.unwrap_or_default();
                Some(format!("task {id}{name}: {}", task.future_type()))
            })
            .collect()
    }
}
