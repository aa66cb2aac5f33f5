//! One turn: what an event loop does, over and over.
//!
//! ```text
//!   1 run    poll the batch: everything that was ready when the turn began, in FIFO order
//!   2 park   if one is due: with timeout 0 if something is left to do, else until the next deadline
//!            or an event. If none is due, the turn ends here
//!   3 wake   ready sources → their waiters, the inbox → tasks, due timers → their waiters
//! ```
//!
//! **A batch is frozen.** What is pushed during a turn is popped in a later one. So a task that wakes itself
//! for ever cannot keep the others from their poll, nor the loop from its park.
//!
//! **A park is due** if nothing is ready, or if the pops since the last park and those of the next batch would
//! together be more than 61. So small batches are strung together, and none is interrupted by a park. A timer
//! that is due waits for the next park, which follows this batch or a later one. Most pops are polls; those of
//! stale numbers and of aborted tasks count too. asyncio's `_run_once` is the same cycle, entered at another
//! point: it selects, in every iteration, fires the timers, and then runs the batch.
//!
//! There are exceptions:
//!
//! - In a loop that is run turn by turn ([`EventLoop::turn`](crate::EventLoop::turn)), or that is to stop, a
//!   park is due in every turn.
//! - When the main future is done, `block_on` returns in the middle of the batch, whose other numbers stay
//!   queued. Before it returns, it makes steps 2 and 3, with timeout 0, if 61 or more were popped since the last
//!   park, or if the loop is to stop. Without this, a program of short `block_on`s would never park.
//! - In a loop with an order, whose batches are one number, all that is ready counts as the next batch.
//!
//! **The state is free while user code runs.** The turn takes the loop's [`State`] out of a thread-local
//! ([`current::take`]), and hands it from step to step. Whatever may run user code stands in a [`while_free`],
//! which puts the state back meanwhile (so it is in its place if that code panics, too): a poll, a destructor, a
//! foreign waker, a message that spawns, an observer, a park (where mio may log). So user code may call back:
//! spawn, wake, abort, drop. While a task is polled, the turn holds only the task's box, taken from its slot.
//! (`current.rs` says why the state is moved, and not borrowed.)

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::current::{self, while_free};
use crate::lifecycle::open_poller;
use crate::observe::event::{Ending, Origin};
use crate::observe::notify::{notify, resume_panic};
use crate::park::Park;
use crate::state::State;
use crate::task::budget;
use crate::task::cell::BoxedTask;
use crate::task::id::{LoopNumber, TaskNumber};
use crate::task::quiet::drop_quietly;
use crate::task::table::Popped;
use crate::time::virtual_time::deadlock;
use crate::wake::waker::{wake_quietly, waker};

mod report;
pub use report::Turn;

/// When the loop returns to its caller.
pub(crate) enum Until<'main> {
    /// When the main future is done, or the loop is to stop: `block_on`. The main future is not a task, but has
    /// a number, and is queued like one (`enter_main` in `event_loop.rs`). It stays with `block_on`, since it
    /// may borrow from the caller. Its cell catches its panic, as a task's does, and `block_on` resumes it.
    MainDone(Pin<&'main mut dyn Future<Output = Ending>>),
    /// When the loop is to stop: `run_forever`.
    Stopped,
    /// After one turn, whose park takes no longer than this, if there is a limit: `turn`.
    OneTurn(Option<Duration>),
}

/// How many messages of the inbox one turn handles: as many as the events that one system call
/// may bring. The others are left to the next park, which does not sleep.
const MESSAGES_PER_TURN: usize = 1_024;

/// An empty list of messages, or of deferred wakes, keeps at most this capacity.
const KEPT_CAPACITY: usize = 1_024;

/// Runs turns until the caller has what it waits for. The `Turn` that it returns is for [`Until::OneTurn`]; an
/// error of a park, or a deadlock, ends any run.
#[inline(never)]
pub(crate) fn run_until(loop_number: LoopNumber, mut until: Until<'_>) -> io::Result<Turn> {
    let _budget = budget::EndOnDrop; // also when a panic ends the run
    let mut state = current::take(loop_number);
    let mut polled = 0;
    let is_one_turn = matches!(until, Until::OneTurn(_));
    if is_one_turn {
        state.pops_per_park = 0; // a park is due in any case; `begin_park` sets 61 again
    }
    loop {
        // 1 run (the first batch in any case)
        let main;
        (state, main) = run_batch(state, &mut until, &mut polled);
        if main.is_ready() {
            end_block_on(state);
            return Ok(Turn::default());
        }
        if !state.is_park_due() {
            continue;
        }
        // 2 park
        let limit = if let Until::OneTurn(timeout) = until { state.limit_of_turn(timeout) } else { None };
        let parked;
        (state, parked) = park(state, limit);
        // 3 wake
        let mut turn = Turn::default();
        if parked.is_ok() {
            (state, turn) = wake_due(state); // after an error the run ends, and what is due waits for the next
        }
        let is_last = is_one_turn || state.stopping || parked.is_err();
        state = notify_between_steps(state);
        if is_last {
            let (ready, left, time) = (state.ready.len(), state.tasks.live, state.clock.elapsed());
            turn = Turn { polled, ready, left, time, stopped: state.stopping, ..turn };
            current::release(state);
            return parked.map(|()| turn);
        }
    }
}

