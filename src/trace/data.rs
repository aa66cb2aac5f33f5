//! What was recorded, as JSON: the data of the page.
//!
//! An event is an array: its kind, its time in nanoseconds of the loop's time, and then its fields in the
//! order in which [`EventKind`] declares them. The reader counts the turns by `"turn"`.
//!
//! The text is written as it goes. A tree of JSON values would take several times its memory.

use std::time::Duration;

use json_writer::{JSONArrayWriter, JSONObjectWriter, JSONWriter, JSONWriterValue};

use crate::observe::{Event, EventKind, Origin, WaitsFor, words};
use crate::trace::{Live, LiveTask, LoopTrace, TaskState, Trace};

/// Writes an array of values whose types differ.
macro_rules! array {
    ($array:expr => $($value:expr),+) => {{
        let mut array = $array;
        $(array.value($value);)+
    }};
}

/// Writes what is in a list, and closes the array.
fn each<'a, T>(
    mut array: JSONArrayWriter<'a>,
    list: impl IntoIterator<Item = T>,
    write: impl Fn(&mut JSONArrayWriter<'a>, T),
) {
    list.into_iter().for_each(|item| write(&mut array, item));
}

/// Writes the whole trace.
pub(super) fn of(trace: &Trace) -> String {
    let first = trace.loops.iter().map(|it| it.began).min();
    let mut text = String::new();
    let mut object = JSONObjectWriter::new(&mut text);
    each(object.array("loops"), &trace.loops, |loops, it| {
        let after = first.map_or(Duration::ZERO, |first| it.began - first);
        write_loop(loops.object(), it, after);
    });
    object.end();
    text
}

/// Writes a loop whose time begins so long after that of the first one.
fn write_loop(mut object: JSONObjectWriter<'_>, it: &LoopTrace, began: Duration) {
    object.value("number", it.number);
    object.value("began", nanos(began));
    object.value("dropped", it.dropped);
    write_live(object.object("before"), &it.before);
    each(object.array("events"), &it.events, |events, event| {
        write_event(events.array(), event);
    });
}

fn write_live(mut object: JSONObjectWriter<'_>, live: &Live) {
    object.value("turn", live.turn);
    object.value("time", nanos(live.time));
    each(object.array("tasks"), live.tasks.values(), |tasks, task| {
        write_task(tasks.object(), task);
    });
    each(object.array("ready"), &live.ready, JSONArrayWriter::value);
    object.value("polled", live.polled);
    each(object.array("timers"), &live.timers, |timers, timer| {
        let (timer, (at, task)) = timer;
        array!(timers.array() => timer, nanos(*at), task);
    });
    each(object.array("sources"), &live.sources, |sources, source| {
        sources.value(count(*source));
    });
    object.value("virtual", live.is_virtual);
    object.value("closed", live.closed);
}

fn write_task(mut object: JSONObjectWriter<'_>, task: &LiveTask) {
    object.value("id", task.id);
    object.value("name", task.name.as_deref());
    object.value("main", task.is_main);
    object.value("parent", task.parent);
    object.value("future", task.future);
    object.value("location", &task.location.to_string());
    object.value("state", state(task.state));
    object.value("since", nanos(task.since));
    each(object.array("waits"), &task.waits, |waits, on| {
        waits.value(On(*on));
    });
    object.value("polls", task.polls);
    object.value("busy", nanos(task.busy));
    object.value("longest", nanos(task.longest));
}

