//! `run_in_executor`: blocking work, on a thread that is not the loop's.
//!
//! A job is a piece of work in a [pool](super::pool) that all loops of the process share, and a future that
//! gets its value. The two share the job's [`Stage`].

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::pool::Pool;
use crate::current;
use crate::observe::event::WaitsFor;
use crate::task::budget;
use crate::task::id::LoopNumber;
use crate::task::quiet::{Payload, drop_quietly};
use crate::wake::inbox::Message;
use crate::wake::waiter::Waiter;
use crate::wake::waker::{waiter, wake_quietly};

/// The threads of [`run_in_executor`]. Their number is tokio's.
static EXECUTOR: Pool = Pool::new("boucle-executor", 512);

/// Runs blocking work on a thread pool, and waits for its value without blocking the loop: asyncio's
/// `run_in_executor` and `to_thread`, tokio's `spawn_blocking`.
///
/// The work is queued now, not at the first poll. Use it for what blocks and has no async form (files, a C
/// library), and for computation that would hold the loop for long.
///
/// ```
/// let text = boucle::run(async {
///     boucle::run_in_executor(|| std::fs::read_to_string("Cargo.toml")).await
/// });
/// assert!(text.unwrap().contains("boucle"));
/// ```
///
/// It costs two allocations, some locks and two wakes across threads; and a new thread, if none is free. All
/// loops of the process share up to 512 threads; each ends after a second without work. A job that finds no free
/// thread waits its turn, first come, first served. A job that waits for another one keeps its thread, so 512
/// jobs that wait for a queued one wait for ever.
///
/// # The end of the loop
///
/// A job belongs to the loop that runs on this thread when the job is made, if there is one. When that loop
/// ends, it drops its tasks, then the jobs that have not begun. (One may still begin while the tasks are
/// dropped.) Last, it waits for the jobs that have begun, up to the
/// [`shutdown_timeout`](crate::Builder::shutdown_timeout): set one if a job may wait for ever, as for a line of
/// stdin. Meanwhile a [`LoopHandle`](crate::LoopHandle) no longer reaches the loop. A job that a destructor
/// makes at the end is dropped at once.
///
/// # Cancellation
///
/// Dropping the future gives up the wait. Work that has not begun is dropped at once, and so is a value that is
/// ready. Work that has begun runs to its end, and its value is dropped on its thread. So a dropped job may
/// never run (as one that asyncio cancels; tokio's runs). To let a job run without awaiting it, spawn it:
/// `drop(spawn(run_in_executor(work)))`.
///
/// # Panics
///
/// The call never panics. Awaiting the future panics if the work has panicked, with its payload; if there is
/// no thread and the system refuses to make one; if the job's loop has ended before the work began; and if it
/// is polled again after it was ready.
#[doc(alias = "to_thread")]
#[doc(alias = "spawn_blocking")]
pub fn run_in_executor<F, T>(work: F) -> RunInExecutor<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let running = current::running(|state| (state.number, state.closing));
    let (loop_number, is_closing) = running.unwrap_or((LoopNumber::NONE, false));
    if is_closing {
        drop_quietly(work);
        return RunInExecutor(Err("run_in_executor cannot begin the work: its event loop has ended".into()));
    }
    start(&EXECUTOR, loop_number, work).unwrap_or_else(|error| {
        RunInExecutor(Err(format!("run_in_executor cannot begin the work: {error}").into()))
    })
}

/// Starts a job that belongs to a loop, or to none. The error is that of [`Pool::submit`].
pub(crate) fn start<F, T>(
    pool: &'static Pool,
    loop_number: LoopNumber,
    work: F,
) -> io::Result<RunInExecutor<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let stage = Arc::new(Mutex::new(Stage::New));
    let mut end = WorkEnd { stage: Arc::clone(&stage), result: None, _hold: Hold::new() };
    let work = move || {
        end.result = Some(catch_unwind(AssertUnwindSafe(work)));
        drop_quietly(end);
    };
    let number = pool.submit(loop_number, Box::new(work))?;
    Ok(RunInExecutor(Ok(Job { stage, pool, number })))
}

