//! What events and their parts are called: in dumps, pictures and slow-poll lines.
//!
//! The page names a task by its label ("2 hello"), the other forms by its number. So a function that mentions
//! a task takes a function that names it.

use std::time::Duration;

use crate::observe::{Ending, Origin, Outcome, WaitsFor};
#[cfg(feature = "trace")]
use crate::observe::{Event, EventKind, Live};

/// Writes "2 s", "1.5 s", "350 ms" or "12 µs": three significant digits, but seconds with three decimals,
/// so that in a run of a minute times that differ by 1 ms look different.
pub(crate) fn duration(time: Duration) -> String {
    let Some((value, unit)) = in_unit(time, 0.9995) else {
        return "0".into();
    };
    let digits = match value {
        _ if unit == "s" => 3,
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{} {unit}", rounded(value, digits))
}

/// Writes "1.5s", "12.034ms" or "20us": three decimals at most, in plain ASCII.
pub(crate) fn short_duration(time: Duration) -> String {
    match in_unit(time, 0.999_999_5) {
        None => "0".into(),
        Some((value, "µs")) => rounded(value, 3) + "us",
        Some((value, unit)) => rounded(value, 3) + unit,
    }
}

/// Returns a time in the largest unit of which it has at least `least`, the smallest number that is printed
/// as 1; `None` if it is zero.
fn in_unit(time: Duration, least: f64) -> Option<(f64, &'static str)> {
    let nanos = time.as_nanos() as f64;
    let mut units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")].into_iter();
    let (unit, name) = units.find(|(unit, _)| nanos >= unit * least)?;
    Some((nanos / unit, name))
}

/// Writes at most `digits` decimals, without zeros at the end. It rounds as the page's JavaScript does.
fn rounded(value: f64, digits: usize) -> String {
    let power = [1.0, 10.0, 100.0, 1_000.0][digits]; // `powi` need not be exact
    ((value * power).round() / power).to_string()
}

/// Names a task "task 3".
pub(crate) fn by_number(task: u64) -> String {
    format!("task {task}")
}

/// Describes the first four things that a task waits for; then, after the word `before`, says how many more
/// there are.
pub(crate) fn first_few<'a>(
    on: &'a [WaitsFor],
    words: impl Fn(&WaitsFor) -> String + 'a,
    before: &'a str,
) -> impl Iterator<Item = String> + 'a {
    const MOST: usize = 4;
    let more = on.len().saturating_sub(MOST);
    on.iter().take(MOST).map(words).chain((more > 0).then(|| format!("{before}{more} more")))
}

/// Names the cause of an event.
pub(crate) fn origin(by: Origin, name: impl Fn(u64) -> String) -> String {
    match by {
        Origin::Task(task) => name(task),
        Origin::Timer(timer) => format!("timer {timer}"),
        Origin::Source(source) => format!("source {source}"),
        Origin::Thread => "another thread".into(),
        Origin::Job => "a job of the executor".into(),
        Origin::Outside => "code outside of any task".into(),
    }
}

/// Names the cause of an event, for the timeline.
pub(crate) fn short_origin(by: Origin) -> String {
    match by {
        Origin::Task(task) => format!("#{task}"),
        Origin::Timer(_) => "timer".into(),
        Origin::Source(source) => format!("source {source}"),
        Origin::Thread => "thread".into(),
        Origin::Job => "job".into(),
        Origin::Outside => "outside".into(),
    }
}

/// Names what a task waits for, with other tasks by their numbers.
pub(crate) fn waits_for(on: &WaitsFor) -> String {
    awaited(on, by_number)
}

/// Names what a task waits for.
pub(crate) fn awaited(on: &WaitsFor, name: impl Fn(u64) -> String) -> String {
    match on {
        WaitsFor::Timer { timer, deadline } => {
            format!("timer {timer}, until {}", duration(*deadline))
        }
        WaitsFor::Readable(source) => format!("source {source} to be readable"),
        WaitsFor::Writable(source) => format!("source {source} to be writable"),
        WaitsFor::Task(task) => name(*task),
        WaitsFor::Tasks { what, left } => format!("{what}: {} left", plural(*left, "task")),
        WaitsFor::Job => "a job of the executor".into(),
        WaitsFor::Signal(number) => signal_name(*number),
        WaitsFor::Turn => "its next turn".into(),
        WaitsFor::Foreign => "something that the loop does not know".into(),
    }
}

/// Names what a task waits for, some time after its poll. It gives no number of tasks, since some may be done
/// by now.
pub(crate) fn still_waits_for(on: &WaitsFor) -> String {
    match on {
        WaitsFor::Tasks { what, .. } => format!("tasks of {what}"),
        on => waits_for(on),
    }
}

/// Names what a task waits for, above its bar in a picture.
pub(crate) fn waits_briefly(on: &WaitsFor) -> String {
    match on {
        WaitsFor::Timer { deadline, .. } => format!("until {}", duration(*deadline)),
        WaitsFor::Readable(source) => format!("reads {source}"),
        WaitsFor::Writable(source) => format!("writes {source}"),
        WaitsFor::Task(task) => by_number(*task),
        WaitsFor::Tasks { what, left } => format!("{what} of {left}"),
        WaitsFor::Job => "a job".into(),
        WaitsFor::Signal(number) => signal_name(*number),
        WaitsFor::Turn => "its turn".into(),
        WaitsFor::Foreign => "unknown".into(),
    }
}

