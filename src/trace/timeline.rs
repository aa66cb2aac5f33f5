//! The timeline: a trace as text. Tasks are rows, in spawn order; turns are columns.
//!
//! ```text
//! turn          1     2                   3  4    5
//! time          0                         1s 2s
//! #1 main   run>[1]~#2~~~~~~~~~~~~~~~~~~~~~~~#2==>[1] returned
//! #2 hello      +#1==>[1]~until 2s~~~~~timer>[1] returned
//! #3 world      +#1==>[2]~until 1s~~timer>[1] returned
//! ```
//!
//! The axis is turns, not time, since sleep takes most of the time, and all of it under a virtual clock. The
//! place of a poll within its turn is a number, and the time is a label. Turns that repeat those before them
//! are left out, and counted.

mod chart; // events → columns of marks
mod cell; // the marks of one task in one column, as text
mod panel; // columns, as many as there is room for
mod legend; // the signs that it has
mod ink; // text that may have colours
mod terminal; // how wide it is
#[cfg(test)]
mod tests;

use std::env;
use std::fmt;
use std::io::{self, IsTerminal};
use std::slice;

use crate::observe::{Live, LiveTask, TaskState, WaitsFor, words};
use crate::trace::recorder::first_began;
use crate::trace::timeline::chart::Chart;
use crate::trace::timeline::panel::{Panels, Style};
use crate::trace::{LoopTrace, Trace, labels};

/// A trace as text, with options. By default it is what a [`Trace`] displays: plain ASCII, unless a name is not,
/// and 92 columns wide.
///
/// ```
/// # use boucle::{EventLoop, trace::Recorder};
///
/// # let recorder = Recorder::new();
/// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
/// let trace = recorder.trace();
/// let text = trace.timeline().legend(false).to_string();
/// assert!(text.contains("~until 1s~"), "{text}");
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a timeline does nothing until it is displayed"]
pub struct Timeline<'a> {
    loops: &'a [LoopTrace],
    style: Style,
    titles: bool,
    legend: bool,
}

/// The columns of text by default: as many as fit into documentation.
const WIDTH: usize = 92;
/// About the most lines of a loop's turns by default.
const LINES: usize = 2_000;

impl Trace {
    /// Returns the trace as text, with options.
    ///
    /// ```
    /// # use boucle::{EventLoop, trace::Recorder};
    ///
    /// # let recorder = Recorder::new();
    /// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
    /// let trace = recorder.trace();
    /// println!("{}", trace.timeline().width(120)); // `{trace}` is 92 columns wide
    /// # assert!(trace.timeline().to_string().contains("main"));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline::of(&self.loops)
    }
}

impl LoopTrace {
    /// Returns the loop as text, with options.
    ///
    /// ```
    /// # use boucle::{EventLoop, trace::Recorder};
    ///
    /// # let recorder = Recorder::new();
    /// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
    /// let trace = recorder.trace();
    /// let last = trace.loops.last().unwrap();
    /// assert!(last.timeline().to_string().contains("main")); // this loop alone
    /// # std::io::Result::Ok(())
    /// ```
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline::of(slice::from_ref(self))
    }
}

impl<'a> Timeline<'a> {
    fn of(loops: &'a [LoopTrace]) -> Self {
        Timeline {
            loops,
            style: Style { width: WIDTH, lines: LINES, colours: false },
            titles: loops.len() > 1,
            legend: true,
        }
    }

