//! The live state of a loop, derived from its events: which tasks there are, which are ready, and what the
//! others wait for.
//!
//! [`Live::apply`] applies one event. The log keeps the state after the last event, for dumps. A recorder
//! that drops its oldest events keeps the state after those. A picture follows the state from event to event.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::observe::{Event, EventKind, Outcome, WaitsFor};

/// The state of a loop between two events.
///
/// ```
/// use boucle::observe::Live;
/// # use boucle::{EventLoop, trace::Recorder};
///
/// # let recorder = Recorder::new();
/// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
/// let mut live = Live::default();
/// let mut most_timers = 0;
/// for event in &recorder.trace().loops[0].events {
///     live.apply(event);
///     most_timers = most_timers.max(live.timers.len());
/// }
/// assert_eq!(most_timers, 1);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Live {
    /// The last turn that began.
    pub turn: u64,
    /// The loop's time at the last event.
    pub time: Duration,
    /// The tasks that are not done, and the main future, by id.
    pub tasks: BTreeMap<u64, LiveTask>,
    /// The tasks in the ready queue, in the order in which they came.
    pub ready: VecDeque<u64>,
    /// The task that is being polled.
    pub polled: Option<u64>,
    /// The timers that are armed: when they fire, and for which task.
    pub timers: BTreeMap<u32, (Duration, Option<u64>)>,
    /// The sources that are registered.
    pub sources: BTreeSet<usize>,
    /// Whether the loop's clock is virtual.
    pub is_virtual: bool,
    /// Whether the loop was closed.
    pub closed: bool,
    /// How many tasks were queued so far.
    places: u64,
}

/// A task that is not done.
///
/// ```
/// use boucle::observe::Live;
/// # use boucle::{EventLoop, trace::Recorder};
///
/// # let recorder = Recorder::new();
/// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
/// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
/// let mut live = Live::default();
/// let mut most_polls = 0;
/// for event in &recorder.trace().loops[0].events {
///     live.apply(event);
///     most_polls = live.tasks.values().map(|task| task.polls).fold(most_polls, u64::max);
/// }
/// assert_eq!(most_polls, 2);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LiveTask {
    /// Its id.
    pub id: u64,
    /// Its name, if it has one.
    pub name: Option<Arc<str>>,
    /// Whether it is a main future.
    pub is_main: bool,
    /// The task that spawned it.
    pub parent: Option<u64>,
    /// The type of its future.
    pub future: &'static str,
    /// Where it was spawned.
    pub location: &'static Location<'static>,
    /// Its state now.
    pub state: TaskState,
    /// Whether it stands in the ready queue: also while it is polled, if it was woken meanwhile.
    pub queued: bool,
    /// When it came into this state, in the loop's time.
    pub since: Duration,
    /// What its last poll waits for; cleared when the next one begins. A poll may wait for one thing again and
    /// again, as a server does for its shutdown after each connection: of such waits the last is kept. If the
    /// poll has dropped the timer or the source that it waited for, as a `select` does, that wait is removed.
    /// (Both look at the last 16 waits alone.) A wait for a handle, a group, a job or a signal
    /// stays, even if the poll has given it up.
    pub waits: Vec<WaitsFor>,
    /// How often it was polled.
    pub polls: u64,
    /// How long all its polls took together.
    pub busy: Duration,
    /// How long the longest one took.
    pub longest: Duration,
    /// If it is queued: how many were ever queued before it. The queue is sorted by this.
    place: u64,
}

/// The state of a task.
///
/// ```
/// use boucle::observe::TaskState;
///
/// # boucle::run(async {
/// let _new = boucle::spawn(async {});
/// let states: Vec<_> = boucle::dump().tasks.iter().map(|task| task.state).collect();
/// assert_eq!(states, [TaskState::Polled, TaskState::Ready]); // main, and the new task
/// # });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// It stands in the ready queue.
    Ready,
    /// It is being polled.
    Polled,
    /// It waits to be woken.
    Idle,
    /// It was aborted, and will be dropped at its place in the ready queue, or when its poll is over.
    Aborted,
}

