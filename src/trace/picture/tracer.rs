//! From events to a picture.
//!
//! A [`Live`] follows the events. Whenever one changes the state of a task, the span of the old state
//! ends in its row, and another begins.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;

use crate::observe::{Event, EventKind, Origin};
use crate::trace::picture::{Arrow, Column, Does, Gap, Picture, Row, Span};
use crate::trace::{Live, LiveTask, TaskState, axis, repeats, words};

/// Follows the events of a loop, and draws.
pub(super) struct Tracer {
    live: Live,
    /// The row of each task.
    row_of: BTreeMap<u64, usize>,
    /// Where the last event stands.
    x: f64,
    /// Where turns are drawn again; until there, they are left out.
    resumes: f64,
    picture: Picture,
}

impl Tracer {
    pub(super) fn new(before: &Live) -> Tracer {
        let mut tracer = Tracer {
            live: before.clone(),
            row_of: BTreeMap::new(),
            x: 0.0,
            resumes: 0.0,
            picture: Picture::default(),
        };
        for &task in before.tasks.keys() {
            tracer.enter(task, "before the recording".into());
        }
        tracer
    }

    /// Turns are left out, around this place.
    pub(super) fn fold(&mut self, x: f64, fold: &repeats::Fold) {
        let like = match fold.period {
            1 => "like the last".into(),
            turns => format!("like the last {turns}"),
        };
        let words = [format!("{} turns", fold.turns), like];
        self.resumes = x + axis::FOLD / 2.0;
        let x = x - axis::FOLD / 2.0..self.resumes;
        self.picture.gaps.push(Gap { x, words });
    }

    pub(super) fn follow(&mut self, event: &Event, x: f64) {
        let x_before = mem::replace(&mut self.x, x);
        self.live.apply(event);
        if self.is_drawn() {
            self.follow_turn(event, x_before);
        }
        match event.kind {
            EventKind::MainEntered { task, .. } => self.enter(task, "it was entered".into()),
            EventKind::Spawned { task, parent, .. } => {
                let by = parent.map_or(Origin::Outside, Origin::Task);
                self.enter(task, format!("spawned by {}", words::origin(by)));
                self.arrow(task, Does::Spawn, by);
            }
            EventKind::Named { task, .. } => {
                let named = self.live.tasks.get(&task).map(words::label);
                if let (Some(label), Some(row)) = (named, self.row(task)) {
                    row.label = label;
                }
            }
            EventKind::Woken { already: true, .. } => {}
            EventKind::Woken { task, by, .. } => {
                self.caused(task, format!("woken by {}", words::origin(by)));
                self.arrow(task, Does::Wake, by);
            }
            EventKind::Aborted { task, by } => {
                self.caused(task, format!("aborted by {}", words::origin(by)));
                self.arrow(task, Does::Abort, by);
            }
            EventKind::PollBegins { task } => self.change(task),
            EventKind::PollEnds {
                task,
                outcome,
                took,
            } => {
                if let Some(poll) = self.row(task).and_then(|row| row.spans.last_mut()) {
                    poll.title += ", and is ";
                    poll.title += words::outcome(outcome);
                    if !took.is_zero() {
                        poll.title += &format!(" after {}", words::duration(took));
                    }
                }
                self.change(task);
            }
            EventKind::Finished { task, how } => {
                self.change(task);
                if let Some(row) = self.row(task) {
                    row.ending = Some((x, how));
                }
            }
            _ => {}
        }
    }

    /// What it is for the turn, and for the time between two.
    fn follow_turn(&mut self, event: &Event, x_before: f64) {
        let x = self.x;
        let turn = self.picture.turns.last_mut();
        match event.kind {
            EventKind::TurnBegins => self.picture.turns.push(Column {
                number: event.turn,
                x: x..x,
                time: event.time,
                polled: Vec::new(),
            }),
            EventKind::PollBegins { task } => {
                if let Some(turn) = turn {
                    turn.polled.extend(self.row_of.get(&task));
                }
            }
            EventKind::PollEnds { .. } => {
                if let Some(turn) = turn {
                    turn.x.end = x + axis::AROUND_POLL;
                }
            }
            EventKind::Parked { .. } => {
                let slept = axis::idle(event).map(|slept| (x_before..x, slept));
                self.picture.pauses.extend(slept);
            }
            _ => {}
        }
    }

