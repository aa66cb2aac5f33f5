//! Which task awaits which, as a tree: its roots are the tasks that no other task awaits.
//!
//! Not every graph of tasks is a tree. If several tasks await the same one, what that one awaits is drawn where
//! it comes first. If tasks await each other in a cycle, there may be no root that leads to them.

use std::collections::{HashMap, HashSet};

use crate::observe::TaskState;
use crate::observe::dump::{Dump, DumpedTask};

/// A line of the tree.
pub(crate) struct Node<'a> {
    pub(super) task: &'a DumpedTask,
    /// How far below its root.
    pub(super) depth: usize,
    /// Whether it is the last child of its parent.
    pub(super) is_last: bool,
    /// Whether it was drawn before, with its children.
    pub(super) again: bool,
}

/// The tree of a dump, as it grows.
struct Tree<'a> {
    tasks: HashMap<u64, &'a DumpedTask>,
    nodes: Vec<Node<'a>>,
    cycles: Vec<Vec<u64>>,
    /// From the root to the task that was added last.
    path: Vec<u64>,
    /// How deep in the tree each task stands that was added.
    depths: HashMap<u64, usize>,
}

impl Dump {
    /// Returns the cycles of tasks that wait for each other: each task awaits the next one, and the last
    /// awaits the first. Of cycles that share tasks, some may be missing.
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    ///
    /// # boucle::run(async {
    /// let other = Rc::new(RefCell::new(None));
    /// let slot = other.clone();
    /// let one = boucle::spawn(async move {
    ///     let other: boucle::JoinHandle<()> = slot.take().unwrap();
    ///     other.await.unwrap();
    /// });
    /// *other.borrow_mut() = Some(boucle::spawn(async move { one.await.unwrap() }));
    /// boucle::yield_now().await;
    /// assert_eq!(boucle::dump().cycles(), [[2, 3]]); // each awaits the other
    /// # });
    /// ```
    pub fn cycles(&self) -> Vec<Vec<u64>> {
        self.tree().1
    }

    /// Returns the lines of the tree, and the cycles. Tasks that neither await one nor are awaited are left
    /// out.
    pub(crate) fn tree(&self) -> (Vec<Node<'_>>, Vec<Vec<u64>>) {
        let mut tree = Tree {
            tasks: self.tasks.iter().map(|task| (task.id, task)).collect(),
            nodes: Vec::new(),
            cycles: Vec::new(),
            path: Vec::new(),
            depths: HashMap::new(),
        };
        let awaited = self.tasks.iter().flat_map(|task| &task.awaits);
        let awaited: HashSet<u64> = awaited.copied().collect();
        let awaiting = || self.tasks.iter().filter(|task| !task.awaits.is_empty());
        for root in awaiting().filter(|task| !awaited.contains(&task.id)) {
            tree.grow(root);
        }
        // No root leads to what is left.
        for task in awaiting() {
            if !tree.depths.contains_key(&task.id) {
                tree.grow(task);
            }
        }
        (tree.nodes, tree.cycles)
    }
}

impl<'a> Tree<'a> {
    /// Adds a root and all below it. It does not recurse, since the tree may be deep.
    fn grow(&mut self, root: &'a DumpedTask) {
        let mut next = vec![(root, 0, true)];
        while let Some((task, depth, is_last)) = next.pop() {
            self.path.truncate(depth);
            let again = self.depths.contains_key(&task.id);
            if again {
                self.close_cycle(task.id);
            } else {
                self.depths.insert(task.id, depth);
                self.path.push(task.id);
                let awaited = task.awaits.iter().filter_map(|id| self.tasks.get(id));
                let awaited = awaited.rev().enumerate();
                next.extend(awaited.map(|(from_end, task)| (*task, depth + 1, from_end == 0)));
            }
            self.nodes.push(Node { task, depth, is_last, again });
        }
    }

    /// Adds the cycle that the last task of the path closes by awaiting `task`: the tasks of the path from
    /// `task` on, if it stands there. If one of them is not idle, they can go on: then it adds nothing.
    fn close_cycle(&mut self, task: u64) {
        let depth = self.depths[&task];
        if self.path.get(depth) != Some(&task) {
            return;
        }
        let cycle = &self.path[depth..];
        let is_idle = |id: &u64| self.tasks[id].state == TaskState::Idle;
        if cycle.iter().all(is_idle) {
            self.cycles.push(cycle.to_vec());
        }
    }
}

#[cfg(test)]
mod tests;
