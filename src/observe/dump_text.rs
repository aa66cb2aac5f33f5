//! A dump as text.
//!
//! ```text
//! loop 1 at 1 s: the main future and 2 tasks
//!   task       state   future
//!   1 main     polled  breakfast
//!   2 "tea"    idle    tea
//!   3 "guest"  idle    guest
//!
//! which task awaits which
//!   3 "guest"
//!   └─ 2 "tea"
//! ```
//!
//! Lines stay short: a cell is cut, and so is the part of a line that shows the depth.

use std::fmt::{self, Display, Write};

use crate::observe::dump::{Dump, DumpError, DumpedTask, Holder, label};
use crate::observe::dump_names::{cut, cut_front, shorten};
use crate::observe::dump_tree::Node;
use crate::observe::words::{by_number, duration, plural, still_waits_for};
use crate::observe::{LiveTask, TaskState, WaitsFor};

/// The columns of the table, with an observer and without one.
const OBSERVED: [&str; 8] =
    ["task", "state", "waits for", "polls", "busy", "longest", "spawned at", "future"];
const UNOBSERVED: [&str; 3] = ["task", "state", "future"];

/// The most characters of a task's number and name, and of a location.
const LABEL: usize = 36;
const LOCATION: usize = 40;

/// The most things that a task waits for in one cell.
const WAITS: usize = 3;

/// The most levels of the tree that are drawn: the deepest ones.
const LEVELS: usize = 16;

impl Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = duration(self.time);
        write!(f, "loop {} at {time}: {}", self.event_loop, self.count())?;
        if !self.tasks.is_empty() {
            self.write_table(f)?;
        }
        let (tree, cycles) = self.tree();
        if !tree.is_empty() {
            f.write_str("\n\nwhich task awaits which")?;
            write_tree(f, &tree)?;
        }
        if !cycles.is_empty() {
            f.write_str("\n")?;
        }
        for cycle in cycles {
            let whole = cycle.iter().chain(&cycle[..1]);
            let tasks: Vec<String> = whole.map(|id| by_number(*id)).collect();
            write!(f, "\n{} wait for each other", tasks.join(" → "))?;
        }
        Ok(())
    }
}

impl Dump {
    /// Returns "the main future and 2 tasks".
    fn count(&self) -> String {
        let mains = self.tasks.iter().filter(|task| task.is_main).count();
        let tasks = plural(self.tasks.len() - mains, "task");
        match mains {
            0 => tasks,
            _ => format!("the main future and {tasks}"),
        }
    }

    fn write_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_observed = self.tasks.iter().any(|task| task.seen.is_some());
        let header: &[&str] = if is_observed { &OBSERVED } else { &UNOBSERVED };
        let mut rows: Vec<Vec<String>> = vec![header.iter().map(ToString::to_string).collect()];
        rows.extend(self.tasks.iter().map(|task| self.row(task, is_observed)));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<usize> = (0..header.len()).filter_map(width).collect();
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                write!(line, "  {cell:width$}")?;
            }
            write!(f, "\n{}", line.trim_end())?;
        }
        Ok(())
    }

    fn row(&self, task: &DumpedTask, is_observed: bool) -> Vec<String> {
        let future = shorten(task.future.unwrap_or("?"));
        let mut row = vec![cut(&task.label(), LABEL), self.state(task)];
        if is_observed {
            let seen = task.seen.as_ref().map(|live| seen(live, &task.awaits));
            row.extend(seen.unwrap_or_default());
        }
        row.push(future);
        row
    }

    /// Returns "idle for 2 s"; or "idle", if the loop is not observed.
    fn state(&self, task: &DumpedTask) -> String {
        let state = match task.state {
            TaskState::Ready => "ready",
            TaskState::Polled => "polled",
            TaskState::Idle => "idle",
            TaskState::Aborted => "aborted",
        };
        match &task.seen {
            Some(seen) => {
                let time = duration(self.time.saturating_sub(seen.since));
                format!("{state} for {time}")
            }
            None => state.to_owned(),
        }
    }
}

