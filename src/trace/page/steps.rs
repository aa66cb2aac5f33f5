//! What the page says of each step: the sentence of its event, and the lists of what is ready, armed and
//! registered.
//!
//! A list is not written anew at each step: each entry has the step at which it appears, and the step at
//! which it disappears.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use crate::observe::words::{self, duration, lateness};
use crate::observe::{Event, EventKind, Live, LiveTask, Origin, TaskState, WaitsFor};
use crate::trace::cause::{Cause, changed};
use crate::trace::picture::{Arrow, Step};
use crate::trace::{LoopTrace, labels};

use super::texts::Texts;

/// The most tasks that are named as waiting for a source.
const MOST_NAMES: usize = 8;

/// What the page says of the steps of a loop.
#[derive(Default)]
pub(super) struct Steps {
    /// The sentence of each event: the number of its text.
    pub(super) sentences: Vec<u64>,
    /// More about each arrow.
    pub(super) notes: Vec<Note>,
    /// The ready tasks, in the order of the queue.
    pub(super) ready: List,
    /// The armed timers, in the order in which they fire.
    pub(super) wheel: List,
    /// The sources, in the order of their numbers.
    pub(super) sources: List,
}

/// More about an arrow.
pub(super) struct Note {
    /// How many tasks stand before the task in the ready queue.
    pub(super) ahead: usize,
    /// The sentence that says when its timer was due and when it fired.
    pub(super) timer: u64,
}

/// A list of the page.
#[derive(Default)]
pub(super) struct List {
    pub(super) entries: Vec<Entry>,
    /// The index of each entry that is shown, by its task, timer or source.
    shown: HashMap<u64, usize>,
}

/// A line of a list.
pub(super) struct Entry {
    /// Its place in the list.
    order: (Duration, u64),
    pub(super) text: u64,
    pub(super) from: Step,
    pub(super) to: Option<Step>,
}

impl Steps {
    pub(super) fn of(
        loop_trace: &LoopTrace,
        labels: &BTreeMap<u64, String>,
        arrows: &[Arrow],
        texts: &mut Texts,
    ) -> Steps {
        let mut follower = Follower {
            live: loop_trace.before.clone(),
            step: 0,
            labels,
            texts,
            fired: HashMap::new(),
            waits_of: HashMap::new(),
            waiting_for: BTreeMap::new(),
            steps: Steps::default(),
        };
        follower.begin(&loop_trace.before);
        let mut arrows = arrows.iter().peekable();
        for event in &loop_trace.events {
            follower.follow(event);
            if let Some(arrow) = arrows.next_if(|arrow| arrow.step == follower.step) {
                follower.note(arrow.cause);
            }
        }
        let mut steps = follower.steps;
        for list in [&mut steps.wheel, &mut steps.sources] {
            list.entries.sort_by_key(|entry| entry.order);
        }
        steps
    }
}

/// Follows the events of a loop.
struct Follower<'a> {
    live: Live,
    step: Step,
    labels: &'a BTreeMap<u64, String>,
    texts: &'a mut Texts,
    /// When each timer that has fired was due, and when it fired.
    fired: HashMap<u32, (Duration, Duration)>,
    /// The sources that each idle task waits for; and the tasks that wait for each source.
    waits_of: HashMap<u64, Vec<usize>>,
    waiting_for: BTreeMap<usize, BTreeSet<u64>>,
    steps: Steps,
}

