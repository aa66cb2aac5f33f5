//! Joining: the handle of a task, and the error that stands for a value that never came.
//!
//! A handle is numbers: the loop's, which is never reused, and the task's slot and id. So it is `Send`
//! whatever the value is, and each use of it finds out whether the loop is here, elsewhere, or gone. A
//! handle can be awaited on its own loop only, and aborted or dropped anywhere.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use crate::current;
use crate::observe::event::WaitsFor;
use crate::task::budget;
use crate::task::cell::{BoxedTask, Failure, Kept, Payload, Quiet};
use crate::task::id::{LoopNumber, NO_SLOT};
use crate::task::table::{Joiner, Output};
use crate::wake::inbox::Message;
use crate::wake::waker::waiter;

/// A task's handle: await it for the task's value.
///
/// # Cancellation
///
/// Dropping the handle detaches the task: the task goes on, and its value is dropped when it comes. To
/// end the task itself, call [`abort`](Self::abort). (In asyncio, cancelling a task that awaits another
/// cancels both; here the awaited task goes on, as in tokio.)
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
    of: LoopNumber,
    /// [`NO_SLOT`] once the output was taken: nothing is left in the table.
    slot: u32,
    id: u64,
    /// Not a `T`, so the handle is `Send`: it reads one on the loop's thread only. Invariant, because the
    /// output is found by its `TypeId`: a handle coerced to another lifetime would ask for another type
    /// than its task has.
    value: PhantomData<fn(T) -> T>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(of: LoopNumber, slot: u32, id: u64) -> Self {
        JoinHandle { of, slot, id, value: PhantomData }
    }

    /// The handle of a task that its loop has refused. No task has the id 0.
    pub(crate) fn cancelled(of: LoopNumber) -> Self {
        Self::new(of, 0, 0)
    }

    fn is_spent(&self) -> bool {
        self.slot() == NO_SLOT
    }

    /// Aborts the task: its future is dropped at its place in the ready queue, never inside this
    /// call, and the handle gives [`JoinError`] "cancelled"; or the panic, if a poll under way or
    /// the destructor panics. A task that was never polled never will be.
    ///
    /// Does nothing if the task is done. A task that aborts itself is dropped when its poll
    /// returns, even if that returned a value. May be called on any thread; from another one it takes
    /// effect when the loop reads its inbox.
    ///
    /// asyncio's `cancel` throws an exception into the coroutine, which may catch it. A future that
    /// is dropped cannot refuse: its destructors run.
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
        let is_done =
            current::with(self.of(), "JoinHandle::is_finished", |state| state.tasks.is_done(slot, id));
        is_done.is_none_or(|is_done| is_done || self.is_spent())
    }

    /// The task's id: the tasks of a loop are counted from 1 in the order in which they were
    /// spawned, main futures included.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The loop of the task.
    pub(crate) fn of(&self) -> LoopNumber {
        self.of
    }

    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    /// Panics if the handle must not be awaited here: its loop is another one that lives, or the task
    /// that is being polled is its own.
    pub(crate) fn expect_awaitable(&self) {
        let (slot, id) = (self.slot(), self.id());
        let is_polled = current::polled(self.of(), "a JoinHandle", |state| state.tasks.is_polled(slot, id));
        if is_polled == Some(true) {
            awaits_itself(id);
        }
    }
}

impl<T: 'static> JoinHandle<T> {
    /// Takes the output of the task, if it is done.
    pub(crate) fn take(&mut self) -> Option<Result<T, JoinError>> {
        let (slot, id) = (self.slot(), self.id());
        let output = current::find(self.of())?.tasks.take_done(slot, id);
        match output {
            Output::Done { task, name } => Some(self.open(task, name)),
            Output::Pending | Output::Itself => None,
        }
    }

    /// Moves the output out of the task's box; a box that is gone means that the task was cancelled.
    /// Here the loop's state is free, but nothing of the user's is dropped: the box is empty by then.
    #[inline(always)]
    fn open(&mut self, task: Option<BoxedTask>, name: Option<Box<str>>) -> Result<T, JoinError> {
        let id = self.id();
        self.slot = NO_SLOT;
        let mut output: Kept<T> = None;
        if let Some(task) = task {
            task.leave(&mut output);
        }
        let result = output.unwrap_or(Err(Failure::Cancelled));
        result.map_err(|failure| JoinError::new(id, name, failure))
    }
}

impl<T: 'static, E: 'static> JoinHandle<Result<T, E>> {
    /// Whether the task has panicked or returned an `Err`.
    pub(crate) fn has_failed(&self) -> bool {
        let Some(mut state) = current::find(self.of()) else {
            return false;
        };
        let output = state.tasks.output(self.slot(), self.id());
        let output = output.and_then(|output| output.downcast_ref::<Kept<Result<T, E>>>());
        matches!(output, Some(Some(Ok(Err(_)) | Err(Failure::Panicked(_)))))
    }
}

