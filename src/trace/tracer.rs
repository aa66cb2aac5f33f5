//! Makes a picture of the events of a loop.
//!
//! A [`Live`] applies the events. Whenever the state of a task has changed, a span ends in its row, and
//! another begins.

use std::collections::BTreeMap;

use crate::observe::{Event, EventKind, Live, Origin, TaskState};
use crate::trace::LoopTrace;
use crate::trace::cause::{Cause, changed};
use crate::trace::picture::{Arrow, Picture, Row, Span, Step, Turn};

/// Returns the picture of a loop, up to a step.
pub(super) fn picture(loop_trace: &LoopTrace, last: Step) -> Picture {
    let mut tracer = Tracer::new(&loop_trace.before);
    for event in loop_trace.events.iter().take(last) {
        tracer.follow(event);
    }
    Picture { is_virtual: tracer.live.is_virtual, ..tracer.picture }
}

/// Follows the events of a loop, and draws.
struct Tracer {
    live: Live,
    step: Step,
    /// The row of each task.
    row_of: BTreeMap<u64, usize>,
    /// The last arrow to the row of each task.
    cause_of: BTreeMap<u64, usize>,
    picture: Picture,
}

impl Tracer {
    fn new(before: &Live) -> Tracer {
        let mut tracer = Tracer {
            live: before.clone(),
            step: 0,
            row_of: BTreeMap::new(),
            cause_of: BTreeMap::new(),
            picture: Picture::default(),
        };
        for &task in before.tasks.keys() {
            tracer.enter(task);
            tracer.change(task);
        }
        tracer
    }

    fn follow(&mut self, event: &Event) {
        self.step += 1;
        self.live.apply(event);
        self.follow_turn(event);
        if let EventKind::Spawned { task, .. } | EventKind::MainEntered { task, .. } = event.kind {
            self.enter(task);
        }
        if let Some(cause) = Cause::of(event) {
            self.arrow(cause);
        }
        if let EventKind::PollEnds { task, .. } = event.kind {
            self.end_poll(task);
        }
        if let Some(task) = changed(event) {
            self.change(task);
        }
        if let EventKind::Finished { task, how } = event.kind
            && let Some(&row) = self.row_of.get(&task)
        {
            self.picture.rows[row].ending = Some((self.step, how));
        }
    }

    /// Adds what the event says of turns, and of the sleep between them.
    fn follow_turn(&mut self, event: &Event) {
        let step = self.step;
        match (&event.kind, self.picture.turns.last_mut()) {
            (EventKind::TurnBegins, _) => self.picture.turns.push(Turn {
                number: event.turn,
                steps: step..step,
                time: event.time,
                polled: Vec::new(),
            }),
            (EventKind::PollBegins { task }, Some(turn)) => turn.polled.extend(self.row_of.get(task)),
            (EventKind::PollEnds { .. }, Some(turn)) => turn.steps.end = step,
            (EventKind::Parked { .. }, _) => {
                let slept = event.kind.sleep().map(|slept| (step, slept));
                self.picture.pauses.extend(slept);
            }
            _ => {}
        }
    }

    fn enter(&mut self, task: u64) {
        self.row_of.insert(task, self.picture.rows.len());
        self.picture.rows.push(Row { task, spans: Vec::new(), ending: None });
    }

    fn arrow(&mut self, cause: Cause) {
        let Some(&to) = self.row_of.get(&cause.task) else {
            return;
        };
        let from = match cause.by {
            Origin::Task(task) => self.row_of.get(&task).copied(),
            _ => None,
        };
        self.cause_of.insert(cause.task, self.picture.arrows.len());
        self.picture.arrows.push(Arrow { step: self.step, cause, from, to });
    }

    /// Ends the task's span and begins another, if its state has changed.
    fn change(&mut self, task: u64) {
        let Some(&row) = self.row_of.get(&task) else {
            return;
        };
        let spans = &mut self.picture.rows[row].spans;
        let live = self.live.tasks.get(&task);
        if let Some(last) = spans.last_mut() {
            if live.is_some_and(|live| live.state == last.state) {
                return;
            }
            last.steps.end = last.steps.end.min(self.step);
        }
        spans.extend(live.map(|live| Span {
            steps: self.step..Step::MAX,
            state: live.state,
            waits: live.waits.clone(),
            cause: self.cause_of.get(&task).copied(),
            poll_ends: None,
        }));
    }

    fn end_poll(&mut self, task: u64) {
        let Some(&row) = self.row_of.get(&task) else {
            return;
        };
        let mut spans = self.picture.rows[row].spans.iter_mut();
        // A task that has aborted itself has begun another span since.
        if let Some(poll) = spans.rfind(|span| span.state == TaskState::Polled) {
            poll.poll_ends = Some(self.step);
        }
    }
}
