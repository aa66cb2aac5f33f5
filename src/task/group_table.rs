//! The table of groups: which members of a group are done. The parent's part is in `combine/group.rs`.
//!
//! A parent that polled n handles at each wake would make n² polls. So a task may be a *member* of a group. A
//! [`GroupEntry`] counts the members that are not done, and lists those of the others that the parent has to
//! look at. When a member is done, the loop counts down, O(1), and wakes the parent if it is time.

use std::collections::VecDeque;

use slab::Slab;

use crate::observe::event::Ending;
use crate::shrink::Shrinker;
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
    /// A group is there for as long as a `Group` has its number.
    pub(crate) table: Slab<GroupEntry>,
    shrinker: Shrinker,
}

/// A group, as the table has it.
pub(crate) struct GroupEntry {
    /// The positions of members that are done, in order, until the parent takes them; with [`WakeOn::Last`],
    /// only those that panicked.
    done: VecDeque<u32>,
    /// How many are not done.
    pub(crate) left: usize,
    wake_on: WakeOn,
    /// What waits for the group.
    pub(crate) parent: Option<Waiter>,
}

/// The capacity of `done` that is always kept.
const KEPT: usize = 1_024;

/// When the parent is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeOn {
    /// At the first member that is done after the parent's last poll.
    Each,
    /// When all members are done, or one has panicked.
    Last,
}

impl GroupEntry {
    /// Takes the next member that is done. If there is none, the memory of a burst is given back.
    pub(crate) fn next_done(&mut self) -> Option<u32> {
        let next = self.done.pop_front();
        if next.is_none() && self.done.capacity() > KEPT {
            self.done = VecDeque::new();
        }
        next
    }
}

impl Groups {
    pub(crate) fn insert(&mut self, members: usize, wake_on: WakeOn) -> u32 {
        self.table.insert(GroupEntry { done: VecDeque::new(), left: members, wake_on, parent: None }) as u32
    }

    /// Marks a member as done. Returns the parent, if it is time to wake it.
    pub(crate) fn finish_member(&mut self, member: Member, ending: Ending) -> Option<Waiter> {
        let group = self.table.get_mut(member.group as usize)?;
        debug_assert!(group.left > 0, "a member is done once");
        group.left = group.left.saturating_sub(1);
        if group.wake_on == WakeOn::Each || ending == Ending::Panicked {
            group.done.push_back(member.position);
        } else if group.left > 0 {
            return None;
        }
        group.parent.take()
    }

    /// Frees a group. Returns the parent, to be dropped.
    pub(crate) fn remove(&mut self, group: u32) -> Option<Waiter> {
        self.table.try_remove(group as usize)?.parent
    }

    /// Gives back the memory of groups that are gone.
    pub(crate) fn shrink(&mut self) {
        self.shrinker.shrink(&mut self.table);
    }
}
