//! A loop, placed on an axis: which part of its picture is drawn, and where.
//!
//! Lengths are in pixels, from the left end of the axis. On the axis of turns, a gap stands in place of the
//! turns that repeat others.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use crate::observe::{EventKind, TaskState, words};
use crate::trace::cause::Action;
use crate::trace::picture::{Arrow, Picture, Row, Span, Step, Turn};
use crate::trace::repeats::{self, Fold};
use crate::trace::time_axis::TimeAxis;
use crate::trace::{LoopTrace, axis, labels, tracer};

/// The longest axis: what comes after it is not drawn.
const WIDEST: f64 = 2_000.0;
/// The most rows that are drawn.
pub(super) const MOST_ROWS: usize = 60;

pub(super) struct Lane<'a> {
    pub(super) loop_trace: &'a LoopTrace,
    pub(super) picture: Picture,
    labels: BTreeMap<u64, String>,
    /// Where each step stands, up to the last one that is drawn.
    places: Vec<f64>,
    /// The turns that are left out.
    folds: Vec<Fold>,
    /// How many rows are not drawn.
    more_rows: usize,
}

impl<'a> Lane<'a> {
    pub(super) fn of(loop_trace: &'a LoopTrace, time: Option<&TimeAxis>) -> Lane<'a> {
        let (mut places, mut folds) = match time {
            Some(axis) => (axis.places(loop_trace), Vec::new()),
            None => {
                let folds = repeats::of(loop_trace);
                (axis::places(loop_trace, &folds), folds)
            }
        };
        places.truncate(places.partition_point(|&place| place <= WIDEST));
        let last = places.len() - 1;
        folds.retain(|fold| fold.events.start < last);
        let mut picture = tracer::picture(loop_trace, last);
        let more_rows = picture.rows.len().saturating_sub(MOST_ROWS);
        picture.rows.truncate(MOST_ROWS);
        Lane { loop_trace, picture, labels: labels::of(loop_trace), places, folds, more_rows }
    }

    pub(super) fn label(&self, row: &Row) -> &str {
        &self.labels[&row.task]
    }

    /// Describes what is not drawn.
    pub(super) fn left_out(&self) -> String {
        let mut parts = Vec::new();
        if self.loop_trace.dropped > 0 {
            parts.push(format!("{} events before are not recorded", self.loop_trace.dropped));
        }
        if self.more_rows > 0 {
            parts.push(format!("{} more tasks are not drawn", self.more_rows));
        }
        let more = self.loop_trace.events.range(self.places.len() - 1..);
        if let Some(last) = more.last() {
            parts.push(format!("the run goes on, to turn {}", last.turn));
        }
        parts.join("; ")
    }

    /// Returns the place of a step. A step behind the last one stands at the end of the axis.
    pub(super) fn place(&self, step: Step) -> f64 {
        self.places[step.min(self.places.len() - 1)]
    }

    pub(super) fn width(&self) -> f64 {
        self.place(Step::MAX)
    }

    /// Returns false if the step is in a fold. Step 0 is in none.
    fn is_drawn(&self, step: Step) -> bool {
        !(self.folds.iter()).any(|fold| fold.events.contains(&(step.wrapping_sub(1))))
    }

    pub(super) fn turns(&self) -> impl Iterator<Item = &Turn> {
        let turns = self.picture.turns.iter();
        turns.filter(|turn| self.is_drawn(turn.steps.start))
    }

    /// Returns the band of a turn.
    pub(super) fn band(&self, turn: &Turn) -> Range<f64> {
        let after = match turn.steps.is_empty() {
            true => 0.0,
            false => axis::AROUND_POLL,
        };
        self.place(turn.steps.start)..self.place(turn.steps.end) + after
    }

    /// Returns where the thread slept, and how long.
    pub(super) fn pauses(&self) -> impl Iterator<Item = (Range<f64>, Duration)> {
        let pauses = self.picture.pauses.iter();
        let pauses = pauses.filter(|(step, _)| self.is_drawn(*step));
        pauses.map(|&(step, slept)| (self.place(step - 1)..self.place(step), slept))
    }

    pub(super) fn arrows(&self) -> impl Iterator<Item = &Arrow> {
        let arrows = self.picture.arrows.iter();
        arrows.filter(|arrow| self.is_drawn(arrow.step))
    }

    /// Returns where turns are left out, and the two lines that stand there instead.
    pub(super) fn gaps(&self) -> impl Iterator<Item = (Range<f64>, [String; 2])> {
        self.folds.iter().map(|fold| {
            let like = match fold.period {
                1 => "like the last".into(),
                turns => format!("like the last {turns}"),
            };
            (self.gap(fold), [format!("{} turns", fold.turns), like])
        })
    }

    fn gap(&self, fold: &Fold) -> Range<f64> {
        let middle = self.place(fold.events.start + 1);
        middle - axis::FOLD / 2.0..middle + axis::FOLD / 2.0
    }

    /// Returns what is drawn of the spans of a row: their parts between the gaps.
    pub(super) fn bars<'b>(&'b self, row: &'b Row) -> impl Iterator<Item = (Range<f64>, &'b Span)> {
        row.spans.iter().flat_map(|span| {
            let (mut x, end) = (self.place(span.steps.start), self.place(span.steps.end));
            let gaps = self.folds.iter().map(|fold| self.gap(fold));
            let parts = gaps.chain([end..end]).map(move |gap| {
                let part = x..gap.start.min(end);
                x = x.max(gap.end);
                part
            });
            let parts = parts.filter(|part| !part.is_empty());
            parts.map(move |part| (part, span))
        })
    }

    /// Describes what a task does in a span, and why.
    pub(super) fn title(&self, row: &Row, span: &Span) -> String {
        let does = match span.state {
            TaskState::Ready => format!("is ready: {}", self.why(row, span)),
            TaskState::Aborted => format!("will be dropped: {}", self.why(row, span)),
            TaskState::Polled => {
                let turn = self.loop_trace.turn(span.steps.start);
                let (why, end) = (self.why(row, span), self.end_of_poll(span));
                format!("is polled in turn {turn}: {why}{end}")
            }
            TaskState::Idle => {
                let few = words::first_few(&span.waits, words::waits_for, "");
                format!("waits for {}", words::or(few))
            }
        };
        format!("{} {does}", self.label(row))
    }

    /// Names what has put the task in the ready queue.
    fn why(&self, row: &Row, span: &Span) -> String {
        let Some(index) = span.cause else {
            let why = match self.loop_trace.before.tasks.contains_key(&row.task) {
                true => "before the recording",
                false => "it was entered",
            };
            return why.into();
        };
        let Arrow { step, cause, .. } = &self.picture.arrows[index];
        let by = words::origin(cause.by, words::by_number);
        let why = format!("{} by {by}", cause.action.participle());
        match cause.action {
            Action::Spawn => why,
            _ => format!("{why} in turn {}", self.loop_trace.turn(*step)),
        }
    }

    fn end_of_poll(&self, span: &Span) -> String {
        let end = span.poll_ends.and_then(|step| self.loop_trace.event(step));
        match end.map(|event| &event.kind) {
            Some(EventKind::PollEnds { outcome, took, .. }) => {
                format!(", and {}", words::poll_end(*outcome, *took))
            }
            _ => String::new(),
        }
    }
}
