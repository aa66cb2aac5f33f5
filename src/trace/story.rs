//! Recordings for tests: the events of a loop that a test makes up.

use std::panic::Location;
use std::time::Duration;

use crate::observe::{Ending, Event, EventKind, Live, Observer, Origin, Outcome, WaitsFor};
use crate::trace::{Recorder, Trace};

/// The events of a loop that does not exist, in a recorder.
pub(crate) struct Story {
    recorder: Recorder,
    event_loop: u64,
    sequence: u64,
    turn: u64,
    time: Duration,
    polled: Option<u64>,
    /// What was recorded.
    pub(crate) events: Vec<Event>,
}

impl Story {
    /// Begins the story of loop 1, which has a virtual clock and a recorder of its own.
    pub(crate) fn new() -> Story {
        Story::of(1, &Recorder::new(), true)
    }

    /// Begins the story of a loop: it is opened.
    pub(crate) fn of(event_loop: u64, recorder: &Recorder, is_virtual: bool) -> Story {
        let mut story = Story {
            recorder: recorder.clone(),
            event_loop,
            sequence: 0,
            turn: 0,
            time: Duration::ZERO,
            polled: None,
            events: Vec::new(),
        };
        story.record(EventKind::Opened { is_virtual });
        story
    }

    pub(crate) fn trace(&self) -> Trace {
        self.recorder.trace()
    }

    pub(crate) fn record(&mut self, kind: EventKind) -> &mut Self {
        self.sequence += 1;
        let event = Event {
            sequence: self.sequence,
            event_loop: self.event_loop,
            turn: self.turn,
            time: self.time,
            kind,
        };
        self.recorder.observe(&event);
        self.events.push(event);
        self
    }

    /// Lets time pass.
    pub(crate) fn later(&mut self, millis: u64) -> &mut Self {
        self.time += Duration::from_millis(millis);
        self
    }

    /// Records an event of another story, with its turn and its time.
    pub(crate) fn replay(&mut self, event: &Event) -> &mut Self {
        (self.turn, self.time) = (event.turn, event.time);
        self.record(event.kind.clone())
    }

    pub(crate) fn enter(&mut self, task: u64) -> &mut Self {
        self.record(EventKind::MainEntered {
            task,
            future: "demo::main::{{closure}}",
            location: Location::caller(),
        })
    }

    pub(crate) fn turn(&mut self) -> &mut Self {
        self.turn += 1;
        self.record(EventKind::TurnBegins)
    }

    pub(crate) fn poll(&mut self, task: u64) -> &mut Self {
        self.polled = Some(task);
        self.record(EventKind::PollBegins { task })
    }

    pub(crate) fn spawn(&mut self, task: u64, future: &'static str) -> &mut Self {
        self.record(EventKind::Spawned { task, parent: self.polled, future, location: Location::caller() })
    }

    pub(crate) fn name(&mut self, task: u64, name: &str) -> &mut Self {
        let name = name.into();
        self.record(EventKind::Named { task, name })
    }

    pub(crate) fn wake(&mut self, task: u64, by: Origin) -> &mut Self {
        let already = false;
        self.record(EventKind::Woken { task, by, already })
    }

    /// Ends the poll: the task waits.
    pub(crate) fn waits(&mut self, on: &[WaitsFor]) -> &mut Self {
        let task = self.polled.expect("a task is polled");
        for &on in on {
            self.record(EventKind::Waits { task, on });
        }
        self.end(Outcome::Pending)
    }

    /// Ends the poll: the task waits for another one.
    pub(crate) fn joins(&mut self, other: u64) -> &mut Self {
        self.waits(&[WaitsFor::Task(other)])
    }

    /// Ends the poll: the task waits for a timer, whose number is the task's.
    pub(crate) fn sleeps(&mut self, until: u64) -> &mut Self {
        let task = self.polled.expect("a task is polled");
        let timer = u32::try_from(task).expect("a small number");
        let deadline = Duration::from_millis(until);
        self.record(EventKind::TimerArmed { timer, task: Some(task), deadline });
        self.waits(&[WaitsFor::Timer { timer, deadline }])
    }

    pub(crate) fn yields(&mut self) -> &mut Self {
        let task = self.polled.expect("a task is polled");
        self.wake(task, Origin::Task(task));
        self.waits(&[WaitsFor::Turn])
    }

    pub(crate) fn returns(&mut self) -> &mut Self {
        let task = self.polled.expect("a task is polled");
        self.end(Outcome::Ready).finish(task, Ending::Returned)
    }

    pub(crate) fn panics(&mut self) -> &mut Self {
        let task = self.polled.expect("a task is polled");
        self.end(Outcome::Panicked).finish(task, Ending::Panicked)
    }

    pub(crate) fn finish(&mut self, task: u64, how: Ending) -> &mut Self {
        self.record(EventKind::Finished { task, how })
    }

    fn end(&mut self, outcome: Outcome) -> &mut Self {
        let task = self.polled.take().expect("a task is polled");
        let took = Duration::ZERO;
        self.record(EventKind::PollEnds { task, outcome, took })
    }

    /// Parks, and sleeps for that long.
    pub(crate) fn park(&mut self, millis: u64) -> &mut Self {
        let slept = Duration::from_millis(millis);
        let timeout = Some(slept);
        self.later(millis).record(EventKind::Parked { timeout, slept, sources: 0 })
    }

    /// Fires the timer of that task, which wakes it.
    pub(crate) fn fires(&mut self, task: u64) -> &mut Self {
        let timer = u32::try_from(task).expect("a small number");
        self.record(EventKind::TimerFired { timer });
        self.wake(task, Origin::Timer(timer))
    }

    pub(crate) fn close(&mut self) -> &mut Self {
        self.record(EventKind::Closed)
    }
}

/// Returns the state after the events.
pub(crate) fn after(events: &[Event]) -> Live {
    let mut live = Live::default();
    events.iter().for_each(|event| live.apply(event));
    live
}

/// Main gathers sleeps of 1, 0.5 and 1.5 s, and ends.
pub(crate) fn gather() -> Story {
    let mut story = Story::new();
    story.enter(1).turn().poll(1);
    for task in 2..5 {
        story.spawn(task, "sleep::mysleep::mysleep::{{closure}}");
    }
    story.waits(&[WaitsFor::Tasks { what: "gather", left: 3 }]);
    story.turn().poll(2).sleeps(1000).poll(3).sleeps(500);
    story.poll(4).sleeps(1500);
    story.park(500).fires(3).turn().poll(3).returns();
    story.park(500).fires(2).turn().poll(2).returns();
    story.park(500).fires(4).turn().poll(4).returns();
    story.wake(1, Origin::Task(4)).turn().poll(1).returns();
    story.close();
    story
}