/// Names what a task waits for, for the timeline.
pub(crate) fn short_wait(on: &WaitsFor) -> String {
    match on {
        WaitsFor::Timer { deadline, .. } => format!("until {}", short_duration(*deadline)),
        WaitsFor::Readable(source) => format!("read {source}"),
        WaitsFor::Writable(source) => format!("write {source}"),
        WaitsFor::Task(task) => format!("#{task}"),
        WaitsFor::Tasks { what, left } => format!("{what} {left}"),
        WaitsFor::Job => "job".into(),
        WaitsFor::Signal(number) => signal_name(*number),
        WaitsFor::Turn => "yield".into(),
        WaitsFor::Foreign => "unknown".into(),
    }
}

/// Joins words: "timer 1, until 2 s or task 3".
pub(crate) fn or(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" or ")
}

/// Describes how a poll ends: "is ready after 3 ms".
pub(crate) fn poll_end(with: Outcome, took: Duration) -> String {
    let how = match with {
        Outcome::Panicked => "panicked".into(),
        with => format!("is {}", outcome(with)),
    };
    match took {
        Duration::ZERO => how,
        took => format!("{how} after {}", duration(took)),
    }
}

pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pending => "pending",
        Outcome::Ready => "ready",
        Outcome::Panicked => "panicked",
    }
}

pub(crate) fn ending(how: Ending) -> &'static str {
    match how {
        Ending::Returned => "done",
        Ending::Panicked => "panicked",
        Ending::Cancelled => "cancelled",
    }
}

/// Returns "SIGINT", or "signal 2" without the feature that waits for signals.
fn signal_name(number: i32) -> String {
    #[cfg(all(unix, feature = "signal"))]
    if let Some(name) = signal_hook::low_level::signal_name(number) {
        return name.to_owned();
    }
    format!("signal {number}")
}

/// Returns "1 source" or "2 sources".
pub(crate) fn plural(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// Describes how late a timer fired.
#[cfg(feature = "trace")]
pub(crate) fn lateness(due: Duration, fired: Duration) -> String {
    match fired.saturating_sub(due) {
        Duration::ZERO => "on time".into(),
        late => format!("{} late", duration(late)),
    }
}

/// Describes an event. `before` is the loop's state before it: that still has the timer that fires.
#[cfg(feature = "trace")]
pub(crate) fn sentence(event: &Event, before: &Live, name: impl Fn(u64) -> String) -> String {
    match &event.kind {
        EventKind::Opened { is_virtual: true } => "the loop is made; its clock is virtual".into(),
        EventKind::Opened { is_virtual: false } => "the loop is made; its clock is real".into(),
        EventKind::TurnBegins => "the turn begins: it polls what is ready now".into(),
        EventKind::Parked { sources, .. } => parked(event.kind.sleep(), *sources),
        EventKind::Spawned { task, .. } => format!("{} is spawned", name(*task)),
        EventKind::MainEntered { task, .. } => format!("{} is entered", name(*task)),
        EventKind::Named { task, name } => format!("{task} is named \"{name}\""),
        EventKind::Woken { task, by, .. } if *by == Origin::Task(*task) => {
            format!("{} wakes itself", name(*task))
        }
        EventKind::Woken { task, by, already } => {
            let already = if *already { ", which was ready" } else { "" };
            format!("{} wakes {}{already}", origin(*by, &name), name(*task))
        }
        EventKind::PollBegins { task } => format!("polls {}", name(*task)),
        EventKind::PollEnds { task, outcome, took } => {
            format!("{} {}", name(*task), poll_end(*outcome, *took))
        }
        EventKind::Waits { on, .. } => format!("waits for {}", awaited(on, name)),
        EventKind::TimerArmed { timer, deadline, .. } => {
            format!("timer {timer} is armed, until {}", duration(*deadline))
        }
        EventKind::TimerFired { timer } => fired(*timer, event.time, before, name),
        EventKind::TimerDropped { timer, cancelled: true } => format!("timer {timer} is cancelled"),
        EventKind::TimerDropped { timer, .. } => {
            format!("timer {timer} has fired, and is dropped")
        }
        EventKind::SourceAdded { source } => format!("source {source} is registered"),
        EventKind::SourceDropped { source } => format!("source {source} is dropped"),
        EventKind::Aborted { task, by } => {
            format!("{} aborts {}", origin(*by, &name), name(*task))
        }
        EventKind::Finished { task, how } => format!("{} ends: {}", name(*task), ending(*how)),
        EventKind::Closed => "the loop is closed".into(),
    }
}

#[cfg(feature = "trace")]
fn parked(sleep: Option<Duration>, sources: usize) -> String {
    let mut parked = match sleep {
        None => "parks without sleeping".into(),
        Some(sleep) => format!("parks and sleeps {}", duration(sleep)),
    };
    if sources > 0 {
        parked += &format!("; {} ready", plural(sources, "source"));
    }
    parked
}

#[cfg(feature = "trace")]
fn fired(timer: u32, at: Duration, before: &Live, name: impl Fn(u64) -> String) -> String {
    let Some((due, task)) = before.timers.get(&timer) else {
        return format!("timer {timer} fires");
    };
    let whose = task.map_or(String::new(), |task| format!(" for {}", name(task)));
    format!("timer {timer} fires{whose}, {}", lateness(*due, at))
}

#[cfg(all(test, feature = "trace"))]
mod tests;
