//! What is left of a loop's tasks: when it ends, or for a dump.

use std::mem;
use std::sync::Arc;

use crate::observe::TaskState;
use crate::observe::dump::DumpedTask;
use crate::task::cell::BoxedTask;
use crate::task::groups::Groups;
use crate::task::id::TaskNumber;
use crate::task::slots::Joiner;
use crate::task::stamp::Mark;
use crate::task::tasks::Tasks;
use crate::wake::waker::task_of;

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

    /// The tasks that are not done, and the main future, in spawn order; and which tasks each of them
    /// awaits, as their entries tell it. O(n log n).
    pub(crate) fn dump(&mut self, groups: &Groups) -> Vec<DumpedTask> {
        let mut places: Vec<(u64, u32)> = Vec::new();
        let mut awaited: Vec<(TaskNumber, u64)> = Vec::new();
        for (slot, entry) in self.slots.iter() {
            if entry.stamp.has(Mark::Done) {
                continue;
            }
            let id = entry.stamp.id();
            places.push((id, slot));
            awaited.extend(entry.joiner.task(groups).map(|awaiter| (awaiter, id)));
        }
        places.sort_unstable();
        awaited.sort_unstable_by_key(|(_, id)| *id);
        let mut dumped: Vec<DumpedTask> = places
            .iter()
            .filter_map(|&(id, slot)| self.dump_task(id, slot))
            .collect();
        for (awaiter, id) in awaited {
            let entry = self.slots.get(awaiter.slot());
            let Some(entry) = entry.filter(|entry| entry.stamp.is(awaiter)) else {
                continue;
            };
            let awaiter = entry.stamp.id();
            if let Ok(place) = dumped.binary_search_by_key(&awaiter, |task| task.id) {
                dumped[place].awaits.push(id);
            }
        }
        dumped
    }

    fn dump_task(&mut self, id: u64, slot: u32) -> Option<DumpedTask> {
        let is_polled = self.slots.is_lent(slot);
        let entry = self.get(slot, id)?;
        let is_main = !entry.has_cell();
        let state = match entry.stamp {
            stamp if stamp.has(Mark::Aborted) => TaskState::Aborted,
            _ if is_polled => TaskState::Polled,
            stamp if stamp.has(Mark::Queued) => TaskState::Ready,
            _ => TaskState::Idle,
        };
        Some(DumpedTask {
            id,
            name: self.names.get(&slot).map(|name| Arc::from(&**name)),
            is_main,
            future: match is_main {
                true => Some(self.main_type),
                false => self.slots.cell(slot).map(|task| task.future_type()),
            },
            state,
            awaits: Vec::new(),
            seen: None,
        })
    }
}

impl Joiner {
    /// The task that is woken, if it is one of this crate's.
    fn task(&self, groups: &Groups) -> Option<TaskNumber> {
        task_of(match self {
            Joiner::Waker(waker) => waker,
            Joiner::Seat(seat) => groups.parent(*seat)?,
        })
    }
}
