//! One turn: what an event loop does, over and over.
//!
//! ```text
//!   1 run    poll the batch: everything that was ready when the turn began, in FIFO order
//!   2 park   if it is due: for zero if something is ready, else until the next deadline, else
//!            until an event
//!   3 wake   due sources → their waiters, the inbox → tasks, due timers → their waiters
//! ```
//!
//! **A batch is frozen.** A task that is woken during a turn is polled in the next one. So a task
//! that wakes itself for ever cannot keep the others from their poll, nor the loop from its park.
//!
//! **A park is due** when nothing is ready, and when the next batch would end more than 61 polls after
//! the last park. A batch is never interrupted: so the kernel and the timers are looked at after at most
//! 61 polls or one batch, whichever is more. A loop that is stepped by hand, or that is to stop, parks in
//! every turn.
//!
//! asyncio's `_run_once` is the same circle, entered at another point: it selects, fires the timers, and
//! then runs the batch.
//!
//! **The state is free while user code runs.** The turn takes the loop's state, and lets go of it before
//! each poll, park and wake of a foreign waker. A task is out of its slot while it is polled. So whatever
//! is called may call back: spawn, wake, abort, drop.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::current;
use crate::observe::dump;
use crate::observe::event::{Ending, Origin};
use crate::observe::notify::{notify, resume_panic};
use crate::park::Park;
use crate::state::{Polled, State};
use crate::task::budget;
use crate::task::cell::{BoxedTask, drop_quietly};
use crate::task::id::{LoopNumber, TaskNumber};
use crate::task::table::Popped;
use crate::wake::inbox::Mail;
use crate::wake::waker::{wake_quietly, waker};

/// What one turn did.
#[derive(Default)]
pub(crate) struct Counts {
    /// Futures that were polled.
    pub(crate) polled: usize,
    /// Tasks that came into the ready queue because a source is ready.
    pub(crate) by_sources: u64,
    /// Tasks that were woken or spawned through the inbox.
    pub(crate) by_inbox: u64,
    /// Tasks that came into the ready queue because a timer has fired.
    pub(crate) by_timers: u64,
}

/// When the loop returns to its caller.
pub(crate) enum Until<'main, 'future> {
    /// When the main future is ready, or the loop is to stop: `block_on`.
    Ready(&'main mut Main<'future>),
    /// When the loop is to stop: `run_forever`.
    Stopped,
    /// After one turn, whose park takes no longer than that: `turn`.
    OneTurn(Option<Duration>),
}

/// The main future. It is not a task, since it may borrow from its caller, and stays on the stack. But it has a number,
/// and takes its place in the ready queue like one.
pub(crate) struct Main<'a> {
    pub(crate) future: Pin<&'a mut dyn Future<Output = Ending>>,
    pub(crate) done: bool,
}

/// How many messages of other threads one turn handles: as many as the events that one system call
/// may bring. The next ones are handled in the next turn, which does not sleep.
const MESSAGES_PER_TURN: usize = 1_024;

/// For how many foreign wakers the memory is kept from one turn to the next.
const KEPT_FOREIGN: usize = 1_024;

/// Runs turns until the caller has what it waits for. Returns what the last one did, and those just
/// before it that made no park.
pub(crate) fn run(of: LoopNumber, mut until: Until<'_, '_>) -> io::Result<Counts> {
    let _polls = budget::Polls;
    let mut counts = Counts::default();
    let mut state = current::take(of);
    if until.is_one_turn() {
        state.park_next();
    }
    loop {
        // 1 run
        state.begin_batch();
        while let Some((number, popped)) = state.next() {
            state = match popped {
                Popped::Task(task) => {
                    counts.polled += 1;
                    poll_task(of, state, number, task)
                }
                Popped::Aborted(task) => cancel_task(of, state, number, task),
                Popped::Main => {
                    counts.polled += 1;
                    state = poll_main(of, state, number, &mut until);
                    if until.is_ready() {
                        park_if_overdue(of, state);
                        return Ok(counts);
                    }
                    state
                }
                Popped::Stale => state,
            };
        }
        if !state.is_park_due() {
            continue;
        }
        // 2 park
        let limit = until.limit(&state);
        let parked;
        (state, parked) = park(of, state, limit);
        // 3 wake
        if parked.is_ok() {
            state = wake_due(of, state, &mut counts);
        }
        let is_last = until.is_one_turn() || state.stopping || parked.is_err();
        state = notify_at_rest(of, state);
        if is_last {
            current::release(state);
            return parked.map(|()| counts);
        }
        counts = Counts::default();
    }
}

