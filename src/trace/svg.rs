//! The static picture, as an SVG: for a README, and in the page where there is no JavaScript.
//!
//! States are told apart by pattern as well as by colour, and the colours follow the reader's page,
//! light or dark. Every bar says what it is when it is pointed at; the whole is described for those
//! who do not see it.

use std::fmt::Write;
use std::ops::Range;

use crate::observe::{Ending, Origin};
use crate::trace::picture::{Arrow, Does, Picture, Row, Span};
use crate::trace::{LoopTrace, TaskState, Trace, words};

/// The axis of a loop, at most, in pixels: what comes after that is not drawn.
const WIDEST: f64 = 2_000.0;
/// As many rows of a loop are drawn.
const MOST_ROWS: usize = 60;
/// As many turns are described.
const MOST_WORDS: usize = 50;

const MARGIN: f64 = 20.0;
const ROW: f64 = 26.0;
const BAR: f64 = 14.0;
/// The heading of a loop; its turns; their times.
const HEAD: f64 = 74.0;
const LEGEND: f64 = 40.0;
/// An average letter of the picture's text.
const LETTER: f64 = 6.6;
const SMALL_LETTER: f64 = 5.4;
const LONGEST_LABEL: usize = 26;
/// Right of the axis, for what is said of the last tasks to end.
const AFTER: f64 = 64.0;

const STYLE: &str = include_str!("page/picture.css");

impl Trace {
    /// The run as a picture: an SVG file, light or dark as the page that it stands in.
    ///
    /// Tasks are rows, in spawn order. Turns are columns. Turns that repeat others are left out, and
    /// counted. Of a long run, the first turns are drawn, and the picture says so:
    /// [`to_html`](Self::to_html) shows all.
    pub fn to_svg(&self) -> String {
        let loops: Vec<Lane> = self.loops.iter().map(Lane::of).collect();
        let names = loops.iter().map(Lane::name_width).fold(60.0, f64::max);
        let axis = loops
            .iter()
            .map(|lane| lane.picture.width)
            .fold(260.0, f64::max);
        let mut sheet = Sheet {
            svg: String::new(),
            axis: MARGIN + names,
        };
        let mut y = 0.0;
        for lane in &loops {
            sheet.lane(y, lane);
            y += lane.height();
        }
        let legend = sheet.legend(y, &loops);
        let width = (MARGIN + names + axis + AFTER + MARGIN).max(legend);
        let height = y + LEGEND;
        let svg = sheet.svg;
        let (title, about) = (self.title(), escaped(&describe(&loops)));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"boucle\" role=\"img\" \
             aria-labelledby=\"boucle-title boucle-about\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\">\n\
             <title id=\"boucle-title\">{title}</title>\n<desc id=\"boucle-about\">{about}</desc>\n\
             <style>\n{STYLE}</style>\n{PATTERNS}\
             <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n{svg}</svg>\n"
        )
    }

    /// "A run of 2 loops".
    pub(super) fn title(&self) -> String {
        match self.loops.len() {
            0 => "A recording of no loop".into(),
            1 => "A run of a loop".into(),
            loops => format!("A run of {loops} loops"),
        }
    }
}

/// The hatching of a task that is ready, the dots of one that will be dropped, the heads of arrows.
const PATTERNS: &str = r#"<defs>
<pattern id="boucle-hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect class="hatch-back" width="5" height="5"/><rect class="hatch" width="1.6" height="5"/></pattern>
<pattern id="boucle-dots" width="5" height="5" patternUnits="userSpaceOnUse">
<rect class="hatch-back" width="5" height="5"/><circle class="hatch" cx="2.5" cy="2.5" r="1"/></pattern>
</defs>
"#;

/// A loop, drawn.
struct Lane<'a> {
    it: &'a LoopTrace,
    picture: Picture,
    /// Rows that there is no room for.
    more_rows: usize,
}

