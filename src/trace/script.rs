//! Runs written by hand, for tests.

use std::collections::VecDeque;
use std::panic::Location;
use std::time::{Duration, Instant};

use crate::observe::{Ending, Event, EventKind, Origin, Outcome, WaitsFor};
use crate::trace::{Live, LoopTrace, Trace};

/// Tells the events of one loop, one call each.
pub(super) struct Script {
    number: u64,
    began: Instant,
    turn: u64,
    time: Duration,
    events: VecDeque<Event>,
}

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Script {
    pub(super) fn new(number: u64, is_virtual: bool) -> Script {
        let mut script = Script {
            number,
            began: Instant::now(),
            turn: 0,
            time: Duration::ZERO,
            events: VecDeque::new(),
        };
        script.tell(EventKind::Opened { is_virtual });
        script
    }

    pub(super) fn tell(&mut self, kind: EventKind) {
        self.events.push_back(Event {
            sequence: self.events.len() as u64 + 1,
            event_loop: self.number,
            turn: self.turn,
            time: self.time,
            kind,
        });
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.time += time;
    }

    pub(super) fn main(&mut self, task: u64) {
        let (future, location) = ("demo::main::{{closure}}", Location::caller());
        self.tell(EventKind::MainEntered {
            task,
            future,
            location,
        });
    }

    pub(super) fn spawned(&mut self, task: u64, parent: u64, future: &'static str) {
        let location = Location::caller();
        let parent = (parent != 0).then_some(parent);
        self.tell(EventKind::Spawned {
            task,
            parent,
            future,
            location,
        });
    }

    pub(super) fn turn(&mut self) {
        self.turn += 1;
        self.tell(EventKind::TurnBegins);
    }

    pub(super) fn begins(&mut self, task: u64) {
        self.tell(EventKind::PollBegins { task });
    }

    pub(super) fn ends(&mut self, task: u64, outcome: Outcome) {
        let began = self.events.iter().rev().find_map(|event| match event.kind {
            EventKind::PollBegins { task: it } if it == task => Some(event.time),
            _ => None,
        });
        let took = self.time - began.unwrap_or(self.time);
        self.tell(EventKind::PollEnds {
            task,
            outcome,
            took,
        });
        let how = match outcome {
            Outcome::Pending => return,
            Outcome::Ready => Ending::Returned,
            Outcome::Panicked => Ending::Panicked,
        };
        self.finished(task, how);
    }

    pub(super) fn finished(&mut self, task: u64, how: Ending) {
        self.tell(EventKind::Finished { task, how });
    }

    pub(super) fn waits(&mut self, task: u64, on: WaitsFor) {
        self.tell(EventKind::Waits { task, on });
    }

    /// Arms a timer, and waits for it.
    pub(super) fn sleeps(&mut self, task: u64, timer: u32, deadline: Duration) {
        self.tell(EventKind::TimerArmed {
            timer,
            task: Some(task),
            deadline,
        });
        self.waits(task, WaitsFor::Timer { timer, deadline });
    }

    pub(super) fn parks(&mut self, slept: Duration, sources: usize) {
        self.time += slept;
        self.tell(EventKind::Parked {
            timeout: Some(slept),
            slept,
            sources,
        });
    }

    pub(super) fn wakes(&mut self, by: Origin, task: u64) {
        self.tell(EventKind::Woken {
            task,
            by,
            already: false,
        });
    }

    pub(super) fn fires(&mut self, timer: u32, task: u64) {
        self.tell(EventKind::TimerFired { timer });
        self.wakes(Origin::Timer(timer), task);
    }

    pub(super) fn done(mut self) -> LoopTrace {
        self.tell(EventKind::Closed);
        LoopTrace {
            number: self.number,
            began: self.began,
            dropped: 0,
            before: Live::default(),
            events: self.events,
        }
    }
}

