//! A panel of a timeline: as many columns as there is room for. The next panel stands below it.
//!
//! Each column has one place, where its polls stand; what comes before a poll is written to the left of it. A
//! column stands as far from the one before it as its fullest row needs, so each row grows only at its end.

use std::collections::BTreeMap;

use crate::observe::words::short_duration;
use crate::trace::timeline::cell::Cell;
use crate::trace::timeline::chart::{Chart, Column, Meanwhile};
use crate::trace::timeline::ink::{Ink, Line};

/// How much room there is, and whether there are colours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) width: usize,
    pub(super) lines: usize,
    pub(super) colours: bool,
}

/// The panels of a chart that are not drawn yet, as text.
pub(super) struct Panels<'a> {
    columns: &'a [Column],
    /// What the tasks do at the end of the panel before.
    before: BTreeMap<u64, Meanwhile>,
    labels: &'a BTreeMap<u64, String>,
    /// How far to the right the columns begin.
    margin: usize,
    style: Style,
}

/// The lines of a panel, without the labels before them.
struct Panel<'a> {
    before: &'a BTreeMap<u64, Meanwhile>,
    turns: Line,
    times: Line,
    /// The last time that was written.
    time: String,
    rows: BTreeMap<u64, Row>,
}

/// A task in a panel.
struct Row {
    line: Line,
    /// What the task does after the line's last mark.
    meanwhile: Meanwhile,
}

/// The longest label that is written in full.
const LONGEST_LABEL: usize = 20;
/// The lines of a panel that are no rows.
const HEADINGS: usize = 3;
/// The fewest signs between two marks.
const BETWEEN: usize = 2;
/// The most tasks without a row that are named.
const NAMED: usize = 8;

impl<'a> Panels<'a> {
    pub(super) fn of(chart: &'a Chart, style: Style) -> Self {
        let labels = chart.labels.values();
        let longest = labels.map(|label| shortened(label).chars().count()).max();
        Panels {
            columns: &chart.columns,
            before: chart.before.clone(),
            labels: &chart.labels,
            margin: longest.unwrap_or(0) + 2,
            style,
        }
    }

    /// Draws as many columns as there is room for.
    fn next_panel(&mut self) -> String {
        let room = self.style.width.saturating_sub(self.margin);
        let mut panel = Panel::after(&self.before);
        let taken = (self.columns.iter()).take_while(|column| panel.take(column, room));
        let taken = taken.count();
        panel.finish();
        let text = self.text_of(&panel);
        self.columns = &self.columns[taken..];
        self.style.lines = self.style.lines.saturating_sub(panel.rows.len() + HEADINGS);
        for (task, row) in panel.rows {
            self.before.insert(task, row.meanwhile);
        }
        self.before.retain(|_, meanwhile| *meanwhile != Meanwhile::Nothing);
        text
    }

    fn text_of(&self, panel: &Panel<'_>) -> String {
        let Style { colours, lines, .. } = self.style;
        let margin = self.margin;
        let line = |label: &str, text: &str| format!("{label:margin$}{text}\n");
        let mut text = line("turn", &panel.turns.text(colours));
        text += &line("time", &panel.times.text(colours));
        for (task, row) in panel.rows.iter().take(lines) {
            let label = self.labels.get(task);
            let label = label.map_or(String::new(), |label| shortened(label));
            text += &line(&label, &row.line.text(colours));
        }
        if panel.rows.len() > lines {
            let more = panel.rows.len() - lines;
            text += &line("", &format!("(and {more} more)"));
        }
        let tasks = self.before.keys();
        let others = tasks.filter(|task| !panel.rows.contains_key(task));
        let named = others.clone().take(NAMED);
        let named: String = named.map(|task| format!(" #{task}")).collect();
        let more = match others.count() {
            0 => return text,
            1..=NAMED => String::new(),
            many => format!(" and {} more", many - NAMED),
        };
        text + &line("", &format!("(meanwhile wait:{named}{more})"))
    }
}

