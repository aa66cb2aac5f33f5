//! The model: an event loop that is slow and obvious, with a virtual clock. It is to be read as the
//! specification of boucle's.
//!
//! ```text
//!   1 run    poll the batch: what stood in the ready queue when the turn began, first come, first served
//!   2 park   if one is due. Time jumps to the next deadline, if nothing is ready, and nothing in the inbox
//!   3 wake   what the messages ask for, then the tasks whose timers are due, in the order (deadline, arming)
//! ```
//!
//! A task's id is its place in the list of all that were ever spawned; a waker is an id in an `Arc`; a timer
//! is found by searching. There is one loop per thread, in a thread-local, and no future is polled or dropped
//! while that is borrowed.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use boucle::Turn;

use crate::inbox::{self, Inbox};
use crate::leaves::Handle;
use crate::random::{Numbers, Random};
use crate::runtime::{Coroutine, Failure, Name, Outcome};

/// A task's place in the list of all tasks.
pub(crate) type Id = usize;

/// A place that a task has until it is done and its handle is gone. The next task gets the one that was freed
/// last: that is not documented, but another thread that wakes a task that is gone wakes the next one in its
/// slot.
pub(crate) type Slot = usize;

/// Operations that are ready at once per poll.
pub(crate) const BUDGET: usize = 128;

/// Pops between two parks, unless the batch is longer.
const POPS_PER_PARK: usize = 61;

/// How often, at most, a shuffled loop passes in a row over the task that is ready for longest.
const PATIENCE: usize = 64;

#[derive(Default)]
pub(crate) struct Model {
    /// Tasks, and main futures, in spawn order.
    pub(crate) tasks: Vec<Task>,
    pub(crate) ready: Vec<Id>,
    /// Which task has a slot, or had it last.
    pub(crate) slots: Vec<Id>,
    free: Vec<Slot>,
    pub(crate) inbox: Inbox,
    /// How many numbers have left the ready queue since the last park.
    popped: usize,
    timers: Vec<Timer>,
    timers_armed: usize,
    pub(crate) now: Duration,
    /// What is being polled or dropped.
    pub(crate) polled: Option<Id>,
    /// How many ready operations are left to the poll.
    pub(crate) budget: usize,
    /// How many were refused since none is left.
    pub(crate) refused: usize,
    pub(crate) stopping: bool,
    pub(crate) closing: bool,
    pub(crate) shuffle: Option<Random>,
    /// How many draws have passed over the first of the ready tasks.
    passed_over: usize,
}

#[derive(Default)]
pub(crate) struct Task {
    /// `None` while it is polled, when it is done, and always for a main future.
    pub(crate) future: Option<Coroutine>,
    pub(crate) slot: Slot,
    pub(crate) is_done: bool,
    is_aborted: bool,
    pub(crate) name: Option<Name>,
    /// Whether a handle exists.
    pub(crate) is_held: bool,
    /// From its end until the handle takes it.
    pub(crate) output: Option<Outcome>,
    /// What is to happen when it is done.
    pub(crate) when_done: Option<WhenDone>,
}

/// Called with whether the task has panicked.
pub(crate) type WhenDone = Box<dyn FnOnce(bool)>;

struct Timer {
    /// In whole microseconds, rounded up.
    due: Duration,
    number: usize,
    waker: Waker,
}

thread_local! {
    static MODEL: RefCell<Model> = RefCell::default();
}

pub(crate) fn with<T>(use_model: impl FnOnce(&mut Model) -> T) -> T {
    MODEL.with_borrow_mut(use_model)
}

/// When the loop returns.
pub(crate) enum Until<'a> {
    Ready(Id, &'a mut Option<Coroutine>),
    Stopped,
    OneTurn(Option<Duration>),
}

/// What made the loop return.
pub(crate) enum Ran {
    Main(Outcome),
    Turn(Turn),
}

