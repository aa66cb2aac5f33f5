//! Joining: the handle of a task.
//!
//! A handle is numbers: the loop's, which is never reused, and the slot, which it keeps. So it is
//! `Send` whatever the value is, and finds out by itself whether its loop is here, elsewhere, or
//! gone. It can be awaited on its loop only, and aborted or dropped anywhere.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::current;
use crate::observe::event::WaitsFor;
use crate::task::budget;
use crate::task::cell::{Failure, Kept};
use crate::task::id::{HandleNumber, LoopNumber, NO_SLOT};
use crate::task::join_error::JoinError;
use crate::task::table::{Joiner, Output};
use crate::wake::inbox::Message;
use crate::wake::waker::waiter;

/// A task's handle: await it for the value.
///
/// # Cancellation
///
/// Dropping the handle detaches the task: it goes on, and its value is dropped when it comes. To
/// end the task itself, call [`abort`](Self::abort). (In asyncio, cancelling a task that awaits another
/// cancels the task as well; here a task is a thing of its own, as in tokio.)
///
/// # Panics
///
/// When it is awaited by its own task, on another loop than its own, or again after it was ready.
///
/// A handle is invariant in `T`:
///
/// ```compile_fail,E0308
/// fn shown(_: &u8) {}
///
/// # boucle::run(async {
/// let general = boucle::spawn(async { shown as for<'a> fn(&'a u8) });
/// let special: boucle::JoinHandle<fn(&'static u8)> = general;
/// # });
/// ```
#[doc(alias = "Task")]
#[must_use = "dropping a handle detaches its task; `abort` ends it, `await` waits for it"]
pub struct JoinHandle<T> {
    /// When the output was handed out, with [`NO_SLOT`]: nothing is kept in the slab any more.
    number: HandleNumber,
    /// A handle neither owns a `T` nor reads one but on the loop's own thread. Invariant, because the
    /// output is found by its `TypeId`: a handle that could be coerced to another lifetime would ask
    /// for another type than its task has.
    value: PhantomData<fn(T) -> T>,
}

impl<T> JoinHandle<T> {
    #[inline]
    pub(crate) fn new(of: LoopNumber, slot: u32, id: u64) -> Self {
        JoinHandle {
            number: HandleNumber::new(of, id, slot),
            value: PhantomData,
        }
    }

    /// The handle of a task that a closing loop has dropped at once. No task has the id 0.
    pub(crate) fn cancelled(of: LoopNumber) -> Self {
        Self::new(of, 0, 0)
    }

    #[inline]
    fn is_spent(&self) -> bool {
        self.slot() == NO_SLOT
    }

    /// The output leaves: the handle has no slot any more.
    #[inline]
    fn spend(&mut self) {
        self.number = HandleNumber::new(self.of(), self.id(), NO_SLOT);
    }

    /// Aborts the task: its future is dropped at its place in the ready queue, never inside this
    /// call, and the handle gives [`JoinError`] "cancelled". A task that was never polled never
    /// will be.
    ///
    /// Does nothing if the task is done. A task that aborts itself is dropped when its poll
    /// returns, even if that returned a value. May be called on any thread; there it takes effect
    /// when the loop reads its inbox.
    ///
    /// asyncio's `cancel` throws an exception into the coroutine, which may catch it. A future that
    /// is dropped has no say: it runs its destructors.
    #[doc(alias = "cancel")]
    pub fn abort(&self) {
        if !self.is_spent() {
            let (slot, id) = (self.slot(), self.id());
            current::deliver(self.of(), Message::Abort { slot, id });
        }
    }

    /// Whether the task is done: returned, panicked, or dropped. True if its loop is gone.
    ///
    /// # Panics
    ///
    /// If it is called on another thread than the loop's, while the loop lives.
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        let (slot, id) = (self.slot(), self.id());
        let is_done = current::with(self.of(), "JoinHandle::is_finished", |state| {
            state.tasks.is_done(slot, id)
        });
        is_done.is_none_or(|is_done| is_done || self.is_spent())
    }

    /// The task's number: the tasks of a loop are counted from 1 in the order in which they were
    /// spawned, main futures included.
    #[inline]
    pub fn id(&self) -> u64 {
        self.number.id()
    }

    /// The loop of the task.
    #[inline]
    pub(crate) fn of(&self) -> LoopNumber {
        self.number.of()
    }

    /// Panics if the handle may not be awaited here: its loop lives and is another one, or it is
    /// the handle of the task that asks.
    pub(crate) fn expect_awaitable(&self) {
        let (slot, id) = (self.slot(), self.id());
        let is_polled = current::polled(self.of(), "a JoinHandle", |state| {
            state.tasks.is_polled(slot, id)
        });
        if is_polled == Some(true) {
            awaits_itself(id);
        }
    }

    #[inline]
    pub(crate) fn slot(&self) -> u32 {
        self.number.slot()
    }
}

impl<T: 'static> JoinHandle<T> {
    /// Takes the output of a task, if it is done.
    pub(crate) fn take(&mut self) -> Option<Result<T, JoinError>> {
        let (slot, id) = (self.slot(), self.id());
        let output = current::find(self.of())?.tasks.take_output(slot, id);
        let Output::Done(result) = output else {
            return None;
        };
        self.spend();
        Some(result)
    }

    /// Asks something about the output of a task, if it is done. `ask` runs no user code.
    pub(crate) fn peek(&self, ask: impl FnOnce(Result<&T, bool>) -> bool) -> Option<bool> {
        let mut state = current::find(self.of())?;
        let output = state.tasks.output(self.slot(), self.id())?;
        Some(ask(match output.downcast_ref::<Kept<T>>()?.as_ref()? {
            Ok(value) => Ok(value),
            Err(failure) => Err(matches!(failure, Failure::Panicked(_))),
        }))
    }
}

impl<T: 'static> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(
            !self.is_spent(),
            "a JoinHandle was polled after it was ready"
        );
        ready!(budget::poll_left(cx));
        let (slot, id) = (self.slot(), self.id());
        let mut joiner = Joiner::Waiter(waiter(cx.waker()));
        let polled = current::polled(self.of(), "a JoinHandle", move |state| {
            let output = state.tasks.take_output(slot, id);
            if matches!(output, Output::Pending) {
                state.record_wait(WaitsFor::Task(id));
                state.tasks.exchange_joiner(slot, id, &mut joiner);
            }
            (output, joiner)
        });
        let (output, unused) = polled.unwrap_or((Output::Gone, Joiner::Nothing));
        if let Joiner::Waiter(unused) = unused {
            unused.drop_quietly();
        }
        let result = match output {
            Output::Done(result) => result,
            Output::Gone => Err(JoinError::new(id, None, Failure::Cancelled)),
            Output::Itself => awaits_itself(id),
            Output::Pending => return Poll::Pending,
        };
        self.spend();
        budget::spend();
        Poll::Ready(result)
    }
}

fn awaits_itself(id: u64) -> ! {
    panic!("task {id} awaits its own handle: it would wait for ever")
}

impl<T> Unpin for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    /// Detaches the task. A value that was not taken is dropped here, and its panic stops here.
    fn drop(&mut self) {
        if !self.is_spent() {
            let (slot, id) = (self.slot(), self.id());
            current::deliver(self.of(), Message::ReleaseTask { slot, id });
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinHandle(task {} of {})", self.id(), self.of())
    }
}
