//! The groups of a loop: which of several tasks are done, and what waits for them.
//!
//! `gather`, `wait` and `as_completed` have the same need: to learn *which* tasks are done at a
//! cost that does not grow with how many there are. A parent that polls a list of handles looks at all of
//! them at each wake, n² looks in all. So a task may have, in place of a waker, a *seat* in a
//! group: when it is done, the loop writes the seat's position into the group's list, O(1), and
//! wakes the parent if the group says that it is time. The parent reads the list and touches the
//! tasks in it, no others.
//!
//! This is the table, which the loop owns; `combine/group.rs` is what a parent holds.

use std::collections::VecDeque;
use std::task::Waker;

use slab::Slab;

use crate::shrink::Shrink;
use crate::task::cell::End;

/// A task's place in a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) group: u32,
    pub(crate) position: u32,
}

impl Seat {
    /// No place at all.
    pub(crate) const NONE: Seat = Seat {
        group: u32::MAX,
        position: 0,
    };
}

/// The groups of one loop.
#[derive(Default)]
pub(crate) struct Groups {
    table: Slab<Members>,
    shrink: Shrink,
}

/// What a group knows of its members.
pub(crate) struct Members {
    /// The positions of those that are done and that the parent has not seen, in order; if it is told
    /// of each.
    pub(crate) done: VecDeque<u32>,
    /// How many are not done.
    pub(crate) left: usize,
    /// The first one that panicked.
    pub(crate) panicked: Option<u32>,
    tell: Tell,
    /// What waits for them.
    pub(crate) parent: Option<Waker>,
}

/// When the parent is woken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tell {
    /// Whenever a member is done.
    Each,
    /// When all of them are, or one has panicked.
    Last,
}

impl Groups {
    /// A member is done. Returns the parent's waker, if it is time to wake it.
    pub(crate) fn report(&mut self, seat: Seat, end: End) -> Option<Waker> {
        let members = self.table.get_mut(seat.group as usize)?;
        debug_assert!(members.left > 0, "a member reports once");
        members.left = members.left.saturating_sub(1);
        if end == End::Panicked {
            members.panicked.get_or_insert(seat.position);
        }
        match members.tell {
            Tell::Each => members.done.push_back(seat.position),
            Tell::Last if members.left > 0 && end != End::Panicked => return None,
            Tell::Last => {}
        }
        members.parent.take()
    }

    /// A group of that many members, none of them done.
    pub(crate) fn insert(&mut self, members: usize, tell: Tell) -> u32 {
        self.table.insert(Members {
            done: VecDeque::new(),
            left: members,
            panicked: None,
            tell,
            parent: None,
        }) as u32
    }

    /// What a group knows; `None` if it is gone, which its parent never sees.
    pub(crate) fn members(&mut self, group: u32) -> Option<&mut Members> {
        self.table.get_mut(group as usize)
    }

    /// What waits for the group of a seat.
    pub(crate) fn parent(&self, seat: Seat) -> Option<&Waker> {
        self.table.get(seat.group as usize)?.parent.as_ref()
    }

    /// Frees a group. The waker goes to the caller, to be dropped.
    pub(crate) fn remove(&mut self, group: u32) -> Option<Waker> {
        self.table.try_remove(group as usize)?.parent
    }

    /// The loop rests: gives back the memory of groups that are gone.
    pub(crate) fn rest(&mut self) {
        self.shrink.rest(&mut self.table);
    }

    /// Every waker there is, for teardown.
    pub(crate) fn take_all(&mut self) -> Vec<Waker> {
        let parents = self
            .table
            .iter_mut()
            .map(|(_, members)| members.parent.take());
        parents.flatten().collect()
    }
}
