//! The data of one loop.

use std::collections::BTreeMap;
use std::time::Duration;

use json_writer::{JSONArrayWriter, JSONObjectWriter};

use crate::observe::words::{self, duration, or};
use crate::observe::{EventKind, LiveTask, TaskState};
use crate::trace::cause::shape;
use crate::trace::page::data::delays::{self, Delay, overdue};
use crate::trace::page::data::format::{ACTIONS, STATES, count, differences, each, numbers};
use crate::trace::page::steps::{List, Note, Steps};
use crate::trace::page::texts::Texts;
use crate::trace::picture::{Arrow, Picture, Row, Span, Step};
use crate::trace::time_axis::nanos;
use crate::trace::{LoopTrace, axis, labels, tracer};

/// A poll is long if it takes more than this, and so is a delay.
const LONG: Duration = Duration::from_millis(1);

/// What the page needs of one loop.
pub(super) struct LoopData<'a> {
    loop_trace: &'a LoopTrace,
    picture: Picture,
    tasks: BTreeMap<u64, LiveTask>,
    labels: BTreeMap<u64, String>,
    steps: Steps,
    delays: Vec<Delay>,
}

/// A long poll, or a poll that was long delayed.
pub(super) struct Listed {
    pub(super) row: usize,
    pub(super) step: Step,
    pub(super) took: Duration,
    pub(super) words: String,
}