/// Main awaits "hello", who sleeps 2 s, and "world", who sleeps 1 s.
pub(super) fn sleep() -> Trace {
    let mut it = Script::new(1, true);
    it.main(1);
    it.turn();
    it.begins(1);
    for (task, name) in [(2, "hello"), (3, "world")] {
        it.spawned(task, 1, "demo::say_after::{{closure}}");
        it.tell(EventKind::Named {
            task,
            name: name.into(),
        });
    }
    it.waits(1, WaitsFor::Task(2));
    it.ends(1, Outcome::Pending);
    it.parks(millis(0), 0);
    it.turn();
    for (task, timer, deadline) in [(2, 0, 2_000), (3, 1, 1_000)] {
        it.begins(task);
        it.sleeps(task, timer, millis(deadline));
        it.ends(task, Outcome::Pending);
    }
    for (task, timer) in [(3, 1), (2, 0)] {
        it.parks(millis(1_000), 0);
        it.fires(timer, task);
        it.turn();
        it.begins(task);
        it.tell(EventKind::TimerDropped {
            timer,
            cancelled: false,
        });
        it.ends(task, Outcome::Ready);
    }
    it.wakes(Origin::Task(2), 1);
    it.parks(millis(0), 0);
    it.turn();
    it.begins(1);
    it.ends(1, Outcome::Ready);
    Trace {
        loops: vec![it.done()],
    }
}

/// Main gathers three sleeps: 1, 0.5 and 1.5 s.
pub(super) fn gather() -> Trace {
    let mut it = Script::new(1, true);
    it.main(1);
    it.turn();
    it.begins(1);
    let tasks = [(2, 0, 1_000), (3, 1, 500), (4, 2, 1_500)];
    for (task, ..) in tasks {
        it.spawned(task, 1, "demo::square::{{closure}}");
    }
    it.waits(
        1,
        WaitsFor::Tasks {
            what: "gather",
            left: 3,
        },
    );
    it.ends(1, Outcome::Pending);
    it.parks(millis(0), 0);
    it.turn();
    for (task, timer, deadline) in tasks {
        it.begins(task);
        it.sleeps(task, timer, millis(deadline));
        it.ends(task, Outcome::Pending);
    }
    for (task, timer) in [(3, 1), (2, 0), (4, 2)] {
        it.parks(millis(500), 0);
        it.fires(timer, task);
        it.turn();
        it.begins(task);
        it.tell(EventKind::TimerDropped {
            timer,
            cancelled: false,
        });
        it.ends(task, Outcome::Ready);
    }
    it.wakes(Origin::Task(4), 1);
    it.parks(millis(0), 0);
    it.turn();
    it.begins(1);
    it.ends(1, Outcome::Ready);
    Trace {
        loops: vec![it.done()],
    }
}

/// A task that yields a thousand times, beside a sleeper; one is aborted before its first poll, and
/// one panics.
pub(super) fn starvation() -> Trace {
    let mut it = Script::new(1, true);
    it.main(1);
    it.turn();
    it.begins(1);
    for (task, future) in [
        (2, "starvation::greedy::{{closure}}"),
        (3, "starvation::sleeper::{{closure}}"),
        (4, "starvation::never_polled::{{closure}}"),
        (5, "starvation::panics<alloc::string::String>::{{closure}}"),
    ] {
        it.spawned(task, 1, future);
    }
    it.tell(EventKind::Aborted {
        task: 4,
        by: Origin::Task(1),
    });
    it.waits(1, WaitsFor::Task(2));
    it.ends(1, Outcome::Pending);
    it.parks(millis(0), 0);
    it.turn();
    let yields = |it: &mut Script| {
        it.begins(2);
        it.wakes(Origin::Task(2), 2);
        it.waits(2, WaitsFor::Turn);
        it.ends(2, Outcome::Pending);
    };
    yields(&mut it);
    it.begins(3);
    it.sleeps(3, 0, millis(1));
    it.ends(3, Outcome::Pending);
    it.finished(4, Ending::Cancelled);
    it.begins(5);
    it.ends(5, Outcome::Panicked);
    for _ in 3..=1_000 {
        it.parks(millis(0), 0);
        it.turn();
        yields(&mut it);
    }
    it.turn();
    it.begins(2);
    it.ends(2, Outcome::Ready);
    it.wakes(Origin::Task(2), 1);
    it.parks(millis(1), 0);
    it.fires(0, 3);
    it.turn();
    it.begins(1);
    it.ends(1, Outcome::Ready);
    it.finished(3, Ending::Cancelled);
    Trace {
        loops: vec![it.done()],
    }
}

