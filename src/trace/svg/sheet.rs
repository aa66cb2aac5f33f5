//! Draws the parts of the picture, as elements of the SVG.

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use crate::observe::{Ending, Origin, TaskState, dump_names, words};
use crate::trace::cause::shape;
use crate::trace::labels;
use crate::trace::picture::{Arrow, Row, Span};
use crate::trace::svg::lane::{Lane, MOST_ROWS};
use crate::trace::time_axis::TimeAxis;

pub(super) const MARGIN: f64 = 20.0;
const ROW: f64 = 26.0;
const BAR: f64 = 14.0;
/// The heading of a loop, with its turns and their times.
const HEAD: f64 = 74.0;
/// The base line of the turns' numbers; of the times.
const NUMBERS: f64 = 48.0;
const TIMES: f64 = 64.0;
/// The width of an average letter, in the picture's text and in its notes.
pub(super) const LETTER: f64 = 6.6;
const SMALL_LETTER: f64 = 5.4;
const LONGEST_LABEL: usize = 26;

/// Returns the height of a loop.
pub(super) fn height(lane: &Lane) -> f64 {
    let notes = usize::from(!lane.left_out().is_empty());
    HEAD + (lane.picture.rows.len() + notes) as f64 * ROW + 10.0
}

/// Returns the room that the labels of a loop need.
pub(super) fn name_width(lane: &Lane) -> f64 {
    let rows = lane.picture.rows.iter();
    let letters = rows.map(|row| lane.label(row).chars().count());
    letters.max().unwrap_or(0).min(LONGEST_LABEL) as f64 * LETTER + 14.0
}

/// The SVG so far. The font is the reader's, so the width of a text is estimated by its letters.
pub(super) struct Sheet {
    pub(super) svg: String,
    /// Where the axis begins.
    pub(super) axis: f64,
    /// The axis of time; `None` on the axis of turns.
    pub(super) time: Option<TimeAxis>,
}

impl Sheet {
    pub(super) fn lane(&mut self, top: f64, lane: &Lane) {
        let picture = &lane.picture;
        let rows = top + HEAD;
        let bottom = rows + picture.rows.len() as f64 * ROW;
        let top_of = |index: usize| rows + index as f64 * ROW;
        self.heading(top, lane);
        match &self.time {
            Some(axis) => {
                let ticks: Vec<(f64, Duration)> = axis.ticks().collect();
                self.ticks(top, bottom, &ticks);
            }
            None => self.columns(top, bottom, lane),
        }
        self.pauses(top, lane);
        for (index, row) in picture.rows.iter().enumerate() {
            for (x, span) in lane.bars(row) {
                self.bar(top_of(index), &self.across(&x), span, &lane.title(row, span));
            }
        }
        self.arrows(rows, lane);
        for (x, words) in lane.gaps() {
            self.gap((rows + bottom) / 2.0, &self.across(&x), &words);
        }
        for (index, row) in picture.rows.iter().enumerate() {
            self.words(top_of(index), lane, row);
        }
        let left_out = lane.left_out();
        if !left_out.is_empty() {
            self.text(self.axis, bottom + 18.0, "dim", &left_out);
        }
    }

    fn heading(&mut self, top: f64, lane: &Lane) {
        let heading = format!("loop {}", lane.loop_trace.number);
        self.text(MARGIN, top + 28.0, "strong", &heading);
        let after = MARGIN + heading.len() as f64 * LETTER + 20.0;
        let clock = if lane.picture.is_virtual { "virtual clock" } else { "real clock" };
        self.text(after, top + 28.0, "dim", clock);
    }

    /// Writes round times, each with a line through the rows.
    fn ticks(&mut self, top: f64, bottom: f64, ticks: &[(f64, Duration)]) {
        let (times, rows) = (top + TIMES, top + HEAD);
        self.text(MARGIN, times, "dim", "time");
        for (x, time) in ticks {
            let x = self.axis + x;
            self.text(x, times, "dim middle", &words::duration(*time));
            let (above, below) = (rows - 4.0, bottom + 4.0);
            let _ = writeln!(self.svg, "<path class=\"tick\" d=\"M{x:.1} {above}V{below}\"/>");
        }
    }

    /// Writes how long the thread slept; on the axis of time, only where there is room for that.
    fn pauses(&mut self, top: f64, lane: &Lane) {
        for (x, slept) in lane.pauses() {
            let words = format!("idle {}", words::duration(slept));
            let width = words.chars().count() as f64 * SMALL_LETTER;
            if self.time.is_none() || x.end - x.start > width {
                let middle = self.axis + (x.start + x.end) / 2.0 + 2.0;
                self.text(middle, top + NUMBERS, "note middle", &words);
            }
        }
    }

    /// Draws the turns as bands, with their numbers and times where there is room.
    fn columns(&mut self, top: f64, bottom: f64, lane: &Lane) {
        let (numbers, times, rows) = (top + NUMBERS, top + TIMES, top + HEAD);
        self.text(MARGIN, numbers, "dim", "turn");
        self.text(MARGIN, times, "dim", "time");
        let (mut free_number, mut free_time) = (0.0, 0.0);
        for turn in lane.turns() {
            let x = self.across(&lane.band(turn));
            self.rect("turn", &x, rows - 4.0, bottom - rows + 8.0);
            let middle = (x.start + x.end) / 2.0;
            let (number, time) = (turn.number.to_string(), words::duration(turn.time));
            if middle >= free_number {
                self.text(middle, numbers, "middle", &number);
                free_number = middle + (number.len() + 1) as f64 * LETTER;
            }
            if x.start >= free_time {
                self.text(x.start, times, "dim", &time);
                free_time = x.start + (time.chars().count() + 1) as f64 * LETTER;
            }
        }
    }

