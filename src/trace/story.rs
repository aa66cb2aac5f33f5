//! Recordings for tests: the story of a loop, given to a recorder event by event, as the loop would.

use std::panic::Location;
use std::time::Duration;

use crate::observe::{Ending, Event, EventKind, Observer, Origin, Outcome, WaitsFor};
use crate::trace::{Recorder, Trace};

/// A loop that has done what a test says.
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
    /// A loop with a virtual clock, alone.
    pub(crate) fn new() -> Story {
        Story::of(1, &Recorder::new(), true)
    }

    /// Loop so and so, which is opened.
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
        story.tell(EventKind::Opened { is_virtual });
        story
    }

    /// What was recorded.
    pub(crate) fn trace(&self) -> Trace {
        self.recorder.trace()
    }

    pub(crate) fn tell(&mut self, kind: EventKind) -> &mut Self {
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

    /// Time passes.
    pub(crate) fn later(&mut self, millis: u64) -> &mut Self {
        self.time += Duration::from_millis(millis);
        self
    }

    /// Tells an event of another story.
    pub(crate) fn retell(&mut self, event: &Event) -> &mut Self {
        (self.turn, self.time) = (event.turn, event.time);
        self.tell(event.kind.clone())
    }

    pub(crate) fn enter(&mut self, task: u64) -> &mut Self {
        self.tell(EventKind::MainEntered {
            task,
            future: "demo::main::{{closure}}",
            location: Location::caller(),
        })
    }

    pub(crate) fn turn(&mut self) -> &mut Self {
        self.turn += 1;
        self.tell(EventKind::TurnBegins)
    }

    pub(crate) fn poll(&mut self, task: u64) -> &mut Self {
        self.polled = Some(task);
        self.tell(EventKind::PollBegins { task })
    }

    pub(crate) fn spawn(&mut self, task: u64, future: &'static str) -> &mut Self {
        self.tell(EventKind::Spawned { task, parent: self.polled, future, location: Location::caller() })
    }

    pub(crate) fn name(&mut self, task: u64, name: &str) -> &mut Self {
        let name = name.into();
        self.tell(EventKind::Named { task, name })
    }

    pub(crate) fn wake(&mut self, task: u64, by: Origin) -> &mut Self {
        let already = false;
        self.tell(EventKind::Woken { task, by, already })
    }

    /// The task that is polled waits, and its poll is over.
    pub(crate) fn waits(&mut self, on: &[WaitsFor]) -> &mut Self {
        let task = self.polled.expect("a task is polled");
        for &on in on {
            self.tell(EventKind::Waits { task, on });
        }
        self.end(Outcome::Pending)
    }

    /// It waits for another one.
    pub(crate) fn joins(&mut self, other: u64) -> &mut Self {
        self.waits(&[WaitsFor::Task(other)])
    }

    /// It waits until that time; the timer has the number of the task.
    pub(crate) fn sleeps(&mut self, until: u64) -> &mut Self {
        let task = self.polled.expect("a task is polled");
        let timer = u32::try_from(task).expect("a small number");
        let deadline = Duration::from_millis(until);
        self.tell(EventKind::TimerArmed { timer, task: Some(task), deadline });
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
        self.tell(EventKind::Finished { task, how })
    }

    fn end(&mut self, outcome: Outcome) -> &mut Self {
        let task = self.polled.take().expect("a task is polled");
        let took = Duration::ZERO;
        self.tell(EventKind::PollEnds { task, outcome, took })
    }

    /// The loop sleeps for that long.
    pub(crate) fn park(&mut self, millis: u64) -> &mut Self {
        let slept = Duration::from_millis(millis);
        let timeout = Some(slept);
        self.later(millis).tell(EventKind::Parked { timeout, slept, sources: 0 })
    }

    /// The timer of that task fires.
    pub(crate) fn fires(&mut self, task: u64) -> &mut Self {
        let timer = u32::try_from(task).expect("a small number");
        self.tell(EventKind::TimerFired { timer });
        self.wake(task, Origin::Timer(timer))
    }

    pub(crate) fn close(&mut self) -> &mut Self {
        self.tell(EventKind::Closed)
    }
}

/// The demo of the course: main gathers sleeps of 1, 0.5 and 1.5 s.
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
