//! What is drawn of a loop: tasks as rows, in spawn order; turns as columns.
//!
//! The events are followed once, by a [`Live`]. Whenever an event changes the state of a task, the span
//! of the old state ends in its row, and another begins.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use crate::observe::{Ending, Event, EventKind, Origin, WaitsFor};
use crate::trace::{Live, LoopTrace, TaskState, axis, repeats, words};

/// What is drawn of a loop. Lengths are in pixels, from the left end of the axis.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) rows: Vec<Row>,
    pub(super) is_virtual: bool,
    pub(super) turns: Vec<Column>,
    /// Where the thread slept, and how long.
    pub(super) pauses: Vec<(Range<f64>, Duration)>,
    /// Where turns are left out, and what is said instead, in two lines.
    pub(super) folds: Vec<(Range<f64>, [String; 2])>,
    pub(super) arrows: Vec<Arrow>,
    pub(super) width: f64,
    /// The last turn of the recording, if there was no room for all.
    pub(super) goes_on: Option<u64>,
}

/// A task.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) label: String,
    pub(super) spans: Vec<Span>,
    /// Where it ends, and how.
    pub(super) ending: Option<(f64, Ending)>,
    /// Who has put it in the ready queue, as words.
    woken: String,
}

/// A task in one state.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) x: Range<f64>,
    pub(super) state: TaskState,
    /// What an idle task waits for.
    pub(super) waits: Vec<WaitsFor>,
    /// All of it, as words.
    pub(super) title: String,
}

/// A turn.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) number: u64,
    pub(super) x: Range<f64>,
    /// When it began.
    pub(super) time: Duration,
    /// Whom it polled: rows, in order.
    pub(super) polled: Vec<usize>,
}

/// Something that happens to a task, and who has caused it.
#[derive(Debug)]
pub(super) struct Arrow {
    pub(super) x: f64,
    pub(super) does: Does,
    pub(super) by: Origin,
    /// The row of the cause, if that is a task.
    pub(super) from: Option<usize>,
    pub(super) to: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Spawn,
    Wake,
    Abort,
}

impl Picture {
    /// The picture of that loop, as much of it as there is room for.
    pub(super) fn of(it: &LoopTrace, widest: f64) -> Picture {
        let events: Vec<&Event> = it.events.iter().collect();
        let folds = repeats::of(&events);
        let places = axis::places(&events, &folds);
        let shown = axis::with_room(&places, widest);
        let mut tracer = Tracer::new(&it.before);
        let mut folds = folds.iter().peekable();
        for (index, (event, &x)) in events.iter().zip(&places).take(shown).enumerate() {
            if let Some(fold) = folds.next_if(|fold| fold.events.start == index) {
                tracer.fold(x, fold);
            }
            tracer.follow(event, x);
        }
        let is_cut = shown < events.len();
        tracer.finish(events.last().filter(|_| is_cut).map(|last| last.turn))
    }
}

