//! The data of stories: what a reader looks up at a step is what the recording has there.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::observe::{Ending, EventKind, Live, Origin, Outcome, TaskState, WaitsFor};
use crate::trace::picture::Step;
use crate::trace::story::{self, Story};
use crate::trace::{Recorder, axis, labels};

fn read(trace: &Trace) -> Value {
    serde_json::from_str(&of(trace)).expect("it is JSON")
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().expect("a number")).unwrap()
}

/// A loop of the data, which is read as the page reads it.
struct Reader<'a> {
    data: &'a Value,
    event_loop: &'a Value,
}

impl<'a> Reader<'a> {
    fn text(&self, index: &Value) -> &'a str {
        self.data["texts"][number(index)].as_str().expect("a text")
    }

    /// Returns what a list shows at a step.
    fn list(&self, list: &str, step: Step) -> Vec<&'a str> {
        let entries = self.event_loop[list].as_array().unwrap().iter();
        let shown = entries.filter(|entry| {
            number(&entry[1]) <= step && entry[2].as_u64().is_none_or(|to| step < to as usize)
        });
        shown.map(|entry| self.text(&entry[0])).collect()
    }

    /// Returns the live tasks at a step, with their states and their polls: "2 a idle 3".
    fn tasks(&self, step: Step) -> Vec<String> {
        let tasks = self.event_loop["tasks"].as_array().unwrap().iter();
        let shown = tasks.filter_map(|task| {
            let has_ended = task["end"][0].as_u64().is_some_and(|end| end as usize <= step);
            let spans = task["spans"].as_array().unwrap().iter();
            let begun: Vec<&Value> = spans.filter(|span| number(&span[0]) <= step).collect();
            let last = begun.last().filter(|_| !has_ended)?;
            let name = |span: &Value| self.text(&self.data["states"][number(&span[1])][0]);
            let polls = begun.iter().filter(|span| name(span) == "polled").count();
            let polls = polls + number(&task["polls"]);
            let state = name(last);
            Some(format!("{} {} {polls}", self.text(&task["label"]), state))
        });
        shown.collect()
    }
}

/// Compares each step with the state that the events lead to.
fn compare(trace: &Trace) {
    let data = read(trace);
    for (index, loop_trace) in trace.loops.iter().enumerate() {
        let reader = Reader { data: &data, event_loop: &data["loops"][index] };
        assert_eq!(reader.event_loop["events"].as_array().unwrap().len(), loop_trace.events.len());
        let mut live = loop_trace.before.clone();
        let labels = labels::of(loop_trace);
        compare_step(&reader, &live, &labels, 0);
        for (index, event) in loop_trace.events.iter().enumerate() {
            live.apply(event);
            compare_step(&reader, &live, &labels, index + 1);
        }
    }
}

fn compare_step(reader: &Reader, live: &Live, labels: &BTreeMap<u64, String>, step: Step) {
    let ready: Vec<&str> = live.ready.iter().map(|task| &*labels[task]).collect();
    assert_eq!(reader.list("ready", step), ready, "step {step}");

    let timers = live.timers.iter();
    let mut timers: Vec<_> = timers.map(|(timer, (due, task))| (*due, *timer, *task)).collect();
    timers.sort();
    let wheel = timers.iter().map(|(due, timer, task)| {
        let whose = task.map_or(String::new(), |task| format!(": {}", labels[&task]));
        format!("timer {timer}, at {}{whose}", duration(*due))
    });
    assert_eq!(reader.list("wheel", step), wheel.collect::<Vec<_>>(), "step {step}");

    let sources = live.sources.iter().map(|source| {
        let waits = live.tasks.values().filter(|task| {
            let is_source =
                |on: &WaitsFor| matches!(on, WaitsFor::Readable(on) | WaitsFor::Writable(on) if on == source);
            task.state == TaskState::Idle && task.waits.iter().any(is_source)
        });
        let names: Vec<&str> = waits.map(|task| &*labels[&task.id]).collect();
        match names.is_empty() {
            true => format!("source {source}"),
            false => format!("source {source}: {}", names.join(", ")),
        }
    });
    assert_eq!(reader.list("sources", step), sources.collect::<Vec<_>>(), "step {step}");

    let tasks = live.tasks.values().map(|task| {
        let state = STATES.iter().find(|(state, ..)| *state == task.state);
        format!("{} {} {}", labels[&task.id], state.unwrap().1, task.polls)
    });
    assert_eq!(reader.tasks(step), tasks.collect::<Vec<_>>(), "step {step}");
}