    /// Sets the width, in characters: 92 by default. Turns that have no room go on below. A single turn is
    /// never cut, so one with many marks may be wider.
    ///
    /// ```
    /// # use boucle::{EventLoop, trace::Recorder};
    ///
    /// # let recorder = Recorder::new();
    /// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
    /// let trace = recorder.trace();
    /// let lines = |columns| trace.timeline().width(columns).to_string().lines().count();
    /// assert!(lines(20) > lines(92));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn width(mut self, columns: usize) -> Self {
        self.style.width = columns;
        self
    }

    /// Limits how many lines the turns of a loop take, roughly, and how many tasks are listed at the end: 2,000
    /// by default. Later turns are not shown.
    ///
    /// ```
    /// # use boucle::{EventLoop, trace::Recorder};
    ///
    /// # let recorder = Recorder::new();
    /// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::gather((0..50).map(async |n| n)));
    /// let trace = recorder.trace();
    /// let lines = |most| trace.timeline().lines(most).to_string().lines().count();
    /// assert!(lines(10) < lines(2_000));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn lines(mut self, lines: usize) -> Self {
        self.style.lines = lines;
        self
    }

    /// Sets whether it has colours, as codes for a terminal. By default it has none.
    ///
    /// ```
    /// # use boucle::{EventLoop, trace::Recorder};
    ///
    /// # let recorder = Recorder::new();
    /// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
    /// let trace = recorder.trace();
    /// assert!(trace.timeline().colours(true).to_string().contains("\u{1b}["));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn colours(mut self, colours: bool) -> Self {
        self.style.colours = colours;
        self
    }

    /// Sets whether the loops have titles, with their numbers. By default they have if there are several. A
    /// loop of which events were dropped always has one.
    ///
    /// ```
    /// # use boucle::{EventLoop, trace::Recorder};
    ///
    /// # let recorder = Recorder::new();
    /// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
    /// let trace = recorder.trace();
    /// let title = format!("loop {}", trace.loops[0].number);
    /// assert!(trace.timeline().titles(true).to_string().contains(&title));
    /// assert!(!trace.timeline().to_string().contains(&title)); // there is one loop
    /// # std::io::Result::Ok(())
    /// ```
    pub fn titles(mut self, titles: bool) -> Self {
        self.titles = titles;
        self
    }

    /// Sets whether a legend at the end explains the timeline's signs, those of turns that
    /// [`lines`](Self::lines) leaves out too. By default one does.
    ///
    /// ```
    /// # use boucle::{EventLoop, trace::Recorder};
    ///
    /// # let recorder = Recorder::new();
    /// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
    /// let trace = recorder.trace();
    /// let lines = |legend| trace.timeline().legend(legend).to_string().lines().count();
    /// assert!(lines(true) > lines(false));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn legend(mut self, legend: bool) -> Self {
        self.legend = legend;
        self
    }

    /// Sets width and colours for stderr. If that is a terminal, the width is its width, and there are
    /// colours unless [`NO_COLOR`](https://no-color.org) is set, or Windows' old console would show their
    /// codes. Otherwise nothing changes. (The width is that of `COLUMNS`, if set; else it is known on Linux.)
    ///
    /// ```
    /// # use boucle::{EventLoop, trace::Recorder};
    ///
    /// # let recorder = Recorder::new();
    /// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
    /// let trace = recorder.trace();
    /// eprintln!("{}", trace.timeline().for_stderr());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn for_stderr(self) -> Self {
        if !io::stderr().is_terminal() {
            return self;
        }
        let wants_none = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = terminal::columns().unwrap_or(self.style.width);
        self.colours(!wants_none && terminal::reads_colours()).width(width)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timeline().fmt(f)
    }
}

impl fmt::Display for LoopTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timeline().fmt(f)
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let charts = self.charts();
        let mut paragraphs = Vec::new();
        for (loop_trace, chart) in self.loops.iter().zip(&charts) {
            paragraphs.extend(self.title(loop_trace));
            paragraphs.extend(Panels::of(chart, self.style));
            paragraphs.extend(left(&chart.at_last, self.style.lines));
        }
        if self.legend {
            paragraphs.push(legend::of(&charts, self.style.width));
        }
        paragraphs.retain(|paragraph| !paragraph.is_empty()); // nothing happened: it has no signs
        f.write_str(&paragraphs.join("\n"))
    }
}

impl Timeline<'_> {
    fn title(&self, loop_trace: &LoopTrace) -> Option<String> {
        if !self.titles && loop_trace.dropped == 0 {
            return None;
        }
        let mut title = format!("loop {}", loop_trace.number);
        let later = loop_trace.later(first_began(self.loops));
        if !later.is_zero() {
            title += &format!(", which began {} later", words::short_duration(later));
        }
        if loop_trace.dropped > 0 {
            title += &format!("; its first {} events were not kept", loop_trace.dropped);
        }
        Some(title + "\n")
    }

    /// Returns the legend alone.
    pub(crate) fn signs(&self) -> String {
        legend::of(&self.charts(), self.style.width)
    }

    fn charts(&self) -> Vec<Chart> {
        self.loops.iter().map(Chart::of).collect()
    }
}

/// Lists the tasks that were left at the end, and what each of them waited for.
fn left(live: &Live, lines: usize) -> Option<String> {
    if live.tasks.is_empty() {
        return None;
    }
    let mut left = format!("left at {}:\n", words::short_duration(live.time));
    for task in live.tasks.values().take(lines) {
        let label = labels::label(task);
        let since = words::short_duration(task.since);
        left += &format!("  #{label} {} (since {since})\n", doing(task));
    }
    if live.tasks.len() > lines {
        left += &format!("  and {} more\n", live.tasks.len() - lines);
    }
    Some(left)
}

/// Describes what a task does, as the end of a sentence.
fn doing(task: &LiveTask) -> String {
    match task.state {
        TaskState::Ready => "is ready".into(),
        TaskState::Polled => "is being polled".into(),
        TaskState::Aborted => "was aborted".into(),
        TaskState::Idle => {
            let on: Vec<String> = words::first_few(&task.waits, waiting, " for ").collect();
            format!("waits{}", on.join(" or"))
        }
    }
}

fn waiting(on: &WaitsFor) -> String {
    match on {
        WaitsFor::Timer { deadline, .. } => format!(" until {}", words::short_duration(*deadline)),
        on => format!(" for {}", words::still_waits_for(on)),
    }
}
