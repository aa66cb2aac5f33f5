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

use std::fmt;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::current::{self, InUse};
use crate::observe::dump;
use crate::observe::event::{Ending, Origin};
use crate::observe::observers::{notify, notify_at_rest};
use crate::state::{Finished, Park, Polled, State};
use crate::task::budget;
use crate::task::cell::{BoxedTask, drop_quietly};
use crate::task::id::{LoopNumber, TaskNumber};
use crate::task::table::Popped;
use crate::wake::inbox::Message;
use crate::wake::waker::{wake_quietly, waker};

/// What one turn did, as [`EventLoop::turn`](crate::EventLoop::turn) returns it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Turn {
    /// Futures that were polled.
    pub polled: usize,
    /// Tasks that were woken because a socket is ready.
    pub woken_by_sources: usize,
    /// Tasks that were woken or spawned from outside of the loop.
    pub woken_by_inbox: usize,
    /// Tasks that were woken because a deadline has come.
    pub woken_by_timers: usize,
    // The rest is filled in by `EventLoop::turn`.
    /// Tasks in the ready queue: what the next turn will poll.
    pub ready: usize,
    /// Tasks that are not done.
    pub left: usize,
    /// The loop's time at the end of the turn, counted from when the loop was made.
    pub time: Duration,
    /// Whether [`stop`](crate::stop) was called.
    pub stopped: bool,
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
pub(crate) fn run(of: LoopNumber, mut until: Until<'_, '_>) -> io::Result<Turn> {
    let _polls = budget::Polls;
    let mut turn = Turn::default();
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
                    turn.polled += 1;
                    poll_task(of, state, number, task)
                }
                Popped::Aborted(task) => cancel_task(state, number, task),
                Popped::Main => {
                    turn.polled += 1;
                    if poll_main(state, number, &mut until) {
                        park_if_overdue(of);
                        return Ok(turn);
                    }
                    current::take(of)
                }
                Popped::Stale => state,
            };
        }
        if !state.is_park_due() {
            continue;
        }
        let limit = until.limit(&state);
        current::release(state);

        let parked = park(of, limit); // 2 park
        if parked.is_ok() {
            wake_due(of, &mut turn); // 3 wake
        }
        notify_at_rest(of);
        parked?;
        if until.is_one_turn() || current::expect(of).stopping {
            return Ok(turn);
        }
        turn = Turn::default();
        state = current::take(of);
    }
}

/// A poll begins, or the drop of a future: puts the state back, since user code is to run. What was
/// recorded until then, the observers are notified of.
#[inline(always)]
fn begin(state: Box<State>, number: TaskNumber, is_poll: bool) {
    if state.log.is_on() {
        begin_observed(state, number, is_poll);
    } else {
        current::release(state);
    }
}

#[cold]
#[inline(never)]
fn begin_observed(mut state: Box<State>, number: TaskNumber, is_poll: bool) {
    let of = state.number;
    state.record_begin(number, is_poll);
    current::release(state);
    notify(of);
}

/// Polls a task. If it is pending it goes back to its slot; if it is ready it is done.
#[inline(always)]
fn poll_task(
    of: LoopNumber,
    state: Box<State>,
    number: TaskNumber,
    mut task: BoxedTask,
) -> Box<State> {
    begin(state, number, true);
    let polled = poll(number, task.as_mut());
    let mut state = current::take(of);
    match state.end_poll(number, task, polled) {
        Polled::Pending => state,
        Polled::Finished(finished) => finish_task(state, finished),
        Polled::Aborted(task) => cancel_task(state, number, task),
    }
}

/// Drops the future of a task that was aborted.
#[inline(never)]
fn cancel_task(state: Box<State>, number: TaskNumber, mut task: BoxedTask) -> Box<State> {
    let of = state.number;
    begin(state, number, false);
    let how = task.as_mut().cancel();
    let mut state = current::take(of);
    let finished = state.finish(number, task, how);
    finish_task(state, finished)
}

/// Wakes what waits for a task that is done, and drops the output if no handle is left.
#[inline(never)]
fn finish_task(state: Box<State>, finished: Finished) -> Box<State> {
    let of = state.number;
    current::release(state);
    finished.waiter.into_iter().for_each(wake_quietly);
    finished.unheld.into_iter().for_each(drop_quietly);
    current::take(of)
}

