//! The tasks of a loop.
//!
//! One entry a task, 40 bytes: a word that says which task it is and how it stands, its cell, and what waits
//! for it. The life of an entry, with the function that takes each step:
//!
//! ```text
//!            insert           begin                 finish
//!   (free) ─────────▶ queued ───────▶ being polled ────────▶ done, kept for its handle
//!                       ▲                  │                       │
//!    mark_queued, abort │                  │ pend                  │ release, take_output
//!                       └───── idle ◀──────┘                       ▼
//!                                                               (free)
//! ```
//!
//! (If it was woken while it was polled, it is queued already when it pends; and `finish` frees the
//! slot if no handle is left.)
//!
//! While a task is polled its cell is [lent](crate::task::slots) to the turn, and nothing of the loop
//! is borrowed: the user's code may spawn, wake, abort and drop what it likes. A slot is freed when
//! the task is done *and* its `JoinHandle` is gone, so a handle can never be stale; a waker can, and
//! brings an identity to be compared.
//!
//! Nothing here runs user code: boxes and wakers that leave are handed to the caller, which drops or
//! wakes them when the loop's state is no longer borrowed.

use std::any::Any;
use std::collections::HashMap;
use std::mem;

use crate::task::cell::{BoxedTask, Kept, NewTask};
use crate::task::groups::Seat;
use crate::task::id::{LoopNumber, MAX_TASKS, TaskNumber};
use crate::task::join_error::JoinError;
use crate::task::slots::{Entry, Joiner, Lent, Popped, Slots};
use crate::task::stamp::{MAX_ID, Mark, Stamp};

/// The tasks of one loop.
pub(crate) struct Tasks {
    of: LoopNumber,
    pub(super) slots: Slots,
    /// Names are rare, so they stand aside: an unnamed task pays for none.
    pub(super) names: HashMap<u32, Box<str>>,
    /// The last id that was given, to a task or to a main future. The first is 1.
    last_id: u64,
    /// Tasks that are not done, the main future not counted.
    pub(super) live: usize,
    /// The type of the main future, which has no cell to ask.
    pub(super) main_type: &'static str,
    /// The task that is polled has aborted itself, or something that it called has.
    aborted_itself: bool,
}

/// For how many names the memory is kept in any case.
const KEPT_NAMES: usize = 256;

/// What a handle finds when it asks for the output.
pub(crate) enum Output<T> {
    /// The slot is free now.
    Done(Result<T, JoinError>),
    Pending,
    /// The task is awaiting its own handle.
    Itself,
    /// No such task: its loop is closing and refused it, or has dropped it.
    Gone,
}

/// What is left to do for a task that is done.
pub(crate) struct Finished {
    /// What waited for it.
    pub(crate) joiner: Joiner,
    /// The cell, if no handle will ask for the output.
    pub(crate) unheld: Option<BoxedTask>,
}

impl Tasks {
    pub(crate) fn new(of: LoopNumber) -> Self {
        Tasks {
            of,
            slots: Slots::new(),
            names: HashMap::new(),
            last_id: 0,
            live: 0,
            main_type: "",
            aborted_itself: false,
        }
    }

    /// How many tasks are not done.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Whether the slab has no number left to give.
    pub(crate) fn is_full(&self) -> bool {
        self.slots.vacant() as u64 >= MAX_TASKS
    }

    /// Takes a task in, marked as queued. `held` says that a handle will exist. `seat` is
    /// told when the task is done. Returns its slot and its id.
    #[inline]
    pub(crate) fn insert(&mut self, task: NewTask, held: bool, seat: Seat) -> (u32, u64) {
        self.live += 1;
        let id = self.next_id();
        let stamp = Stamp::queued(self.of, id, held);
        (self.slots.insert(stamp, Some(task), seat), id)
    }

    /// Gives the main future, of that type, its place, marked as queued.
    pub(crate) fn insert_main(&mut self, main_type: &'static str) -> (u32, u64) {
        self.main_type = main_type;
        let id = self.next_id();
        let stamp = Stamp::queued(self.of, id, false);
        (self.slots.insert(stamp, None, Seat::NONE), id)
    }

