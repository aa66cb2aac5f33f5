//! The events of the format: which fields they have.

use serde_json::{Value, json};

/// A point of the axis, in nanoseconds.
pub(super) type Nanos = u64;

/// A lane: the loop's number, and a task of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    pub(super) event_loop: u64,
    pub(super) task: u64,
}

/// A stretch of a lane.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) category: &'static str,
    pub(super) name: String,
    pub(super) lane: Lane,
    pub(super) begin: Nanos,
    /// What a viewer tells of it.
    pub(super) args: Value,
}

/// The events that are written so far.
#[derive(Debug, Default)]
pub(super) struct Written {
    events: Vec<String>,
    arrows: u64,
}

impl Written {
    pub(super) fn slice(&mut self, slice: Slice, end: Nanos) {
        let mut event = event("X", &slice.name, slice.lane, slice.begin);
        event["cat"] = slice.category.into();
        event["dur"] = micros(end.saturating_sub(slice.begin));
        event["args"] = slice.args;
        self.push(&event);
    }

    /// An arrow from a slice to another one: those that enclose these points.
    pub(super) fn arrow(&mut self, from: (Lane, Nanos), to: (Lane, Nanos)) {
        self.arrows += 1;
        for (phase, (lane, at)) in [("s", from), ("f", to)] {
            let mut event = event(phase, "wake", lane, at);
            event["cat"] = "wake".into();
            event["id"] = self.arrows.into();
            if phase == "f" {
                // It ends at the enclosing slice, not at the next one.
                event["bp"] = "e".into();
            }
            self.push(&event);
        }
    }

    /// A mark in a lane.
    pub(super) fn instant(&mut self, name: &str, lane: Lane, at: Nanos) {
        let mut event = event("i", name, lane, at);
        event["cat"] = "task".into();
        event["s"] = "t".into();
        self.push(&event);
    }

    /// What a counter shows from there on. It has one value: not all viewers take more.
    pub(super) fn counter(&mut self, name: &str, count: usize, lane: Lane, at: Nanos) {
        let mut event = event("C", name, lane, at);
        event["args"] = json!({ name: count });
        self.push(&event);
    }

    /// The name of all the lanes of a loop.
    pub(super) fn name_loop(&mut self, name: &str, lane: Lane) {
        self.metadata("process_name", json!({ "name": name }), lane);
    }

    /// The name of a lane, which stands where its number says.
    pub(super) fn name_lane(&mut self, name: &str, lane: Lane) {
        self.metadata("thread_name", json!({ "name": name }), lane);
        self.metadata(
            "thread_sort_index",
            json!({ "sort_index": lane.task }),
            lane,
        );
    }

    fn metadata(&mut self, what: &str, args: Value, lane: Lane) {
        let mut event = event("M", what, lane, 0);
        event["args"] = args;
        self.push(&event);
    }

    fn push(&mut self, event: &Value) {
        self.events.push(event.to_string());
    }

    pub(super) fn json(&self) -> String {
        let events = self.events.join(",\n");
        format!("{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{events}\n]}}\n")
    }
}

/// What all events have.
fn event(phase: &str, name: &str, lane: Lane, at: Nanos) -> Value {
    json!({
        "ph": phase,
        "name": name,
        "pid": lane.event_loop,
        "tid": lane.task,
        "ts": micros(at),
    })
}

/// The unit of the format.
fn micros(nanos: Nanos) -> Value {
    (nanos as f64 / 1e3).into()
}
