//! Groups: which of several tasks are done, and what waits for them.
//!
//! `gather`, `wait` and `as_completed` have the same need: to learn *which* tasks are done at a
//! cost that does not grow with how many there are. A parent that polls a list of handles looks at all of
//! them at each wake, n² looks in all. So a task may be a *member* of a group: when it is done, the loop
//! appends the member's position to the group's list, O(1), and wakes the parent if it is time. The
//! parent reads the list and touches the tasks in it, no others.
//!
//! This is the table, which the loop owns; `combine/group.rs` is what a parent holds.

use std::collections::VecDeque;

use slab::Slab;

use crate::observe::event::Ending;
use crate::shrink::Shrink;
use crate::wake::waiter::Waiter;

/// A task's place in a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) group: u32,
    pub(crate) position: u32,
}

/// The groups of one loop.
#[derive(Default)]
pub(crate) struct Groups {
    table: Slab<Group>,
    shrink: Shrink,
}

/// What is known of a group's members.
pub(crate) struct Group {
    /// The positions of members that are done and that the parent has not seen, in order; empty if the
    /// parent is only woken by the last.
    pub(crate) done: VecDeque<u32>,
    /// How many members are not done.
    pub(crate) left: usize,
    /// The first member that panicked.
    pub(crate) panicked: Option<u32>,
    wake_on: WakeOn,
    /// What waits for the members.
    pub(crate) parent: Option<Waiter>,
}

/// When the parent is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WakeOn {
    /// Whenever a member is done.
    Each,
    /// When all members are done, or one has panicked.
    Last,
}

impl Groups {
    /// Adds a group of that many members, none of them done.
    pub(crate) fn insert(&mut self, members: usize, wake_on: WakeOn) -> u32 {
        self.table.insert(Group {
            done: VecDeque::new(),
            left: members,
            panicked: None,
            wake_on,
            parent: None,
        }) as u32
    }

    /// A member is done. Returns the parent, if it is time to wake it.
    pub(crate) fn finish_member(&mut self, member: Member, how: Ending) -> Option<Waiter> {
        let group = self.table.get_mut(member.group as usize)?;
        debug_assert!(group.left > 0, "a member is done once");
        group.left = group.left.saturating_sub(1);
        let has_panicked = how == Ending::Panicked;
        if has_panicked {
            group.panicked.get_or_insert(member.position);
        }
        if group.wake_on == WakeOn::Each {
            group.done.push_back(member.position);
        } else if group.left > 0 && !has_panicked {
            return None;
        }
        group.parent.take()
    }

    /// The group with that number. A parent never sees that it is gone.
    pub(crate) fn get(&mut self, group: u32) -> Option<&mut Group> {
        self.table.get_mut(group as usize)
    }

    /// What waits for a group.
    pub(crate) fn parent(&self, group: u32) -> Option<&Waiter> {
        self.table.get(group as usize)?.parent.as_ref()
    }

    /// Frees a group. The parent goes to the caller, to be dropped.
    pub(crate) fn remove(&mut self, group: u32) -> Option<Waiter> {
        self.table.try_remove(group as usize)?.parent
    }

    /// Gives back the memory of groups that are gone.
    pub(crate) fn rest(&mut self) {
        self.shrink.rest(&mut self.table);
    }

    /// Takes every parent, for the end of the loop.
    pub(crate) fn take_parents(&mut self) -> impl Iterator<Item = Waiter> {
        self.table
            .iter_mut()
            .filter_map(|(_, group)| group.parent.take())
    }
}
