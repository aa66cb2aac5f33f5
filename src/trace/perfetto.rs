//! The trace for a viewer: [Perfetto](https://ui.perfetto.dev), or `chrome://tracing`.
//!
//! The form is the [Trace Event Format][format]: an object with a list of events, each of which has
//! a phase, a time in microseconds, a process and a thread. Loops are its processes, and tasks are
//! its threads; thread 0 is the loop itself.
//!
//! - A poll is a slice in the lane of its task, to which what it causes belongs: also the wake of
//!   who waits for its end. Turns and parks are slices in the lane of the loop.
//! - A wake is an arrow from the poll that caused it, or from the turn, to the poll that it led to.
//! - How many are ready, and how many timers and sources there are, are counters.
//!
//! Under a virtual clock nothing but sleep takes time, and slices would have no width. So there the
//! axis is the sequence of events, a microsecond each.
//!
//! [format]: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use serde_json::{Value, json};

use crate::observe::{Ending, Event, EventKind, Origin};
use crate::trace::{Live, LoopTrace, Trace, words};

impl Trace {
    /// The trace as JSON, for [Perfetto](https://ui.perfetto.dev) or `chrome://tracing`.
    ///
    /// Under a virtual clock the axis is not time, but the sequence of events, a microsecond each.
    pub fn to_chrome_json(&self) -> String {
        let first = self.loops.iter().map(|it| it.began).min();
        let mut written = Written::default();
        for it in &self.loops {
            let later = first.map_or(Duration::ZERO, |first| it.began - first);
            Lanes::new(it, later, &mut written).follow(it);
        }
        let events = written.events.join(",\n");
        format!("{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{events}\n]}}\n")
    }
}

/// The events of the format, of all loops.
#[derive(Default)]
struct Written {
    events: Vec<String>,
    arrows: u64,
}

/// Follows a loop, and writes.
struct Lanes<'a> {
    written: &'a mut Written,
    event_loop: u64,
    /// How much later it began than the first of the loops.
    later: Duration,
    live: Live,
    /// What the tasks are called. It is written at the end, as a name may come late.
    labels: BTreeMap<u64, String>,
    turn: Option<Slice>,
    poll: Option<Slice>,
    /// Why those are in the ready queue who are there.
    causes: BTreeMap<u64, Cause>,
    /// What the counters show.
    counted: [usize; 3],
}

/// A slice that is not over.
struct Slice {
    lane: u64,
    name: String,
    begin: Nanos,
    args: Value,
}

/// Who has put a task in the ready queue.
struct Cause {
    by: Origin,
    /// Where the arrow begins: a lane, and a place in one of its slices.
    from: Option<(u64, Nanos)>,
}

/// A place on the axis.
type Nanos = u64;

/// The lane of the loop. Those of the tasks are their ids, which begin with 1.
const THE_LOOP: u64 = 0;
const COUNTERS: [&str; 3] = ["ready", "timers", "sources"];

impl<'a> Lanes<'a> {
    fn new(it: &LoopTrace, later: Duration, written: &'a mut Written) -> Self {
        let labels = (it.before.tasks.iter()).map(|(&task, live)| (task, words::label(live)));
        Lanes {
            written,
            event_loop: it.number,
            later,
            live: it.before.clone(),
            labels: labels.collect(),
            turn: None,
            poll: None,
            causes: BTreeMap::new(),
            counted: [0; 3],
        }
    }

    fn follow(mut self, it: &LoopTrace) {
        let mut end = it.events.front().map_or(0, |first| self.place(first));
        self.resume(end);
        for event in &it.events {
            let place = self.place(event);
            self.close_before(event, end, place);
            self.write(event, place);
            self.live.apply(event);
            self.look_at(event);
            self.count(place);
            end = place + self.width();
        }
        self.close_poll(end);
        self.close_turn(end);
        self.write_names();
    }

    /// What had begun before the first event that was kept goes on.
    fn resume(&mut self, place: Nanos) {
        if self.live.turn > 0 {
            self.turn = Some(Slice::of_turn(self.live.turn, place));
        }
        if let Some(task) = self.live.polled {
            self.poll = Some(self.slice_of_poll(task, place));
        }
    }

