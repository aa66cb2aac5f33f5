//! The table of tasks.
//!
//! Each task has a slot, with an entry: its id and identity, its status, whether it has a handle, what waits for
//! it, and its box. The life of an entry, with the function that takes each step:
//!
//! ```text
//!            insert           take_out                finish
//!   (free) ─────────▶ Queued ─────────▶ being polled ─────────▶ Done, kept for its handle
//!                       ▲                    │                        │
//!                 queue │                    │ put_back               │ release_handle, take_done
//!                       └──── NotQueued ◀────┘                        ▼
//!                                                                  (free)
//!
//!   NotQueued, Queued ── abort ──▶ Aborted ── take_out ───────▶ being dropped ── finish ──▶ Done
//!   being polled      ── abort ──▶ Aborted ── its poll ends ──▶ being dropped ── finish ──▶ Done
//! ```
//!
//! (`release_handle` and `take_done`, for a handle that is dropped or awaited, are in `join.rs`.)
//!
//! While a task is polled, the turn holds its box, and the loop's state is free: user code may spawn, wake,
//! abort and drop. "Being polled" is not a status: the box is out. Meanwhile the status says what has happened
//! since the poll began: NotQueued (nothing), Queued (it was woken), Aborted (when the poll returns, the future
//! is dropped, or its value; no wake queues it any more). `put_back` leaves the status as it is (its arrow leads
//! to Queued if the task was woken in its poll).
//!
//! A slot is freed when the task is done *and* its `JoinHandle` is dropped or has taken the output. (If the
//! handle was dropped before, `finish` frees it.)
//!
//! Nothing here runs user code: boxes and waiters that leave go to the caller, which drops or wakes them
//! when the loop's state is no longer in use.

use std::collections::HashMap;
use std::mem;

use slab::Slab;

use crate::shrink::Shrinker;
use crate::task::cell::BoxedTask;
use crate::task::group_table::Member;
use crate::task::id::{LoopNumber, MAX_TASKS, TaskNumber};
use crate::wake::ready::ReadyQueue;
use crate::wake::waiter::Waiter;

/// The tasks of one loop.
pub(crate) struct Tasks {
    pub(crate) loop_number: LoopNumber,
    pub(crate) entries: Slab<Entry>,
    /// Names are rare, so they are kept apart: an unnamed task pays for none.
    pub(crate) names: HashMap<u32, Box<str>>,
    /// The last id that was given, to a task or to a main future. The first is 1.
    last_id: u64,
    /// Tasks that are not done, the main future not counted.
    pub(crate) live: usize,
    /// The slot, the id and the type of the main future, which has no box to ask.
    pub(crate) main: Option<(u32, u64, &'static str)>,
    /// Decides when the table gives memory back.
    shrinker: Shrinker,
}

/// What is in a slot.
pub(crate) struct Entry {
    /// By which a handle finds its task: a loop gives an id once.
    pub(crate) id: u64,
    /// The upper bits of the task's number: the loop's short id and the generation, which is the low bits of the
    /// id. By it a wake finds out whether it is stale.
    pub(crate) identity: u32,
    pub(crate) status: Status,
    /// A `JoinHandle` exists.
    pub(super) has_handle: bool,
    pub(crate) joiner: Joiner,
    /// `None` while it is out, to be polled or dropped, and when the end of the loop has taken it. Always
    /// `None` for the main future, which stays with `block_on`.
    pub(crate) task: Option<BoxedTask>,
}

// As the slab keeps it: a free place costs nothing more.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Option<Entry>>() == 48);

/// The status of a task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It waits, or is being polled.
    NotQueued,
    /// Its number is in the ready queue: to be polled.
    Queued,
    /// It is to be dropped: when its number is popped, or when its poll returns. Or it is being dropped.
    Aborted,
    /// Its box holds the output, or is gone.
    Done,
}

/// What waits for a task.
pub(crate) enum Joiner {
    Nothing,
    /// What awaits the handle: if several have polled it, the last.
    Waiter(Waiter),
    /// The group of which the task is a member.
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
    /// Nothing: no task has this number, or the one that has it is done, or no longer queued.
    Stale,
}

/// What a wake has done.
#[derive(PartialEq, Eq)]
pub(crate) enum WakeResult {
    Queued,
    /// Nothing: the task is queued already.
    Needless,
    /// Nothing: the task is aborted or done, or no task of this loop has the number.
    Refused,
}

/// The capacity for names that is kept in any case.
const KEPT_NAMES: usize = 256;

impl Tasks {
    pub(crate) fn new(loop_number: LoopNumber) -> Self {
        Tasks {
            loop_number,
            entries: Slab::new(),
            names: HashMap::new(),
            last_id: 0,
            live: 0,
            main: None,
            shrinker: Shrinker::default(),
        }
    }