/// Follows the events, and draws.
struct Tracer {
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
    fn new(before: &Live) -> Tracer {
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
    fn fold(&mut self, x: f64, fold: &repeats::Fold) {
        let like = match fold.period {
            1 => "like the last".into(),
            turns => format!("like the last {turns}"),
        };
        let words = [format!("{} turns", fold.turns), like];
        self.resumes = x + axis::FOLD / 2.0;
        self.picture
            .folds
            .push((x - axis::FOLD / 2.0..self.resumes, words));
    }

    fn follow(&mut self, event: &Event, x: f64) {
        let x_before = std::mem::replace(&mut self.x, x);
        self.live.apply(event);
        let is_drawn = x >= self.resumes;
        match event.kind {
            EventKind::TurnBegins if is_drawn => self.picture.turns.push(Column {
                number: event.turn,
                x: x..x,
                time: event.time,
                polled: Vec::new(),
            }),
            EventKind::Parked { .. } if is_drawn => {
                let slept = axis::idle(event);
                self.picture
                    .pauses
                    .extend(slept.map(|slept| (x_before..x, slept)));
            }
            EventKind::MainEntered { task, .. } => self.enter(task, "it was entered".into()),
            EventKind::Spawned { task, parent, .. } => {
                let by = parent.map_or(Origin::Outside, Origin::Task);
                self.enter(task, format!("spawned by {}", words::origin(by)));
                self.arrow(task, Does::Spawn, by);
            }
            EventKind::Named { task, .. } => {
                if let (Some(&row), Some(task)) =
                    (self.row_of.get(&task), self.live.tasks.get(&task))
                {
                    self.picture.rows[row].label = words::label(task);
                }
            }
            EventKind::Woken {
                task,
                by,
                already: false,
            } => {
                self.caused(task, format!("woken by {}", words::origin(by)));
                self.arrow(task, Does::Wake, by);
            }
            EventKind::Aborted { task, by } => {
                self.caused(task, format!("aborted by {}", words::origin(by)));
                self.arrow(task, Does::Abort, by);
            }
            EventKind::PollBegins { task } => {
                self.change(task);
                if let (true, Some(turn)) = (is_drawn, self.picture.turns.last_mut()) {
                    turn.polled.extend(self.row_of.get(&task));
                }
            }
            EventKind::PollEnds { task, outcome, .. } => {
                self.say(task, words::outcome(outcome));
                self.change(task);
                if let (true, Some(turn)) = (is_drawn, self.picture.turns.last_mut()) {
                    turn.x.end = x + axis::AROUND_POLL;
                }
            }
            EventKind::Finished { task, how } => {
                self.change(task);
                if let Some(&row) = self.row_of.get(&task) {
                    self.picture.rows[row].ending = Some((x, how));
                }
            }
            _ => {}
        }
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
        if let Some(&row) = self.row_of.get(&task) {
            self.picture.rows[row].woken = format!("{words} in turn {}", self.live.turn);
        }
        self.change(task);
    }

    /// The task may be in another state than before: the old one's span ends here, the new one's begins.
    fn change(&mut self, task: u64) {
        let Some(&row) = self.row_of.get(&task) else {
            return;
        };
        let row = &mut self.picture.rows[row];
        let task = self.live.tasks.get(&task);
        if task.is_some_and(|task| row.spans.last().is_some_and(|it| it.state == task.state)) {
            return;
        }
        end(row, self.x);
        let Some(task) = task else { return };
        let title = match task.state {
            TaskState::Ready => format!("{} is ready: {}", row.label, row.woken),
            TaskState::Aborted => format!("{} will be dropped: {}", row.label, row.woken),
            TaskState::Polled => {
                format!(
                    "{} is polled in turn {}: {}",
                    row.label, self.live.turn, row.woken
                )
            }
            TaskState::Idle => {
                let waits: Vec<String> = task.waits.iter().map(words::waits_for).collect();
                format!("{} waits for {}", row.label, waits.join(" or "))
            }
        };
        row.spans.push(Span {
            x: self.x..self.x,
            state: task.state,
            waits: task.waits.clone(),
            title,
        });
    }

    /// Says more of what the task has just done.
    fn say(&mut self, task: u64, more: &str) {
        if let Some(&row) = self.row_of.get(&task)
            && let Some(span) = self.picture.rows[row].spans.last_mut()
        {
            span.title += ", and is ";
            span.title += more;
        }
    }

    fn arrow(&mut self, task: u64, does: Does, by: Origin) {
        let Some(&to) = self.row_of.get(&task) else {
            return;
        };
        if self.x < self.resumes {
            return;
        }
        let from = match by {
            Origin::Task(task) => self.row_of.get(&task).copied(),
            _ => None,
        };
        self.picture.arrows.push(Arrow {
            x: self.x,
            does,
            by,
            from,
            to,
        });
    }

    fn finish(mut self, goes_on: Option<u64>) -> Picture {
        for row in &mut self.picture.rows {
            if row.ending.is_none() {
                end(row, self.x);
            }
        }
        for (across, _) in &self.picture.folds {
            for row in &mut self.picture.rows {
                row.spans = row
                    .spans
                    .drain(..)
                    .flat_map(|span| span.without(across))
                    .collect();
            }
        }
        self.picture.is_virtual = self.live.is_virtual;
        self.picture.width = self.x;
        self.picture.goes_on = goes_on;
        self.picture
    }
}

impl Span {
    /// What is left of it where turns are left out.
    fn without(self, across: &Range<f64>) -> impl Iterator<Item = Span> {
        let before = self.x.start..self.x.end.min(across.start);
        let after = self.x.start.max(across.end)..self.x.end;
        let parts = [before, after].map(|x| Span { x, ..self.clone() });
        parts.into_iter().filter(|part| !part.x.is_empty())
    }
}

/// Ends the row's last span; one without a width is none.
fn end(row: &mut Row, x: f64) {
    if let Some(span) = row.spans.last_mut() {
        span.x.end = x;
    }
    row.spans.pop_if(|span| span.x.is_empty());
}