/// Polls a task. If it is pending it goes back to its slot; if it is ready it is done.
#[inline(always)]
fn poll_task(
    of: LoopNumber,
    state: Box<State>,
    number: TaskNumber,
    mut task: BoxedTask,
) -> Box<State> {
    let polled = poll(of, state, number, task.as_mut());
    let mut state = current::take(of);
    match state.end_poll(number, task, polled) {
        Polled::Pending => state,
        Polled::Finished(task, how) => finish_task(of, state, number, task, how),
        Polled::Aborted(task) => cancel_task(of, state, number, task),
    }
}

/// Drops the future of a task that was aborted.
#[inline(never)]
fn cancel_task(
    of: LoopNumber,
    mut state: Box<State>,
    number: TaskNumber,
    mut task: BoxedTask,
) -> Box<State> {
    state.record_begin(number, false);
    release(of, state);
    let how = task.as_mut().cancel();
    finish_task(of, current::take(of), number, task, how)
}

/// Wakes what waits for a task that is done, and drops the output if no handle is left.
#[inline(never)]
fn finish_task(
    of: LoopNumber,
    mut state: Box<State>,
    number: TaskNumber,
    task: BoxedTask,
    how: Ending,
) -> Box<State> {
    let (waiter, unheld) = state.finish(number, task, how);
    current::release(state);
    if let Some(waiter) = waiter {
        wake_quietly(waiter);
    }
    if let Some(task) = unheld {
        drop_quietly(task);
    }
    current::take(of)
}

/// Polls the main future. If it is ready, the rest of the batch stays in the queue.
#[inline(always)]
fn poll_main(
    of: LoopNumber,
    state: Box<State>,
    number: TaskNumber,
    until: &mut Until<'_, '_>,
) -> Box<State> {
    let Until::Ready(main) = until else {
        unreachable!("the main future has a place for as long as `block_on` runs");
    };
    let polled = poll(of, state, number, main.future.as_mut());
    main.done = polled.is_ready();
    let mut state = current::take(of);
    state.record_main(polled);
    state
}

/// Polls a future with the waker of its number and a budget of its own. The state is released meanwhile.
#[inline(always)]
fn poll(
    of: LoopNumber,
    mut state: Box<State>,
    number: TaskNumber,
    future: Pin<&mut dyn Future<Output = Ending>>,
) -> Poll<Ending> {
    if state.log.is_on() {
        state.record_begin(number, true);
        release(of, state);
    } else {
        current::release(state);
    }
    budget::refill();
    future.poll(&mut Context::from_waker(&waker(number)))
}

/// Puts the state back, since user code is to run, and notifies the observers of what was recorded.
#[cold]
#[inline(never)]
fn release(of: LoopNumber, state: Box<State>) {
    let is_observed = state.log.is_on();
    current::release(state);
    if is_observed {
        notify(of);
    }
}

/// Notifies the observers where nothing is under way: a panic of one of them leaves the loop here.
#[inline(always)]
fn notify_at_rest(of: LoopNumber, state: Box<State>) -> Box<State> {
    if !state.log.is_on() {
        return state;
    }
    current::release(state);
    notify(of);
    resume_panic(of);
    current::take(of)
}

