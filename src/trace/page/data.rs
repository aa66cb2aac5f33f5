//! The data of the page, as JSON: all that it draws and says.
//!
//! Everything stands at steps, as in a [`Picture`](crate::trace::picture::Picture). Two arrays give each step
//! its place: on the axis of turns, and on that of time. What is shown for a while has the step at which it
//! begins and the step at which it ends, and a step shows what has begun and has not ended. So the page looks
//! any step up, and computes none from the step before.
//!
//! ```text
//! texts     every text, once; a text below is its index
//! states    [name, words] of each state of a task
//! actions   [name, words] of each kind of cause
//! axis      "turns" or "time": the axis on which the page opens
//! longest   [loop, task, step, words, duration] of the polls that took longest
//! most_delayed
//!           the same of the polls that were most delayed, one of each task
//! loops     number, virtual, dropped, turn (at step 0), closed (a step), began (nanoseconds after the first)
//!   times   of each step, in nanoseconds of the loop's time, each as its difference to the one before
//!   places  of each step, in tenths of a pixel, likewise
//!   events  the text of each step from 1 on
//!   turns   [number, from, to]
//!   pauses  [step, nanoseconds]
//!   tasks   label, future, origin: texts; polls (before the recording); end: [step, text]
//!     spans [from, state, cause]; then of a poll, the step at which it ends; and if other polls have delayed
//!           it, the delay in nanoseconds, 1 if it began at a deadline, the task and the span of the longest
//!           of those polls, and how many nanoseconds of the delay that one took; of a wait, for what it was,
//!           the same in few words, and by how many nanoseconds it was overdue at its end
//!   causes  [step, task, action, by: task, by: text, shape of the mark, tasks ahead, text about its timer]
//!   ready, wheel, sources
//!           [text, from, to]
//! ```
//!
//! The JSON is written piece by piece. A tree of values would take several times its memory.

mod delays; // why tasks were late
mod event_loop; // the data of one loop
mod format; // arrays of numbers

use std::cmp::Reverse;

use json_writer::{JSONArrayWriter, JSONObjectWriter};

use crate::observe::words::duration;
use crate::trace::Trace;
use crate::trace::page::texts::Texts;
use crate::trace::recorder::first_began;
use crate::trace::time_axis::TimeAxis;

use event_loop::{Listed, LoopData};
use format::{ACTIONS, STATES, count, each, numbers};

/// The most polls that are listed.
const MOST: usize = 8;

/// Writes the whole trace.
pub(super) fn of(trace: &Trace) -> String {
    let mut text = String::new();
    let mut texts = Texts::default();
    let mut object = JSONObjectWriter::new(&mut text);
    each(object.array("states"), STATES, |states, (_, name, words)| {
        numbers(states.array(), [name, words].map(|text| texts.intern(text)));
    });
    each(object.array("actions"), ACTIONS, |actions, action| {
        let words = format!("It was {} by", action.participle());
        numbers(actions.array(), [action.class(), &words].map(|text| texts.intern(text)));
    });
    let first = first_began(&trace.loops);
    let (mut longest, mut most_delayed) = (Vec::new(), Vec::new());
    each(object.array("loops"), trace.loops.iter().enumerate(), |loops, (index, loop_trace)| {
        let data = LoopData::new(loop_trace, &mut texts);
        longest.extend(data.long_polls().map(|poll| (index, poll)));
        most_delayed.extend(data.long_delays().map(|poll| (index, poll)));
        data.write(loops.object(), loop_trace.later(first), &mut texts);
    });
    object.value("axis", first_axis(trace, &longest));
    write_listed(object.array("longest"), longest, &mut texts);
    write_listed(object.array("most_delayed"), most_delayed, &mut texts);
    each(object.array("texts"), texts.in_order(), JSONArrayWriter::value);
    object.end();
    text
}

/// Returns the axis on which the page opens: time if a long poll took more than a hundredth of the run, so
/// that its length is seen there; else turns, where the shortest poll is seen.
fn first_axis(trace: &Trace, long_polls: &[(usize, Listed)]) -> &'static str {
    let least = TimeAxis::of(trace).length / 100;
    if long_polls.iter().any(|(_, poll)| poll.took > least) { "time" } else { "turns" }
}

/// Writes the longest of the polls or delays.
fn write_listed(array: JSONArrayWriter<'_>, mut listed: Vec<(usize, Listed)>, texts: &mut Texts) {
    listed.sort_by_key(|(_, poll)| Reverse(poll.took));
    listed.truncate(MOST);
    each(array, listed, |all, (event_loop, poll)| {
        let [words, took] = [poll.words, duration(poll.took)].map(|text| texts.intern(&text));
        let [event_loop, row, step] = [event_loop, poll.row, poll.step].map(count);
        numbers(all.array(), [event_loop, row, step, words, took]);
    });
}

#[cfg(test)]
mod tests;
