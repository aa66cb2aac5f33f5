//! What tasks are called in pictures: "2 hello".

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

#[cfg(feature = "trace")]
use crate::observe::words::by_number;
use crate::observe::{EventKind, LiveTask};
use crate::trace::LoopTrace;

/// Replaces control characters, those that end a line or turn the direction of text, and the two others that
/// XML forbids. With them a name could break its line, command the terminal, or make an SVG invalid.
pub(super) fn printable(words: &str) -> String {
    const LAYOUT_CONTROLS: [RangeInclusive<char>; 4] =
        ['\u{61c}'..='\u{61c}', '\u{200e}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    let is_layout_control = |c| LAYOUT_CONTROLS.iter().any(|range| range.contains(&c));
    let is_forbidden = |c| matches!(c, '\u{fffe}' | '\u{ffff}');
    words.replace(|c: char| c.is_control() || is_layout_control(c) || is_forbidden(c), "\u{fffd}")
}

/// Returns "2 hello": the id, then the name. A task without a name has "main", or the last word of its
/// future's type, in its place.
pub(super) fn label(task: &LiveTask) -> String {
    let name = match &task.name {
        Some(name) => name.to_string(),
        None if task.is_main => "main".into(),
        None => last_word(task.future),
    };
    format!("{} {}", task.id, printable(&name))
}

/// Returns the labels of all tasks of a recording, by id.
pub(super) fn of(loop_trace: &LoopTrace) -> BTreeMap<u64, String> {
    tasks(loop_trace).iter().map(|(&id, task)| (id, label(task))).collect()
}

/// Returns all tasks of a recording, as they were when they were spawned, or before it. A task that is named
/// late has its name from the start.
pub(super) fn tasks(loop_trace: &LoopTrace) -> BTreeMap<u64, LiveTask> {
    let mut all = loop_trace.before.clone();
    for event in &loop_trace.events {
        if let EventKind::Spawned { .. } | EventKind::MainEntered { .. } | EventKind::Named { .. } =
            event.kind
        {
            all.apply(event);
        }
    }
    all.tasks
}

/// Returns the label of a task, or its number if the recording does not name it.
#[cfg(feature = "trace")]
pub(super) fn name(labels: &BTreeMap<u64, String>, task: u64) -> String {
    let label = labels.get(&task);
    label.map_or_else(|| by_number(task), String::clone)
}

/// Returns `say_after` for `sleep::say_after::{{closure}}`, "block in say_after" for an async block in it,
/// and `Gather` for `boucle::Gather<i32>`.
pub(super) fn last_word(future: &str) -> String {
    let path = future.split('<').next().unwrap_or(future);
    let words: Vec<&str> = path.split("::").collect();
    let closures = words.iter().rev().take_while(|word| word.starts_with('{')).count();
    match words[..words.len() - closures].last() {
        None | Some(&"") => "future".into(),
        Some(function) if closures > 1 => format!("block in {function}"),
        Some(word) => (*word).into(),
    }
}
