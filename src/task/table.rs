//! The table of tasks.
//!
//! One entry for each task, 48 bytes: which task it is, how it stands, its box, and what waits for it. The
//! life of an entry, with the function that takes each step:
//!
//! ```text
//!            insert            begin              finish
//!   (free) ─────────▶ Queued ─────────▶ Polled ────────────▶ Done, kept for its handle
//!                       ▲ ▲              │  │                    │
//!                  wake │ │ put_back     │  │ wake               │ release, take_output
//!                       │ └───── Woken ◀─┼──┘                    ▼
//!                     Idle ◀─────────────┘                     (free)
//!                               put_back
//!
//!   Idle, Queued    ── abort ──▶ Aborted ── begin ──▶ Cancelled ── finish ──▶ Done
//!   Polled, Woken   ── abort ──▶ Cancelled
//! ```
//!
//! (A task that was woken while it was polled may finish too; and `finish` frees the slot if no handle is
//! left.)
//!
//! While a task is polled its box is out of its slot, in the hands of the turn, and the loop's state is
//! free: the user's code may spawn, wake, abort and drop what it likes, and finds the entry, but no box.
//!
//! A slot is freed when the task is done *and* its `JoinHandle` is gone, so a handle is never stale. A
//! waker can be: its number brings an identity to be compared.
//!
//! Nothing here runs user code: boxes and waiters that leave go to the caller, which drops or wakes them
//! when the loop's state is no longer in use.

use std::any::Any;
use std::collections::HashMap;
use std::mem;

use slab::Slab;

use crate::shrink::Shrink;
use crate::task::cell::{BoxedTask, Kept};
use crate::task::group::Member;
use crate::task::id::{LoopNumber, MAX_ID, MAX_TASKS, TaskNumber};
use crate::task::join_error::JoinError;
use crate::wake::waiter::Waiter;

/// The tasks of one loop.
pub(crate) struct Tasks {
    of: LoopNumber,
    entries: Slab<Entry>,
    /// Names are rare, so they stand aside: an unnamed task pays for none.
    names: HashMap<u32, Box<str>>,
    /// The last id that was given, to a task or to a main future. The first is 1.
    last_id: u64,
    /// Tasks that are not done, the main future not counted.
    live: usize,
    /// The type of the main future, which has no box to ask.
    main_type: &'static str,
    shrink: Shrink,
}

/// What stands in a slot.
pub(crate) struct Entry {
    pub(crate) id: u64,
    /// The upper half of the task's number: of which loop, and which tenant of the slot.
    identity: u32,
    pub(crate) status: Status,
    /// A `JoinHandle` exists.
    held: bool,
    /// Nothing while it is polled; for the main future, which lives on the stack of `block_on`; and for
    /// a task that the end of the loop has dropped.
    pub(crate) task: Option<BoxedTask>,
    pub(crate) joiner: Joiner,
}

/// How a task stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It waits.
    Idle,
    /// Its number stands in the ready queue: to be polled.
    Queued,
    /// The turn has its box, and polls it.
    Polled,
    /// The same; and it was woken meanwhile, so its number stands in the ready queue.
    Woken,
    /// Its number stands in the ready queue: to be dropped.
    Aborted,
    /// The turn has its box, and drops it, or will when the poll returns.
    Cancelled,
    /// Its box holds an output, or nothing any more.
    Done,
}

/// What waits for a task.
pub(crate) enum Joiner {
    Nothing,
    /// What awaits the handle.
    Waiter(Waiter),
    /// A group (`gather`, `wait`, `as_completed`) of which the task is a member.
    Group(Member),
}

/// What a number that leaves the ready queue stands for.
pub(crate) enum Popped {
    /// A task to be polled.
    Task(BoxedTask),
    /// A task to be dropped instead.
    Aborted(BoxedTask),
    /// The main future.
    Main,
    /// Nothing: the task is done or gone.
    Stale,
}

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

/// For how many names the memory is kept in any case.
const KEPT_NAMES: usize = 256;

impl Tasks {
    pub(crate) fn new(of: LoopNumber) -> Self {
        Tasks {
            of,
            entries: Slab::new(),
            names: HashMap::new(),
            last_id: 0,
            live: 0,
            main_type: "",
            shrink: Shrink::default(),
        }
    }