/// Makes turns until the loop returns.
pub(crate) fn run(mut until: Until<'_>) -> Ran {
    let is_one_turn = matches!(until, Until::OneTurn(_));
    loop {
        let mut turn = Turn::default();
        // 1 run: what is woken meanwhile is behind the batch. A task in the queue may be done by now.
        for _ in 0..with(Model::begin_batch) {
            let id = with(Model::pop);
            let (is_done, is_aborted) = with(|model| (model.tasks[id].is_done, model.tasks[id].is_aborted));
            match &mut until {
                Until::Ready(main, future) if id == *main => {
                    if let Some(outcome) = poll(id, future) {
                        if with(|model| model.stopping || model.popped >= POPS_PER_PARK) {
                            with(|model| model.park(Some(Duration::ZERO)));
                            wake_due();
                        }
                        return Ran::Main(outcome);
                    }
                }
                _ if is_done => {}
                _ if is_aborted => cancel(id, with(|model| model.tasks[id].future.take()), None),
                _ => {
                    turn.polled += 1;
                    poll_task(id);
                }
            }
        }
        // 2 park
        if !is_one_turn && !with(|model| model.is_park_due()) {
            continue;
        }
        let limit = match until {
            Until::OneTurn(limit) if with(|model| model.live()) > 0 => limit,
            Until::OneTurn(_) => Some(Duration::ZERO),
            _ => None,
        };
        if !with(|model| model.park(limit)) {
            panic!("deadlock");
        }
        // 3 wake
        (turn.woken_by_inbox, turn.woken_by_timers) = wake_due();
        if is_one_turn || with(|model| model.stopping) {
            with(|model| (turn.ready, turn.left) = (model.ready.len(), model.live()));
            with(|model| (turn.time, turn.stopped) = (model.now, model.stopping));
            return Ran::Turn(turn);
        }
    }
}

/// Queues what the inbox and the timers wake. Returns how many tasks each has woken.
fn wake_due() -> (usize, usize) {
    let before_inbox = with(|model| model.ready.len());
    inbox::read();
    let before_timers = with(|model| model.ready.len());
    with(Model::due_timers).into_iter().for_each(Waker::wake);
    (before_timers - before_inbox, with(|model| model.ready.len()) - before_timers)
}

impl Model {
    /// Returns the size of the batch: the whole ready queue, or one task of a shuffled loop, drawn and put
    /// first.
    fn begin_batch(&mut self) -> usize {
        let Some(random) = &mut self.shuffle else {
            return self.ready.len();
        };
        let stale = self.ready.extract_if(.., |id| self.tasks[*id].is_done);
        self.popped += stale.count();
        if self.ready.is_empty() {
            return 0;
        }
        let among = if self.passed_over < PATIENCE { self.ready.len() } else { 1 };
        let drawn = random.below(among);
        self.passed_over = if drawn == 0 { 0 } else { self.passed_over + 1 };
        let id = self.ready.remove(drawn);
        self.ready.insert(0, id);
        1
    }

    fn pop(&mut self) -> Id {
        self.popped += 1;
        self.ready.remove(0)
    }

    fn is_park_due(&self) -> bool {
        self.stopping || self.ready.is_empty() || self.popped + self.ready.len() > POPS_PER_PARK
    }

    /// Lets time jump to the next deadline or to the limit, if nothing is ready and there is no message.
    /// Returns false if it would have to jump and there is neither.
    fn park(&mut self, limit: Option<Duration>) -> bool {
        self.popped = 0;
        if !self.ready.is_empty() || !self.inbox.is_empty() || self.stopping {
            return true;
        }
        let next = self.timers.iter().map(|timer| timer.due.saturating_sub(self.now)).min();
        let pause = next.into_iter().chain(limit).min();
        self.now += pause.unwrap_or_default();
        pause.is_some()
    }

    /// Takes the wakers of the timers that are due, in the order (deadline, arming).
    fn due_timers(&mut self) -> Vec<Waker> {
        let mut due: Vec<Timer> = self.timers.extract_if(.., |timer| timer.due <= self.now).collect();
        due.sort_by_key(|timer| (timer.due, timer.number));
        due.into_iter().map(|timer| timer.waker).collect()
    }

    /// Arms a timer, or gives one that is armed another waker. Returns its number.
    pub(crate) fn arm(&mut self, timer: Option<usize>, deadline: Duration, waker: Waker) -> usize {
        if let Some(timer) = self.timers.iter_mut().find(|armed| Some(armed.number) == timer) {
            timer.waker = waker;
            return timer.number;
        }
        let due = Duration::from_micros(deadline.as_nanos().div_ceil(1_000) as u64);
        self.timers_armed += 1;
        self.timers.push(Timer { due, number: self.timers_armed, waker });
        self.timers_armed
    }

    pub(crate) fn disarm(&mut self, timer: usize) {
        self.timers.retain(|armed| armed.number != timer);
    }

