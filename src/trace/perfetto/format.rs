//! The events of the format: which fields they have.

use json_writer::{JSONObjectWriter, JSONWriter, JSONWriterValue};

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
    /// The details that a viewer shows.
    pub(super) args: Vec<(&'static str, Arg)>,
}

/// A detail of a slice.
#[derive(Debug)]
pub(super) enum Arg {
    Count(u64),
    Words(String),
}

/// The events that are written so far.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// One event on each line.
    events: String,
    arrows: u64,
}

impl Written {
    pub(super) fn slice(&mut self, slice: Slice, end: Nanos) {
        let mut event = self.event("X", &slice.name, slice.lane, slice.begin);
        event.value("cat", slice.category);
        event.value("dur", Micros(end.saturating_sub(slice.begin)));
        let mut args = event.object("args");
        for (name, arg) in slice.args {
            match arg {
                Arg::Count(count) => args.value(name, count),
                Arg::Words(words) => args.value(name, &words),
            }
        }
    }

    /// Writes an arrow from one slice to another: those that enclose the two points.
    pub(super) fn arrow(&mut self, from: (Lane, Nanos), to: (Lane, Nanos)) {
        self.arrows += 1;
        let id = self.arrows;
        for (phase, (lane, at)) in [("s", from), ("f", to)] {
            let mut event = self.event(phase, "wake", lane, at);
            event.value("cat", "wake");
            event.value("id", id);
            if phase == "f" {
                // It ends at the enclosing slice, not at the next one.
                event.value("bp", "e");
            }
        }
    }

    /// Writes a mark: an event of no length.
    pub(super) fn instant(&mut self, name: &str, lane: Lane, at: Nanos) {
        let mut event = self.event("i", name, lane, at);
        event.value("cat", "task");
        event.value("s", "t");
    }

    /// Writes what a counter shows from there on. It has one value, since not all viewers show more.
    pub(super) fn counter(&mut self, name: &str, count: u64, lane: Lane, at: Nanos) {
        let mut event = self.event("C", name, lane, at);
        event.object("args").value(name, count);
    }

    pub(super) fn name_loop(&mut self, name: &str, lane: Lane) {
        self.metadata("process_name", "name", name, lane);
    }

    /// Names a lane. Lanes are sorted by their numbers.
    pub(super) fn name_lane(&mut self, name: &str, lane: Lane) {
        self.metadata("thread_name", "name", name, lane);
        self.metadata("thread_sort_index", "sort_index", lane.task, lane);
    }

    fn metadata(&mut self, what: &str, field: &str, value: impl JSONWriterValue, lane: Lane) {
        let mut event = self.event("M", what, lane, 0);
        event.object("args").value(field, value);
    }

    /// Begins an event with the fields that all have; it ends when the writer is dropped.
    fn event(&mut self, phase: &str, name: &str, lane: Lane, at: Nanos) -> JSONObjectWriter<'_> {
        if !self.events.is_empty() {
            self.events.push_str(",\n");
        }
        let mut event = JSONObjectWriter::new(&mut self.events);
        event.value("ph", phase);
        event.value("name", name);
        event.value("pid", lane.event_loop);
        event.value("tid", lane.task);
        event.value("ts", Micros(at));
        event
    }

    pub(super) fn json(&self) -> String {
        let events = &self.events;
        format!("{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{events}\n]}}\n")
    }
}

/// A time as the format has it: microseconds, with three decimals.
struct Micros(Nanos);

impl JSONWriterValue for Micros {
    fn write_json<W: JSONWriter>(self, writer: &mut W) {
        let (micros, nanos) = (self.0 / 1_000, self.0 % 1_000);
        writer.json_number_str(&format!("{micros}.{nanos:03}"));
    }
}