impl Iterator for Panels<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let next = self.columns.first()?;
        if self.style.lines == 0 {
            self.columns = &[];
            let from = &next.heading;
            return Some(format!("(not shown: turn {from} and what follows)\n"));
        }
        Some(self.next_panel())
    }
}

impl<'a> Panel<'a> {
    fn after(before: &'a BTreeMap<u64, Meanwhile>) -> Self {
        Panel {
            before,
            turns: Line::default(),
            times: Line::default(),
            time: String::new(),
            rows: BTreeMap::new(),
        }
    }

    /// Appends a column, and returns true, if there is room for it. The first column always has room.
    fn take(&mut self, column: &Column, room: usize) -> bool {
        let cells = column.marks.iter();
        let cells: Vec<_> = cells.map(|(&task, marks)| (task, Cell::of(marks))).collect();
        let is_first = self.rows.is_empty();
        let place = self.place_of(&cells);
        let time = short_duration(column.time);
        let headings = [column.heading.len(), time.len()];
        let widths = cells.iter().map(|(_, cell)| cell.after.width());
        let end = place + widths.chain(headings).max().unwrap_or(0);
        if end > room && !is_first {
            return false;
        }
        self.turns.fill(place, " ", Ink::Plain);
        self.turns.put(&column.heading, Ink::Heading);
        if time != self.time {
            self.times.fill(place, " ", Ink::Plain);
            self.times.put(&time, Ink::Heading);
            self.time = time;
        }
        for (task, cell) in cells {
            let row = self.rows.entry(task);
            let row = row.or_insert_with(|| Row::begin(self.before.get(&task)));
            row.put(place, cell);
        }
        true
    }

    /// Returns the place of the next column: each row needs room for what stands before its poll.
    fn place_of(&self, cells: &[(u64, Cell)]) -> usize {
        let headings = self.turns.width().max(self.times.width());
        let begin = if headings == 0 { 0 } else { headings + 1 };
        let needs = cells.iter().map(|(task, cell)| {
            let width = match self.rows.get(task) {
                Some(row) => row.line.width(),
                None => Row::begin(self.before.get(task)).line.width(),
            };
            let between = if width == 0 { 0 } else { BETWEEN };
            width + between + cell.before.width()
        });
        needs.max().unwrap_or(0).max(begin)
    }

    /// Fills the rows of tasks that are ready or wait, up to the end of the panel.
    fn finish(&mut self) {
        let widths = self.rows.values().map(|row| row.line.width());
        let end = widths.max().unwrap_or(0);
        for row in self.rows.values_mut() {
            if row.meanwhile != Meanwhile::Nothing {
                row.go_on(end);
            }
        }
    }
}

impl Row {
    fn begin(before: Option<&Meanwhile>) -> Row {
        let meanwhile = before.cloned().unwrap_or(Meanwhile::Nothing);
        let mut line = Line::default();
        let (_, ink) = meanwhile.drawn();
        line.put(&meanwhile.in_words(), ink);
        Row { line, meanwhile }
    }

    fn put(&mut self, place: usize, cell: Cell) {
        self.go_on(place - cell.before.width());
        self.line.append(&cell.before);
        self.line.append(&cell.after);
        self.meanwhile = cell.meanwhile;
    }

    /// Fills the row with what the task does, up to that width.
    fn go_on(&mut self, until: usize) {
        let (with, ink) = self.meanwhile.drawn();
        self.line.fill(until, with, ink);
    }
}

/// Shortens "#2 mysleep" to its beginning, if it is long.
fn shortened(label: &str) -> String {
    let label = format!("#{label}");
    if label.chars().count() <= LONGEST_LABEL {
        return label;
    }
    let beginning: String = label.chars().take(LONGEST_LABEL - 2).collect();
    beginning + ".."
}
