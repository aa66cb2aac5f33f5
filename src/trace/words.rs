//! Words for what the pictures show.

use std::fmt;
use std::io::{self, Write};

pub(super) use crate::observe::words::{duration, waits_for};
use crate::observe::{Ending, Origin, Outcome, WaitsFor};
use crate::trace::LiveTask;

/// Writes a line to stderr. If that fails the program goes on: stderr may be closed, or full.
///
/// The line is made before stderr is locked: a long one would hold up all threads that write there.
pub(super) fn say(what: impl fmt::Display) {
    let line = format!("{what}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}

/// "2 hello": the id, then the name; if it has none, "main", or the last word of the future's type.
pub(super) fn label(task: &LiveTask) -> String {
    match &task.name {
        Some(name) => format!("{} {name}", task.id),
        None if task.is_main => format!("{} main", task.id),
        None => format!("{} {}", task.id, last_word(task.future)),
    }
}

/// `say_after` of `sleep::say_after::{{closure}}`; "block in serve" of an async block in that; `Gather`
/// of `boucle::Gather<i32>`.
fn last_word(future: &str) -> String {
    let path = future.split('<').next().unwrap_or(future);
    let words: Vec<&str> = path.split("::").collect();
    let closures = words
        .iter()
        .rev()
        .take_while(|word| word.starts_with('{'))
        .count();
    match words[..words.len() - closures].last() {
        None | Some(&"") => "future".into(),
        Some(function) if closures > 1 => format!("block in {function}"),
        Some(word) => (*word).into(),
    }
}

/// What there is room for; nothing, if that is no word.
pub(super) fn cut(words: &str, letters: usize) -> String {
    if words.chars().count() <= letters {
        return words.into();
    }
    match letters {
        0..6 => String::new(),
        _ => words.chars().take(letters - 1).chain(['…']).collect(),
    }
}

pub(super) fn origin(by: Origin) -> String {
    match by {
        Origin::Task(task) => format!("task {task}"),
        Origin::Timer(timer) => format!("timer {timer}"),
        Origin::Source(source) => format!("source {source}"),
        Origin::Thread => "another thread".into(),
        Origin::Job => "a job of the executor".into(),
        Origin::Outside => "code outside of any task".into(),
    }
}

/// What is waited for, where there is little room.
pub(super) fn waits_briefly(on: &WaitsFor) -> String {
    match on {
        WaitsFor::Timer { deadline, .. } => format!("until {}", duration(*deadline)),
        WaitsFor::Readable(source) => format!("reads {source}"),
        WaitsFor::Writable(source) => format!("writes {source}"),
        WaitsFor::Task(task) => format!("task {task}"),
        WaitsFor::Tasks { what, left } => format!("{what} of {left}"),
        WaitsFor::Job => "a job".into(),
        WaitsFor::Turn => "its turn".into(),
        WaitsFor::Foreign => "unknown".into(),
    }
}

pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pending => "pending",
        Outcome::Ready => "ready",
        Outcome::Panicked => "panicked",
    }
}

pub(super) fn ending(how: Ending) -> &'static str {
    match how {
        Ending::Returned => "done",
        Ending::Panicked => "panicked",
        Ending::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Other threads may write to stderr while a line for it is being made.
    #[test]
    fn a_line_is_made_before_stderr_is_locked() {
        struct Line<'a>(&'a Cell<bool>);
        impl fmt::Display for Line<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (wrote, written) = mpsc::channel();
                thread::spawn(move || {
                    drop(io::stderr().lock());
                    wrote.send(())
                });
                let patience = Duration::from_secs(10);
                self.0.set(written.recv_timeout(patience).is_ok());
                f.write_str("boucle: a line")
            }
        }
        let others_may_write = Cell::new(false);
        say(Line(&others_may_write));
        assert!(others_may_write.get());
    }
}