impl Live {
    /// Applies one event. Each sets the turn and the time, and some change nothing else. O(log n) in the tasks,
    /// timers and sources; O(n) in the ready tasks if one leaves the queue that was not its first.
    ///
    /// ```
    /// use boucle::observe::Live;
    /// # use boucle::{EventLoop, trace::Recorder};
    ///
    /// # let recorder = Recorder::new();
    /// # let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build()?;
    /// event_loop.block_on(boucle::sleep(std::time::Duration::from_secs(1)));
    /// let mut live = Live::default();
    /// recorder.trace().loops[0].events.iter().for_each(|event| live.apply(event));
    /// assert!(live.tasks.is_empty()); // the main future is done
    /// assert_eq!(live.time, std::time::Duration::from_secs(1));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn apply(&mut self, event: &Event) {
        self.turn = event.turn;
        self.time = event.time;
        match &event.kind {
            EventKind::Spawned { task, parent, future, location } => {
                self.enter(*task, false, *parent, future, location);
            }
            EventKind::MainEntered { task, future, location } => {
                self.enter(*task, true, None, future, location);
            }
            EventKind::Named { task, name } => {
                if let Some(task) = self.tasks.get_mut(task) {
                    task.name = Some(Arc::clone(name));
                }
            }
            EventKind::Woken { task, already: false, .. } => self.wake(*task),
            EventKind::PollBegins { task } => self.begin_poll(*task),
            EventKind::Waits { task, on } => self.wait(*task, *on),
            EventKind::PollEnds { task, outcome, took } => self.end_poll(*task, *outcome, *took),
            EventKind::Aborted { task, .. } => self.abort(*task),
            EventKind::Finished { task, .. } => {
                self.leave_queue(*task);
                self.tasks.remove(task);
            }
            EventKind::TimerArmed { timer, task, deadline } => {
                self.timers.insert(*timer, (*deadline, *task));
            }
            EventKind::TimerFired { timer } => {
                self.timers.remove(timer);
            }
            EventKind::TimerDropped { timer, .. } => self.drop_timer(*timer),
            EventKind::SourceAdded { source } => {
                self.sources.insert(*source);
            }
            EventKind::SourceDropped { source } => self.drop_source(*source),
            EventKind::Opened { is_virtual } => self.is_virtual = *is_virtual,
            EventKind::Closed => self.closed = true,
            _ => {}
        }
    }

    fn enter(
        &mut self,
        id: u64,
        is_main: bool,
        parent: Option<u64>,
        future: &'static str,
        location: &'static Location<'static>,
    ) {
        let task = LiveTask {
            id,
            name: None,
            is_main,
            parent,
            future,
            location,
            state: TaskState::Ready,
            queued: true,
            since: self.time,
            waits: Vec::new(),
            polls: 0,
            busy: Duration::ZERO,
            longest: Duration::ZERO,
            place: self.places,
        };
        self.places += 1;
        self.tasks.insert(id, task);
        self.ready.push_back(id);
    }

    fn wake(&mut self, id: u64) {
        self.queue(id);
        // A task that wakes itself is ready when its poll is over.
        if self.polled != Some(id) {
            self.set_state(id, TaskState::Ready);
        }
    }

    fn begin_poll(&mut self, id: u64) {
        self.leave_queue(id);
        self.polled = Some(id);
        self.set_state(id, TaskState::Polled);
        if let Some(task) = self.tasks.get_mut(&id) {
            task.waits.clear();
            task.polls += 1;
        }
    }

    fn wait(&mut self, id: u64, on: WaitsFor) {
        // Another task may have armed the timer.
        if let WaitsFor::Timer { timer, .. } = on
            && let Some((_, whose)) = self.timers.get_mut(&timer)
        {
            *whose = Some(id);
        }
        if let Some(task) = self.tasks.get_mut(&id) {
            task.wait_for(on);
        }
    }

    fn end_poll(&mut self, id: u64, outcome: Outcome, took: Duration) {
        self.polled = None;
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.busy += took;
        task.longest = task.longest.max(took);
        // A task that is done, or has aborted itself, stays as it is until it is removed.
        if outcome == Outcome::Pending && task.state != TaskState::Aborted {
            let state = if task.queued { TaskState::Ready } else { TaskState::Idle };
            self.set_state(id, state);
        }
    }

    /// Queues an idle task, to be dropped. One that is being polled is dropped after its poll.
    fn abort(&mut self, id: u64) {
        if self.polled != Some(id) {
            self.queue(id);
        }
        self.set_state(id, TaskState::Aborted);
    }

    fn drop_timer(&mut self, dropped: u32) {
        self.timers.remove(&dropped);
        self.give_up(|on| matches!(on, WaitsFor::Timer { timer, .. } if *timer == dropped));
    }

    fn drop_source(&mut self, dropped: usize) {
        self.sources.remove(&dropped);
        self.give_up(|on| [WaitsFor::Readable(dropped), WaitsFor::Writable(dropped)].contains(on));
    }

    /// Removes the waits of the polled task for what its poll has dropped.
    fn give_up(&mut self, is_dropped: impl Fn(&WaitsFor) -> bool) {
        if let Some(task) = self.polled.and_then(|id| self.tasks.get_mut(&id)) {
            task.remove_waits(is_dropped);
        }
    }

    fn set_state(&mut self, id: u64, state: TaskState) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.state = state;
            task.since = self.time;
        }
    }

    fn queue(&mut self, id: u64) {
        if let Some(task) = self.tasks.get_mut(&id)
            && !task.queued
        {
            task.queued = true;
            task.place = self.places;
            self.places += 1;
            self.ready.push_back(id);
        }
    }

    fn leave_queue(&mut self, id: u64) {
        let Some(task) = self.tasks.get_mut(&id).filter(|task| task.queued) else { return };
        task.queued = false;
        if self.ready.front() == Some(&id) {
            self.ready.pop_front();
        } else if let Some(ahead) = self.ahead_of(id) {
            self.ready.remove(ahead);
        }
    }

    /// Returns how many tasks are in the ready queue before one that is in it. O((log n)²).
    pub(crate) fn ahead_of(&self, id: u64) -> Option<usize> {
        let place = self.tasks.get(&id)?.place;
        let place_of = |other: &u64| self.tasks.get(other).map_or(0, |task| task.place);
        self.ready.binary_search_by_key(&place, place_of).ok()
    }
}

impl LiveTask {
    /// Adds a wait. One for the same thing is out of date.
    fn wait_for(&mut self, on: WaitsFor) {
        self.remove_waits(|before| is_for_the_same(before, &on));
        self.waits.push(on);
    }

    /// Removes waits. They are looked for among the latest alone, so that a poll that waits for thousands of
    /// things costs O(1) for each.
    fn remove_waits(&mut self, is_over: impl Fn(&WaitsFor) -> bool) {
        const LATEST: usize = 16;
        let latest = self.waits.len().saturating_sub(LATEST);
        self.waits.extract_if(latest.., |on| is_over(on)).for_each(drop);
    }
}

/// Returns true if two waits of one poll are for the same thing. It may have changed in between: a timer was
/// set anew, or a `TaskGroup` has grown.
fn is_for_the_same(one: &WaitsFor, other: &WaitsFor) -> bool {
    match (one, other) {
        (WaitsFor::Timer { timer: one, .. }, WaitsFor::Timer { timer: other, .. }) => one == other,
        (WaitsFor::Tasks { what: "TaskGroup", .. }, WaitsFor::Tasks { what: "TaskGroup", .. }) => true,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests;
