//! What a dump looks like.
//!
//! ```text
//! loop 1 at 1 s: the main future and 2 tasks
//!   task     state       waits for  polls  ...  future
//!   1 main   polled      ...
//!
//! who awaits whom
//!   3 "guest"
//!   └─ 2 "tea"
//! ```
//!
//! Nothing here grows without end: a cell is cut, and so is the part of a line that shows the depth.

use std::fmt::{self, Display, Write};

use crate::observe::dump::{Dump, DumpError, DumpedTask, label};
use crate::observe::words::{duration, waits_for};
use crate::observe::{LiveTask, TaskState, WaitsFor};

/// Characters of a name, of a place, and of a future's type.
const NAME: usize = 32;
const PLACE: usize = 40;
const FUTURE: usize = 48;

/// Things that a task waits for at once, as far as they are told.
const WAITS: usize = 3;

/// Levels of the tree that are drawn, the deepest ones.
const LEVELS: usize = 16;

impl Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = duration(self.time);
        write!(f, "loop {} at {time}: {}", self.event_loop, self.count())?;
        self.table(f)?;
        let (nodes, circles) = self.tree();
        if !nodes.is_empty() {
            f.write_str("\n\nwho awaits whom")?;
        }
        let mut last = Vec::new();
        for node in nodes {
            last.truncate(node.depth.saturating_sub(1));
            if node.depth > 0 {
                last.push(node.is_last);
            }
            write!(f, "\n  {}{}", branch(&last), in_tree(node.task))?;
            if node.again && !node.task.awaits.is_empty() {
                f.write_str(" (see above)")?;
            }
        }
        if !circles.is_empty() {
            f.write_str("\n")?;
        }
        for circle in circles {
            let whole = circle.iter().chain(&circle[..1]);
            let tasks: Vec<String> = whole.map(|id| format!("task {id}")).collect();
            write!(f, "\n{} wait for each other", tasks.join(" → "))?;
        }
        Ok(())
    }
}

impl Dump {
    /// "the main future and 2 tasks".
    fn count(&self) -> String {
        let mains = self.tasks.iter().filter(|task| task.is_main).count();
        let tasks = match self.tasks.len() - mains {
            1 => "1 task".to_owned(),
            tasks => format!("{tasks} tasks"),
        };
        match mains {
            0 => tasks,
            _ => format!("the main future and {tasks}"),
        }
    }

    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_observed = self.tasks.iter().any(|task| task.seen.is_some());
        let header: &[&str] = match is_observed {
            true => &[
                "task",
                "state",
                "waits for",
                "polls",
                "busy",
                "longest",
                "spawned at",
                "future",
            ],
            false => &["task", "state", "future"],
        };
        let mut rows: Vec<Vec<String>> = vec![header.iter().map(ToString::to_string).collect()];
        rows.extend(self.tasks.iter().map(|task| self.row(task, is_observed)));
        if rows.len() == 1 {
            return Ok(());
        }
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
        let mut row = vec![cut(&task.label(), NAME), self.state(task)];
        if is_observed {
            row.extend(task.seen.as_ref().map_or_else(Default::default, seen));
        }
        row.push(future);
        row
    }

    /// "idle for 2 s", or "idle".
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

/// The cells of what only an observed loop knows.
fn seen(task: &LiveTask) -> [String; 5] {
    let place = task.location.to_string();
    [
        waits(task),
        task.polls.to_string(),
        duration(task.busy),
        duration(task.longest),
        cut_front(&place, PLACE),
    ]
}

/// What an idle task waits for.
fn waits(task: &LiveTask) -> String {
    if task.state != TaskState::Idle {
        return String::new();
    }
    // Several tasks are counted; the tree names them.
    let mut tasks = 0;
    let mut waits: Vec<String> = Vec::new();
    for on in &task.waits {
        match on {
            WaitsFor::Task(_) => tasks += 1,
            on => waits.push(waits_for(on)),
        }
    }
    match tasks {
        0 => {}
        1 => waits.extend(task.waits.iter().find(is_task).map(waits_for)),
        tasks => waits.push(format!("{tasks} tasks")),
    }
    waits.dedup();
    if waits.len() > WAITS {
        let others = waits.len() - WAITS;
        waits.truncate(WAITS);
        waits.push(format!("{others} more"));
    }
    waits.join("; ")
}

