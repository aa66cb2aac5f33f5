//! The axis of time: where each event stands, from left to right, in pixels.
//!
//! Idle time is to scale, and all loops of a trace stand on one axis. A poll is at least one pixel wide, and
//! does not begin before the one before it ends. So where many polls follow each other, each stands up to a
//! pixel further to the right of its time than the one before, until idle time makes up for it.

use std::iter;
use std::time::{Duration, Instant};

use crate::observe::EventKind;
use crate::trace::recorder::first_began;
use crate::trace::{LoopTrace, Trace};

/// The width of the whole run, which begins with its first loop.
const WIDTH: f64 = 1_000.0;
const SHORTEST_POLL: f64 = 1.0;
/// Between two times of the axis.
const SHORTEST_STEP: f64 = 80.0;

/// The scale of a trace.
#[derive(Debug)]
pub(super) struct TimeAxis {
    /// When the first loop began; `None` if there is no loop.
    begin: Option<Instant>,
    /// How long the run took.
    pub(super) length: Duration,
    pixels_per_nano: f64,
}

impl TimeAxis {
    pub(super) fn of(trace: &Trace) -> TimeAxis {
        let begin = first_began(&trace.loops);
        let end_of = |of: &LoopTrace| of.later(begin) + of.time(of.events.len());
        let length = trace.loops.iter().map(end_of).max().unwrap_or_default();
        TimeAxis { begin, length, pixels_per_nano: WIDTH / length.as_nanos().max(1) as f64 }
    }

    /// Returns the place of each step of a loop: of the beginning of the recording, then of each event.
    pub(super) fn places(&self, loop_trace: &LoopTrace) -> Vec<f64> {
        let began = loop_trace.later(self.begin);
        let start = self.place(began + loop_trace.before.time);
        let (mut x, mut poll_began) = (start, start);
        let events = loop_trace.events.iter().map(|event| {
            x = x.max(self.place(began + event.time));
            match event.kind {
                EventKind::PollBegins { .. } => poll_began = x,
                EventKind::PollEnds { .. } => x = x.max(poll_began + SHORTEST_POLL),
                _ => {}
            }
            x
        });
        iter::once(start).chain(events).collect()
    }

    /// Returns round times with their places.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (f64, Duration)> {
        // 1, 2, 5, 10, 20, 50 and so on, up to the largest number.
        let steps = (0..).map_while(|index| {
            let power = 10_u64.checked_pow(index / 3)?;
            power.checked_mul([1, 2, 5][index as usize % 3])
        });
        let mut steps = steps.map(Duration::from_nanos);
        let step = steps.find(|&step| self.place(step) >= SHORTEST_STEP);
        let step = step.unwrap_or(self.length);
        let times = (0..).map(move |index| step * index);
        let times = times.take_while(|&time| time <= self.length);
        times.map(|time| (self.place(time), time))
    }

    fn place(&self, time: Duration) -> f64 {
        time.as_nanos() as f64 * self.pixels_per_nano
    }
}

/// Returns a time in nanoseconds. It saturates at 584 years: a deadline may be later, and so may a
/// virtual clock, whose times are then wrong in the page and in the JSON for Perfetto.
#[cfg(feature = "trace")]
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