    fn is_drawn(&self) -> bool {
        self.x >= self.resumes
    }

    fn row(&mut self, task: u64) -> Option<&mut Row> {
        let row = *self.row_of.get(&task)?;
        self.picture.rows.get_mut(row)
    }

    fn enter(&mut self, task: u64, woken: String) {
        self.row_of.insert(task, self.picture.rows.len());
        self.picture.rows.push(Row {
            label: words::label(&self.live.tasks[&task]),
            spans: Vec::new(),
            ending: None,
            woken,
        });
        self.change(task);
    }

    /// Somebody has put the task in the ready queue.
    fn caused(&mut self, task: u64, words: String) {
        let turn = self.live.turn;
        if let Some(row) = self.row(task) {
            row.woken = format!("{words} in turn {turn}");
        }
        self.change(task);
    }

    /// The task may be in another state than before: the old one's span ends here, the new one's begins.
    fn change(&mut self, task: u64) {
        let Some(&row) = self.row_of.get(&task) else {
            return;
        };
        let row = &mut self.picture.rows[row];
        let before = row.spans.last().map(|span| span.state);
        let task = self.live.tasks.get(&task);
        if before.is_some() && before == task.map(|task| task.state) {
            return;
        }
        row.end_span(self.x);
        row.spans.extend(task.map(|task| Span {
            x: self.x..self.x,
            state: task.state,
            waits: task.waits.clone(),
            title: title(task, self.live.turn, &row.woken),
        }));
    }

    fn arrow(&mut self, task: u64, does: Does, by: Origin) {
        let Some(&to) = self.row_of.get(&task).filter(|_| self.is_drawn()) else {
            return;
        };
        let from = match by {
            Origin::Task(task) => self.row_of.get(&task).copied(),
            _ => None,
        };
        let x = self.x;
        self.picture.arrows.push(Arrow {
            x,
            does,
            by,
            from,
            to,
        });
    }

    /// The picture; `goes_on`: see there.
    pub(super) fn finish(mut self, goes_on: Option<u64>) -> Picture {
        for row in &mut self.picture.rows {
            if row.ending.is_none() {
                row.end_span(self.x);
            }
            for gap in &self.picture.gaps {
                let spans = mem::take(&mut row.spans).into_iter();
                row.spans = spans.flat_map(|span| span.without(&gap.x)).collect();
            }
        }
        Picture {
            is_virtual: self.live.is_virtual,
            width: self.x,
            goes_on,
            ..self.picture
        }
    }
}

impl Row {
    /// Ends the last span; one without a width is none.
    fn end_span(&mut self, x: f64) {
        if let Some(span) = self.spans.last_mut() {
            span.x.end = x;
        }
        self.spans.pop_if(|span| span.x.is_empty());
    }
}

impl Span {
    /// What is left of it where turns are left out.
    fn without(self, gap: &Range<f64>) -> impl Iterator<Item = Span> {
        let before = self.x.start..self.x.end.min(gap.start);
        let after = self.x.start.max(gap.end)..self.x.end;
        let parts = [before, after].map(|x| Span { x, ..self.clone() });
        parts.into_iter().filter(|part| !part.x.is_empty())
    }
}

/// What a task does and why.
fn title(task: &LiveTask, turn: u64, woken: &str) -> String {
    match task.state {
        TaskState::Ready => format!("is ready: {woken}"),
        TaskState::Aborted => format!("will be dropped: {woken}"),
        TaskState::Polled => format!("is polled in turn {turn}: {woken}"),
        TaskState::Idle => {
            let waits: Vec<String> = task.waits.iter().map(words::waits_for).collect();
            format!("waits for {}", waits.join(" or "))
        }
    }
}
