//! The slots: what owns a task's cell, and what may touch it.
//!
//! A task is polled where its cell stands, in an allocation of its own. The user's code that runs then
//! may spawn (the slab grows and moves), wake, abort, and drop handles. All of that finds the task's
//! entry; none of it may touch the cell. So a cell that is polled is *lent*: the turn has it, as a
//! [`Lent`], and until it is given back, this file gives that cell to nothing else.
//! There is one at most.
//!
//! To take the box out of its slot for each poll, and put it back, would do the same with no `unsafe`.
//! It was tried: it costs 15 of 138 instructions of a yield, and a tenth of its time.

#![allow(unsafe_code)]

use std::mem;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::Waker;

use slab::Slab;

use crate::shrink::Shrink;
use crate::task::cell::{BoxedTask, End, NewTask, Task, drop_quietly};
use crate::task::groups::Seat;
use crate::task::id::TaskNumber;
use crate::task::stamp::Stamp;

/// What stands in a slot: 40 bytes for each task.
pub(crate) struct Entry {
    pub(crate) stamp: Stamp,
    /// Nothing for the main future, which lives on the stack of `block_on`; and for a task whose cell
    /// teardown has taken.
    cell: Option<Owned>,
    pub(crate) joiner: Joiner,
}

/// What waits for a task.
pub(crate) enum Joiner {
    /// The task that awaits the handle.
    Waker(Waker),
    /// A place in a group (`gather`, `wait`, `as_completed`), or nothing.
    ///
    /// Nothing is a reserved seat and no third variant, because two variants fit 16 bytes.
    Seat(Seat),
}

/// What a number that leaves the ready queue stands for.
pub(crate) enum Popped {
    /// A task to be polled.
    Task(TaskNumber, Lent),
    /// A task to be dropped instead.
    Aborted(Lent),
    /// The main future.
    Main(TaskNumber),
    /// Nothing: the task is done or gone.
    Stale,
}

/// The slab of entries, and which of their cells is lent.
pub(crate) struct Slots {
    entries: Slab<Entry>,
    /// Its slot, or `NONE`.
    lent: usize,
    shrink: Shrink,
}

/// No slot.
const NONE: usize = usize::MAX;

/// A cell that an entry owns. A pointer and no box, because a box may not be moved, as the slab moves
/// its entries, while the turn uses what is in it.
struct Owned(NonNull<dyn Task>);

/// A cell that is lent to the turn, which gives it back by [`Slots::take_back`].
pub(crate) struct Lent(NonNull<dyn Task>);

impl Slots {
    pub(crate) fn new() -> Self {
        Slots {
            entries: Slab::new(),
            lent: NONE,
            shrink: Shrink::default(),
        }
    }

    /// The loop rests: gives back the memory of slots that are free.
    pub(crate) fn rest(&mut self) {
        self.shrink.rest(&mut self.entries);
    }

    /// The slot that the next entry will have.
    pub(crate) fn vacant(&self) -> usize {
        self.entries.vacant_key()
    }

    pub(crate) fn insert(&mut self, stamp: Stamp, task: Option<NewTask>, seat: Seat) -> u32 {
        let cell = task.map(Owned::new);
        self.entries.insert(Entry {
            stamp,
            cell,
            joiner: Joiner::Seat(seat),
        }) as u32
    }

    /// Frees a slot, whose cell leaves. A slot whose cell is lent stays as it is.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<BoxedTask> {
        debug_assert!(!self.is_lent(slot), "what is polled is not removed");
        if self.is_lent(slot) {
            return None;
        }
        let cell = self.entries.try_remove(slot as usize)?.cell;
        cell.map(Owned::into_box)
    }

    #[inline]
    pub(crate) fn get(&mut self, slot: u32) -> Option<&mut Entry> {
        self.entries.get_mut(slot as usize)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        let entries = self.entries.iter();
        entries.map(|(slot, entry)| (slot as u32, entry))
    }

    /// Lends the cell of the task that a number was made for.
    #[inline]
    pub(crate) fn lend(&mut self, number: TaskNumber) -> Popped {
        let slot = number.slot() as usize;
        let Some(entry) = self.entries.get_mut(slot) else {
            return Popped::Stale;
        };
        if !entry.stamp.is(number) {
            return Popped::Stale;
        }
        if !entry.stamp.unqueue() {
            return self
                .lend_aborted(slot)
                .map_or(Popped::Stale, Popped::Aborted);
        }
        match &entry.cell {
            Some(Owned(cell)) => {
                debug_assert_eq!(self.lent, NONE, "one cell is lent at a time");
                self.lent = slot;
                Popped::Task(number, Lent(*cell))
            }
            None => Popped::Main(number),
        }
    }

    /// Lends the cell of a task that was queued to be dropped.
    #[cold]
    #[inline(never)]
    fn lend_aborted(&mut self, slot: usize) -> Option<Lent> {
        let entry = self.entries.get_mut(slot)?;
        if !entry.stamp.unqueue_aborted() {
            return None;
        }
        let Owned(cell) = entry.cell.as_ref()?;
        debug_assert_eq!(self.lent, NONE, "one cell is lent at a time");
        self.lent = slot;
        Some(Lent(*cell))
    }

    /// Ends the loan of a cell, and says whose it is.
    #[inline]
    pub(crate) fn take_back(&mut self, _lent: Lent) -> u32 {
        mem::replace(&mut self.lent, NONE) as u32
    }

    /// The slot whose cell is lent.
    pub(crate) fn lent(&self) -> Option<u32> {
        (self.lent != NONE).then_some(self.lent as u32)
    }

    /// Whether this is the slot whose cell is lent.
    #[inline]
    pub(crate) fn is_lent(&self, slot: u32) -> bool {
        self.lent == slot as usize
    }

    /// A cell to look into, unless it is lent.
    pub(crate) fn cell(&mut self, slot: u32) -> Option<Pin<&mut dyn Task>> {
        if self.is_lent(slot) {
            return None;
        }
        let cell = self.entries.get_mut(slot as usize)?.cell.as_mut()?;
        Some(cell.get())
    }

    /// Takes a cell for good, unless it is lent.
    pub(crate) fn take_cell(&mut self, slot: u32) -> Option<BoxedTask> {
        if self.is_lent(slot) {
            return None;
        }
        let cell = self.entries.get_mut(slot as usize)?.cell.take();
        cell.map(Owned::into_box)
    }
}