fn is_task(on: &&WaitsFor) -> bool {
    matches!(on, WaitsFor::Task(_))
}

/// How the tree calls a task: `2 "reader"`; and `3 say_after`, if it has no name.
fn in_tree(task: &DumpedTask) -> String {
    match task.future {
        Some(future) if task.name.is_none() && !task.is_main => {
            format!("{} {}", task.id, shorten(future))
        }
        _ => cut(&task.label(), NAME),
    }
}

/// What stands before a task in the tree: a line for each level at which another one comes.
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

/// A future's type without the modules that its names stand in, and without what is inside of the
/// innermost brackets until it fits. `say_after` of `crate::say_after::{{closure}}`, which is how the
/// compiler calls the future of an `async fn`.
fn shorten(name: &str) -> String {
    let mut short = String::new();
    let is_path = |c: char| c.is_alphanumeric() || "_:{}#".contains(c);
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let is_first = is_path(first);
        let end = rest.find(|c| is_path(c) != is_first).unwrap_or(rest.len());
        let (part, others) = rest.split_at(end);
        if is_first {
            short.push_str(&last_names(part));
        } else {
            short.push_str(part);
        }
        rest = others;
    }
    while short.chars().count() > FUTURE
        && let Some((open, close)) = innermost(&short)
    {
        short.replace_range(open + 1..close, "…");
    }
    cut(&short, FUTURE)
}

/// The last name of a path, and the closures in it, if it is one of several.
fn last_names(path: &str) -> String {
    const CLOSURE: &str = "{{closure}}";
    let mut names: Vec<&str> = path.split("::").collect();
    if names.last() == Some(&CLOSURE) {
        names.pop();
    }
    let named = names.iter().rposition(|name| *name != CLOSURE);
    let last = names[named.unwrap_or(0)..].join("::");
    let separator = if path.starts_with("::") { "::" } else { "" };
    format!("{separator}{}", last.replace(CLOSURE, "{closure}"))
}

/// The brackets of a type that hold most levels of others around them, and something still.
fn innermost(name: &str) -> Option<(usize, usize)> {
    let mut open = Vec::new();
    let mut deepest: Option<(usize, usize, usize)> = None;
    for (at, c) in name.char_indices() {
        match c {
            '<' => open.push(at),
            '>' if !name[..at].ends_with('-') => {
                let depth = open.len();
                if let Some(from) = open.pop()
                    && &name[from + 1..at] != "…"
                    && deepest.is_none_or(|(deepest, ..)| depth > deepest)
                {
                    deepest = Some((depth, from, at));
                }
            }
            _ => {}
        }
    }
    deepest.map(|(_, from, to)| (from, to))
}

/// As much of a text as has room, and a sign if that is not all.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room - 1).collect();
    format!("{kept}…")
}

/// The same, where the end matters more.
fn cut_front(text: &str, room: usize) -> String {
    let length = text.chars().count();
    if length <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().skip(length - room + 1).collect();
    format!("…{kept}")
}

impl Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DumpError::NoAnswer {
            event_loop,
            timeout,
            holder,
        } = self
        else {
            return f.write_str("the event loop is gone");
        };
        let timeout = duration(*timeout);
        write!(f, "loop {event_loop} has not answered within {timeout}: ")?;
        match holder {
            Some(holder) => {
                let task = label(holder.task, holder.name.as_deref(), false);
                let held = duration(holder.held);
                write!(f, "task {task} has held its thread for {held}")
            }
            None => f.write_str("something holds its thread, or it is not being run"),
        }
    }
}

#[cfg(test)]
mod tests;
