//! The trace for a viewer: [Perfetto](https://ui.perfetto.dev), or `chrome://tracing`.
//!
//! It is written in the [Trace Event Format][format]: an object with a list of events, each of which has a
//! phase, a time in microseconds, a process and a thread. A loop is a process, and its tasks are the threads;
//! thread 0 is the loop itself.
//!
//! - A poll is a slice in the lane of its task. It encloses what it causes, and the wake of a task that waits
//!   for its end. Turns and parks are slices in the lane of the loop; a turn lasts until the next one begins.
//! - A wake is an arrow from the poll that has caused it, or from the turn, to the poll that it leads to.
//! - The numbers of ready tasks, timers and sources are counters.
//!
//! Under a virtual clock only sleep takes time, so slices would have no width. There the axis is the sequence
//! of events, a microsecond each.
//!
//! [format]: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU

mod format; // which fields an event of the format has
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use crate::observe::{Ending, Event, EventKind, Live, Origin, Outcome, TaskState, words};
use crate::trace::cause::Cause;
use crate::trace::perfetto::format::{Arg, Lane, Nanos, Slice, Written};
use crate::trace::recorder::first_began;
use crate::trace::time_axis::nanos;
use crate::trace::{LoopTrace, Trace, labels};

impl Trace {
    /// Writes the trace as JSON, for [Perfetto](https://ui.perfetto.dev) or `chrome://tracing`.
    ///
    /// Under a virtual clock the axis is not time, but the sequence of events, a microsecond each. The size is
    /// O(n) in the events: about 100 bytes each.
    ///
    /// ```
    /// # use boucle::{EventLoop, trace::Recorder};
    ///
    /// # let recorder = Recorder::new();
    /// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
    /// let trace = recorder.trace();
    /// let json = trace.to_chrome_json(); // for a file, `run.json`
    /// assert!(json.contains("traceEvents"));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn to_chrome_json(&self) -> String {
        let first = first_began(&self.loops);
        let mut written = Written::default();
        for loop_trace in &self.loops {
            Lanes::new(loop_trace, loop_trace.later(first), &mut written).follow();
        }
        written.json()
    }
}

/// Follows the events of a loop, and writes its lanes.
struct Lanes<'a> {
    written: &'a mut Written,
    loop_trace: &'a LoopTrace,
    /// How much later its time began than the first loop's.
    later: Duration,
    live: Live,
    labels: BTreeMap<u64, String>,
    turn: Option<Slice>,
    poll: Option<Slice>,
    /// Where that poll ends: after its last event.
    poll_end: Nanos,
    /// Whether that poll has ended its task. Then what the end causes is a part of the poll.
    ends_task: bool,
    /// What has put each task of the ready queue there.
    queued: BTreeMap<u64, Queued>,
    /// What the counters show.
    counted: [usize; 3],
}

/// What has put a task in the ready queue.
struct Queued {
    by: Origin,
    /// Where the arrow begins, if that is in a slice.
    from: Option<(Lane, Nanos)>,
}

/// The lane of the loop. Those of the tasks are their ids, which begin with 1.
const THE_LOOP: u64 = 0;
const COUNTERS: [&str; 3] = ["ready", "timers", "sources"];

impl<'a> Lanes<'a> {
    fn new(loop_trace: &'a LoopTrace, later: Duration, written: &'a mut Written) -> Self {
        Lanes {
            written,
            loop_trace,
            later,
            live: loop_trace.before.clone(),
            labels: labels::of(loop_trace),
            turn: None,
            poll: None,
            poll_end: 0,
            ends_task: false,
            queued: BTreeMap::new(),
            counted: [0; 3],
        }
    }

    fn follow(mut self) {
        let mut end = self.loop_trace.events.front().map_or(0, |first| self.place(first));
        self.resume(end);
        for event in &self.loop_trace.events {
            let place = self.place(event);
            let is_of_poll = self.live.polled.is_some() || self.is_caused_by_poll(event);
            self.write(event, place);
            self.live.apply(event);
            self.count(place);
            end = place + self.width();
            if is_of_poll {
                self.poll_end = end;
            }
        }
        self.close_poll();
        self.close_turn(end);
        self.write_names();
    }

    /// Opens the turn and the poll that had begun before the first event that was kept.
    fn resume(&mut self, place: Nanos) {
        if self.live.turn > 0 {
            self.turn = Some(self.slice_of_turn(self.live.turn, place));
        }
        if let Some(task) = self.live.polled {
            self.poll = Some(self.slice_of_poll(task, place));
        }
    }

    /// Returns whether the latest poll has ended its task, and an event is that end, or caused by it.
    fn is_caused_by_poll(&self, event: &Event) -> bool {
        let Some(poll) = self.poll.as_ref().filter(|_| self.ends_task) else { return false };
        match event.kind {
            EventKind::Finished { task, .. } => task == poll.lane.task,
            _ => Cause::of(event).is_some_and(|cause| cause.by == Origin::Task(poll.lane.task)),
        }
    }

    /// Returns the place of an event. (That of `Opened`, which says that the clock is virtual, is wrong: nothing
    /// is written of it.)
    fn place(&self, event: &Event) -> Nanos {
        match self.live.is_virtual {
            true => event.sequence * 1_000,
            false => nanos(self.later + event.time),
        }
    }

    /// Returns how much room an event takes, so that a slice encloses the last of its events.
    fn width(&self) -> Nanos {
        if self.live.is_virtual { 1_000 } else { 1 }
    }