/// A main future that is ready is returned at once. But `block_on` that is called in a row must not
/// starve the rest: a park that is overdue is made, without waiting. If it fails, the next one will
/// say so.
fn park_if_overdue(of: LoopNumber, mut state: Box<State>) {
    budget::end();
    if state.is_park_overdue() {
        (state, _) = park(of, state, Some(Duration::ZERO));
        state = wake_due(of, state, &mut Counts::default());
    }
    current::release(notify_at_rest(of, state));
}

/// Asks the kernel, sleeping if nothing is ready. Under a virtual clock, lets time pass instead if
/// it can.
fn park(
    of: LoopNumber,
    state: Box<State>,
    limit: Option<Duration>,
) -> (Box<State>, io::Result<()>) {
    budget::end();
    let mut state = notify_at_rest(of, state);
    let park = state.begin_park(limit);
    let parked = match park {
        Park::Ask(timeout) => {
            let mut poller = state.poller.take();
            current::release(state);
            let parked = poller
                .as_mut()
                .map_or(Ok(()), |poller| poller.park(timeout));
            state = current::take(of);
            state.poller = poller;
            state.clock.end_wait(timeout);
            parked
        }
        Park::Skip => Ok(()),
        Park::Deadlock => deadlock(state),
    };
    state.record_park(park);
    (state, parked)
}

/// Queues the tasks that wait for what the park has brought.
fn wake_due(of: LoopNumber, mut state: Box<State>, counts: &mut Counts) -> Box<State> {
    let parked = state.ready.pushed();
    state.wake_sources();
    state = wake_foreign(of, state);
    let read = state.ready.pushed();
    state = read_inbox(of, state);
    let fired = state.ready.pushed();
    state.wake_timers();
    state = wake_foreign(of, state);
    counts.by_sources = read - parked;
    counts.by_inbox = fired - read;
    counts.by_timers = state.ready.pushed() - fired;
    state.log.cause = Origin::Outside;
    state
}

/// Wakes the foreign wakers that a step has found.
#[inline]
fn wake_foreign(of: LoopNumber, state: Box<State>) -> Box<State> {
    if state.foreign.is_empty() {
        state
    } else {
        wake_each(of, state)
    }
}

#[cold]
#[inline(never)]
fn wake_each(of: LoopNumber, mut state: Box<State>) -> Box<State> {
    let mut foreign = mem::take(&mut state.foreign);
    for (waiter, by) in foreign.drain(..) {
        state.log.cause = by;
        current::release(state);
        wake_quietly(waiter);
        state = current::take(of);
    }
    if foreign.capacity() <= KEPT_FOREIGN {
        state.foreign = foreign;
    }
    state
}

/// Does what other threads have asked for, as far as one turn goes.
#[inline]
fn read_inbox(of: LoopNumber, mut state: Box<State>) -> Box<State> {
    if state.open_inbox() {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(mail) = state.messages.pop_front() else {
                break;
            };
            state = receive(of, state, mail);
        }
    }
    state
}

/// Does what a message asks for, or calls the function.
fn receive(of: LoopNumber, mut state: Box<State>, mail: Mail) -> Box<State> {
    match mail {
        Mail::Message(message) => {
            let unwanted = state.receive(message);
            current::release(state);
            unwanted.drop_quietly();
        }
        Mail::Call(function) => {
            current::release(state);
            function();
        }
    }
    current::take(of)
}

#[cold]
fn deadlock(state: Box<State>) -> ! {
    let dump = dump::dump_of(&state);
    current::release(state);
    panic!(
        "deadlock: nothing is ready, and no timer, socket, executor job or LoopHandle is left \
         to wake any task\n{dump}"
    )
}

impl Until<'_, '_> {
    /// Whether the main future is ready.
    fn is_ready(&self) -> bool {
        matches!(self, Until::Ready(main) if main.done)
    }

    fn is_one_turn(&self) -> bool {
        matches!(self, Until::OneTurn(_))
    }

    /// How long the caller would let the loop park.
    fn limit(&self, state: &State) -> Option<Duration> {
        match self {
            Until::OneTurn(timeout) => state.limit_of_step(*timeout),
            _ => None,
        }
    }
}
