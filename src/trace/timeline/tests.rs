//! Timelines of stories: each is compared to the byte.

mod folds;
mod legend;
mod room;
mod stories;

use std::ops::Range;
use std::time::Duration;

use crate::observe::words::short_duration;
use crate::observe::{Ending, EventKind, Origin, WaitsFor};
use crate::trace::story::{self, Story};
use crate::trace::{Recorder, Timeline, Trace};

/// Compares a timeline with the expected one, which is indented.
#[track_caller]
fn expect(written: &str, expected: &str) {
    let expected = expected.strip_prefix('\n').expect("it begins on a line of its own");
    let lines = expected.lines().map(|line| line.strip_prefix("        ").unwrap_or(line));
    let expected: Vec<&str> = lines.collect();
    let written: Vec<&str> = written.lines().collect();
    let both = || format!("written:\n{}\nexpected:\n{}", written.join("\n"), expected.join("\n"));
    assert!(written == expected[..expected.len() - 1], "{}", both());
}

/// Returns the timeline without its legend.
fn plain(trace: &Trace) -> String {
    trace.timeline().legend(false).to_string()
}

const FOREIGN: &[WaitsFor] = &[WaitsFor::Foreign];

/// Main spawns `busy`, which yields in every turn up to the thousandth, and a sleeper of 10 ms, which is
/// woken before turn 700.
fn starvation() -> Story {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "demo::busy").spawn(3, "demo::sleeper").joins(2);
    story.turn().poll(2).yields().poll(3).sleeps(10);
    for _ in 3..700 {
        story.turn().poll(2).yields();
    }
    story.park(10).fires(3).turn().poll(2).yields().poll(3).returns();
    for _ in 701..1000 {
        story.turn().poll(2).yields();
    }
    story.turn().poll(2).returns().wake(1, Origin::Task(2));
    story.turn().poll(1).returns().close();
    story
}