/// Returns the cells that only an observed loop fills. `awaits` are the tasks that the task awaits, in order.
fn seen(task: &LiveTask, awaits: &[u64]) -> [String; 5] {
    let location = task.location.to_string();
    [
        waits(task, awaits),
        task.polls.to_string(),
        duration(task.busy),
        duration(task.longest),
        cut_front(&location, LOCATION),
    ]
}

/// Describes what an idle task waits for.
fn waits(task: &LiveTask, awaits: &[u64]) -> String {
    if task.state != TaskState::Idle {
        return String::new();
    }
    let is_task = |on: &&WaitsFor| matches!(on, WaitsFor::Task(_));
    let (mut tasks, others): (Vec<&WaitsFor>, Vec<_>) = task.waits.iter().partition(is_task);
    // The handles of the other tasks are gone.
    tasks.retain(|on| matches!(on, WaitsFor::Task(task) if awaits.binary_search(task).is_ok()));
    // Several tasks are counted; the tree names them.
    let mut waits: Vec<String> = others.into_iter().map(still_waits_for).collect();
    match tasks[..] {
        [] => {}
        [task] => waits.push(still_waits_for(task)),
        _ => waits.push(format!("{} tasks", tasks.len())),
    }
    if waits.len() > WAITS {
        let hidden = waits.split_off(WAITS).len();
        waits.push(format!("{hidden} more"));
    }
    waits.join("; ")
}

fn write_tree(f: &mut fmt::Formatter<'_>, tree: &[Node<'_>]) -> fmt::Result {
    // For each level from the root to the node: whether its last task is drawn.
    let mut last = Vec::new();
    for node in tree {
        last.truncate(node.depth);
        last.push(node.is_last);
        write!(f, "\n  {}{}", branch(&last[1..]), in_tree(node.task))?;
        if node.again && !node.task.awaits.is_empty() {
            f.write_str(" (see above)")?;
        }
    }
    Ok(())
}

/// Names a task in the tree: `2 "reader"`; or `3 say_after`, if it has no name.
fn in_tree(task: &DumpedTask) -> String {
    match task.future {
        Some(future) if task.name.is_none() && !task.is_main => {
            format!("{} {}", task.id, shorten(future))
        }
        _ => cut(&task.label(), LABEL),
    }
}

/// Returns what stands before a task in the tree: a line for each level at which another task follows.
fn branch(last: &[bool]) -> String {
    let Some((is_last, above)) = last.split_last() else {
        return String::new();
    };
    let hidden = above.len().saturating_sub(LEVELS);
    let mut branch = String::new();
    if hidden > 0 {
        branch = format!("({hidden} levels) ");
    }
    for is_last in &above[hidden..] {
        branch.push_str(if *is_last { "   " } else { "│  " });
    }
    branch.push_str(if *is_last { "└─ " } else { "├─ " });
    branch
}

impl Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DumpError::Gone => f.write_str("the event loop is gone"),
            DumpError::Ending { event_loop } => {
                let waits = "it waits for jobs that have begun, or drops what was left for it";
                write!(f, "loop {event_loop} is ending: {waits}")
            }
            DumpError::NoAnswer { event_loop, timeout, holder } => {
                let (timeout, why) = (duration(*timeout), why_no_answer(holder.as_ref()));
                write!(f, "loop {event_loop} has not answered within {timeout}: {why}")
            }
        }
    }
}

fn why_no_answer(holder: Option<&Holder>) -> String {
    let Some(holder) = holder else {
        return "something holds its thread, or it is not being run".into();
    };
    let task = label(holder.task, holder.name.as_deref(), false);
    format!("task {task} has held its thread for {}", duration(holder.held))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deep tree stays narrow.
    #[test]
    fn only_the_deepest_levels_are_drawn() {
        assert_eq!(branch(&[]), "");
        assert_eq!(branch(&[true]), "└─ ");
        assert_eq!(branch(&[false, true, false]), "│     ├─ ");
        let deep = branch(&[true; 100]);
        assert_eq!(deep, format!("(83 levels) {}└─ ", "   ".repeat(16)));
    }
}
