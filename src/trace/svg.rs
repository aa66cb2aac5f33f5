//! The static picture, as an SVG: for a README, and for the page where there is no JavaScript.
//!
//! States differ in pattern as well as in colour, and the colours are light or dark as the reader prefers.
//! Every bar has a title, and a text describes the picture to readers who do not see it.

mod lane; // a loop, placed on an axis
mod sheet; // what it is drawn with
mod legend; // what its patterns and marks mean

use std::fmt::Write;

use crate::observe::words;
use crate::trace::Trace;
use crate::trace::time_axis::TimeAxis;

use lane::Lane;
use sheet::{MARGIN, Sheet, escaped};

/// The most turns, and the most ends of tasks, that are described.
const MOST_DESCRIBED: usize = 50;

/// The height of the legend, below all loops.
const LEGEND: f64 = 40.0;
/// Right of the axis: room for how the last tasks end.
const AFTER: f64 = 64.0;

const STYLE: &str = include_str!("svg/picture.css");

impl Trace {
    /// Draws the run as an SVG file, light or dark as the reader prefers.
    ///
    /// Tasks are rows, in spawn order; turns are columns. Turns that repeat others (with the same events,
    /// whatever time they took) are left out, and counted. If there are too many turns or tasks, the first of
    /// them are drawn, and the picture says so. `to_html` shows all.
    ///
    /// It takes O(n) in the events. Its size is bounded for each loop, unless names are long.
    ///
    /// ```
    /// use std::time::Duration;
    /// use boucle::{EventLoop, trace::Recorder};
    ///
    /// let recorder = Recorder::new();
    /// let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::sleep(Duration::from_secs(1)));
    /// let picture = recorder.trace().to_svg();
    /// assert!(picture.contains("idle 1 s"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn to_svg(&self) -> String {
        self.drawn(None)
    }

    /// Draws the run on the axis of time. All loops are on one axis, below each other. Idle time is to scale. A
    /// poll is at least one pixel wide, and does not begin before the one before it ends: so many polls in a row
    /// stand to the right of their times, up to the next idle time that makes up for it. It shows how a client's
    /// loop and its server's work together. Its costs are those of [`to_svg`](Self::to_svg).
    ///
    /// ```
    /// use std::time::Duration;
    /// use boucle::{EventLoop, trace::Recorder};
    ///
    /// let recorder = Recorder::new();
    /// let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::sleep(Duration::from_secs(4)));
    /// let picture = recorder.trace().to_svg_over_time();
    /// assert!(picture.contains(">2 s<"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn to_svg_over_time(&self) -> String {
        self.drawn(Some(TimeAxis::of(self)))
    }

    /// Draws the run on the axis of time, or on that of turns.
    fn drawn(&self, time: Option<TimeAxis>) -> String {
        let lanes = self.loops.iter().map(|loop_trace| Lane::of(loop_trace, time.as_ref()));
        let loops: Vec<Lane> = lanes.collect();
        let names = loops.iter().map(sheet::name_width).fold(60.0, f64::max);
        let axis = loops.iter().map(Lane::width).fold(260.0, f64::max);
        let mut sheet = Sheet { svg: String::new(), axis: MARGIN + names, time };
        let mut y = 0.0;
        for lane in &loops {
            sheet.lane(y, lane);
            y += sheet::height(lane);
        }
        let legend = sheet.legend(y + 14.0, &loops);
        let width = (MARGIN + names + axis + AFTER + MARGIN).max(legend);
        let height = y + LEGEND;
        let svg = sheet.svg;
        let title = self.title();
        let about: String = loops.iter().map(|lane| escaped(&describe(lane)) + "\n").collect();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"boucle\" role=\"img\" \
             aria-labelledby=\"boucle-title boucle-about\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\">\n\
             <title id=\"boucle-title\">{title}</title>\n<desc id=\"boucle-about\">{about}</desc>\n\
             <style>\n{STYLE}</style>\n{PATTERNS}\
             <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n{svg}</svg>\n"
        )
    }

    /// Returns "A run of 2 loops".
    pub(super) fn title(&self) -> String {
        match self.loops.len() {
            0 => "A recording of no loop".into(),
            1 => "A run of a loop".into(),
            loops => format!("A run of {loops} loops"),
        }
    }
}

/// The hatching of a task that is ready, the dots of one that will be dropped.
const PATTERNS: &str = r#"<defs>
<pattern id="boucle-hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect class="hatch-back" width="5" height="5"/><rect class="hatch" width="1.6" height="5"/></pattern>
<pattern id="boucle-dots" width="5" height="5" patternUnits="userSpaceOnUse">
<rect class="hatch-back" width="5" height="5"/><circle class="hatch" cx="2.5" cy="2.5" r="1"/></pattern>
</defs>
"#;

/// Describes a loop: "Loop 1. Turn 1, at 0, polls 1 main. Turn 2, at 0, polls 2 hello, 3 world."
fn describe(lane: &Lane) -> String {
    let mut about = format!("Loop {}.", lane.loop_trace.number);
    for turn in lane.turns().take(MOST_DESCRIBED) {
        let rows = &lane.picture.rows;
        let polled: Vec<&str> =
            (turn.polled.iter()).filter_map(|&row| Some(lane.label(rows.get(row)?))).collect();
        let polled = polled.join(", ");
        let time = words::duration(turn.time);
        let _ = write!(about, " Turn {}, at {time}, polls {polled}.", turn.number);
    }
    let ended = (lane.picture.rows.iter()).filter_map(|row| Some((row, row.ending?.1)));
    for (row, how) in ended.take(MOST_DESCRIBED) {
        let label = lane.label(row);
        let _ = write!(about, " {label} ends: {}.", words::ending(how));
    }
    let left_out = lane.left_out();
    if !left_out.is_empty() {
        let _ = write!(about, " {left_out}.");
    }
    about
}
