//! What a timeline shows of a loop, before it is drawn: a column for each turn, with the marks of each task
//! to which something happens in it.
//!
//! What a task does to another one stands in the turn in which it does so, or in the end column, if the loop
//! is dropping the task that does it. What happens between two turns (a timer fires, a source is ready)
//! stands at the beginning of the next turn.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::time::Duration;

use crate::observe::{Ending, Event, EventKind, Live, LiveTask, Origin, Outcome, TaskState, WaitsFor};
use crate::trace::cause::{Action, Cause};
use crate::trace::repeats::{self, Fold};
use crate::trace::{LoopTrace, labels};

/// What is shown of a loop.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) columns: Vec<Column>,
    /// The label of each task.
    pub(super) labels: BTreeMap<u64, String>,
    /// What the tasks did before the first column.
    pub(super) before: BTreeMap<u64, Meanwhile>,
    /// The loop's last state; of a loop that has ended, the state before it dropped the tasks that were left.
    pub(super) at_last: Live,
}

/// A turn, or what stands in its place.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) heading: String,
    pub(super) time: Duration,
    /// What happens to each task, in order.
    pub(super) marks: BTreeMap<u64, Vec<Mark>>,
}

/// Something that happens to a task.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The main future enters.
    Entered,
    /// It is spawned, woken or aborted.
    Caused(Action, Origin),
    /// It is polled: its place among the polls of the turn, from 1. `None` if the beginning of the turn was
    /// not kept.
    Polled(Option<usize>),
    /// Its poll is over, and it goes on later.
    Pending(Meanwhile),
    /// It is dropped without being polled.
    Dropped,
    /// It is done.
    Ended(Ending),
    /// It repeats what it did in the turns before, and goes on like this.
    Again(Meanwhile),
}

/// What a task does from one mark to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meanwhile {
    /// It stands in the ready queue.
    Ready,
    /// It waits.
    Waits(Vec<WaitsFor>),
    /// It is being polled, is not spawned yet, or has ended.
    Nothing,
}

impl Chart {
    pub(super) fn of(loop_trace: &LoopTrace) -> Chart {
        let events = &loop_trace.events;
        let mut follower = Follower::new(loop_trace);
        let mut at = 0;
        for fold in repeats::of(loop_trace) {
            follower.follow(events.range(at..fold.events.start));
            follower.leave_out(events.range(fold.events.clone()), &fold);
            at = fold.events.end;
        }
        follower.follow(events.range(at..));
        follower.finish()
    }
}

impl Mark {
    pub(super) fn meanwhile(&self) -> &Meanwhile {
        match self {
            Mark::Entered | Mark::Caused(..) => &Meanwhile::Ready,
            Mark::Pending(meanwhile) | Mark::Again(meanwhile) => meanwhile,
            Mark::Polled(_) | Mark::Dropped | Mark::Ended(_) => &Meanwhile::Nothing,
        }
    }
}

impl Meanwhile {
    fn of(task: &LiveTask) -> Meanwhile {
        match task.state {
            TaskState::Ready | TaskState::Aborted => Meanwhile::Ready,
            TaskState::Idle => Meanwhile::Waits(task.waits.clone()),
            TaskState::Polled => Meanwhile::Nothing,
        }
    }
}

/// Follows the events, and makes the columns.
struct Follower {
    chart: Chart,
    live: Live,
    /// What stands at the beginning of the next column.
    next: BTreeMap<u64, Vec<Mark>>,
    /// How many tasks were polled in this turn; `None` if its beginning was not kept.
    polls: Option<usize>,
    /// The tasks that have come into the ready queue since this turn began. Its batch does not have them.
    queued: BTreeSet<u64>,
    /// Whether the main future is done, or the loop drops the tasks that are left.
    is_ending: bool,
    /// The state before it drops them.
    left: Option<Live>,
}

impl Follower {
    fn new(loop_trace: &LoopTrace) -> Follower {
        let before = &loop_trace.before;
        let meanwhile = |(&id, task)| (id, Meanwhile::of(task));
        let mut follower = Follower {
            chart: Chart {
                columns: Vec::new(),
                labels: labels::of(loop_trace),
                before: before.tasks.iter().map(meanwhile).collect(),
                at_last: Live::default(),
            },
            live: before.clone(),
            next: BTreeMap::new(),
            polls: None,
            queued: BTreeSet::new(),
            is_ending: false,
            left: None,
        };
        // The rest of a turn whose beginning was not kept.
        follower.open(before.turn.to_string(), before.time);
        // A task whose last poll is over is still polled, until it ends.
        let polled = before.tasks.values().filter(|task| task.state == TaskState::Polled);
        polled.for_each(|task| follower.now(task.id, Mark::Polled(None)));
        follower
    }

