//! `run_in_executor`: blocking work, on a thread that is not the loop's.
//!
//! The threads are those of the `blocking` crate: up to 500, made when they are needed and ended
//! when they are idle, shared by all loops of the process. What is ours is the wait.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::current::{self, Unreachable};
use crate::observe::WaitsFor;
use crate::task::budget;
use crate::task::id::LoopNumber;
use crate::wake::inbox::{self, Message};

/// Runs blocking work on a thread pool, and waits for its value without blocking the loop:
/// asyncio's `run_in_executor` and `to_thread`.
///
/// The work starts now, not at the first poll. Use it for what blocks and has no async form (files,
/// name look-ups, a C library), and for computation that would hold the loop for long.
///
/// ```
/// let text = boucle::run(async {
///     boucle::run_in_executor(|| std::fs::read_to_string("Cargo.toml")).await
/// });
/// assert!(text.unwrap().contains("boucle"));
/// ```
///
/// It costs an allocation, a lock and two wakes across threads, some ten microseconds.
///
/// # Cancellation
///
/// Dropping the future gives up the wait. Work that has begun runs to its end, as in asyncio, and
/// its value is dropped on its thread; work that has not begun never will.
///
/// # Panics
///
/// A panic of the work goes on where the future is awaited.
#[doc(alias = "to_thread")]
#[doc(alias = "spawn_blocking")]
pub fn run_in_executor<F, T>(work: F) -> RunInExecutor<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let runs = Job::count();
    let work = move || {
        let _runs = runs;
        work()
    };
    RunInExecutor {
        work: blocking::unblock(work),
        awaited: None,
    }
}

/// The future of [`run_in_executor`].
#[must_use = "dropping it gives up work that has not begun; await it, or `spawn` it"]
pub struct RunInExecutor<T> {
    work: blocking::Task<T>,
    /// From the first poll until the value is there.
    awaited: Option<Job>,
}

impl<T> Future for RunInExecutor<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        ready!(budget::poll_left(cx));
        if self.awaited.is_none() {
            self.awaited = Job::count();
        }
        let Poll::Ready(value) = Pin::new(&mut self.work).poll(cx) else {
            current::with_running(|it| it.note_wait(WaitsFor::Job));
            return Poll::Pending;
        };
        self.awaited = None;
        budget::spend();
        Poll::Ready(value)
    }
}

impl<T> fmt::Debug for RunInExecutor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunInExecutor")
    }
}

/// A reason for a virtual clock to stand still: the work runs, or somebody awaits it. (Both are
/// needed: between the end of the work and the wake of the task there is a moment in which nothing
/// else would hold it.)
struct Job {
    of: LoopNumber,
}

impl Job {
    /// Counts a job of the running loop, if one runs.
    fn count() -> Option<Job> {
        current::with_running(|it| {
            it.jobs += 1;
            Job { of: it.number }
        })
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if current::with(self.of, |it| it.jobs -= 1) == Err(Unreachable::Elsewhere) {
            let _ = inbox::send(self.of, Message::ReleaseJob);
        }
    }
}
