//! Which task awaits which, as a tree: its roots are the tasks that no other awaits.
//!
//! It need not be a tree. Several tasks may await the same one: that is drawn in full where it comes first.
//! And tasks may await each other in a circle, which no root leads to.

use std::collections::{HashMap, HashSet};

use crate::observe::TaskState;
use crate::observe::dump::{Dump, DumpedTask};

/// A line of the tree.
pub(crate) struct Node<'a> {
    pub(super) task: &'a DumpedTask,
    /// How far below its root.
    pub(super) depth: usize,
    /// Whether it is the last of the tasks that the same one awaits.
    pub(super) is_last: bool,
    /// It stands in the tree already, with what it awaits.
    pub(super) again: bool,
}

/// The tree of a dump, as it grows.
struct Tree<'a> {
    tasks: HashMap<u64, &'a DumpedTask>,
    nodes: Vec<Node<'a>>,
    circles: Vec<Vec<u64>>,
    /// From the root to the task that is looked at.
    path: Vec<u64>,
    /// How deep in the tree each task stands that was looked at.
    depths: HashMap<u64, usize>,
}

impl Dump {
    /// Tasks that wait for each other, so that none of them can go on: each of a circle awaits the
    /// next, and the last one awaits the first. Some circles are found if there are any; of those
    /// that share tasks not all may be.
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
    /// assert_eq!(boucle::dump().circles(), [[2, 3]]); // each awaits the other
    /// # });
    /// ```
    pub fn circles(&self) -> Vec<Vec<u64>> {
        self.tree().1
    }

    /// The lines of the tree, and the circles. Tasks that neither await one nor are awaited are
    /// left out.
    pub(crate) fn tree(&self) -> (Vec<Node<'_>>, Vec<Vec<u64>>) {
        let mut tree = Tree {
            tasks: self.tasks.iter().map(|task| (task.id, task)).collect(),
            nodes: Vec::new(),
            circles: Vec::new(),
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
        (tree.nodes, tree.circles)
    }
}

impl<'a> Tree<'a> {
    /// Adds a root and all below it. Without recursion, since tasks may await each other in a long
    /// row.
    fn grow(&mut self, root: &'a DumpedTask) {
        let mut next = vec![(root, 0, true)];
        while let Some((task, depth, is_last)) = next.pop() {
            self.path.truncate(depth);
            let again = self.depths.contains_key(&task.id);
            if again {
                self.close_circle(task.id);
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

    /// Adds the circle that ends with `task`, which the last task of the path awaits: if `task` stands in
    /// the path, and no task from there on is about to be polled, they wait for each other.
    fn close_circle(&mut self, task: u64) {
        let depth = self.depths[&task];
        if self.path.get(depth) != Some(&task) {
            return;
        }
        let circle = &self.path[depth..];
        let is_idle = |id: &u64| self.tasks[id].state == TaskState::Idle;
        if circle.iter().all(is_idle) {
            self.circles.push(circle.to_vec());
        }
    }
}

#[cfg(test)]
mod tests;
