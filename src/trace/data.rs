//! What was recorded, as JSON: the data of the page.
//!
//! An event is an array: what it is, when it was (nanoseconds of the loop's time), and the rest in the
//! order of its fields. Who reads it counts the turns by `"turn"`.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::observe::{Event, EventKind, Origin, WaitsFor};
use crate::trace::{Live, LiveTask, LoopTrace, TaskState, Trace, words};

/// The whole trace. The events are written one by one: all at once, as JSON values,
/// they would take several times their text's memory.
pub(super) fn of(trace: &Trace) -> String {
    let first = trace.loops.iter().map(|it| it.began).min();
    let loops = trace.loops.iter().map(|it| {
        let after = first.map_or(Duration::ZERO, |first| it.began - first);
        of_loop(it, after)
    });
    format!("{{\"loops\":[{}]}}", loops.collect::<Vec<_>>().join(","))
}

/// A loop; its time begins so long after that of the first one.
fn of_loop(it: &LoopTrace, began: Duration) -> String {
    let (number, began, dropped) = (it.number, nanos(began), it.dropped);
    let before = of_live(&it.before);
    let mut text = format!(
        "{{\"number\":{number},\"began\":{began},\"dropped\":{dropped},\"before\":{before},\"events\":["
    );
    for (index, event) in it.events.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let _ = write!(text, "{}", of_event(event));
    }
    text + "]}"
}

fn of_live(live: &Live) -> Value {
    let timers = live
        .timers
        .iter()
        .map(|(timer, (at, task))| json!([timer, nanos(*at), task]));
    json!({
        "turn": live.turn,
        "time": nanos(live.time),
        "tasks": live.tasks.values().map(of_task).collect::<Vec<_>>(),
        "ready": live.ready,
        "polled": live.polled,
        "timers": timers.collect::<Vec<_>>(),
        "sources": live.sources,
        "virtual": live.is_virtual,
        "closed": live.closed,
    })
}

fn of_task(task: &LiveTask) -> Value {
    json!({
        "id": task.id,
        "name": task.name.as_deref(),
        "main": task.is_main,
        "parent": task.parent,
        "future": task.future,
        "location": task.location.to_string(),
        "state": state(task.state),
        "since": nanos(task.since),
        "waits": task.waits.iter().map(of_wait).collect::<Vec<_>>(),
        "polls": task.polls,
        "busy": nanos(task.busy),
        "longest": nanos(task.longest),
    })
}

fn of_event(event: &Event) -> Value {
    let time = nanos(event.time);
    match &event.kind {
        EventKind::Opened { is_virtual } => json!(["opened", time, is_virtual]),
        EventKind::TurnBegins => json!(["turn", time, event.turn]),
        EventKind::Parked {
            timeout,
            slept,
            sources,
        } => {
            json!(["parked", time, timeout.map(nanos), nanos(*slept), sources])
        }
        EventKind::Spawned {
            task,
            parent,
            future,
            location,
        } => {
            json!(["spawned", time, task, parent, future, location.to_string()])
        }
        EventKind::MainEntered {
            task,
            future,
            location,
        } => {
            json!(["main", time, task, future, location.to_string()])
        }
        EventKind::Named { task, name } => json!(["named", time, task, &**name]),
        EventKind::Woken { task, by, already } => {
            json!(["woken", time, task, of_origin(*by), already])
        }
        EventKind::PollBegins { task } => json!(["polls", time, task]),
        EventKind::PollEnds {
            task,
            outcome,
            took,
        } => {
            json!(["polled", time, task, words::outcome(*outcome), nanos(*took)])
        }
        EventKind::Waits { task, on } => json!(["waits", time, task, of_wait(on)]),
        EventKind::TimerArmed {
            timer,
            task,
            deadline,
        } => {
            json!(["armed", time, timer, task, nanos(*deadline)])
        }
        EventKind::TimerFired { timer } => json!(["fired", time, timer]),
        EventKind::TimerDropped { timer, cancelled } => {
            json!(["timer dropped", time, timer, cancelled])
        }
        EventKind::SourceAdded { source } => json!(["source", time, source]),
        EventKind::SourceDropped { source } => json!(["source dropped", time, source]),
        EventKind::Aborted { task, by } => json!(["aborted", time, task, of_origin(*by)]),
        EventKind::Finished { task, how } => json!(["finished", time, task, words::ending(*how)]),
        EventKind::Closed => json!(["closed", time]),
    }
}

fn of_origin(by: Origin) -> Value {
    match by {
        Origin::Task(task) => json!(["task", task]),
        Origin::Timer(timer) => json!(["timer", timer]),
        Origin::Source(source) => json!(["source", source]),
        Origin::Thread => json!(["thread"]),
        Origin::Job => json!(["job"]),
        Origin::Outside => json!(["outside"]),
    }
}

fn of_wait(on: &WaitsFor) -> Value {
    match on {
        WaitsFor::Timer { timer, deadline } => json!(["timer", timer, nanos(*deadline)]),
        WaitsFor::Readable(source) => json!(["readable", source]),
        WaitsFor::Writable(source) => json!(["writable", source]),
        WaitsFor::Task(task) => json!(["task", task]),
        WaitsFor::Tasks { what, left } => json!(["tasks", what, left]),
        WaitsFor::Job => json!(["job"]),
        WaitsFor::Turn => json!(["turn"]),
        WaitsFor::Foreign => json!(["foreign"]),
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

/// In 584 years they no longer fit; a deadline may be that far.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