/// The first step: pops the numbers of the batch, and polls or drops what they stand for. Returns early, and
/// ready, when the main future is done. (Tasks that were polled are counted in `polled`.)
#[inline(always)]
fn run_batch(mut state: Box<State>, until: &mut Until<'_>, polled: &mut usize) -> (Box<State>, Poll<()>) {
    state.begin_batch();
    while let Some((number, popped)) = state.pop() {
        match popped {
            Popped::Task(task) => {
                *polled += 1;
                state = poll_task(state, number, task);
            }
            Popped::Aborted(task) => state = cancel_task(state, number, task),
            Popped::Main => {
                let main;
                (state, main) = poll_main(state, number, until);
                if main.is_ready() {
                    return (state, main);
                }
            }
            Popped::Stale => {}
        }
    }
    (state, Poll::Pending)
}

/// Polls a task. If it is pending, it goes back to its slot (if it was woken during the poll, it is queued
/// already). If it is ready, it is done: its box holds the output by now (`task/cell.rs`), and the `Ending` says
/// only how it has ended. If it was aborted during the poll, its future is dropped, or the value that the poll
/// has returned; a panic stays.
#[inline(always)]
fn poll_task(state: Box<State>, number: TaskNumber, mut task: BoxedTask) -> Box<State> {
    let (mut state, polled) = poll(state, number, task.as_mut());
    if state.tasks.is_aborted(number.slot()) {
        return cancel_task(state, number, task);
    }
    match polled {
        Poll::Pending => state.tasks.put_back(number.slot(), task),
        Poll::Ready(ending) => return finish_task(state, number, task, ending),
    }
    state
}

/// Cancels an aborted task: drops its future, or the value that its last poll has returned (a panic of that poll
/// stays), and marks it as done.
#[inline(never)]
fn cancel_task(mut state: Box<State>, number: TaskNumber, mut task: BoxedTask) -> Box<State> {
    if state.log.is_on() {
        state.record_begin_drop(number);
        state = notify_observers(state);
    }
    let (state, ending) = while_free(state, || task.as_mut().cancel());
    finish_task(state, number, task, ending)
}

/// Marks a task as done, wakes what waits for it, and drops the output if no handle is left.
#[inline(never)]
fn finish_task(mut state: Box<State>, number: TaskNumber, task: BoxedTask, ending: Ending) -> Box<State> {
    let unwanted = state.finish(number, task, ending);
    if !state.deferred_wakes.is_empty() {
        state = wake_deferred(state);
    }
    if let Some(task) = unwanted {
        (state, ()) = while_free(state, || drop_quietly(task));
    }
    state
}

/// Polls the main future.
#[inline(always)]
fn poll_main(state: Box<State>, number: TaskNumber, until: &mut Until<'_>) -> (Box<State>, Poll<()>) {
    let Until::MainDone(main) = until else {
        debug_assert!(false, "a main future is popped only while its `block_on` runs");
        return (state, Poll::Pending);
    };
    let (mut state, polled) = poll(state, number, main.as_mut());
    if let Poll::Ready(ending) = polled {
        state.record_finish(ending);
        state.tasks.finish_main(number.slot());
    }
    (state, polled.map(|_| ()))
}

/// Polls a future, with the waker of its number and a budget of its own.
#[inline(always)]
fn poll(
    mut state: Box<State>,
    number: TaskNumber,
    future: Pin<&mut dyn Future<Output = Ending>>,
) -> (Box<State>, Poll<Ending>) {
    if state.log.is_on() {
        state.record_begin_poll(number);
        state = notify_observers(state);
    }
    budget::refill();
    let (mut state, polled) = while_free(state, || future.poll(&mut Context::from_waker(&waker(number))));
    state.record_end_poll(polled);
    (state, polled)
}