    /// How many tasks are not done.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Whether no number is left for another task.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.vacant_key() as u64 >= MAX_TASKS
    }

    /// Takes a task in, as queued. `held` says that a handle will exist. Returns its slot and its id.
    #[inline]
    pub(crate) fn insert(&mut self, task: BoxedTask, held: bool, joiner: Joiner) -> (u32, u64) {
        self.live += 1;
        self.insert_entry(Some(task), held, joiner)
    }

    /// Gives the main future, of that type, its place, as queued.
    pub(crate) fn insert_main(&mut self, main_type: &'static str) -> (u32, u64) {
        self.main_type = main_type;
        self.insert_entry(None, false, Joiner::Nothing)
    }

    #[inline]
    fn insert_entry(&mut self, task: Option<BoxedTask>, held: bool, joiner: Joiner) -> (u32, u64) {
        let id = self.next_id();
        let slot = self.entries.insert(Entry {
            id,
            identity: self.of.identity(id),
            status: Status::Queued,
            held,
            task,
            joiner,
        });
        (slot as u32, id)
    }

    /// Counts on; after the last id that a handle can hold, from the first one again.
    #[inline]
    fn next_id(&mut self) -> u64 {
        let last = self.last_id;
        self.last_id = if last < MAX_ID { last + 1 } else { 1 };
        self.last_id
    }

    /// Frees the main future's place.
    pub(crate) fn remove_main(&mut self, slot: u32) {
        self.entries.try_remove(slot as usize);
    }

    pub(crate) fn set_name(&mut self, slot: u32, id: u64, name: Box<str>) {
        if self.get(slot, id).is_some() {
            self.names.insert(slot, name);
        }
    }

    /// Marks a task as queued. Returns whether it was idle, so that its number is to be pushed; `None` if
    /// the number is not of a task of this loop, or no longer.
    #[inline(always)]
    pub(crate) fn mark_queued(&mut self, number: TaskNumber) -> Option<bool> {
        let entry = self.entries.get_mut(number.slot() as usize)?;
        (entry.identity == number.identity()).then(|| entry.mark_queued())
    }

    /// Marks the task that has the slot as queued. Returns its number if it was idle.
    pub(crate) fn mark_slot_queued(&mut self, slot: u32) -> Option<TaskNumber> {
        let entry = self.entries.get_mut(slot as usize)?;
        let is_new = entry.mark_queued();
        is_new.then(|| TaskNumber::new(self.of, entry.id, slot))
    }

    /// Takes the task that a number stands for out of its slot, to be polled or dropped.
    #[inline]
    pub(crate) fn begin(&mut self, number: TaskNumber) -> Popped {
        let entry = match self.entries.get_mut(number.slot() as usize) {
            Some(entry) if entry.identity == number.identity() => entry,
            _ => return Popped::Stale,
        };
        if entry.status == Status::Queued {
            let Some(task) = entry.task.take() else {
                entry.status = Status::Idle;
                return Popped::Main;
            };
            entry.status = Status::Polled;
            Popped::Task(task)
        } else if entry.status == Status::Aborted
            && let Some(task) = entry.task.take()
        {
            entry.status = Status::Cancelled;
            Popped::Aborted(task)
        } else {
            Popped::Stale
        }
    }

    /// Puts a pending task back into its slot. If it was aborted while it was polled, it comes back, to
    /// be dropped.
    #[inline]
    pub(crate) fn put_back(&mut self, slot: u32, task: BoxedTask) -> Option<BoxedTask> {
        let Some(entry) = self.entries.get_mut(slot as usize) else {
            return Some(task);
        };
        entry.status = match entry.status {
            Status::Polled => Status::Idle,
            Status::Woken => Status::Queued,
            _ => return Some(task),
        };
        entry.task = Some(task);
        None
    }

    /// Whether the task in that slot was aborted while it was polled.
    #[inline]
    pub(crate) fn is_aborted(&self, slot: u32) -> bool {
        let entry = self.entries.get(slot as usize);
        entry.is_some_and(|entry| entry.status == Status::Cancelled)
    }

    /// The task is done: its box holds the output. Returns what waits for it, and the box if no handle
    /// will ask for the output.
    pub(crate) fn finish(&mut self, slot: u32, task: BoxedTask) -> (Joiner, Option<BoxedTask>) {
        self.live -= 1;
        let Some(entry) = self.entries.get_mut(slot as usize) else {
            debug_assert!(false, "an entry stays while its task is polled");
            return (Joiner::Nothing, Some(task));
        };
        entry.status = Status::Done;
        let joiner = mem::replace(&mut entry.joiner, Joiner::Nothing);
        if entry.held {
            entry.task = Some(task);
            (joiner, None)
        } else {
            self.remove(slot);
            (joiner, Some(task))
        }
    }

    /// Marks a task as aborted. The number that is returned is to be queued. A task that is being
    /// polled is not queued: it is dropped when its poll returns.
    pub(crate) fn abort(&mut self, slot: u32, id: u64) -> Option<TaskNumber> {
        let of = self.of;
        let entry = self.get(slot, id)?;
        let was_idle = entry.status == Status::Idle;
        entry.status = match entry.status {
            Status::Idle | Status::Queued => Status::Aborted,
            Status::Polled | Status::Woken => Status::Cancelled,
            ended => ended,
        };
        was_idle.then(|| TaskNumber::new(of, id, slot))
    }

    /// Asks for the output of a task, and takes it if it is there. Nothing of the user's is dropped: a
    /// box whose output was moved out is empty.
    #[inline]
    pub(crate) fn take_output<T: 'static>(&mut self, slot: u32, id: u64) -> Output<T> {
        let Some(entry) = self.get(slot, id) else {
            return Output::Gone;
        };
        match entry.status {
            Status::Done => {}
            _ if entry.is_polled() => return Output::Itself,
            _ => return Output::Pending,
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
        self.get(slot, id)?.task.as_mut()?.as_mut().output()
    }

    /// Whether the task is being polled, so that it is the one that asks.
    pub(crate) fn is_polled(&mut self, slot: u32, id: u64) -> bool {
        self.get(slot, id).is_some_and(|entry| entry.is_polled())
    }

    /// Whether the task is done, or gone.
    pub(crate) fn is_done(&mut self, slot: u32, id: u64) -> bool {
        self.get(slot, id).is_none_or(|entry| entry.is_done())
    }

    /// Sets what waits for a task, and leaves in `joiner` what waited before. Returns false if the task is
    /// done, or gone: then nothing is exchanged.
    #[inline]
    pub(crate) fn exchange_joiner(&mut self, slot: u32, id: u64, joiner: &mut Joiner) -> bool {
        match self.get(slot, id) {
            Some(entry) if !entry.is_done() => {
                mem::swap(&mut entry.joiner, joiner);
                true
            }
            _ => false,
        }
    }

    /// The id of the task that has the slot, if that is not done.
    pub(crate) fn live_id(&self, slot: u32) -> Option<u64> {
        let entry = self.entries.get(slot as usize)?;
        (!entry.is_done()).then_some(entry.id)
    }

    /// The handle is gone. What was kept for it goes to the caller, to be dropped.
    pub(crate) fn release(&mut self, slot: u32, id: u64) -> (Joiner, Option<BoxedTask>) {
        let Some(entry) = self.get(slot, id) else {
            return (Joiner::Nothing, None);
        };
        entry.held = false;
        let joiner = mem::replace(&mut entry.joiner, Joiner::Nothing);
        if entry.is_done() {
            (joiner, self.remove(slot).0)
        } else {
            (joiner, None)
        }
    }

    /// Every entry, with its slot.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u32, &Entry)> {
        let entries = self.entries.iter();
        entries.map(|(slot, entry)| (slot as u32, entry))
    }

    pub(crate) fn name(&self, slot: u32) -> Option<&str> {
        self.names.get(&slot).map(|name| &**name)
    }

    /// The type of the main future.
    pub(crate) fn main_type(&self) -> &'static str {
        self.main_type
    }

    /// The id of the task that a number stands for.
    pub(crate) fn id_of(&self, number: TaskNumber) -> Option<u64> {
        let entry = self.entries.get(number.slot() as usize)?;
        (entry.identity == number.identity()).then_some(entry.id)
    }

    /// Gives back the memory of tasks that are gone.
    pub(crate) fn rest(&mut self) {
        self.shrink.rest(&mut self.entries);
        if self.names.capacity() / 4 > self.names.len().max(KEPT_NAMES) {
            self.names.shrink_to(KEPT_NAMES);
        }
    }

    /// The tasks whose boxes are in their slots, in spawn order, for the end of the loop. O(n log n).
    pub(crate) fn in_spawn_order(&self) -> Vec<(u64, u32)> {
        let boxed = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.task.is_some());
        let mut order: Vec<_> = boxed.map(|(slot, entry)| (entry.id, slot as u32)).collect();
        order.sort_unstable();
        order
    }

    /// Takes the box of a task at the end of the loop, which drops it. The entry stays: a handle may ask
    /// for it.
    pub(crate) fn take_box(&mut self, slot: u32, id: u64) -> Option<(BoxedTask, Joiner)> {
        let entry = self.get(slot, id)?;
        let task = entry.task.take()?;
        let joiner = mem::replace(&mut entry.joiner, Joiner::Nothing);
        if !entry.is_done() {
            entry.status = Status::Done;
            self.live -= 1;
        }
        Some((task, joiner))
    }

    fn get(&mut self, slot: u32, id: u64) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(slot as usize);
        entry.filter(|entry| entry.id == id)
    }

    fn remove(&mut self, slot: u32) -> (Option<BoxedTask>, Option<Box<str>>) {
        let name = if self.names.is_empty() {
            None
        } else {
            self.names.remove(&slot)
        };
        let entry = self.entries.try_remove(slot as usize);
        (entry.and_then(|entry| entry.task), name)
    }
}

impl Entry {
    /// Marks the task as queued, unless it is so already or done. Returns whether it did.
    #[inline(always)]
    fn mark_queued(&mut self) -> bool {
        self.status = match self.status {
            Status::Idle => Status::Queued,
            Status::Polled => Status::Woken,
            _ => return false,
        };
        true
    }

    pub(crate) fn is_polled(&self) -> bool {
        matches!(
            self.status,
            Status::Polled | Status::Woken | Status::Cancelled
        )
    }

    pub(crate) fn is_done(&self) -> bool {
        self.status == Status::Done
    }
}