impl Follower<'_> {
    /// Shows what is there before the first event.
    fn begin(&mut self, before: &Live) {
        // The ready tasks come first, in the order of the queue.
        before.ready.iter().chain(before.tasks.keys()).for_each(|task| self.show_task(*task));
        before.timers.keys().for_each(|timer| self.show_timer(*timer));
        before.sources.iter().for_each(|source| self.show_source(*source));
    }

    fn follow(&mut self, event: &Event) {
        self.step += 1;
        let sentence = words::sentence(event, &self.live, |task| self.name(task));
        let sentence = self.texts.intern(&labels::printable(&sentence));
        self.steps.sentences.push(sentence);
        if let EventKind::TimerFired { timer } = event.kind
            && let Some((due, _)) = self.live.timers.get(&timer)
        {
            self.fired.insert(timer, (*due, event.time));
        }
        self.live.apply(event);
        match event.kind {
            EventKind::TimerArmed { timer, .. }
            | EventKind::Waits { on: WaitsFor::Timer { timer, .. }, .. }
            | EventKind::TimerFired { timer }
            | EventKind::TimerDropped { timer, .. } => self.show_timer(timer),
            EventKind::SourceAdded { source } | EventKind::SourceDropped { source } => {
                self.show_source(source);
            }
            _ => {
                if let Some(task) = changed(event) {
                    self.show_task(task);
                }
            }
        }
    }

    fn name(&self, task: u64) -> String {
        labels::name(self.labels, task)
    }

    /// Updates what is shown of a task: whether it is ready, and the sources that it waits for.
    fn show_task(&mut self, task: u64) {
        let live = self.live.tasks.get(&task);
        let sources = live.map(awaited_sources).unwrap_or_default();
        if live.is_some_and(|live| live.queued) {
            let text = self.texts.intern(&self.name(task));
            self.steps.ready.show(self.step, task, Duration::ZERO, text);
        } else {
            self.steps.ready.hide(self.step, task);
        }
        let before = self.waits_of.remove(&task).unwrap_or_default();
        for source in &before {
            self.waiting_for.entry(*source).or_default().remove(&task);
        }
        for source in &sources {
            self.waiting_for.entry(*source).or_default().insert(task);
        }
        for source in before.iter().chain(&sources) {
            self.show_source(*source);
        }
        self.waits_of.insert(task, sources);
    }

    fn show_timer(&mut self, timer: u32) {
        let key = u64::from(timer);
        let Some(&(deadline, task)) = self.live.timers.get(&timer) else {
            return self.steps.wheel.hide(self.step, key);
        };
        let whose = task.map_or(String::new(), |task| format!(": {}", self.name(task)));
        let text = format!("timer {timer}, at {}{whose}", duration(deadline));
        let text = self.texts.intern(&text);
        self.steps.wheel.show(self.step, key, deadline, text);
    }

    fn show_source(&mut self, source: usize) {
        let key = source as u64;
        if !self.live.sources.contains(&source) {
            return self.steps.sources.hide(self.step, key);
        }
        let text = self.texts.intern(&self.source_in_words(source));
        self.steps.sources.show(self.step, key, Duration::ZERO, text);
    }

    /// Returns "source 3: 2 reader, 4 writer". Only the first tasks are named: each change makes a new text,
    /// so a text must stay short.
    fn source_in_words(&self, source: usize) -> String {
        let mut text = format!("source {source}");
        let mut tasks = self.waiting_for.get(&source).into_iter().flatten();
        for (index, &task) in tasks.clone().take(MOST_NAMES).enumerate() {
            text += if index == 0 { ": " } else { ", " };
            text += &self.name(task);
        }
        if tasks.nth(MOST_NAMES).is_some() {
            text += " and more";
        }
        text
    }

    /// Adds the note of an arrow.
    fn note(&mut self, Cause { task, by, .. }: Cause) {
        let ahead = self.live.ahead_of(task).unwrap_or(self.live.ready.len());
        let fired = match by {
            Origin::Timer(timer) => self.fired.get(&timer),
            _ => None,
        };
        let timer = fired.map_or(String::new(), |&(due, fired)| {
            let late = lateness(due, fired);
            format!("The timer was due at {}, and fired {late}.", duration(due))
        });
        self.steps.notes.push(Note { ahead, timer: self.texts.intern(&timer) });
    }
}

impl List {
    /// Shows a line, in place of the one that it has so far; if it reads the same, nothing changes.
    fn show(&mut self, step: Step, key: u64, order: Duration, text: u64) {
        let before = self.shown.get(&key).map(|&index| &self.entries[index]);
        if before.is_some_and(|before| (before.text, before.order.0) == (text, order)) {
            return;
        }
        self.hide(step, key);
        self.shown.insert(key, self.entries.len());
        self.entries.push(Entry { order: (order, key), text, from: step, to: None });
    }

    fn hide(&mut self, step: Step, key: u64) {
        if let Some(entry) = self.shown.remove(&key) {
            self.entries[entry].to = Some(step);
        }
    }
}

/// Returns the sources that a task waits for, if it is idle.
fn awaited_sources(task: &LiveTask) -> Vec<usize> {
    let waits = match task.state {
        TaskState::Idle => &task.waits[..],
        _ => &[],
    };
    let sources = waits.iter().filter_map(|on| match on {
        WaitsFor::Readable(source) | WaitsFor::Writable(source) => Some(*source),
        _ => None,
    });
    sources.collect()
}
