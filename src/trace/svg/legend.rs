//! The legend: what the patterns and marks mean that the picture has.

use std::fmt::Write;
use std::mem::discriminant;

use crate::observe::{Origin, TaskState, WaitsFor};
use crate::trace::cause::Action;
use crate::trace::picture::Span;
use crate::trace::svg::lane::Lane;
use crate::trace::svg::sheet::{LETTER, MARGIN, Sheet};

const BARS: [(TaskState, &str, &str); 3] = [
    (TaskState::Polled, "poll", "polled"),
    (TaskState::Ready, "ready", "ready, waits for the thread"),
    (TaskState::Aborted, "aborted", "aborted, to be dropped"),
];
const ARROWS: [(Action, &str); 3] =
    [(Action::Spawn, "spawns"), (Action::Wake, "wakes"), (Action::Abort, "aborts")];
const MARKS: [(Origin, &str); 4] = [
    (Origin::Timer(0), "by a timer"),
    (Origin::Source(0), "by a source"),
    (Origin::Thread, "by another thread"),
    (Origin::Job, "by a job of the executor"),
];

impl Sheet {
    /// Draws the legend on one line; returns where that ends.
    pub(super) fn legend(&mut self, y: f64, loops: &[Lane]) -> f64 {
        let bars = loops.iter().flat_map(|lane| {
            let rows = lane.picture.rows.iter();
            rows.flat_map(|row| lane.bars(row))
        });
        let spans: Vec<&Span> = bars.map(|(_, span)| span).collect();
        let has = |state| spans.iter().any(|span| span.state == state);
        let arrows = || loops.iter().flat_map(Lane::arrows);
        let (mut x, middle) = (MARGIN, y - 4.0);
        for (state, class, words) in BARS {
            if has(state) {
                self.rect(class, &(x..x + 18.0), middle - 5.0, 10.0);
                x = self.key(x + 24.0, y, words);
            }
        }
        if has(TaskState::Idle) {
            let end = x + 18.0;
            let _ = writeln!(self.svg, "<path class=\"wait\" d=\"M{x:.1} {middle}H{end:.1}\"/>");
            let is_unknown = spans.iter().any(|span| span.waits.contains(&WaitsFor::Foreign));
            let words = if is_unknown { "waits (unknown: say, for a channel or a lock)" } else { "waits" };
            x = self.key(x + 24.0, y, words);
        }
        for (action, words) in ARROWS {
            if arrows().any(|arrow| arrow.cause.action == action && arrow.is_between_rows()) {
                self.shaft(action.class(), x + 3.0, middle - 6.0, middle + 6.0);
                x = self.key(x + 12.0, y, words);
            }
        }
        for (by, words) in MARKS {
            if arrows().any(|arrow| discriminant(&arrow.cause.by) == discriminant(&by)) {
                self.mark(x + 5.0, middle, by);
                x = self.key(x + 15.0, y, words);
            }
        }
        x
    }

    /// Writes the words of an entry; returns where the next one begins.
    fn key(&mut self, x: f64, y: f64, words: &str) -> f64 {
        self.text(x, y, "dim", words);
        x + words.len() as f64 * LETTER + 18.0
    }
}