impl<'a> LoopData<'a> {
    pub(super) fn new(loop_trace: &'a LoopTrace, texts: &mut Texts) -> LoopData<'a> {
        let labels = labels::of(loop_trace);
        let picture = tracer::picture(loop_trace, loop_trace.events.len());
        let steps = Steps::of(loop_trace, &labels, &picture.arrows, texts);
        let delays = delays::of(loop_trace, &picture);
        LoopData { loop_trace, picture, tasks: labels::tasks(loop_trace), labels, steps, delays }
    }

    /// Writes the loop. `began` is how much later its time began than the first loop's.
    pub(super) fn write(&self, mut object: JSONObjectWriter<'_>, began: Duration, texts: &mut Texts) {
        object.value("number", self.loop_trace.number);
        object.value("began", nanos(began));
        object.value("virtual", self.picture.is_virtual);
        object.value("dropped", self.loop_trace.dropped);
        object.value("turn", self.loop_trace.before.turn);
        let is_closed = self.loop_trace.events.back().is_some_and(|last| last.kind == EventKind::Closed);
        object.value("closed", is_closed.then_some(count(self.loop_trace.events.len())));
        self.write_steps(&mut object);
        each(object.array("turns"), &self.picture.turns, |turns, turn| {
            let [from, to] = [turn.steps.start, turn.steps.end].map(count);
            numbers(turns.array(), [turn.number, from, to]);
        });
        let pauses = object.array("pauses");
        each(pauses, &self.picture.pauses, |pauses, (step, slept)| {
            numbers(pauses.array(), [count(*step), nanos(*slept)]);
        });
        each(object.array("tasks"), &self.picture.rows, |tasks, row| {
            self.write_task(tasks.object(), row, texts);
        });
        let causes = self.picture.arrows.iter().zip(&self.steps.notes);
        each(object.array("causes"), causes, |causes, (arrow, note)| {
            self.write_cause(causes.array(), arrow, note, texts);
        });
        write_list(object.array("ready"), &self.steps.ready);
        write_list(object.array("wheel"), &self.steps.wheel);
        write_list(object.array("sources"), &self.steps.sources);
    }

    /// Writes the time, the place and the sentence of each step.
    fn write_steps(&self, object: &mut JSONObjectWriter<'_>) {
        let times = (0..=self.loop_trace.events.len()).map(|step| nanos(self.loop_trace.time(step)));
        numbers(object.array("times"), differences(times));
        let places = axis::places(self.loop_trace, &[]).into_iter();
        let places = places.map(|place| (place * 10.0).round() as u64);
        numbers(object.array("places"), differences(places));
        let sentences = self.steps.sentences.iter().copied();
        numbers(object.array("events"), sentences);
    }

    fn write_task(&self, mut object: JSONObjectWriter<'_>, row: &Row, texts: &mut Texts) {
        let before = self.loop_trace.before.tasks.get(&row.task);
        object.value("label", texts.intern(&self.name(row.task)));
        let task = &self.tasks[&row.task];
        object.value("future", texts.intern(task.future));
        object.value("origin", texts.intern(&self.origin(task)));
        // Its first span may be a poll, which is not counted here.
        let earlier = |task: &LiveTask| task.polls - u64::from(task.state == TaskState::Polled);
        object.value("polls", before.map_or(0, earlier));
        if let Some((step, how)) = row.ending {
            let how = texts.intern(words::ending(how));
            numbers(object.array("end"), [count(step), how]);
        }
        each(object.array("spans"), &row.spans, |spans, span| {
            self.write_span(spans.array(), span, texts);
        });
    }

    fn write_span(&self, mut array: JSONArrayWriter<'_>, span: &Span, texts: &mut Texts) {
        array.value(count(span.steps.start));
        let state = STATES.iter().position(|(state, ..)| *state == span.state);
        array.value(state.map(count));
        array.value(span.cause.map(count));
        match span.state {
            TaskState::Polled => {
                array.value(span.poll_ends.map(count));
                self.write_delay(&mut array, span.steps.start);
            }
            TaskState::Idle => {
                let name = |task| self.name(task);
                let waits = span.waits.iter().map(|on| words::awaited(on, name));
                let briefly = span.waits.iter().map(words::waits_briefly);
                array.value(texts.intern(&or(waits)));
                array.value(texts.intern(&or(briefly)));
                if let Some(overdue) = overdue(self.loop_trace, span) {
                    array.value(nanos(overdue));
                }
            }
            TaskState::Ready | TaskState::Aborted => {}
        }
    }

    /// Writes the delay of the poll that begins at that step, if another poll has caused it.
    fn write_delay(&self, array: &mut JSONArrayWriter<'_>, poll: Step) {
        let Ok(index) = self.delays.binary_search_by_key(&poll, |delay| delay.step) else { return };
        let Delay { took, is_overdue, held_by, .. } = self.delays[index];
        if let Some((row, span, held)) = held_by.filter(|(.., held)| !held.is_zero()) {
            let [row, span] = [row, span].map(count);
            for number in [nanos(took), u64::from(is_overdue), row, span, nanos(held)] {
                array.value(number);
            }
        }
    }

    fn write_cause(&self, mut array: JSONArrayWriter<'_>, arrow: &Arrow, note: &Note, texts: &mut Texts) {
        let action = ACTIONS.iter().position(|action| *action == arrow.cause.action);
        let by = words::origin(arrow.cause.by, |task| self.name(task));
        array.value(count(arrow.step));
        array.value(count(arrow.to));
        array.value(action.map(count));
        array.value(arrow.from.map(count));
        array.value(texts.intern(&by));
        array.value(texts.intern(shape(arrow.cause.by).unwrap_or("")));
        array.value(count(note.ahead));
        array.value(note.timer);
    }

    /// Describes where a task comes from.
    fn origin(&self, task: &LiveTask) -> String {
        let by = match task.parent {
            Some(parent) => format!("spawned by {}", self.name(parent)),
            None => "started".into(),
        };
        format!("{by} at {}", task.location)
    }

    pub(super) fn long_polls(&self) -> impl Iterator<Item = Listed> {
        let rows = self.picture.rows.iter().enumerate();
        let spans = rows.flat_map(|(index, row)| row.spans.iter().map(move |span| (index, span)));
        spans.filter_map(|(row, span)| match self.loop_trace.event(span.poll_ends?)?.kind {
            EventKind::PollEnds { took, .. } if took > LONG => {
                Some(self.listed(row, span.steps.start, took, ""))
            }
            _ => None,
        })
    }

    /// Returns the longest delay of each task, if it is long.
    pub(super) fn long_delays(&self) -> impl Iterator<Item = Listed> {
        let mut longest: BTreeMap<usize, &Delay> = BTreeMap::new();
        for delay in self.delays.iter().filter(|delay| delay.took > LONG) {
            let longest_of_row = longest.entry(delay.row).or_insert(delay);
            if delay.took > longest_of_row.took {
                *longest_of_row = delay;
            }
        }
        longest.into_values().map(|delay| self.listed(delay.row, delay.step, delay.took, " late"))
    }

    /// Returns the entry of a poll, with the words "2 reader in turn 3, 5 ms", and then `after`.
    fn listed(&self, row: usize, step: Step, took: Duration, after: &str) -> Listed {
        let label = self.name(self.picture.rows[row].task);
        let (turn, time) = (self.loop_trace.turn(step), duration(took));
        Listed { row, step, took, words: format!("{label} in turn {turn}, {time}{after}") }
    }

    fn name(&self, task: u64) -> String {
        labels::name(&self.labels, task)
    }
}

fn write_list(array: JSONArrayWriter<'_>, list: &List) {
    // An entry that is replaced at its first step is never shown.
    let entries = list.entries.iter().filter(|entry| entry.to != Some(entry.from));
    each(array, entries, |entries, entry| {
        let to = entry.to.map(count);
        numbers(entries.array(), [entry.text, count(entry.from)].into_iter().chain(to));
    });
}