/// Two tasks share a source, a third one has another; one is aborted while it is idle, one by itself.
fn sources(recorder: &Recorder) -> Story {
    let mut story = Story::of(1, recorder, false);
    story.enter(1).turn().poll(1);
    for task in 2..6 {
        story.spawn(task, "demo::reader::{{closure}}");
    }
    story.name(3, "writer").joins(2);
    story.record(EventKind::SourceAdded { source: 8 });
    story.record(EventKind::SourceAdded { source: 0 });
    story.turn().poll(2).waits(&[WaitsFor::Readable(8)]);
    story.poll(3).waits(&[WaitsFor::Readable(8), WaitsFor::Writable(8)]);
    story.poll(4).waits(&[WaitsFor::Readable(0), WaitsFor::Readable(8)]);
    story.poll(5).record(EventKind::Aborted { task: 5, by: Origin::Task(5) });
    story.yields().finish(5, Ending::Cancelled);
    story.park(5).wake(2, Origin::Source(8)).wake(3, Origin::Source(8));
    story.record(EventKind::Aborted { task: 4, by: Origin::Outside });
    story.turn().poll(2).sleeps(20).poll(3).waits(&[WaitsFor::Readable(8)]);
    story.finish(4, Ending::Cancelled);
    story.record(EventKind::SourceDropped { source: 0 });
    story.park(20).fires(2).turn().poll(2).yields();
    story.turn().poll(2).returns().wake(1, Origin::Task(2));
    story.record(EventKind::SourceDropped { source: 8 });
    story.turn().poll(1).returns().close();
    story
}

/// Each step shows the state that the events before it have led to.
#[test]
fn each_step_is_the_state_of_the_loop() {
    compare(&story::gather().trace());
    compare(&sources(&Recorder::new()).trace());
}

/// So it is if the oldest events were dropped, whatever their number.
#[test]
fn a_recording_that_was_cut_begins_with_its_state() {
    let all = sources(&Recorder::new()).events.len();
    for limit in 1..all {
        compare(&sources(&Recorder::with_limit(limit)).trace());
    }
}

/// If many tasks wait for one source, only the first are named, so that the texts stay short.
#[test]
fn only_the_first_tasks_of_a_source_are_named() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1);
    let tasks = 2..302;
    for task in tasks.clone() {
        story.spawn(task, "demo::a");
    }
    story.record(EventKind::SourceAdded { source: 8 });
    story.joins(2).turn();
    for task in tasks.clone() {
        story.poll(task).waits(&[WaitsFor::Readable(8)]);
    }
    let step = story.events.len();
    for task in tasks {
        story.wake(task, Origin::Source(8));
    }
    let data = read(&story.trace());
    let event_loop = &data["loops"][0];
    let sources = Reader { data: &data, event_loop }.list("sources", step);
    assert_eq!(sources, ["source 8: 2 a, 3 a, 4 a, 5 a, 6 a, 7 a, 8 a, 9 a and more"]);
    let longest = data["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().len());
    assert!(longest.max().unwrap() < 100);
}

/// A cause names the task, what was done to it, by what, and how many tasks were ready before it. If a task
/// did it, the cause has that task's row.
#[test]
fn causes_name_what_they_come_from() {
    let data = read(&sources(&Recorder::new()).trace());
    let event_loop = &data["loops"][0];
    let reader = Reader { data: &data, event_loop };
    let causes = event_loop["causes"].as_array().unwrap().iter().map(|cause| {
        let row = &event_loop["tasks"][number(&cause[1])]["label"];
        let action = reader.text(&data["actions"][number(&cause[2])][1]);
        let by = cause[3].as_u64().map(|row| reader.text(&event_loop["tasks"][row as usize]["label"]));
        let (words, ahead) = (reader.text(&cause[4]), number(&cause[6]));
        assert!(by.is_none_or(|by| by == words));
        format!("{}: {action} {words}, {ahead} ahead", reader.text(row))
    });
    let causes: Vec<String> = causes.collect();
    let expected = [
        "2 reader: It was spawned by 1 main, 0 ahead",
        "3 writer: It was spawned by 1 main, 1 ahead",
        "4 reader: It was spawned by 1 main, 2 ahead",
        "5 reader: It was spawned by 1 main, 3 ahead",
        "5 reader: It was aborted by 5 reader, 0 ahead",
        "5 reader: It was woken by 5 reader, 0 ahead",
        "2 reader: It was woken by source 8, 0 ahead",
        "3 writer: It was woken by source 8, 1 ahead",
        "4 reader: It was aborted by code outside of any task, 2 ahead",
        "2 reader: It was woken by timer 2, 0 ahead",
        "2 reader: It was woken by 2 reader, 0 ahead",
        "1 main: It was woken by 2 reader, 0 ahead",
    ];
    assert_eq!(causes, expected);
}