    /// Writes an event, which begins at `place`. A poll is written when the next poll, turn or park begins: by
    /// then it encloses what its end has caused.
    fn write(&mut self, event: &Event, place: Nanos) {
        match event.kind {
            EventKind::TurnBegins => {
                self.close_poll();
                self.close_turn(place);
                self.turn = Some(self.slice_of_turn(event.turn, place));
            }
            EventKind::PollBegins { task } => {
                self.close_poll();
                self.begin_poll(task, place);
            }
            EventKind::PollEnds { task, outcome, .. } => self.end_poll(task, outcome),
            EventKind::Parked { slept, sources, .. } => {
                self.close_poll();
                self.write_park(place, slept, event.kind.sleep(), sources);
            }
            EventKind::Aborted { task, .. } => self.written.instant("aborted", self.lane(task), place),
            EventKind::Finished { task, how: Ending::Cancelled } => {
                self.written.instant("cancelled", self.lane(task), place)
            }
            _ => {
                if let Some(cause) = Cause::of(event) {
                    self.queue(cause, place);
                }
            }
        }
    }

    /// Keeps what has put a task in the ready queue. The arrow begins in the poll that has caused it, or in
    /// the turn.
    fn queue(&mut self, Cause { task, by, .. }: Cause, place: Nanos) {
        let poll = self.poll.as_ref().map(|poll| poll.lane);
        let turn = self.turn.as_ref().map(|turn| turn.lane);
        let lane = match by {
            Origin::Task(by) => poll.filter(|lane| lane.task == by).or(turn),
            _ => turn,
        };
        let from = lane.map(|lane| (lane, place));
        self.queued.insert(task, Queued { by, from });
    }

    fn begin_poll(&mut self, task: u64, place: Nanos) {
        let mut poll = self.slice_of_poll(task, place);
        if let Some(queued) = self.queued.remove(&task) {
            let by = words::origin(queued.by, words::by_number);
            poll.args.push(("queued by", Arg::Words(by)));
            if let Some(from) = queued.from {
                self.written.arrow(from, (poll.lane, place));
            }
        }
        self.poll = Some(poll);
        self.poll_end = place + self.width();
    }

    /// Adds to the poll how it has ended.
    fn end_poll(&mut self, task: u64, outcome: Outcome) {
        let is_aborted = self.live.tasks.get(&task).is_some_and(|task| task.state == TaskState::Aborted);
        self.ends_task = outcome != Outcome::Pending || is_aborted;
        let Some(poll) = &mut self.poll else { return };
        let outcome = words::outcome(outcome).into();
        poll.args.push(("outcome", Arg::Words(outcome)));
        let waits = self.live.tasks.get(&task).map(|task| &task.waits);
        if let Some(on) = waits.filter(|on| !on.is_empty()) {
            let on = words::or(on.iter().map(words::waits_for));
            poll.args.push(("waits for", Arg::Words(on)));
        }
    }

    fn slice_of_poll(&self, task: u64, begin: Nanos) -> Slice {
        Slice {
            category: "poll",
            name: labels::name(&self.labels, task),
            lane: self.lane(task),
            begin,
            args: vec![("turn", Arg::Count(self.live.turn))],
        }
    }

    fn slice_of_turn(&self, turn: u64, begin: Nanos) -> Slice {
        Slice {
            category: "turn",
            name: format!("turn {turn}"),
            lane: self.lane(THE_LOOP),
            begin,
            args: Vec::new(),
        }
    }

    fn close_poll(&mut self) {
        if let Some(slice) = self.poll.take() {
            self.written.slice(slice, self.poll_end);
        }
    }

    fn close_turn(&mut self, end: Nanos) {
        // A turn of which no event was kept has no width.
        if let Some(slice) = self.turn.take_if(|slice| slice.begin < end) {
            self.written.slice(slice, end);
        }
    }

    /// Writes a park, which is recorded when it is over.
    fn write_park(&mut self, end: Nanos, took: Duration, sleep: Option<Duration>, sources: usize) {
        let width = match self.live.is_virtual {
            true => self.width(),
            false => nanos(took),
        };
        let slice = Slice {
            category: "park",
            name: "park".into(),
            lane: self.lane(THE_LOOP),
            begin: end.saturating_sub(width),
            args: vec![
                ("slept", Arg::Words(words::duration(sleep.unwrap_or_default()))),
                ("sources", Arg::Count(sources as u64)),
            ],
        };
        self.written.slice(slice, end);
    }

    /// Writes the counters that have changed.
    fn count(&mut self, place: Nanos) {
        let Live { ready, timers, sources, .. } = &self.live;
        let counts = [ready.len(), timers.len(), sources.len()];
        let before = mem::replace(&mut self.counted, counts);
        for ((name, count), before) in COUNTERS.iter().zip(counts).zip(before) {
            if count != before {
                let lane = self.lane(THE_LOOP);
                self.written.counter(name, count as u64, lane, place);
            }
        }
    }

    fn write_names(&mut self) {
        let clock = match self.live.is_virtual {
            true => ", virtual clock",
            false => "",
        };
        let name = format!("loop {}{clock}", self.loop_trace.number);
        self.written.name_loop(&name, self.lane(THE_LOOP));
        self.written.name_lane("the loop", self.lane(THE_LOOP));
        for (task, label) in mem::take(&mut self.labels) {
            self.written.name_lane(&label, self.lane(task));
        }
    }

    fn lane(&self, task: u64) -> Lane {
        Lane { event_loop: self.loop_trace.number, task }
    }
}