/// Ends the jobs of a loop: drops those that have not begun, and waits for the others, up to `timeout`.
pub(crate) fn end_jobs(loop_number: LoopNumber, timeout: Option<Duration>) {
    EXECUTOR.end(loop_number, timeout);
}

/// The future of [`run_in_executor`]. Any loop, thread or executor may await it.
///
/// ```
/// use boucle::RunInExecutor;
///
/// # boucle::run(async {
/// let jobs: Vec<RunInExecutor<u64>> = (1..4).map(|n| boucle::run_in_executor(move || n * n)).collect();
/// let mut squares = Vec::new();
/// for job in jobs {
///     squares.push(job.await); // all of them work meanwhile
/// }
/// assert_eq!(squares, [1, 4, 9]);
/// # });
/// ```
#[must_use = "dropping it gives up work that has not begun; await it, or `spawn` it"]
pub struct RunInExecutor<T>(Result<Job<T>, Cow<'static, str>>); // the job, or what a poll panics with

impl<T> Future for RunInExecutor<T> {
    type Output = T;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        ready!(budget::poll_left(cx));
        let job = match &self.0 {
            Ok(job) => job,
            Err(message) => panic!("{message}"),
        };
        let result = match Stage::exchange(&job.stage, Stage::Awaited(waiter(cx.waker()), Hold::new())) {
            Stage::Ended(result) => result,
            before => {
                drop_quietly(before);
                current::running(|state| state.record_wait(WaitsFor::Job));
                return Poll::Pending;
            }
        };
        self.0 = Err("the future of run_in_executor was polled after it was ready".into());
        budget::spend();
        match result {
            Some(Ok(value)) => Poll::Ready(value),
            Some(Err(payload)) => resume_unwind(payload),
            None => panic!("run_in_executor has not begun the work: its event loop has ended"),
        }
    }
}

impl<T> fmt::Debug for RunInExecutor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunInExecutor")
    }
}

/// What the future owns.
struct Job<T> {
    stage: Arc<Mutex<Stage<T>>>,
    pool: &'static Pool,
    /// The work's, in the pool.
    number: u64,
}

impl<T> Drop for Job<T> {
    /// Takes back the waiter, since the work may run for long, or a value that has come already. Then gives
    /// up the work, which wakes nothing any more.
    fn drop(&mut self) {
        drop_quietly(Stage::exchange(&self.stage, Stage::GivenUp));
        self.pool.give_up(self.number);
    }
}

/// How far a job has come.
enum Stage<T> {
    /// The work is queued, or runs, and its future was not polled yet.
    New,
    /// The same, with what waits for it, from the future's last poll.
    Awaited(Waiter, Option<Hold>),
    /// What the work has returned, or its panic; `None` if it never began.
    Ended(Option<Result<T, Payload>>),
    /// The future is gone. The work may go on.
    GivenUp,
}

impl<T> Stage<T> {
    /// Sets the stage, and returns the one before. If the future is gone, returns the new one.
    fn exchange(shared: &Mutex<Self>, next: Self) -> Self {
        let mut stage = shared.lock().unwrap_or_else(PoisonError::into_inner);
        match *stage {
            Stage::GivenUp => next,
            _ => mem::replace(&mut *stage, next),
        }
    }
}

/// What the work owns. Its drop ends the job, whether or not the work has run.
struct WorkEnd<T> {
    stage: Arc<Mutex<Stage<T>>>,
    result: Option<Result<T, Payload>>,
    _hold: Option<Hold>,
}

impl<T> Drop for WorkEnd<T> {
    /// Leaves the result, and wakes what waits for it. If the future is gone, the result is dropped here.
    fn drop(&mut self) {
        match Stage::exchange(&self.stage, Stage::Ended(self.result.take())) {
            Stage::Awaited(waiter, _hold) => wake_quietly(waiter),
            unused => drop_quietly(unused),
        }
    }
}

/// Holds the virtual clock of a loop from when work is queued until it has ended, and while a future waits
/// for it, perhaps on another loop. It is released after the wake, so the loop receives the wake first.
struct Hold(LoopNumber);

impl Hold {
    /// Holds the clock of the running loop, if one runs.
    fn new() -> Option<Hold> {
        current::running(|state| {
            state.holds += 1;
            Hold(state.number)
        })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        current::deliver(self.0, Message::ReleaseClock);
    }
}