/// Places and times are written as differences, and add up.
#[test]
fn differences_add_up() {
    let trace = sources(&Recorder::new()).trace();
    let data = read(&trace);
    let sum = |column: &Value| column.as_array().unwrap().iter().map(number).sum::<usize>();
    let event_loop = &data["loops"][0];
    let loop_trace = &trace.loops[0];
    let events = &loop_trace.events;
    let width = axis::places(loop_trace, &[])[events.len()];
    assert_eq!(sum(&event_loop["places"]), (width * 10.0).round() as usize);
    assert_eq!(sum(&event_loop["times"]) as u128, events[events.len() - 1].time.as_nanos());
}

/// Names may have any characters, and deadlines any value: they read back, but for the characters that are not
/// printable.
#[test]
fn what_is_written_is_what_is_read() {
    let controls: String = ('\0'..' ').chain('\u{7f}'..'\u{a0}').collect();
    let names = ["\"quoted\" \\ / </script><!--", &controls, "déjà vu, \u{2028}\u{2029}\u{feff}😂", ""];
    let mut story = Story::new();
    story.enter(1).turn().poll(1);
    for (name, task) in names.iter().zip(2..) {
        story.spawn(task, "demo::{{closure}}").name(task, name);
    }
    let on = WaitsFor::Timer { timer: 0, deadline: Duration::MAX };
    let data = read(&story.waits(&[on]).trace());
    let event_loop = &data["loops"][0];
    let reader = Reader { data: &data, event_loop };
    let labels: Vec<&str> = (1..5).map(|task| reader.text(&event_loop["tasks"][task]["label"])).collect();
    let names = names.map(labels::printable);
    let expected: Vec<String> = names.iter().zip(2..).map(|(name, task)| format!("{task} {name}")).collect();
    assert_eq!(labels, expected);
    let events = event_loop["events"].as_array().unwrap().iter();
    let named: Vec<&str> =
        events.map(|text| reader.text(text)).filter(|text| text.contains(" named ")).collect();
    let expected: Vec<String> =
        names.iter().zip(2..).map(|(name, task)| format!("{task} is named \"{name}\"")).collect();
    assert_eq!(named, expected);
    let spans = event_loop["tasks"][0]["spans"].as_array().unwrap();
    let waits = reader.text(&spans[spans.len() - 1][3]);
    assert_eq!(waits, format!("timer 0, until {}", duration(Duration::MAX)));
}

/// A recording that the program has changed, so that times go back, is written too.
#[test]
fn a_recording_may_be_changed() {
    let trace = sources(&Recorder::new()).trace();
    for index in 0..trace.loops[0].events.len() {
        let mut changed = trace.clone();
        let events = &mut changed.loops[0].events;
        events.swap(index, events.len() - 1 - index);
        read(&changed);
        changed.loops[0].events.remove(index);
        read(&changed);
    }
}

/// The data stands in a script element of the page, and nothing that is recorded can end it.
#[test]
fn no_name_ends_the_data_of_the_page() {
    let name = "</script><script>alert(1)</script><!--";
    let mut story = Story::new();
    story.enter(1).name(1, name);
    let page = story.trace().to_html();
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    let (data, _) = data.split_once('<').unwrap();
    let data: Value = serde_json::from_str(data).expect("it is JSON up to the end of the element");
    let event_loop = &data["loops"][0];
    let label = Reader { data: &data, event_loop }.text(&event_loop["tasks"][0]["label"]);
    assert_eq!(label, format!("1 {name}"));
}