    /// Where an event stands.
    fn place(&self, event: &Event) -> Nanos {
        let is_virtual = match event.kind {
            EventKind::Opened { is_virtual } => is_virtual,
            _ => self.live.is_virtual,
        };
        match is_virtual {
            true => event.sequence * 1_000,
            false => nanos(self.later + event.time),
        }
    }

    /// How much room an event takes, so that a slice encloses the last of its events.
    fn width(&self) -> Nanos {
        if self.live.is_virtual { 1_000 } else { 1 }
    }

    /// To a poll belongs what comes before the next poll, turn or park. `end` is that of the event
    /// before.
    fn close_before(&mut self, event: &Event, end: Nanos, place: Nanos) {
        match event.kind {
            EventKind::PollBegins { .. } | EventKind::Parked { .. } => self.close_poll(end),
            EventKind::TurnBegins => {
                self.close_poll(end);
                self.close_turn(place);
            }
            _ => {}
        }
    }

    fn write(&mut self, event: &Event, place: Nanos) {
        match event.kind {
            EventKind::TurnBegins => self.turn = Some(Slice::of_turn(event.turn, place)),
            EventKind::PollBegins { task } => self.poll = Some(self.begin_poll(task, place)),
            EventKind::Parked { slept, sources, .. } => self.write_park(place, slept, sources),
            EventKind::Spawned { task, parent, .. } => {
                let by = parent.map_or(Origin::Outside, Origin::Task);
                self.cause(task, by, place);
            }
            EventKind::Woken { task, by, already } if !already => self.cause(task, by, place),
            EventKind::Aborted { task, .. } => self.write_instant("aborted", task, place),
            EventKind::Finished {
                task,
                how: Ending::Cancelled,
            } => self.write_instant("cancelled", task, place),
            _ => {}
        }
    }

    /// What can be told when the event is followed: with what a poll has ended, and names.
    fn look_at(&mut self, event: &Event) {
        match event.kind {
            EventKind::PollEnds { task, outcome, .. } => {
                let Some(poll) = &mut self.poll else { return };
                poll.args["outcome"] = words::outcome(outcome).into();
                let waits = self.live.tasks.get(&task).map(|task| &task.waits);
                if let Some(on) = waits.filter(|on| !on.is_empty()) {
                    let on: Vec<String> = on.iter().map(words::waits_for).collect();
                    poll.args["waits for"] = on.join(", or ").into();
                }
            }
            EventKind::Spawned { task, .. }
            | EventKind::MainEntered { task, .. }
            | EventKind::Named { task, .. } => {
                if let Some(live) = self.live.tasks.get(&task) {
                    self.labels.insert(task, words::label(live));
                }
            }
            _ => {}
        }
    }

    /// A task comes into the ready queue. The arrow begins in the poll that has caused it, or in
    /// the turn.
    fn cause(&mut self, task: u64, by: Origin, place: Nanos) {
        let poll = self.poll.as_ref().map(|poll| poll.lane);
        let lane = match by {
            Origin::Task(by) if poll == Some(by) => Some(by),
            _ => self.turn.as_ref().map(|turn| turn.lane),
        };
        let from = lane.map(|lane| (lane, place));
        self.causes.insert(task, Cause { by, from });
    }

    fn slice_of_poll(&self, task: u64, begin: Nanos) -> Slice {
        let name = self
            .live
            .tasks
            .get(&task)
            .map_or(String::new(), words::label);
        Slice {
            lane: task,
            name,
            begin,
            args: json!({ "turn": self.live.turn }),
        }
    }

    fn begin_poll(&mut self, task: u64, place: Nanos) -> Slice {
        let mut slice = self.slice_of_poll(task, place);
        if let Some(cause) = self.causes.remove(&task) {
            slice.args["woken by"] = words::origin(cause.by).into();
            if let Some(from) = cause.from {
                self.write_arrow(from, (task, place));
            }
        }
        slice
    }

    fn close_poll(&mut self, end: Nanos) {
        if let Some(slice) = self.poll.take() {
            self.write_slice(slice, "poll", end);
        }
    }