impl Lane<'_> {
    fn of(it: &LoopTrace) -> Lane<'_> {
        let mut picture = Picture::of(it, WIDEST);
        let more_rows = picture.rows.len().saturating_sub(MOST_ROWS);
        picture.rows.truncate(MOST_ROWS);
        Lane {
            it,
            picture,
            more_rows,
        }
    }

    fn height(&self) -> f64 {
        let notes = usize::from(!self.left_out().is_empty());
        HEAD + (self.picture.rows.len() + notes) as f64 * ROW + 10.0
    }

    fn name_width(&self) -> f64 {
        let letters = self
            .picture
            .rows
            .iter()
            .map(|row| row.label.chars().count());
        letters.max().unwrap_or(0).min(LONGEST_LABEL) as f64 * LETTER + 14.0
    }

    /// What is not drawn, in a sentence.
    fn left_out(&self) -> String {
        let mut parts = Vec::new();
        if self.it.dropped > 0 {
            parts.push(format!(
                "{} events before are not recorded",
                self.it.dropped
            ));
        }
        if self.more_rows > 0 {
            parts.push(format!("{} more tasks are not drawn", self.more_rows));
        }
        if let Some(last) = self.picture.goes_on {
            parts.push(format!("the run goes on, to turn {last}"));
        }
        parts.join("; ")
    }
}

/// Draws, and knows where the axis begins.
struct Sheet {
    svg: String,
    axis: f64,
}

impl Sheet {
    fn lane(&mut self, top: f64, lane: &Lane) {
        let picture = &lane.picture;
        let clock = match picture.is_virtual {
            true => "virtual clock",
            false => "real clock",
        };
        let heading = format!("loop {}", lane.it.number);
        self.text(MARGIN, top + 28.0, "strong", &heading);
        let after = MARGIN + heading.len() as f64 * LETTER + 20.0;
        self.text(after, top + 28.0, "dim", clock);
        let rows = top + HEAD;
        let bottom = rows + picture.rows.len() as f64 * ROW;
        self.columns(top, bottom, picture);
        let top_of = |index: usize| rows + index as f64 * ROW;
        for (index, row) in picture.rows.iter().enumerate() {
            for span in &row.spans {
                self.span(top_of(index), span);
            }
        }
        let mut free = 0.0;
        for arrow in picture.arrows.iter().filter(|arrow| arrow.to < MOST_ROWS) {
            // One that would touch the one before has a head, and no more than a stub.
            let is_stub = arrow.x < free;
            self.arrow(rows, arrow, is_stub);
            if !is_stub && arrow.from.is_some_and(|from| from != arrow.to) {
                free = arrow.x + 4.0;
            }
        }
        for fold in &picture.folds {
            self.fold(rows, bottom, fold);
        }
        for (index, row) in picture.rows.iter().enumerate() {
            self.words(top_of(index), row);
        }
        let left_out = lane.left_out();
        if !left_out.is_empty() {
            self.text(self.axis, bottom + 18.0, "dim", &left_out);
        }
    }