/// A server and its client, each on a loop and a thread of its own, on a real clock.
pub(super) fn two_loops() -> Trace {
    let us = Duration::from_micros;
    let mut server = Script::new(1, false);
    server.main(1);
    server.turn();
    server.begins(1);
    server.pass(us(80));
    server.tell(EventKind::SourceAdded { source: 0 });
    server.waits(1, WaitsFor::Readable(0));
    server.pass(us(15));
    server.ends(1, Outcome::Pending);
    server.parks(us(420), 1);
    server.wakes(Origin::Source(0), 1);
    server.turn();
    server.begins(1);
    server.pass(us(40));
    server.tell(EventKind::SourceAdded { source: 1 });
    server.spawned(2, 1, "echo::serve::{{closure}}");
    server.waits(1, WaitsFor::Readable(0));
    server.ends(1, Outcome::Pending);
    server.turn();
    server.begins(2);
    server.pass(us(6));
    server.waits(2, WaitsFor::Readable(1));
    server.ends(2, Outcome::Pending);
    for _ in 0..2 {
        server.parks(us(130), 1);
        server.wakes(Origin::Source(1), 2);
        server.turn();
        server.begins(2);
        server.pass(us(35));
        server.waits(2, WaitsFor::Readable(1));
        server.ends(2, Outcome::Pending);
    }
    server.parks(us(90), 1);
    server.wakes(Origin::Source(1), 2);
    server.turn();
    server.begins(2);
    server.pass(us(12));
    server.tell(EventKind::SourceDropped { source: 1 });
    server.ends(2, Outcome::Ready);
    server.parks(us(300), 0);
    server.wakes(Origin::Thread, 1);
    server.turn();
    server.begins(1);
    server.pass(us(9));
    server.ends(1, Outcome::Ready);

    let mut client = Script::new(2, false);
    client.main(1);
    client.turn();
    client.begins(1);
    client.pass(us(60));
    client.tell(EventKind::SourceAdded { source: 0 });
    client.waits(1, WaitsFor::Writable(0));
    client.ends(1, Outcome::Pending);
    for _ in 0..3 {
        client.parks(us(110), 1);
        client.wakes(Origin::Source(0), 1);
        client.turn();
        client.begins(1);
        client.pass(us(45));
        client.waits(1, WaitsFor::Readable(0));
        client.ends(1, Outcome::Pending);
    }
    client.parks(us(60), 1);
    client.wakes(Origin::Source(0), 1);
    client.turn();
    client.begins(1);
    client.pass(us(20));
    client.tell(EventKind::SourceDropped { source: 0 });
    client.ends(1, Outcome::Ready);
    client.began = server.began + us(350);
    Trace {
        loops: vec![server.done(), client.done()],
    }
}

/// Some 100,000 events: 200 tasks that sleep for different times, and wake each other.
pub(super) fn large() -> Trace {
    let mut it = Script::new(1, true);
    it.main(1);
    it.turn();
    it.begins(1);
    for task in 2..202 {
        it.spawned(task, 1, "large::worker::{{closure}}");
    }
    it.waits(
        1,
        WaitsFor::Tasks {
            what: "gather",
            left: 200,
        },
    );
    it.ends(1, Outcome::Pending);
    let mut random = fastrand::Rng::with_seed(7);
    it.turn();
    for task in 2..202 {
        it.begins(task);
        it.sleeps(task, task as u32, millis(random.u64(1..50)));
        it.ends(task, Outcome::Pending);
    }
    while it.events.len() < 100_000 {
        it.parks(millis(1), 0);
        let mut batch: Vec<u64> = (0..random.u64(1..12)).map(|_| random.u64(2..202)).collect();
        batch.sort_unstable();
        batch.dedup();
        for &task in &batch {
            it.fires(task as u32, task);
        }
        it.turn();
        for task in batch {
            it.begins(task);
            it.tell(EventKind::TimerDropped {
                timer: task as u32,
                cancelled: false,
            });
            let deadline = it.time + millis(random.u64(1..50));
            it.sleeps(task, task as u32, deadline);
            it.ends(task, Outcome::Pending);
        }
    }
    it.finished(1, Ending::Cancelled);
    for task in 2..202 {
        it.finished(task, Ending::Cancelled);
    }
    Trace {
        loops: vec![it.done()],
    }
}

/// All of them, by name.
pub(super) fn all() -> Vec<(&'static str, Trace)> {
    vec![
        ("sleep", sleep()),
        ("gather", gather()),
        ("starvation", starvation()),
        ("two_loops", two_loops()),
        ("large", large()),
    ]
}

/// Writes all of them as files, to be looked at: `SHOW=dir cargo test --lib show -- --ignored`.
#[test]
#[ignore = "it writes files"]
fn show() {
    let dir = std::env::var("SHOW").expect("where to");
    for (name, trace) in all() {
        std::fs::write(format!("{dir}/{name}.svg"), trace.to_svg()).unwrap();
        #[cfg(feature = "trace")]
        std::fs::write(format!("{dir}/{name}.html"), trace.to_html()).unwrap();
    }
}