    /// Whether no number is left for another task.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.vacant_key() as u64 >= MAX_TASKS
    }

    /// Gives a slot to a task, which will have a handle, or to the main future, which has neither handle nor
    /// box. The status is Queued: the caller pushes the number. Returns the slot and the id.
    #[inline(always)]
    pub(crate) fn insert(&mut self, task: Option<BoxedTask>, joiner: Joiner) -> (u32, u64) {
        let has_handle = task.is_some(); // the main future has none
        self.live += usize::from(has_handle);
        self.last_id += 1;
        let (id, identity) = (self.last_id, self.loop_number.identity(self.last_id));
        let vacant = self.entries.vacant_entry();
        let slot = vacant.key();
        // The entry is written in place. If it were passed to the slab, it would be made on the stack, field by
        // field, and at once be copied in wider pieces: the processor would have to wait for its own stores.
        let place = vacant.insert(Entry::EMPTY);
        let entry = Entry { id, identity, status: Status::Queued, has_handle, joiner, task };
        mem::forget(mem::replace(place, entry)); // `*place = entry` would also compile a drop, of `EMPTY`
        (slot as u32, id)
    }

    /// Queues a task, unless it is queued, aborted, done or gone.
    #[inline(always)]
    pub(crate) fn queue(&mut self, number: TaskNumber, ready: &mut ReadyQueue) -> WakeResult {
        let Some(entry) = self.by_number(number) else {
            return WakeResult::Refused;
        };
        match entry.status {
            Status::NotQueued => {
                ready.push(number);
                entry.status = Status::Queued;
                WakeResult::Queued
            }
            Status::Queued => WakeResult::Needless,
            Status::Aborted | Status::Done => WakeResult::Refused,
        }
    }

    /// Takes the task that a number stands for out of its slot, to be polled or dropped.
    #[inline(always)]
    pub(crate) fn take_out(&mut self, number: TaskNumber) -> Popped {
        let Some(entry) = self.by_number(number) else {
            return Popped::Stale;
        };
        match entry.status {
            Status::Queued => {
                entry.status = Status::NotQueued;
                // (No task is being polled now, so its box is here; the main future never has one.)
                match entry.task.take() {
                    Some(task) => Popped::Task(task),
                    None => Popped::Main,
                }
            }
            Status::Aborted => match entry.task.take() {
                Some(task) => Popped::Aborted(task),
                None => Popped::Stale,
            },
            Status::NotQueued | Status::Done => Popped::Stale,
        }
    }

    /// Whether the task in that slot is to be dropped when its poll is over.
    #[inline(always)]
    pub(crate) fn is_aborted(&self, slot: u32) -> bool {
        self.entries.get(slot as usize).is_some_and(|entry| entry.status == Status::Aborted)
    }

    /// Puts a pending task back into its slot.
    #[inline(always)]
    pub(crate) fn put_back(&mut self, slot: u32, task: BoxedTask) {
        let Some(entry) = self.entries.get_mut(slot as usize) else {
            debug_assert!(false, "an entry stays while its task is polled");
            return mem::forget(task); // A drop would run user code.
        };
        debug_assert!(entry.task.is_none());
        mem::forget(entry.task.replace(task)); // `= Some(task)` would also compile a drop, of the `None`
    }

    /// The task is done: its box holds the output. Returns what waits for it, and the box if no handle
    /// will ask for the output.
    #[inline(always)]
    pub(crate) fn finish(&mut self, slot: u32, task: BoxedTask) -> (Joiner, Option<BoxedTask>) {
        self.live -= 1;
        let Some(entry) = self.entries.get_mut(slot as usize) else {
            debug_assert!(false, "an entry stays while its task is polled");
            return (Joiner::Nothing, Some(task));
        };
        entry.status = Status::Done;
        let joiner = mem::replace(&mut entry.joiner, Joiner::Nothing);
        if entry.has_handle {
            entry.task = Some(task);
            return (joiner, None);
        }
        self.remove(slot);
        (joiner, Some(task))
    }

    /// Marks a task to be dropped when its number is popped, and queues it if it waits. If it is being
    /// polled, it is dropped when its poll returns. Returns false if the task is aborted already, done or
    /// gone.
    pub(crate) fn abort(&mut self, slot: u32, id: u64, ready: &mut ReadyQueue) -> bool {
        let loop_number = self.loop_number;
        let Some(entry) = self.by_id(slot, id) else {
            return false;
        };
        match entry.status {
            Status::NotQueued if !entry.is_out() => ready.push(TaskNumber::new(loop_number, id, slot)),
            Status::NotQueued | Status::Queued => {}
            Status::Aborted | Status::Done => return false,
        }
        entry.status = Status::Aborted;
        true
    }

    /// The main future is done: nothing wakes it any more. Its slot is freed when `block_on` ends.
    pub(crate) fn finish_main(&mut self, slot: u32) {
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.status = Status::Done;
        }
    }

    /// The id of the task in the slot, unless it is done.
    pub(crate) fn find_live(&self, slot: u32) -> Option<u64> {
        let entry = self.entries.get(slot as usize).filter(|entry| !entry.is_done())?;
        Some(entry.id)
    }

    /// Gives back the memory of tasks that are gone.
    pub(crate) fn shrink(&mut self) {
        self.shrinker.shrink(&mut self.entries);
        if self.names.capacity() / 4 > self.names.len().max(KEPT_NAMES) {
            self.names.shrink_to(KEPT_NAMES);
        }
    }

    /// The task that a number stands for.
    #[inline(always)]
    fn by_number(&mut self, number: TaskNumber) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(number.slot() as usize)?;
        (entry.identity == number.identity()).then_some(entry)
    }

    /// The task that a handle stands for.
    #[inline]
    pub(crate) fn by_id(&mut self, slot: u32, id: u64) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(slot as usize)?;
        (entry.id == id).then_some(entry)
    }

    /// Frees a slot.
    #[inline]
    pub(super) fn remove(&mut self, slot: u32) -> (Option<BoxedTask>, Option<Box<str>>) {
        let name = if self.names.is_empty() { None } else { self.names.remove(&slot) };
        (self.entries.try_remove(slot as usize).and_then(|entry| entry.task), name)
    }
}

impl Entry {
    /// What is in a slot until [`Tasks::insert`] has filled it.
    const EMPTY: Entry = Entry {
        id: 0,
        identity: 0,
        status: Status::Done,
        has_handle: false,
        joiner: Joiner::Nothing,
        task: None,
    };

    pub(crate) fn is_done(&self) -> bool {
        self.status == Status::Done
    }

    /// Whether its box is out: it is being polled or dropped. (A main future's is never in.)
    pub(crate) fn is_out(&self) -> bool {
        self.task.is_none() && !self.is_done()
    }
}