impl<T: 'static> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.is_spent(), "a JoinHandle was polled after it was ready");
        ready!(budget::poll_left(cx));
        let (slot, id) = (self.slot(), self.id());
        let mut joiner = Joiner::Waiter(waiter(cx.waker()));
        let polled = current::polled(self.of(), "a JoinHandle", move |state| {
            let output = state.tasks.take_done(slot, id);
            if matches!(output, Output::Pending) {
                state.record_wait(WaitsFor::Task(id));
                state.tasks.exchange_joiner(slot, id, &mut joiner);
            }
            (output, joiner)
        });
        let (output, unused) = polled.unwrap_or((Output::GONE, Joiner::Nothing));
        if let Joiner::Waiter(unused) = unused {
            unused.drop_quietly();
        }
        match output {
            Output::Done { task, name } => {
                budget::spend();
                Poll::Ready(self.open(task, name))
            }
            Output::Pending => Poll::Pending,
            Output::Itself => awaits_itself(id),
        }
    }
}

fn awaits_itself(id: u64) -> ! {
    panic!("task {id} awaits its own handle: it would wait for ever")
}

impl<T> Drop for JoinHandle<T> {
    /// Detaches the task. A value that was not taken is dropped, here or, from another thread, when the loop
    /// reads its inbox; a panic of its destructor stops there.
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

/// Why a task has no value: it was cancelled, or it panicked.
///
/// One word, so that a handle's result is hardly larger than the value. Cloning it is cheap (a reference
/// count): the clones share the panic's payload, which [`try_into_panic`](Self::try_into_panic) or
/// [`resume`](Self::resume) takes from all of them. Each clone still reports that the task panicked, and
/// with what message. A payload that no clone takes is dropped with the last of them, and a panic of its
/// destructor stops there.
#[derive(Clone)]
pub struct JoinError(Arc<Details>);

struct Details {
    id: u64,
    name: Option<Box<str>>,
    /// `None` if the task was cancelled.
    panic: Option<Panic>,
}

struct Panic {
    /// The payload as text, if it is text. It stays when the payload is taken, and is shown without the lock.
    message: Option<Cow<'static, str>>,
    /// Until a clone takes it. A payload is `Send` and need not be `Sync`; behind the lock, the error is both.
    payload: Mutex<Option<Quiet<Payload>>>,
}

impl JoinError {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(id: u64, name: Option<Box<str>>, failure: Failure) -> Self {
        let panic = match failure {
            Failure::Cancelled => None,
            Failure::Panicked(payload) => Some(Panic::new(*payload)),
        };
        JoinError(Arc::new(Details { id, name, panic }))
    }

    /// Whether the task was dropped before it had a value: by [`abort`](crate::JoinHandle::abort), or
    /// because its loop is gone.
    pub fn is_cancelled(&self) -> bool {
        self.0.panic.is_none()
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.0.panic.is_some()
    }

    /// Takes the payload that the task panicked with.
    ///
    /// # Errors
    ///
    /// Gives the error back if the task was cancelled, or if a clone of the error has taken the payload.
    #[doc(alias = "into_panic")]
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        let taken = self.0.panic.as_ref().and_then(Panic::take);
        taken.ok_or(self)
    }

    /// Resumes the task's panic on this thread.
    ///
    /// # Panics
    ///
    /// With the task's payload. With a message if the task was cancelled, or if a clone of the error has
    /// taken the payload.
    pub fn resume(self) -> ! {
        match self.try_into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(error) if error.is_panic() => panic!("{error} (its payload was taken)"),
            Err(error) => panic!("{error}, so there is no panic to resume"),
        }
    }

    /// The task's number; see [`JoinHandle::id`](crate::JoinHandle::id).
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.0.id)?;
        if let Some(name) = &self.0.name {
            write!(f, " \"{name}\"")?;
        }
        match self.0.panic.as_ref().map(|panic| &panic.message) {
            None => f.write_str(" was cancelled"),
            Some(None) => f.write_str(" panicked"),
            Some(Some(message)) => write!(f, " panicked: {message}"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}

impl Panic {
    fn new(payload: Payload) -> Self {
        let literal = payload.downcast_ref::<&'static str>();
        let literal = literal.map(|text| Cow::Borrowed(*text));
        let formatted = || Some(Cow::Owned(payload.downcast_ref::<String>()?.clone()));
        Panic { message: literal.or_else(formatted), payload: Mutex::new(Some(Quiet::new(payload))) }
    }

    fn take(&self) -> Option<Payload> {
        let mut payload = self.payload.lock().unwrap_or_else(PoisonError::into_inner);
        payload.take().map(Quiet::take)
    }
}