    fn close_turn(&mut self, end: Nanos) {
        // The rest of a turn of which nothing was kept has no width.
        if let Some(slice) = self.turn.take_if(|slice| slice.begin < end) {
            self.write_slice(slice, "turn", end);
        }
    }

    /// It is told when it is over.
    fn write_park(&mut self, place: Nanos, slept: Duration, sources: usize) {
        let width = if self.live.is_virtual {
            self.width()
        } else {
            nanos(slept)
        };
        let slice = Slice {
            lane: THE_LOOP,
            name: "park".into(),
            begin: place.saturating_sub(width),
            args: json!({ "slept": words::duration(slept), "sources": sources }),
        };
        self.write_slice(slice, "park", place);
    }

    fn write_slice(&mut self, slice: Slice, category: &str, end: Nanos) {
        let Slice {
            lane,
            name,
            begin,
            args,
        } = slice;
        let mut event = self.event("X", &name, lane, begin);
        event["cat"] = category.into();
        event["dur"] = micros(end.saturating_sub(begin));
        event["args"] = args;
        self.written.push(&event);
    }

    fn write_arrow(&mut self, from: (u64, Nanos), to: (u64, Nanos)) {
        self.written.arrows += 1;
        for (phase, (lane, place)) in [("s", from), ("f", to)] {
            let mut event = self.event(phase, "wake", lane, place);
            event["cat"] = "wake".into();
            event["id"] = self.written.arrows.into();
            if phase == "f" {
                // It ends at the slice that encloses that place, not at the next one.
                event["bp"] = "e".into();
            }
            self.written.push(&event);
        }
    }

    fn write_instant(&mut self, what: &str, task: u64, place: Nanos) {
        let mut event = self.event("i", what, task, place);
        event["cat"] = "task".into();
        event["s"] = "t".into(); // In that lane alone.
        self.written.push(&event);
    }

    /// Each counter has one value: not all viewers take more.
    fn count(&mut self, place: Nanos) {
        let Live {
            ready,
            timers,
            sources,
            ..
        } = &self.live;
        let counts = [ready.len(), timers.len(), sources.len()];
        let before = mem::replace(&mut self.counted, counts);
        for ((name, count), before) in COUNTERS.iter().zip(counts).zip(before) {
            if count != before {
                let mut event = self.event("C", name, THE_LOOP, place);
                event["args"] = json!({ *name: count });
                self.written.push(&event);
            }
        }
    }

    fn write_names(&mut self) {
        let clock = if self.live.is_virtual {
            ", virtual clock"
        } else {
            ""
        };
        let process = format!("loop {}{clock}", self.event_loop);
        self.write_name("process_name", THE_LOOP, &process);
        self.write_name("thread_name", THE_LOOP, "the loop");
        for (task, label) in mem::take(&mut self.labels) {
            self.write_name("thread_name", task, &label);
        }
    }

    fn write_name(&mut self, what: &str, lane: u64, name: &str) {
        let mut event = self.event("M", what, lane, 0);
        event["args"] = json!({ "name": name });
        self.written.push(&event);
        if what == "thread_name" {
            let mut event = self.event("M", "thread_sort_index", lane, 0);
            event["args"] = json!({ "sort_index": lane });
            self.written.push(&event);
        }
    }

    fn event(&self, phase: &str, name: &str, lane: u64, place: Nanos) -> Value {
        json!({
            "ph": phase,
            "name": name,
            "pid": self.event_loop,
            "tid": lane,
            "ts": micros(place),
        })
    }
}

impl Slice {
    fn of_turn(turn: u64, begin: Nanos) -> Slice {
        Slice {
            lane: THE_LOOP,
            name: format!("turn {turn}"),
            begin,
            args: json!({}),
        }
    }
}

impl Written {
    fn push(&mut self, event: &Value) {
        self.events.push(event.to_string());
    }
}

/// Enough for five hundred years.
fn nanos(time: Duration) -> Nanos {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The unit of the format.
fn micros(nanos: Nanos) -> Value {
    (nanos as f64 / 1e3).into()
}

#[cfg(test)]
mod tests;