    /// Writes the label of a row, and how its task ends.
    fn words(&mut self, top: f64, lane: &Lane, row: &Row) {
        let base = top + ROW / 2.0 + 4.0;
        self.text(MARGIN, base, "", &cut(lane.label(row), LONGEST_LABEL));
        if let Some((step, how)) = row.ending {
            let class = match how {
                Ending::Panicked => "note bad",
                Ending::Returned | Ending::Cancelled => "note",
            };
            let x = self.axis + lane.place(step) + 6.0;
            self.text(x, base - 0.5, class, words::ending(how));
        }
    }

    /// Writes the two lines that stand in a gap.
    fn gap(&mut self, y: f64, x: &Range<f64>, [above, below]: &[String; 2]) {
        let x = (x.start + x.end) / 2.0;
        self.text(x, y - 3.0, "dim middle", above);
        self.text(x, y + 11.0, "dim middle", below);
    }

    fn bar(&mut self, top: f64, x: &Range<f64>, span: &Span, title: &str) {
        let _ = write!(self.svg, "<g><title>{}</title>", escaped(title));
        let y = top + (ROW - BAR) / 2.0;
        match span.state {
            TaskState::Polled => self.rect("poll", x, y, BAR),
            TaskState::Ready => self.rect("ready", x, y + 2.0, BAR - 4.0),
            TaskState::Aborted => self.rect("aborted", x, y + 2.0, BAR - 4.0),
            TaskState::Idle => self.waiting(top, x, span),
        }
        self.svg += "</g>\n";
    }

    /// Draws a thin line, and writes what the task waits for, as far as there is room.
    fn waiting(&mut self, top: f64, x: &Range<f64>, span: &Span) {
        let y = top + ROW / 2.0;
        let (start, end) = (x.start, x.end);
        let _ = write!(self.svg, "<path class=\"wait\" d=\"M{start:.1} {y}H{end:.1}\"/>");
        let words = words::or(span.waits.iter().map(words::waits_briefly));
        let room = ((end - start - 8.0) / SMALL_LETTER).max(0.0) as usize;
        let words = cut(&words, room);
        if !words.is_empty() {
            self.text(start + 4.0, y - 3.0, "note", &words);
        }
    }

    fn arrows(&mut self, rows: f64, lane: &Lane) {
        let mut free = 0.0;
        for arrow in lane.arrows().filter(|arrow| arrow.to < MOST_ROWS) {
            let x = lane.place(arrow.step);
            // An arrow that would touch the one before has only its head and the end of its shaft.
            let is_stub = x < free;
            self.arrow(rows, self.axis + x, arrow, is_stub);
            if !is_stub && arrow.is_between_rows() {
                free = x + 4.0;
            }
        }
    }

    /// Draws an arrow from the cause to the task, or a mark if the cause is no task.
    fn arrow(&mut self, rows: f64, x: f64, arrow: &Arrow, is_stub: bool) {
        let middle = |row: usize| rows + row as f64 * ROW + ROW / 2.0;
        match arrow.from {
            Some(from) if from == arrow.to => {}
            Some(from) => {
                // It begins and ends at the edges of bars. A row that is not drawn is below all others.
                let down = if from < arrow.to { 1.0 } else { -1.0 };
                let begin = middle(from.min(MOST_ROWS)) + down * BAR / 2.0;
                let tip = middle(arrow.to) - down * (BAR / 2.0 - 2.0);
                let begin = if is_stub { tip - down * 10.0 } else { begin };
                self.shaft(arrow.cause.action.class(), x, begin, tip);
            }
            None => self.mark(x, middle(arrow.to), arrow.cause.by),
        }
    }

    /// Draws an arrow, downwards or upwards.
    pub(super) fn shaft(&mut self, class: &str, x: f64, begin: f64, tip: f64) {
        let wing = tip - (tip - begin).signum() * 5.0;
        let (left, right) = (x - 3.0, x + 3.0);
        let _ = writeln!(
            self.svg,
            "<path class=\"{class}\" d=\"M{x:.1} {begin}V{wing}\"/>\
             <path class=\"{class} head\" d=\"M{left:.1} {wing}L{x:.1} {tip}L{right:.1} {wing}z\"/>"
        );
    }

    /// Draws the mark of a cause that is no task.
    pub(super) fn mark(&mut self, x: f64, y: f64, by: Origin) {
        let Some(shape) = shape(by) else { return };
        let _ =
            writeln!(self.svg, "<path class=\"mark\" transform=\"translate({x:.1} {y})\" d=\"{shape}\"/>");
    }

    pub(super) fn across(&self, x: &Range<f64>) -> Range<f64> {
        self.axis + x.start..self.axis + x.end
    }

    pub(super) fn rect(&mut self, class: &str, x: &Range<f64>, y: f64, height: f64) {
        let (start, width) = (x.start, x.end - x.start);
        let _ = write!(
            self.svg,
            "<rect class=\"{class}\" x=\"{start:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\"/>"
        );
    }

    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, words: &str) {
        let words = escaped(words);
        let _ = writeln!(self.svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>");
    }
}

/// Cuts words to so many letters; to nothing, if these are too few to read.
fn cut(words: &str, letters: usize) -> String {
    if letters < 6 && words.chars().count() > letters {
        return String::new();
    }
    dump_names::cut(words, letters)
}

pub(super) fn escaped(words: &str) -> String {
    let words = labels::printable(words).replace('&', "&amp;").replace('<', "&lt;");
    words.replace('>', "&gt;").replace('"', "&quot;")
}
