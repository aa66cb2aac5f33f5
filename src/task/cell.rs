//! One allocation per task: the future, then its output.
//!
//! The loop knows a task only as a `Pin<Box<dyn Task>>`: something to poll, to cancel, and to take an output
//! from. The cell is first a future and then, in the same memory, the output:
//!
//! ```text
//!              poll is ready, poll panics, cancel
//!   Running ───────────────────────────────────────▶ Finished ──▶ dropped
//!      └──▶ dropped: if refused or never spawned; at the end of its loop (a main future: of its `block_on`)
//! ```
//!
//! No method of a cell unwinds. User code runs here when the future is polled, and when something of the
//! user's is dropped: the future, a value, a panic's payload. The first panic ends this task alone and
//! becomes its output; later ones are dropped.
//!
//! The output leaves as an [`Any`], which its handle casts down to its own type (`join.rs`). The cast costs two
//! calls and a comparison for each joined task. A pointer that trusts the handle's type would need `unsafe`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::observe::event::Ending;
use crate::task::quiet::{Payload, catch_drop, drop_quietly};

/// What a task left instead of a value.
#[derive(Debug)]
pub(crate) enum Failure {
    Cancelled,
    /// Boxed once more, to one word, so that `Failure` does not enlarge small cells.
    Panicked(Box<Payload>),
}

/// An output as a cell keeps it, until it is taken.
pub(crate) type Kept<T> = Option<Result<T, Failure>>;

/// What a slot owns.
pub(crate) type BoxedTask = Pin<Box<dyn Task>>;

/// A future, later its output, with the types erased. Its poll returns only how the task has ended; the
/// output is in the cell.
pub(crate) trait Task: Future<Output = Ending> {
    /// Drops the future, or the value that it has just returned, and leaves [`Failure::Cancelled`]. If the
    /// task has just panicked, or this drop panics, it leaves that panic instead.
    fn cancel(self: Pin<&mut Self>) -> Ending;

    /// The output where it is, a [`Kept`]; `None` while the future runs.
    fn output(self: Pin<&mut Self>) -> Option<&mut dyn Any>;

    /// The future's type, for panics and observers.
    fn future_type(&self) -> &'static str;
}

pin_project! {
    /// The cell of one task, or of a main future. pin-project-lite's macro writes the method `project`, which
    /// turns the pinned cell into references to its fields; the one to the future is pinned. (The `unsafe` that
    /// this needs is the macro's.) `Pin::set` drops what is in the cell, and puts another value in its place.
    #[project = Projected]
    pub(crate) enum TaskCell<F: Future> {
        Running { #[pin] future: F },
        Finished { output: Kept<F::Output> },
    }
}

impl<F: Future> TaskCell<F> {
    /// The cell in the task's allocation.
    pub(crate) fn boxed(future: F) -> Box<Self> {
        Box::new(TaskCell::Running { future })
    }

    /// The output, if it is there and was not taken.
    pub(crate) fn take(self: Pin<&mut Self>) -> Kept<F::Output> {
        match self.project() {
            Projected::Running { .. } => None,
            Projected::Finished { output } => output.take(),
        }
    }

    /// Drops the future, and then puts the output in its place. So the destructor has run when the task is
    /// seen to be done, and a panic in it becomes the output, unless the poll has panicked.
    fn keep(mut self: Pin<&mut Self>, result: Result<F::Output, Failure>) -> Ending {
        let dropped = catch_unwind(AssertUnwindSafe(|| {
            self.as_mut().set(TaskCell::Finished { output: None });
        }));
        let result = match (dropped, result) {
            (Ok(()), result) => result,
            (Err(second), first @ Err(Failure::Panicked(_))) => {
                drop_quietly(second);
                first
            }
            (Err(payload), unused) => {
                drop_quietly(unused);
                Err(Failure::Panicked(Box::new(payload)))
            }
        };
        let ending = match &result {
            Ok(_) => Ending::Returned,
            Err(Failure::Panicked(_)) => Ending::Panicked,
            Err(Failure::Cancelled) => Ending::Cancelled,
        };
        // The cell is `Finished` even if the destructor has panicked: `set` is an assignment, which writes
        // the new value while the drop of the old one unwinds.
        if let Projected::Finished { output } = self.project() {
            *output = Some(result);
        }
        ending
    }
}

impl<F: Future> Future for TaskCell<F> {
    type Output = Ending;

    /// Polls the future; when it is ready or panics, drops it and keeps its output. Never unwinds.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        let polled = catch_unwind(AssertUnwindSafe(|| match self.as_mut().project() {
            Projected::Running { future } => future.poll(cx),
            Projected::Finished { .. } => unreachable!("a finished task is never polled"),
        }));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => Err(Failure::Panicked(Box::new(payload))),
        };
        Poll::Ready(self.keep(result))
    }
}

impl<F> Task for TaskCell<F>
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn cancel(mut self: Pin<&mut Self>) -> Ending {
        let failure = match self.as_mut().take() {
            Some(Err(panicked)) => panicked,
            // `Some(Ok)`: a value that the poll has returned. `None`: the future still runs; `keep` drops it.
            unused => match catch_drop(unused) {
                Ok(()) => Failure::Cancelled,
                Err(payload) => Failure::Panicked(Box::new(payload)),
            },
        };
        self.keep(Err(failure))
    }

    fn output(self: Pin<&mut Self>) -> Option<&mut dyn Any> {
        match self.project() {
            Projected::Running { .. } => None,
            Projected::Finished { output } => Some(output),
        }
    }

    fn future_type(&self) -> &'static str {
        std::any::type_name::<F>()
    }
}
