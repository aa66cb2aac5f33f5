//! The marks of one task in a turn's column, as text.

use crate::observe::words::{first_few, or, short_origin, short_wait};
use crate::observe::{Ending, Origin};
use crate::trace::cause::Action;
use crate::trace::timeline::chart::{Mark, Meanwhile};
use crate::trace::timeline::ink::{Ink, Line};

/// The marks of one task in one column.
pub(super) struct Cell {
    /// What stands to the left of the column's place: why the task is polled.
    pub(super) before: Line,
    /// What stands from the column's place on.
    pub(super) after: Line,
    /// How the task goes on.
    pub(super) meanwhile: Meanwhile,
}

impl Cell {
    pub(super) fn of(marks: &[Mark]) -> Cell {
        let is_at_place = |mark: &Mark| matches!(mark, Mark::Polled(_) | Mark::Dropped);
        let (earlier, later) = marks.split_at(marks.iter().position(is_at_place).unwrap_or(0));
        let mut before = written(earlier);
        match later.first() {
            Some(Mark::Polled(_)) => before.put(">", Ink::Ready),
            Some(Mark::Dropped) if !earlier.is_empty() => before.put("=", Ink::Ready),
            _ => {}
        }
        let meanwhile = marks.last().map_or(&Meanwhile::Nothing, Mark::meanwhile).clone();
        Cell { before, after: written(later), meanwhile }
    }
}

/// Writes the marks, and between two of them a sign for what the task does meanwhile.
fn written(marks: &[Mark]) -> Line {
    let mut line = Line::default();
    let mut between = None;
    for mark in marks {
        if let Some((with, ink)) = between.filter(|_| !matches!(mark, Mark::Ended(_))) {
            line.put(with, ink);
        }
        let (text, ink) = mark.drawn();
        line.put(&text, ink);
        between = match mark.meanwhile() {
            Meanwhile::Nothing => None,
            meanwhile => Some(meanwhile.drawn()),
        };
    }
    line
}

impl Mark {
    pub(super) fn drawn(&self) -> (String, Ink) {
        match self {
            Mark::Entered => ("run".into(), Ink::Ready),
            Mark::Caused(Action::Spawn, Origin::Outside) => ("+".into(), Ink::Ready),
            Mark::Caused(Action::Spawn, by) => (format!("+{}", short_origin(*by)), Ink::Ready),
            Mark::Caused(Action::Wake, by) => (short_origin(*by), Ink::Ready),
            Mark::Caused(Action::Abort, by) => (format!("!{}", short_origin(*by)), Ink::Broken),
            Mark::Polled(Some(place)) => (format!("[{place}]"), Ink::Polled),
            Mark::Polled(None) => ("[.]".into(), Ink::Polled),
            Mark::Pending(Meanwhile::Ready) => ("=yield".into(), Ink::Ready),
            Mark::Pending(meanwhile) => (meanwhile.in_words(), Ink::Waits),
            Mark::Dropped => ("[x]".into(), Ink::Broken),
            Mark::Ended(Ending::Returned) => (" returned".into(), Ink::Returned),
            Mark::Ended(Ending::Panicked) => (" panicked".into(), Ink::Broken),
            Mark::Ended(Ending::Cancelled) => (" cancelled".into(), Ink::Broken),
            Mark::Again(_) => ("...".into(), Ink::Heading),
        }
    }
}

impl Meanwhile {
    /// Returns the sign that fills the row.
    pub(super) fn drawn(&self) -> (&'static str, Ink) {
        match self {
            Meanwhile::Ready => ("=", Ink::Ready),
            Meanwhile::Waits(_) => ("~", Ink::Waits),
            Meanwhile::Nothing => (" ", Ink::Plain),
        }
    }

    /// Returns the sign, and what the task waits for.
    pub(super) fn in_words(&self) -> String {
        match self {
            Meanwhile::Ready => "=".into(),
            Meanwhile::Waits(on) => format!("~{}", or(first_few(on, short_wait, ""))),
            Meanwhile::Nothing => String::new(),
        }
    }
}