fn write_event(array: JSONArrayWriter<'_>, event: &Event) {
    let time = nanos(event.time);
    match &event.kind {
        EventKind::Opened { is_virtual } => array!(array => "opened", time, is_virtual),
        EventKind::TurnBegins => array!(array => "turn", time, event.turn),
        EventKind::Parked {
            timeout,
            slept,
            sources,
        } => {
            let (timeout, slept) = (timeout.map(nanos), nanos(*slept));
            array!(array => "parked", time, timeout, slept, count(*sources));
        }
        EventKind::Spawned {
            task,
            parent,
            future,
            location,
        } => array!(array => "spawned", time, task, parent, *future, &location.to_string()),
        EventKind::MainEntered {
            task,
            future,
            location,
        } => array!(array => "main", time, task, *future, &location.to_string()),
        EventKind::Named { task, name } => array!(array => "named", time, task, &**name),
        EventKind::Woken { task, by, already } => {
            array!(array => "woken", time, task, By(*by), already);
        }
        EventKind::PollBegins { task } => array!(array => "polls", time, task),
        EventKind::PollEnds {
            task,
            outcome,
            took,
        } => {
            array!(array => "polled", time, task, words::outcome(*outcome), nanos(*took))
        }
        EventKind::Waits { task, on } => array!(array => "waits", time, task, On(*on)),
        EventKind::TimerArmed {
            timer,
            task,
            deadline,
        } => array!(array => "armed", time, timer, task, nanos(*deadline)),
        EventKind::TimerFired { timer } => array!(array => "fired", time, timer),
        EventKind::TimerDropped { timer, cancelled } => {
            array!(array => "timer dropped", time, timer, cancelled);
        }
        EventKind::SourceAdded { source } => array!(array => "source", time, count(*source)),
        EventKind::SourceDropped { source } => {
            array!(array => "source dropped", time, count(*source));
        }
        EventKind::Aborted { task, by } => array!(array => "aborted", time, task, By(*by)),
        EventKind::Finished { task, how } => {
            array!(array => "finished", time, task, words::ending(*how));
        }
        EventKind::Closed => array!(array => "closed", time),
    }
}

/// An origin as a value: an array.
struct By(Origin);

impl JSONWriterValue for By {
    fn write_json<W: JSONWriter>(self, writer: &mut W) {
        let array = JSONArrayWriter::new(writer);
        match self.0 {
            Origin::Task(task) => array!(array => "task", task),
            Origin::Timer(timer) => array!(array => "timer", timer),
            Origin::Source(source) => array!(array => "source", count(source)),
            Origin::Thread => array!(array => "thread"),
            Origin::Job => array!(array => "job"),
            Origin::Outside => array!(array => "outside"),
        }
    }
}

/// What a task waits for as a value: an array.
struct On(WaitsFor);

impl JSONWriterValue for On {
    fn write_json<W: JSONWriter>(self, writer: &mut W) {
        let array = JSONArrayWriter::new(writer);
        match self.0 {
            WaitsFor::Timer { timer, deadline } => array!(array => "timer", timer, nanos(deadline)),
            WaitsFor::Readable(source) => array!(array => "readable", count(source)),
            WaitsFor::Writable(source) => array!(array => "writable", count(source)),
            WaitsFor::Task(task) => array!(array => "task", task),
            WaitsFor::Tasks { what, left } => array!(array => "tasks", what, count(left)),
            WaitsFor::Job => array!(array => "job"),
            WaitsFor::Turn => array!(array => "turn"),
            WaitsFor::Foreign => array!(array => "foreign"),
        }
    }
}

fn state(state: TaskState) -> &'static str {
    match state {
        TaskState::Ready => "ready",
        TaskState::Polled => "polled",
        TaskState::Idle => "idle",
        TaskState::Aborted => "aborted",
    }
}

/// The writer takes integers whose size is the same everywhere.
fn count(number: usize) -> u64 {
    number as u64
}

/// Saturates after 584 years; a deadline may be that far.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::trace::story::Story;

    /// Names may have any characters, and deadlines any number: a reader of the JSON gets the same back.
    #[test]
    fn what_is_written_is_what_is_read() {
        let controls: String = ('\0'..' ').chain('\u{7f}'..'\u{a0}').collect();
        let names = [
            "\"quoted\" \\ / </script><!--",
            &controls,
            "déjà vu, \u{2028}\u{2029}\u{feff}😂",
            "",
        ];
        let mut story = Story::new();
        story.enter(1).turn().poll(1);
        for name in names {
            story.spawn(2, "demo::{{closure}}").name(2, name);
        }
        let on = WaitsFor::Timer {
            timer: 0,
            deadline: Duration::MAX,
        };
        let trace = story.waits(&[on]).trace();
        let data: Value = serde_json::from_str(&of(&trace)).expect("it is JSON");
        let events = data["loops"][0]["events"].as_array().unwrap();
        let of_kind = |kind: &str| -> Vec<&Value> {
            let events = events.iter().filter(|event| event[0] == kind);
            events.map(|event| &event[3]).collect()
        };
        assert_eq!(of_kind("named"), names);
        assert_eq!(of_kind("waits"), [&json!(["timer", 0, u64::MAX])]);
        let names: Vec<_> = of_kind("spawned");
        assert_eq!(names, [&json!(1); 4]);
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
        let data: Value =
            serde_json::from_str(data).expect("it is JSON up to the end of the element");
        let events = data["loops"][0]["events"].as_array().unwrap();
        assert_eq!(events.last().unwrap()[3], name);
    }
}