    fn follow<'a>(&mut self, events: impl Iterator<Item = &'a Event>) {
        for event in events {
            self.mark(event);
            self.live.apply(event);
            self.mark_after(event);
        }
    }

    /// Makes one column of turns that repeat those before them.
    fn leave_out<'a>(&mut self, events: impl Iterator<Item = &'a Event>, fold: &Fold) {
        let repeated = &self.chart.columns[self.chart.columns.len() - fold.period..];
        let tasks = repeated.iter().flat_map(|column| column.marks.keys());
        let tasks: BTreeSet<u64> = tasks.copied().collect();
        let begin = self.live.time;
        for event in events {
            match event.kind {
                EventKind::TurnBegins => {
                    self.next.clear();
                    self.queued.clear();
                }
                // Its mark stands before the next turn, so it is kept if that one is drawn again.
                EventKind::Woken { by, .. } if !matches!(by, Origin::Task(_)) => self.mark(event),
                _ => {}
            }
            self.live.apply(event);
        }
        let next = mem::take(&mut self.next);
        let heading = format!("..{} more..", fold.turns);
        self.open(heading, begin);
        for task in tasks {
            let meanwhile = match self.live.tasks.get(&task) {
                // A task that was woken after the last of the turns has waited until then.
                Some(live) if next.contains_key(&task) => Meanwhile::Waits(live.waits.clone()),
                Some(live) => Meanwhile::of(live),
                None => Meanwhile::Nothing,
            };
            self.now(task, Mark::Again(meanwhile));
        }
        self.next = next;
    }

    fn mark(&mut self, event: &Event) {
        match event.kind {
            EventKind::TurnBegins => {
                self.open(event.turn.to_string(), event.time);
                self.polls = Some(0);
                self.queued.clear();
                self.is_ending = false;
                self.left = None;
            }
            EventKind::MainEntered { task, .. } => {
                self.left = None;
                self.next(task, Mark::Entered);
            }
            EventKind::PollBegins { task } => {
                self.polls = self.polls.map(|polls| polls + 1);
                self.now(task, Mark::Polled(self.polls));
            }
            EventKind::Finished { task, how } => self.finished(task, how),
            _ => self.caused(event),
        }
    }

    /// Marks how a task goes on after its poll, which the state says once the event is applied.
    fn mark_after(&mut self, event: &Event) {
        if let EventKind::PollEnds {
            task,
            outcome: Outcome::Pending,
            ..
        } = event.kind
            && let Some(live) = self.live.tasks.get(&task)
            // A task that has aborted itself is dropped next, and waits for nothing.
            && live.state != TaskState::Aborted
        {
            let meanwhile = Meanwhile::of(live);
            self.now(task, Mark::Pending(meanwhile));
        }
    }

    /// Marks the end of a task. A poll has ended it, or it was aborted and is dropped at its place in the
    /// queue; else it is dropped because the loop ends.
    fn finished(&mut self, task: u64, how: Ending) {
        let live = self.live.tasks.get(&task);
        let is_main = live.is_some_and(|task| task.is_main);
        let is_aborted = live.is_some_and(|task| task.state == TaskState::Aborted);
        let marks = self.chart.columns.last().and_then(|column| column.marks.get(&task));
        let polled = marks.filter(|marks| marks.iter().any(|mark| matches!(mark, Mark::Polled(_))));
        let is_polled = polled.is_some();
        let is_over = match polled {
            Some(marks) => !matches!(marks.last(), Some(Mark::Pending(_))),
            None => is_aborted,
        };
        if self.is_ending || !is_over || self.queued.contains(&task) {
            self.is_ending = true;
            self.left.get_or_insert_with(|| self.live.clone());
            self.next(task, Mark::Dropped);
            self.next(task, Mark::Ended(how));
            return;
        }
        if !is_polled {
            self.now(task, Mark::Dropped);
        }
        self.now(task, Mark::Ended(how));
        self.is_ending = is_main;
    }

    /// Marks what was done to a task: in this turn if a task did it there, else before the next one.
    fn caused(&mut self, event: &Event) {
        let Some(Cause { task, action, by }) = Cause::of(event) else {
            return;
        };
        let is_polled = self.live.polled == Some(task);
        if !is_polled && self.live.tasks.get(&task).is_none_or(|live| !live.queued) {
            self.queued.insert(task);
        }
        if by == Origin::Outside {
            self.left = None; // the loop was not being dropped
        }
        // If a task wakes itself, its mark stands at the end of its poll.
        if action == Action::Wake && is_polled {
            return;
        }
        match by {
            Origin::Task(_) if !self.is_ending => self.now(task, Mark::Caused(action, by)),
            _ => self.next(task, Mark::Caused(action, by)),
        }
    }

    fn now(&mut self, task: u64, mark: Mark) {
        if let Some(column) = self.chart.columns.last_mut() {
            column.marks.entry(task).or_default().push(mark);
        }
    }

    fn next(&mut self, task: u64, mark: Mark) {
        self.next.entry(task).or_default().push(mark);
    }

    fn open(&mut self, heading: String, time: Duration) {
        let marks = mem::take(&mut self.next);
        self.chart.columns.push(Column { heading, time, marks });
    }

    fn finish(mut self) -> Chart {
        let heading = if self.is_ending { "end" } else { "next" };
        self.open(heading.into(), self.live.time);
        self.chart.columns.retain(|column| !column.marks.is_empty());
        self.chart.at_last = self.left.unwrap_or(self.live);
        self.chart
    }
}