impl Entry {
    /// Whether a cell is there, lent or not.
    pub(crate) fn has_cell(&self) -> bool {
        self.cell.is_some()
    }
}

impl Lent {
    /// Returns the task where it stands, to be polled.
    #[inline]
    pub(crate) fn future(&mut self) -> Pin<&mut dyn Future<Output = End>> {
        self.cell()
    }

    /// Drops the future, or an output that is not to be taken.
    pub(crate) fn cancel(&mut self) -> End {
        self.cell().cancel()
    }

    #[inline]
    fn cell(&mut self) -> Pin<&mut dyn Task> {
        // SAFETY: A `Lent` is made by `Slots::lend` alone, from the pointer of an `Owned` whose slot
        // is noted as lent from then on, until `take_back` consumes the `Lent`; it is no copy type,
        // and the turn, its only user, has one at a time. As long as the note stands, `Slots` gives
        // out no reference into that cell and no box of it: every access to an `Owned` is in this
        // file, and asks first. So the cell is alive, and this reference to it the only one. It was
        // pinned when it came, and it is not moved.
        unsafe { Pin::new_unchecked(self.0.as_mut()) }
    }
}

impl Owned {
    #[inline]
    fn new(task: NewTask) -> Owned {
        Owned(NonNull::from(Box::leak(task)))
    }

    /// The caller has seen to it that the cell is not lent.
    fn get(&mut self) -> Pin<&mut dyn Task> {
        // SAFETY: The pointer is a box's, as `new` has made it, and this owns it. No `Lent` of this
        // cell exists, as the caller knows, so the reference is the only one. And it is pinned: what is
        // in the box is reached by `get`, `into_box` and a `Lent` alone, which all say so, and is not
        // moved.
        unsafe { Pin::new_unchecked(self.0.as_mut()) }
    }

    /// The caller has seen to it that the cell is not lent.
    fn into_box(self) -> BoxedTask {
        // SAFETY: The pointer came from a box, and this is what owned it, and is gone now.
        Box::into_pin(unsafe { Box::from_raw(self.0.as_ptr()) })
    }
}

impl Drop for Slots {
    /// Drops the cells that are left, each by itself. (A loop that has ended has none; and one that is
    /// lent, to a turn in which the process exits, is left alone.)
    fn drop(&mut self) {
        let slots: Vec<u32> = self.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            drop_quietly(self.take_cell(slot));
        }
    }
}

impl Joiner {
    pub(crate) const NOBODY: Joiner = Joiner::Seat(Seat::NONE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::cell::TaskCell;
    use crate::task::id::LoopNumber;

    /// While a cell is lent nothing else gets at it, and after that everything does.
    #[test]
    fn a_cell_that_is_lent_is_out_of_reach() {
        let of = LoopNumber::new(1, 1);
        let mut slots = Slots::new();
        let mut insert = |id| {
            let task = TaskCell::boxed(async {});
            slots.insert(Stamp::queued(of, id, true), Some(task), Seat::NONE)
        };
        let (one, other) = (insert(1), insert(2));
        let number = TaskNumber::new(of, 1, one);
        let Popped::Task(_, lent) = slots.lend(number) else {
            panic!("it is queued");
        };
        assert!(slots.is_lent(one) && !slots.is_lent(other));
        assert!(slots.cell(one).is_none() && slots.take_cell(one).is_none());
        assert!(slots.cell(other).is_some());

        assert_eq!(slots.take_back(lent), one);
        assert!(slots.cell(one).is_some());
        assert!(
            matches!(slots.lend(number), Popped::Stale),
            "it is not queued any more"
        );
        assert!(slots.remove(one).is_some() && slots.take_cell(other).is_some());
    }

    /// A million idle tasks are a million of these: the size is a promise.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn an_entry_takes_forty_bytes_in_the_slab() {
        let mut slab: Slab<Entry> = Slab::new();
        slab.reserve_exact(1);
        assert_eq!(size_of::<Entry>(), 40);
        assert_eq!(size_of::<Option<Entry>>(), 40);
    }
}