/// Ends a `block_on`, whose main future is done: parks without waiting, if that is due. An error is dropped: if
/// it lasts, the next park returns it. (The inbox and the timers need no kernel, and are looked at all the
/// same.)
fn end_block_on(mut state: Box<State>) {
    budget::end(); // as in `park`
    if state.is_last_park_due() {
        (state, _) = park(state, Some(Duration::ZERO)); // a park with a limit is never `Park::Deadlock`
        (state, _) = wake_due(state);
    }
    current::release(notify_between_steps(state));
}

/// Asks the kernel, sleeping if nothing is left to do; or skips that, as `park.rs` decides. Under a virtual
/// clock, lets time pass instead if it can. (A signal may end the sleep early, which is no error.)
fn park(state: Box<State>, limit: Option<Duration>) -> (Box<State>, io::Result<()>) {
    budget::end(); // what an observer does, or a logger that mio calls, is not counted
    let mut state = notify_between_steps(state);
    let mut how = state.begin_park(limit);
    if let Park::NeedsPoller = how {
        // Only with a virtual clock, before its first wait.
        let loop_number = state.number;
        let opened;
        (state, opened) = while_free(state, || open_poller(loop_number));
        if opened.is_err() {
            return (state, opened);
        }
        how = state.begin_park(limit);
    }
    let mut parked = Ok(());
    match how {
        Park::Ask(timeout) => {
            let (begun, mut poller) = (state.clock.begin_wait(), state.poller.take());
            // A wake by user code between `begin_park` and the sleep would not end the sleep. None runs there,
            // but a logger that mio may call.
            let ask_kernel = || poller.as_mut().map_or(Ok(()), |poller| poller.park(timeout));
            (state, parked) = while_free(state, ask_kernel);
            state.poller = poller;
            state.clock.end_wait(begun, timeout);
        }
        Park::Skip | Park::NeedsPoller => {} // `NeedsPoller` does not come twice
        Park::Deadlock => parked = Err(deadlock(&state)),
    }
    state.record_park(how);
    (state, parked)
}

/// The third step: sources, inbox, timers. (The order is arbitrary, but fixed.) Returns how many numbers came
/// into the ready queue by each.
fn wake_due(mut state: Box<State>) -> (Box<State>, Turn) {
    let before_sources = state.ready.len();
    state.wake_sources();
    if !state.deferred_wakes.is_empty() {
        state = wake_deferred(state);
    }
    let before_inbox = state.ready.len();
    state = read_inbox(state);
    let before_timers = state.ready.len();
    state.wake_timers();
    if !state.deferred_wakes.is_empty() {
        state = wake_deferred(state);
    }
    let woken = Turn {
        woken_by_sources: before_inbox - before_sources,
        woken_by_inbox: before_timers - before_inbox,
        woken_by_timers: state.ready.len() - before_timers,
        ..Turn::default()
    };
    (state, woken)
}

/// Wakes the deferred waiters, one by one, while the state is free.
#[cold]
#[inline(never)]
fn wake_deferred(mut state: Box<State>) -> Box<State> {
    let mut wakes = mem::take(&mut state.deferred_wakes);
    for (waiter, cause) in wakes.drain(..) {
        state.log.cause = cause;
        (state, ()) = while_free(state, || wake_quietly(waiter));
    }
    debug_assert!(state.deferred_wakes.is_empty(), "only the turn defers wakes, and it is here");
    if wakes.capacity() <= KEPT_CAPACITY {
        state.deferred_wakes = wakes;
    }
    state
}

/// Handles the messages of the inbox, as many as one turn may. The next list is taken when this one is empty,
/// to keep the order.
fn read_inbox(mut state: Box<State>) -> Box<State> {
    state.log.cause = Origin::Thread;
    if state.messages.is_empty() {
        state.inbox.drain(&mut state.messages);
    }
    for _ in 0..MESSAGES_PER_TURN {
        let Some(message) = state.messages.pop_front() else {
            break;
        };
        let user_code = state.receive(message);
        (state, ()) = while_free(state, || user_code.run());
    }
    if state.messages.is_empty() && state.messages.capacity() > KEPT_CAPACITY {
        state.messages = VecDeque::new();
    }
    state
}

/// Notifies the observers of what was recorded.
#[cold]
#[inline(never)]
fn notify_observers(state: Box<State>) -> Box<State> {
    let loop_number = state.number;
    while_free(state, || notify(loop_number)).0
}

/// Notifies the observers, if there are any, before a park, after the third step, and when `block_on` returns.
/// If one of them has panicked, its panic leaves the loop here.
#[inline(always)]
fn notify_between_steps(mut state: Box<State>) -> Box<State> {
    if state.log.is_on() {
        state.log.cause = Origin::Outside;
        state = notify_observers(state);
        let loop_number = state.number;
        (state, ()) = while_free(state, || resume_panic(loop_number));
    }
    state
}