    /// Frees the main future's place.
    pub(crate) fn remove_main(&mut self, slot: u32) {
        self.slots.remove(slot);
    }

    pub(crate) fn set_name(&mut self, slot: u32, id: u64, name: Box<str>) {
        if self.get(slot, id).is_some() {
            self.names.insert(slot, name);
        }
    }

    /// Marks a task as queued. Returns whether the caller is to push the number: not if it is
    /// queued already, or is done. `None` if it is gone, or of another loop.
    #[inline]
    pub(crate) fn mark_queued(&mut self, number: TaskNumber) -> Option<bool> {
        let entry = self.slots.get(number.slot())?;
        entry.stamp.is(number).then(|| entry.stamp.queue())
    }

    /// Marks the task that has the slot as queued. Returns its number, if it was idle.
    pub(crate) fn mark_slot_queued(&mut self, slot: u32) -> Option<TaskNumber> {
        let entry = self.slots.get(slot)?;
        entry
            .stamp
            .queue()
            .then(|| TaskNumber::new(self.of, entry.stamp.id(), slot))
    }

    /// Lends the task that a number was made for.
    #[inline]
    pub(crate) fn begin(&mut self, number: TaskNumber) -> Popped {
        self.slots.lend(number)
    }

    /// Takes a pending task back. If it was aborted while it was polled, it is returned, to be dropped.
    #[inline]
    pub(crate) fn pend(&mut self, task: Lent) -> Option<Lent> {
        if self.aborted_itself {
            self.aborted_itself = false;
            return Some(task);
        }
        self.slots.take_back(task);
        None
    }

    /// The task is done: its cell holds the output. If it has aborted itself, it comes back once, to be
    /// cancelled first.
    pub(crate) fn finish(&mut self, task: Lent) -> Result<Finished, Lent> {
        if mem::take(&mut self.aborted_itself) {
            return Err(task);
        }
        let slot = self.slots.take_back(task);
        let Some(entry) = self.slots.get(slot) else {
            debug_assert!(false, "an entry stays while its cell is lent");
            return Ok(Finished {
                joiner: Joiner::NOBODY,
                unheld: None,
            });
        };
        self.live -= 1;
        entry.stamp.set(Mark::Done);
        let joiner = mem::replace(&mut entry.joiner, Joiner::NOBODY);
        let unheld = if entry.stamp.has(Mark::Held) {
            None
        } else {
            self.remove(slot).0
        };
        Ok(Finished { joiner, unheld })
    }

    /// Marks a task as aborted. The number that is returned is to be queued. A task that is being
    /// polled is not queued: it is dropped when its poll returns.
    pub(crate) fn abort(&mut self, slot: u32, id: u64) -> Option<TaskNumber> {
        let is_polled = self.slots.is_lent(slot);
        let entry = self.get(slot, id)?;
        if entry.stamp.has(Mark::Done) {
            return None;
        }
        entry.stamp.set(Mark::Aborted);
        let idle = !is_polled && entry.has_cell() && entry.stamp.queue();
        self.aborted_itself |= is_polled;
        idle.then(|| TaskNumber::new(self.of, id, slot))
    }

