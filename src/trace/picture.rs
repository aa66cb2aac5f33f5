//! What is drawn of a loop: tasks as rows, in spawn order; turns as columns, or time.
//!
//! It says where things stand, and what; [`svg`](crate::trace::svg) says how they look.

mod tracer;

use std::ops::Range;
use std::time::Duration;

use crate::observe::{Ending, Event, Origin, WaitsFor};
use crate::trace::repeats::{self, Fold};
use crate::trace::time_axis::TimeAxis;
use crate::trace::{LoopTrace, TaskState, axis};

use tracer::Tracer;

/// What is drawn of a loop. Lengths are in pixels, from the left end of the axis.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) rows: Vec<Row>,
    pub(super) is_virtual: bool,
    pub(super) turns: Vec<Column>,
    /// Where the thread slept, and how long.
    pub(super) pauses: Vec<(Range<f64>, Duration)>,
    pub(super) gaps: Vec<Gap>,
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
    /// What the task does and why, as words that follow its label.
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

/// Where turns are left out.
#[derive(Debug)]
pub(super) struct Gap {
    pub(super) x: Range<f64>,
    /// What is said instead, in two lines.
    pub(super) words: [String; 2],
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
    /// The picture of that loop on the axis of turns, as much of it as there is room for.
    pub(super) fn over_turns(it: &LoopTrace, widest: f64) -> Picture {
        let events: Vec<&Event> = it.events.iter().collect();
        let folds = repeats::of(&events);
        let places = axis::places(&events, &folds);
        Picture::at(it, &places, &folds, widest)
    }

    /// The same on the axis of time, where nothing is left out before the end.
    pub(super) fn over_time(it: &LoopTrace, axis: &TimeAxis, widest: f64) -> Picture {
        Picture::at(it, &axis.places(it), &[], widest)
    }

    fn at(it: &LoopTrace, places: &[f64], folds: &[Fold], widest: f64) -> Picture {
        let shown = axis::with_room(places, widest);
        let mut tracer = Tracer::new(&it.before);
        let mut folds = folds.iter().peekable();
        for (index, (event, &x)) in it.events.iter().zip(places).take(shown).enumerate() {
            if let Some(fold) = folds.next_if(|fold| fold.events.start == index) {
                tracer.fold(x, fold);
            }
            tracer.follow(event, x);
        }
        let is_cut = shown < it.events.len();
        tracer.finish(it.events.back().filter(|_| is_cut).map(|last| last.turn))
    }
}