    /// The bands of the turns, with their numbers and times, and the pauses between them.
    fn columns(&mut self, top: f64, bottom: f64, picture: &Picture) {
        let (numbers, times, rows) = (top + 48.0, top + 64.0, top + HEAD);
        self.text(MARGIN, numbers, "dim", "turn");
        self.text(MARGIN, times, "dim", "time");
        let (mut free_number, mut free_time) = (0.0, 0.0);
        for turn in &picture.turns {
            let x = self.across(&turn.x);
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
        for (x, slept) in &picture.pauses {
            let x = self.across(x);
            let middle = (x.start + x.end) / 2.0 + 2.0;
            let words = format!("idle {}", words::duration(*slept));
            self.text(middle, numbers, "note middle", &words);
        }
    }

    /// What a row is, and how its task ends.
    fn words(&mut self, top: f64, row: &Row) {
        let base = top + ROW / 2.0 + 4.0;
        self.text(MARGIN, base, "", &shortened(&row.label));
        if let Some((x, how)) = row.ending {
            let class = match how {
                Ending::Panicked => "note bad",
                Ending::Returned | Ending::Cancelled => "note",
            };
            let x = self.axis + x + 6.0;
            self.text(x, base - 0.5, class, words::ending(how));
        }
    }

    /// A gap in the rows, that says what is not drawn there.
    fn fold(&mut self, top: f64, bottom: f64, (x, [turns, like]): &(Range<f64>, [String; 2])) {
        let (x, y) = (self.across(x), (top + bottom) / 2.0);
        self.rect("page", &x, top - 2.0, bottom - top + 4.0);
        let middle = (x.start + x.end) / 2.0;
        self.text(middle, y - 3.0, "dim middle", turns);
        self.text(middle, y + 11.0, "dim middle", like);
    }

    fn span(&mut self, top: f64, span: &Span) {
        let x = self.across(&span.x);
        let title = escaped(&span.title);
        let _ = write!(self.svg, "<g><title>{title}</title>");
        let bar = top + (ROW - BAR) / 2.0;
        match span.state {
            TaskState::Polled => self.rect("poll", &x, bar, BAR),
            TaskState::Ready => self.rect("ready", &x, bar + 2.0, BAR - 4.0),
            TaskState::Aborted => self.rect("aborted", &x, bar + 2.0, BAR - 4.0),
            TaskState::Idle => self.waiting(top, &x, span),
        }
        self.svg += "</g>\n";
    }

    /// A thin line, and for what it waits if there is room.
    fn waiting(&mut self, top: f64, x: &Range<f64>, span: &Span) {
        let y = top + ROW / 2.0;
        let (start, end) = (x.start, x.end);
        let _ = write!(
            self.svg,
            "<path class=\"wait\" d=\"M{start:.1} {y}H{end:.1}\"/>"
        );
        let words: Vec<String> = span.waits.iter().map(words::waits_briefly).collect();
        let words = words.join(", ");
        let room = x.end - x.start - 8.0;
        if words.chars().count() as f64 * SMALL_LETTER <= room {
            self.text(x.start + 4.0, y - 3.0, "note", &words);
        }
    }

    /// From the cause to the task; from elsewhere than a task, a mark that says from where.
    fn arrow(&mut self, rows: f64, arrow: &Arrow, is_stub: bool) {
        let x = self.axis + arrow.x;
        let middle = |row: usize| rows + row as f64 * ROW + ROW / 2.0;
        let class = match arrow.does {
            Does::Spawn => "spawn",
            Does::Wake => "wake",
            Does::Abort => "abort",
        };
        match arrow.from {
            Some(from) if from == arrow.to => {}
            Some(from) => {
                // It begins and ends at the edges of the bars; a cause that is not drawn is below.
                let down = if from < arrow.to { 1.0 } else { -1.0 };
                let begin = middle(from.min(MOST_ROWS)) + down * BAR / 2.0;
                let tip = middle(arrow.to) - down * (BAR / 2.0 - 2.0);
                let begin = if is_stub { tip - down * 10.0 } else { begin };
                self.shaft(class, x, begin, tip);
            }
            None => self.mark(x, middle(arrow.to), arrow.by),
        }
    }

    fn shaft(&mut self, class: &str, x: f64, begin: f64, tip: f64) {
        let wing = tip - (tip - begin).signum() * 5.0;
        let (left, right) = (x - 3.0, x + 3.0);
        let _ = writeln!(
            self.svg,
            "<path class=\"{class}\" d=\"M{x:.1} {begin}V{wing}\"/>\
             <path class=\"{class} head\" d=\"M{left:.1} {wing}L{x:.1} {tip}L{right:.1} {wing}z\"/>"
        );
    }

    fn mark(&mut self, x: f64, y: f64, by: Origin) {
        let shape = match by {
            Origin::Timer(_) => "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0M0 -2.5V0H2",
            Origin::Source(_) => "M-3.5 -3.5h7v7h-7z",
            Origin::Thread => "M0 -4.5L4.5 3.5H-4.5z",
            Origin::Job => "M0 -5L5 0L0 5L-5 0z",
            Origin::Task(_) | Origin::Outside => return,
        };
        let _ = writeln!(
            self.svg,
            "<path class=\"mark\" transform=\"translate({x:.1} {y})\" d=\"{shape}\"/>"
        );
    }

    /// What the patterns and marks of this picture mean.
    /// Gives where it ends.
    fn legend(&mut self, top: f64, loops: &[Lane]) -> f64 {
        let mut x = MARGIN;
        let y = top + 14.0;
        let (mid, base) = (y - 4.0, y);
        let has_state = |state| {
            let mut rows = loops.iter().flat_map(|lane| &lane.picture.rows);
            rows.any(|row| row.spans.iter().any(|span| span.state == state))
        };
        let bars = [
            (TaskState::Polled, "poll", "polled"),
            (TaskState::Ready, "ready", "ready, waits for the thread"),
            (TaskState::Aborted, "aborted", "aborted, to be dropped"),
        ];
        for (state, class, words) in bars {
            if has_state(state) {
                self.rect(class, &(x..x + 18.0), mid - 5.0, 10.0);
                x = self.key(x + 24.0, base, words);
            }
        }
        if has_state(TaskState::Idle) {
            let end = x + 18.0;
            let _ = writeln!(self.svg, "<path class=\"wait\" d=\"M{x} {mid}H{end}\"/>");
            x = self.key(x + 24.0, base, "waits");
        }
        let arrows = || loops.iter().flat_map(|lane| &lane.picture.arrows);
        let does = [
            (Does::Spawn, "spawn", "spawns"),
            (Does::Wake, "wake", "wakes"),
            (Does::Abort, "abort", "aborts"),
        ];
        for (what, class, words) in does {
            if arrows().any(|it| it.does == what && it.from.is_some_and(|from| from != it.to)) {
                self.shaft(class, x + 3.0, mid - 6.0, mid + 6.0);
                x = self.key(x + 12.0, base, words);
            }
        }
        let marks = [
            (Origin::Timer(0), "by a timer"),
            (Origin::Source(0), "by a source"),
            (Origin::Thread, "by another thread"),
            (Origin::Job, "by a job of the executor"),
        ];
        for (by, words) in marks {
            let same = |it: &Arrow| std::mem::discriminant(&it.by) == std::mem::discriminant(&by);
            if arrows().any(same) {
                self.mark(x + 5.0, mid, by);
                x = self.key(x + 15.0, base, words);
            }
        }
        x
    }

    /// An entry of the legend; gives where the next one begins.
    fn key(&mut self, x: f64, y: f64, words: &str) -> f64 {
        self.text(x, y, "dim", words);
        x + words.len() as f64 * LETTER * 0.92 + 20.0
    }

    fn across(&self, x: &Range<f64>) -> Range<f64> {
        self.axis + x.start..self.axis + x.end
    }

    fn rect(&mut self, class: &str, x: &Range<f64>, y: f64, height: f64) {
        let (start, width) = (x.start, x.end - x.start);
        let _ = write!(
            self.svg,
            "<rect class=\"{class}\" x=\"{start:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\"/>"
        );
    }

    fn text(&mut self, x: f64, y: f64, class: &str, words: &str) {
        let words = escaped(words);
        let _ = writeln!(
            self.svg,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"
        );
    }
}

/// "Loop 1. Turn 1 polls 1 main. Turn 2 polls 2 hello, 3 world."
fn describe(loops: &[Lane]) -> String {
    let mut about = String::new();
    for lane in loops {
        let _ = write!(about, "Loop {}.", lane.it.number);
        for turn in lane.picture.turns.iter().take(MOST_WORDS) {
            let rows = &lane.picture.rows;
            let polled: Vec<&str> = (turn.polled.iter())
                .filter_map(|&row| Some(rows.get(row)?.label.as_str()))
                .collect();
            let polled = polled.join(", ");
            let time = words::duration(turn.time);
            let _ = write!(about, " Turn {}, at {time}, polls {polled}.", turn.number);
        }
        let ended = (lane.picture.rows.iter()).filter_map(|row| Some((row, row.ending?.1)));
        for (row, how) in ended.take(MOST_WORDS) {
            let _ = write!(about, " {} ends: {}.", row.label, words::ending(how));
        }
        let left_out = lane.left_out();
        if !left_out.is_empty() {
            let _ = write!(about, " {left_out}.");
        }
        about.push('\n');
    }
    about
}

fn shortened(label: &str) -> String {
    match label.char_indices().nth(LONGEST_LABEL - 1) {
        Some((cut, _)) if label.chars().count() > LONGEST_LABEL => format!("{}…", &label[..cut]),
        _ => label.into(),
    }
}

pub(super) fn escaped(words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    words.replace('>', "&gt;").replace('"', "&quot;")
}