    /// Asks for the output of a task, and takes it if it is there. Nothing of the user's is dropped: a
    /// cell whose output was moved out is empty.
    #[inline]
    pub(crate) fn take_output<T: 'static>(&mut self, slot: u32, id: u64) -> Output<T> {
        let Some(entry) = self.get(slot, id) else {
            return Output::Gone;
        };
        if !entry.stamp.has(Mark::Done) {
            let itself = self.slots.is_lent(slot);
            return if itself {
                Output::Itself
            } else {
                Output::Pending
            };
        }
        let (task, name) = self.remove(slot);
        let mut output: Kept<T> = None;
        if let Some(task) = task {
            task.leave(&mut output);
        }
        match output {
            Some(Ok(value)) => Output::Done(Ok(value)),
            Some(Err(failure)) => Output::Done(Err(JoinError::new(id, name, failure))),
            None => Output::Gone,
        }
    }

    /// The output of a task that is done, left where it is.
    pub(crate) fn output(&mut self, slot: u32, id: u64) -> Option<&mut dyn Any> {
        self.get(slot, id)?;
        self.slots.cell(slot)?.output()
    }

    /// Whether the task is being polled: then it is the one that asks.
    pub(crate) fn is_polled(&mut self, slot: u32, id: u64) -> bool {
        self.slots.is_lent(slot) && self.get(slot, id).is_some()
    }

    /// Whether the task is done, or gone.
    pub(crate) fn is_done(&mut self, slot: u32, id: u64) -> bool {
        self.get(slot, id)
            .is_none_or(|entry| entry.stamp.has(Mark::Done))
    }

    /// Sets what waits for the task. Returns what waited before, or `joiner` itself
    /// if the task is done already.
    pub(crate) fn set_joiner(
        &mut self,
        slot: u32,
        id: u64,
        joiner: Joiner,
    ) -> Result<Joiner, Joiner> {
        match self.get(slot, id) {
            Some(entry) if !entry.stamp.has(Mark::Done) => {
                Ok(mem::replace(&mut entry.joiner, joiner))
            }
            _ => Err(joiner),
        }
    }

    /// The id of the task that has the slot, if that is not done.
    pub(crate) fn live_id(&mut self, slot: u32) -> Option<u64> {
        let entry = self.slots.get(slot)?;
        (!entry.stamp.has(Mark::Done)).then(|| entry.stamp.id())
    }

    /// The slot of the task that is polled, or dropped.
    pub(crate) fn lent(&self) -> Option<u32> {
        self.slots.lent()
    }

    /// Whether the task that has the slot stands in the ready queue.
    pub(crate) fn is_queued(&mut self, slot: u32) -> bool {
        let entry = self.slots.get(slot);
        entry.is_some_and(|entry| entry.stamp.has(Mark::Queued))
    }

    /// The type of a task's future, unless that is polled.
    pub(crate) fn future_type(&mut self, slot: u32) -> &'static str {
        self.slots.cell(slot).map_or("", |task| task.future_type())
    }

    /// The handle is gone. What was kept for it goes to the caller, to be dropped.
    pub(crate) fn release(&mut self, slot: u32, id: u64) -> (Option<BoxedTask>, Joiner) {
        let Some(entry) = self.get(slot, id) else {
            return (None, Joiner::NOBODY);
        };
        entry.stamp.unset(Mark::Held);
        let joiner = mem::replace(&mut entry.joiner, Joiner::NOBODY);
        if entry.stamp.has(Mark::Done) {
            (self.remove(slot).0, joiner)
        } else {
            (None, joiner)
        }
    }

    /// The loop rests: gives back the memory of tasks that are gone.
    pub(crate) fn rest(&mut self) {
        self.slots.rest();
        if self.names.capacity() / 4 > self.names.len().max(KEPT_NAMES) {
            self.names.shrink_to(KEPT_NAMES);
        }
    }

    /// Counts on; after the last id that a stamp can hold, from the first one again.
    fn next_id(&mut self) -> u64 {
        let last = self.last_id;
        self.last_id = if last < MAX_ID { last + 1 } else { 1 };
        self.last_id
    }

    pub(super) fn get(&mut self, slot: u32, id: u64) -> Option<&mut Entry> {
        self.slots.get(slot).filter(|entry| entry.stamp.id() == id)
    }

    fn remove(&mut self, slot: u32) -> (Option<BoxedTask>, Option<Box<str>>) {
        let name = if self.names.is_empty() {
            None
        } else {
            self.names.remove(&slot)
        };
        (self.slots.remove(slot), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::cell::TaskCell;

    /// After the last id comes the first, and both lead to their tasks.
    #[test]
    fn ids_start_over() {
        let of = LoopNumber::new(1, 1);
        let mut tasks = Tasks::new(of);
        tasks.last_id = MAX_ID - 1;
        let mut insert = || {
            let task = TaskCell::boxed(async {});
            tasks.insert(task, true, Seat::NONE)
        };
        let (last, first) = (insert(), insert());
        assert_eq!((last.1, first.1), (MAX_ID, 1));
        for (slot, id) in [last, first] {
            assert_eq!(tasks.abort(slot, id), None, "it is queued already");
            assert!(!tasks.is_done(slot, id));
            assert!(tasks.is_done(slot, id + 1), "no such task");
        }
    }
}