/// Returns each poll that was delayed, in milliseconds: "4 b: ready 300, 3 a 300", for how long, by which
/// task, and for how long of it.
fn delays(story: &Story) -> Vec<String> {
    let data = read(&story.trace());
    let event_loop = &data["loops"][0];
    let reader = Reader { data: &data, event_loop };
    let tasks = event_loop["tasks"].as_array().unwrap();
    let label = |task: &Value| reader.text(&task["label"]);
    let mut all = Vec::new();
    for task in tasks {
        for span in task["spans"].as_array().unwrap().iter().filter(|span| number(&span[1]) == 0) {
            let Some(took) = span[4].as_u64() else { continue };
            let by = &tasks[number(&span[6])];
            assert_eq!(by["spans"][number(&span[7])][1], 0, "a poll");
            let state = if number(&span[5]) == 1 { "overdue" } else { "ready" };
            let [took, held] = [took, span[8].as_u64().unwrap()].map(|nanos| nanos / 1_000_000);
            all.push((number(&span[0]), format!("{}: {state} {took}, {} {held}", label(task), label(by))));
        }
    }
    all.sort();
    all.into_iter().map(|(_, delay)| delay).collect()
}

/// A delay begins with the wake, or with the deadline if a poll holds the thread then; that the kernel is
/// late is no delay. Of a poll in which the delay begins, the rest counts.
#[test]
fn a_delay_names_the_poll_that_held_the_thread() {
    let mut story = Story::of(1, &Recorder::new(), false);
    story.enter(1).turn().poll(1).spawn(2, "demo::sleeps").spawn(3, "demo::crunch").spawn(4, "demo::ready");
    story.joins(2).turn().poll(2).sleeps(100);
    story.poll(3).later(200).spawn(5, "demo::spawned").later(100).returns();
    story.poll(4).later(5).returns();
    story.fires(2).turn().poll(5).returns().poll(2).sleeps(400);
    story.park(500).fires(2).turn().poll(2).returns();
    let expected = [
        "4 ready: ready 300, 3 crunch 300",
        "5 spawned: ready 105, 3 crunch 100",
        "2 sleeps: overdue 205, 3 crunch 200",
    ];
    assert_eq!(delays(&story), expected);

    let data = read(&story.trace());
    let listed = data["most_delayed"].as_array().unwrap().iter();
    let listed = listed.map(|poll| data["texts"][number(&poll[3])].as_str().unwrap());
    let expected = [
        "4 ready in turn 2, 300 ms late",
        "2 sleeps in turn 3, 205 ms late",
        "5 spawned in turn 3, 105 ms late",
    ];
    assert_eq!(listed.collect::<Vec<_>>(), expected);
}

/// A delay names the longest of its polls, and of equal ones the last.
#[test]
fn a_delay_names_the_longest_poll() {
    let mut story = Story::of(1, &Recorder::new(), false);
    story.enter(1).turn().poll(1);
    let tasks = [(2, 4), (3, 9), (4, 2), (5, 6), (6, 6), (7, 1)];
    for (task, _) in tasks {
        story.spawn(task, "demo::a");
    }
    story.joins(2).turn();
    for (task, millis) in tasks {
        story.poll(task).later(millis).yields();
    }
    story.turn();
    for (task, _) in tasks {
        story.poll(task).later(1).returns();
    }
    let expected = [
        "3 a: ready 4, 2 a 4",
        "4 a: ready 13, 3 a 9",
        "5 a: ready 15, 3 a 9",
        "6 a: ready 21, 3 a 9",
        "7 a: ready 27, 3 a 9",
        "2 a: ready 24, 3 a 9",
        "3 a: ready 16, 6 a 6",
        "4 a: ready 15, 6 a 6",
        "5 a: ready 10, 6 a 6",
        "6 a: ready 5, 5 a 1",
        "7 a: ready 5, 6 a 1",
    ];
    assert_eq!(delays(&story), expected);
}

/// The page opens over time if its longest poll is seen there. It opens over turns if the run is far longer,
/// or if no poll is long.
#[test]
fn the_page_opens_where_the_run_is_readable() {
    let opens = |polled: Duration, parked: u64| {
        let mut story = Story::of(1, &Recorder::new(), false);
        story.enter(1).turn().poll(1).sleeps(parked).park(parked).fires(1).turn().poll(1);
        let outcome = Outcome::Ready;
        story.record(EventKind::PollEnds { task: 1, outcome, took: polled });
        read(&story.trace())["axis"].as_str().unwrap().to_owned()
    };
    assert_eq!(opens(Duration::from_millis(90), 1_000), "time");
    assert_eq!(opens(Duration::from_millis(90), 10_000), "turns");
    assert_eq!(opens(Duration::from_micros(900), 2), "turns");
}
