//! Words for times, and for what is waited for.

use std::time::Duration;

use crate::observe::WaitsFor;

/// "2 s", "1.5 s", "350 ms", "12 µs": three digits, more if they are whole; of seconds, three decimals,
/// so that a run of a minute tells apart what is 1 ms apart.
pub(crate) fn duration(time: Duration) -> String {
    let nanos = time.as_nanos();
    let (unit, name) = match nanos {
        0 => return "0".into(),
        1_000_000_000.. => (1e9, "s"),
        1_000_000.. => (1e6, "ms"),
        1_000.. => (1e3, "µs"),
        _ => (1.0, "ns"),
    };
    let value = nanos as f64 / unit;
    let digits = match value {
        _ if name == "s" => 3,
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    let number = format!("{value:.digits$}");
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => &number,
    };
    format!("{number} {name}")
}

pub(crate) fn waits_for(on: &WaitsFor) -> String {
    match on {
        WaitsFor::Timer { timer, deadline } => {
            format!("timer {timer}, until {}", duration(*deadline))
        }
        WaitsFor::Readable(source) => format!("source {source} to be readable"),
        WaitsFor::Writable(source) => format!("source {source} to be writable"),
        WaitsFor::Task(task) => format!("task {task}"),
        WaitsFor::Tasks { what, left } => format!("{what}: {left} tasks left"),
        WaitsFor::Job => "a job of the executor".into(),
        WaitsFor::Turn => "its next turn".into(),
        WaitsFor::Foreign => "something that the loop does not know".into(),
    }
}