/// Polls the main future. Returns true if it is ready: the rest of the batch stays in the queue.
#[inline(never)]
fn poll_main(state: Box<State>, number: TaskNumber, until: &mut Until<'_, '_>) -> bool {
    let of = state.number;
    begin(state, number, true);
    let Until::Ready(main) = until else {
        unreachable!("the main future has a place for as long as `block_on` runs");
    };
    let polled = poll(number, main.future.as_mut());
    main.done = polled.is_ready();
    current::expect(of).end_main_poll(polled);
    main.done
}

/// Polls a future with the waker of its number and a budget of its own.
#[inline(always)]
fn poll(number: TaskNumber, future: Pin<&mut dyn Future<Output = Ending>>) -> Poll<Ending> {
    budget::refill();
    future.poll(&mut Context::from_waker(&waker(number)))
}

/// A main future that is ready is returned at once. But `block_on` that is called in a row must not
/// starve the rest: a park that is overdue is made, without waiting. If it fails, the next one will
/// say so.
fn park_if_overdue(of: LoopNumber) {
    budget::end();
    if current::expect(of).is_park_overdue() {
        let _ = park(of, Some(Duration::ZERO));
        wake_due(of, &mut Turn::default());
    }
    notify_at_rest(of);
}

/// Asks the kernel, sleeping if nothing is ready. Under a virtual clock, lets time pass instead if
/// it can.
fn park(of: LoopNumber, limit: Option<Duration>) -> io::Result<()> {
    budget::end();
    notify_at_rest(of);
    let mut state = current::expect(of);
    let park = state.begin_park(limit);
    let parked = match park {
        Park::Ask(timeout) => {
            let mut poller = state.poller.take();
            drop(state);
            let parked = poller
                .as_mut()
                .map_or(Ok(()), |poller| poller.park(timeout));
            state = current::expect(of);
            state.poller = poller;
            state.clock.end_wait(timeout);
            parked
        }
        Park::Skip => Ok(()),
        Park::Deadlock => {
            drop(state);
            deadlock(of)
        }
    };
    state.record_park(park);
    parked
}

/// Queues the tasks that wait for what the park has brought.
fn wake_due(of: LoopNumber, turn: &mut Turn) {
    turn.woken_by_sources = wake_all(of, State::wake_sources);
    turn.woken_by_inbox = read_inbox(of);
    turn.woken_by_timers = wake_all(of, State::wake_timers);
}

/// Wakes what `wake` finds: our tasks in the state, and then the foreign wakers when it is free. Returns
/// how many tasks came into the ready queue.
fn wake_all(of: LoopNumber, wake: impl FnOnce(&mut State)) -> usize {
    let mut state = current::expect(of);
    let before = state.ready.pushed();
    wake(&mut state);
    if !state.foreign.is_empty() {
        state = wake_foreign(of, state);
    }
    state.log.cause = Origin::Outside;
    (state.ready.pushed() - before) as usize
}

#[cold]
fn wake_foreign(of: LoopNumber, mut state: InUse) -> InUse {
    let mut foreign = mem::take(&mut state.foreign);
    for (waiter, by) in foreign.drain(..) {
        state.log.cause = by;
        drop(state);
        wake_quietly(waiter);
        state = current::expect(of);
    }
    if foreign.capacity() <= KEPT_FOREIGN {
        state.foreign = foreign;
    }
    state
}

/// Does what other threads have asked for, as far as one turn goes. Returns how many tasks came
/// into the ready queue.
fn read_inbox(of: LoopNumber) -> usize {
    let mut state = current::expect(of);
    let before = state.ready.pushed();
    if state.open_inbox() {
        for _ in 0..MESSAGES_PER_TURN {
            let Some(message) = state.messages.pop_front() else {
                break;
            };
            state = receive(of, state, message);
        }
    }
    state.log.cause = Origin::Outside;
    (state.ready.pushed() - before) as usize
}

/// Does what a message asks for.
fn receive(of: LoopNumber, mut state: InUse, message: Message) -> InUse {
    if let Message::Call(function) = message {
        drop(state);
        function();
    } else {
        let unwanted = state.receive(message);
        drop(state);
        unwanted.drop_quietly();
    }
    current::expect(of)
}

#[cold]
fn deadlock(of: LoopNumber) -> ! {
    let dump = dump::dump_of(&current::expect(of));
    panic!(
        "deadlock: nothing is ready, and no timer, socket, executor job or LoopHandle is left \
         to wake any task\n{dump}"
    )
}

impl Until<'_, '_> {
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

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "polled {}; woken by sources {}, inbox {}, timers {}; ready {}, left {}; {:.3} s",
            self.polled,
            self.woken_by_sources,
            self.woken_by_inbox,
            self.woken_by_timers,
            self.ready,
            self.left,
            self.time.as_secs_f64(),
        )
    }
}
