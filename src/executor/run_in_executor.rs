//! `run_in_executor`: blocking work, on a thread that is not the loop's.
//!
//! A job is a piece of work in the [pool](super::pool) that all loops of the process share, and a
//! future that gets its value from there. It belongs to the loop that ran when it was made, which
//! waits for it at its end; so no effect of it is cut off when `main` returns.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::hold::Hold;
use super::oneshot::{self, Receiver};
use super::pool::{Place, Pool};
use crate::current;
use crate::observe::event::WaitsFor;
use crate::task::budget;
use crate::task::cell::drop_quietly;
use crate::task::id::LoopNumber;

/// The threads of [`run_in_executor`]. Their number is tokio's.
static EXECUTOR: Pool = Pool::new("boucle-executor", 512);

/// Runs blocking work on a thread pool, and waits for its value without blocking the loop:
/// asyncio's `run_in_executor` and `to_thread`, tokio's `spawn_blocking`.
///
/// The work starts now, not at the first poll. Use it for what blocks and has no async form (files,
/// a C library), and for computation that would hold the loop for long.
///
/// ```
/// let text = boucle::run(async {
///     boucle::run_in_executor(|| std::fs::read_to_string("Cargo.toml")).await
/// });
/// assert!(text.unwrap().contains("boucle"));
/// ```
///
/// It costs three allocations, some locks and two wakes across threads, some ten microseconds; where
/// no thread is free, the making of one. There are up to 512 threads, shared by all loops of the
/// process, and a thread ends when it has had no work for a second. What finds no thread free waits
/// its turn, first come, first served; so does what comes when the system refuses another thread.
/// (A job that waits for another job keeps its thread meanwhile: 512 of them may wait for ever.)
///
/// # The end of the loop
///
/// A job belongs to the loop that runs on this thread when it is made. The end of
/// [`run`](crate::run), and the drop of an [`EventLoop`](crate::EventLoop), drop what has not begun
/// and then wait for what has, up to [`shutdown_timeout`](crate::Builder::shutdown_timeout). They do
/// so last: a job that waits for a task, or uses a [`LoopHandle`](crate::LoopHandle), finds it gone.
/// But a job that waits for what never comes, a line of stdin perhaps, holds up the end for ever: with
/// such jobs, set a bound.
/// A job that is made where no loop runs belongs to none, whichever loop awaits it; one that is made
/// while its loop ends, by a destructor, is dropped at once.
///
/// # Cancellation
///
/// Dropping the future gives up the wait. Work that has begun runs to its end, as in asyncio, and
/// its value is dropped on its thread (one that has come already is dropped at once); work that has
/// not begun never will, and is dropped at once too.
///
/// # Panics
///
/// A panic of the work goes on where the future is awaited. Awaiting it also panics if there is no
/// thread, and the system refuses to make one; and if the loop that the job belongs to has ended
/// before the work began. The call itself never panics.
#[doc(alias = "to_thread")]
#[doc(alias = "spawn_blocking")]
pub fn run_in_executor<F, T>(work: F) -> RunInExecutor<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let is_closing = current::running(|state| state.closing);
    let started = if is_closing == Some(true) {
        drop_quietly(work);
        Err(io::Error::other("its event loop has ended"))
    } else {
        start(&EXECUTOR, current::running_number(), work)
    };
    started.unwrap_or_else(|error| RunInExecutor {
        job: Job::Refused(error),
    })
}

/// Starts a job that belongs to `of`.
///
/// # Errors
///
/// Those of making a thread, if the pool has none. The work is dropped.
pub(crate) fn start<F, T>(
    pool: &'static Pool,
    of: Option<LoopNumber>,
    work: F,
) -> io::Result<RunInExecutor<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (sender, value) = oneshot::channel();
    let runs = Hold::new();
    let work = move || {
        let result = catch_unwind(AssertUnwindSafe(work));
        drop(runs);
        sender.send(result);
    };
    let _place = pool.submit(of, Box::new(work))?;
    Ok(RunInExecutor {
        job: Job::Started { value, _place },
    })
}

/// Ends the jobs of a loop: drops those that have not begun, and waits for the others, up to that
/// long.
pub(crate) fn end_jobs(of: LoopNumber, timeout: Option<Duration>) {
    EXECUTOR.end(of, timeout);
}

/// The future of [`run_in_executor`].
#[must_use = "dropping it gives up work that has not begun; await it, or `spawn` it"]
pub struct RunInExecutor<T> {
    job: Job<T>,
}

enum Job<T> {
    Started {
        /// Dropped before the place is: giving up the work wakes nothing.
        value: Receiver<Result<T, Box<dyn Any + Send>>>,
        _place: Place,
    },
    Refused(io::Error),
    Over,
}

impl<T> Future for RunInExecutor<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        ready!(budget::poll_left(cx));
        let value = match &self.job {
            Job::Started { value, .. } => value,
            Job::Refused(error) => panic!("run_in_executor cannot begin the work: {error}"),
            Job::Over => panic!("the future of run_in_executor was polled after it was ready"),
        };
        let Poll::Ready(result) = value.poll(cx) else {
            current::running(|state| state.record_wait(WaitsFor::Job));
            return Poll::Pending;
        };
        self.job = Job::Over;
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