    /// Adds a task, or a main future, and queues it.
    pub(crate) fn add(&mut self, mut task: Task) -> Id {
        let id = self.tasks.len();
        task.slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(id);
            self.slots.len() - 1
        });
        self.slots[task.slot] = id;
        self.tasks.push(task);
        self.ready.push(id);
        id
    }

    /// A task is done, and its handle is gone.
    pub(crate) fn free(&mut self, id: Id) {
        self.free.push(self.tasks[id].slot);
    }

    /// Queues a task, unless it stands in the ready queue, or is aborted or done.
    pub(crate) fn wake(&mut self, id: Id) {
        let task = &self.tasks[id];
        if !task.is_aborted && !task.is_done && !self.ready.contains(&id) {
            self.ready.push(id);
        }
    }

    /// Queues a task, and marks it. It is dropped at its place in the queue, or when the poll under way
    /// returns.
    pub(crate) fn abort(&mut self, id: Id) {
        if self.polled != Some(id) {
            self.wake(id);
        }
        self.tasks[id].is_aborted = true;
    }

    /// Spends a unit of the poll's budget, if one is left.
    pub(crate) fn spend(&mut self) -> bool {
        let is_left = self.budget > 0;
        self.budget -= usize::from(is_left);
        is_left
    }

    /// How many tasks are not done; main futures are no tasks.
    fn live(&self) -> usize {
        self.tasks.iter().filter(|task| task.future.is_some()).count()
    }
}

/// A waker is a task's id. It does nothing when the task is done.
struct WakerOf(Id);

impl Wake for WakerOf {
    fn wake(self: Arc<Self>) {
        inbox::wake(self.0);
    }
}

/// Polls a future, which is dropped as soon as it is ready or has panicked. The first panic is the outcome.
fn poll(id: Id, future: &mut Option<Coroutine>) -> Option<Outcome> {
    with(|model| (model.polled, model.budget, model.refused) = (Some(id), BUDGET, 0));
    let waker = Waker::from(Arc::new(WakerOf(id)));
    let polling = future.as_mut().expect("a task that is not done has a future").as_mut();
    let polled = catch_unwind(AssertUnwindSafe(|| polling.poll(&mut Context::from_waker(&waker))));
    match polled {
        Ok(Poll::Pending) => None,
        Ok(Poll::Ready(returned)) => Some(drop_future(future.take(), Ok(returned))),
        Err(payload) => Some(drop_future(future.take(), Err(Failure::Panicked(payload)))),
    }
}

/// Drops a future. If it panics, and nothing has before, that is the outcome.
fn drop_future(future: Option<Coroutine>, outcome: Outcome) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| drop(future))) {
        Err(payload) if !matches!(outcome, Err(Failure::Panicked(_))) => {
            drop_quietly(outcome);
            Err(Failure::Panicked(payload))
        }
        dropped => {
            drop_quietly(dropped);
            outcome
        }
    }
}

pub(crate) fn drop_quietly<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}

fn poll_task(id: Id) {
    let mut future = with(|model| model.tasks[id].future.take());
    let outcome = poll(id, &mut future);
    if with(|model| model.tasks[id].is_aborted) {
        return cancel(id, future, outcome);
    }
    match outcome {
        Some(outcome) => finish(id, outcome),
        None => with(|model| {
            model.polled = None;
            model.tasks[id].future = future;
        }),
    }
}

/// Drops the future of a task that was aborted, and what its poll has returned, unless that is a panic.
fn cancel(id: Id, future: Option<Coroutine>, outcome: Option<Outcome>) {
    with(|model| model.polled = Some(id));
    let outcome = match outcome {
        Some(Err(panicked)) => Err(panicked),
        returned => match catch_unwind(AssertUnwindSafe(|| drop(returned))) {
            Ok(()) => Err(Failure::Cancelled),
            Err(payload) => Err(Failure::Panicked(payload)),
        },
    };
    finish(id, drop_future(future, outcome));
}

/// A task is done: what waits for it is woken, then the output is dropped if no handle is left.
fn finish(id: Id, outcome: Outcome) {
    let has_panicked = matches!(outcome, Err(Failure::Panicked(_)));
    let (when_done, unwanted) = with(|model| {
        model.polled = None;
        let task = &mut model.tasks[id];
        task.is_done = true;
        let when_done = task.when_done.take();
        if task.is_held {
            task.output = Some(outcome);
            return (when_done, None);
        }
        model.free(id);
        (when_done, Some(outcome))
    });
    if let Some(when_done) = when_done {
        when_done(has_panicked);
    }
    drop_quietly(unwanted);
}

pub(crate) fn spawn(future: Coroutine) -> Handle {
    if with(|model| model.closing) {
        drop_quietly(future);
        return Handle(None);
    }
    let task = Task { future: Some(future), is_held: true, ..Task::default() };
    Handle(Some(with(|model| model.add(task))))
}

pub(crate) fn spawn_named(name: Name, future: Coroutine) -> Handle {
    let handle = spawn(future);
    if let Some(id) = handle.0 {
        with(|model| model.tasks[id].name = Some(name));
    }
    handle
}

pub(crate) fn stop() {
    with(|model| model.stopping = true);
}
