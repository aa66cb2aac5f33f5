//! `JoinHandle`, what it asks of the table of tasks, and the error that it gives instead of a value. A handle
//! is numbers: the loop's, which is never reused, and the task's slot and id. So it is `Send`, whatever the
//! value is.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use crate::current;
use crate::observe::event::WaitsFor;
use crate::state::State;
use crate::task::abort_handle::AbortHandle;
use crate::task::budget;
use crate::task::cell::{BoxedTask, Failure, Kept};
use crate::task::id::{LoopNumber, NO_SLOT};
use crate::task::quiet::{Payload, Quiet, text};
use crate::task::table::{Joiner, Tasks};
use crate::wake::inbox::Message;
use crate::wake::waker::waiter;

/// A task's handle: await it for the task's value. It is `Send` and `Sync`, whatever the value is: another
/// thread may abort the task by it, and drop it. The value is dropped on the loop's thread. If several tasks poll
/// it, only the last is woken.
///
/// ```
/// # boucle::run(async {
/// let task = boucle::spawn(async { 5 });
/// assert_eq!(task.await.unwrap(), 5);
/// # });
/// ```
///
/// # Cancellation
///
/// Dropping the handle detaches the task, which goes on; [`abort`](Self::abort) ends it. So a task that is
/// aborted while it awaits another leaves that one running, as in tokio; asyncio cancels both.
///
/// # Panics
///
/// If it is polled within a poll of its own task, or within the drop of its own task after an abort; if it is
/// polled again after it was ready; and if it is polled on another loop, or on another thread, while its own
/// loop lives. When that has ended, the handle gives "cancelled", even if the task had returned.
#[doc(alias = "Task")]
#[must_use = "dropping a handle detaches its task; `abort` ends it, `await` waits for it"]
pub struct JoinHandle<T> {
    /// The task's numbers.
    pub(crate) task: AbortHandle,
    /// Not a `T`, so the handle is `Send`. Invariant, because the output is found by its `TypeId`: a handle
    /// coerced to another lifetime would ask for another type than its task has.
    ///
    /// ```compile_fail,E0308
    /// # use boucle::JoinHandle;
    /// fn coerce(general: JoinHandle<for<'a> fn(&'a u8)>) -> JoinHandle<fn(&'static u8)> { general }
    /// ```
    value: PhantomData<fn(T) -> T>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(loop_number: LoopNumber, slot: u32, id: u64) -> Self {
        JoinHandle { task: AbortHandle { loop_number, slot, id }, value: PhantomData }
    }

    /// Makes the handle of a task that its loop has refused. No task has the id 0.
    pub(crate) fn cancelled(loop_number: LoopNumber) -> Self {
        Self::new(loop_number, 0, 0)
    }

    /// The output was taken.
    fn is_spent(&self) -> bool {
        self.task.slot == NO_SLOT
    }

    /// Aborts the task, unless it is done. Its future is dropped at its place in the ready queue, never inside
    /// this call. The handle then gives the [`JoinError`] "cancelled"; or the panic, if the destructor or a poll
    /// under way panics. Unlike a coroutine of asyncio, a future cannot refuse.
    ///
    /// A task that was never polled never will be. One that aborts itself is dropped when its poll returns,
    /// even if that returned a value. An abort from another thread takes effect when the loop reads its
    /// inbox. A loop drops the future only while it runs, or when it ends.
    ///
    /// ```
    /// # boucle::run(async {
    /// let task = boucle::spawn(std::future::pending::<()>());
    /// task.abort(); // the request; it is dropped at its place in the queue
    /// assert!(!task.is_finished());
    /// assert!(task.await.unwrap_err().is_cancelled());
    /// # });
    /// ```
    #[doc(alias = "cancel")]
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Returns a handle that can abort the task while this one waits elsewhere.
    ///
    /// ```
    /// # boucle::run(async {
    /// let task = boucle::spawn(std::future::pending::<()>());
    /// let abort = task.abort_handle();
    /// let waits = boucle::spawn(boucle::wait([task], boucle::ALL_COMPLETED));
    /// abort.abort(); // though the handle is there
    /// assert_eq!(waits.await.unwrap().0.len(), 1);
    /// # });
    /// ```
    pub fn abort_handle(&self) -> AbortHandle {
        self.task.clone()
    }

    /// Returns true if the task is done (it has returned, panicked or was dropped), or its loop is gone.
    ///
    /// ```
    /// # boucle::run(async {
    /// let task = boucle::spawn(async {});
    /// assert!(!task.is_finished()); // it is polled in the next batch
    /// boucle::yield_now().await;
    /// assert!(task.is_finished());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If it is called on another thread than the loop's, while the loop lives.
    #[doc(alias = "done")]
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Returns the task's id. A loop counts its tasks from 1 in spawn order, main futures included. A task
    /// that a loop refuses, since it is closing or gone, has the id 0.
    ///
    /// ```
    /// # boucle::run(async {
    /// let (one, two) = (boucle::spawn(async {}), boucle::spawn(async {}));
    /// assert_eq!((one.id(), two.id()), (2, 3)); // the main future is 1
    /// # });
    /// ```
    pub fn id(&self) -> u64 {
        self.task.id
    }

    /// Sets what waits for the task, and drops what did before. Returns false if the task is done, or gone.
    pub(crate) fn set_joiner(&self, mut joiner: Joiner) -> bool {
        let AbortHandle { loop_number, slot, id } = self.task;
        current::find(loop_number).is_some_and(|mut state| state.tasks.exchange_joiner(slot, id, &mut joiner))
    }

    /// Panics if the handle belongs to another loop that lives, or to the task that is being polled.
    #[track_caller]
    pub(crate) fn expect_awaitable(&self) {
        let AbortHandle { loop_number, slot, id } = self.task;
        let is_polled = |state: &mut State| state.tasks.by_id(slot, id).is_some_and(|task| task.is_out());
        if current::on_own_loop(loop_number, "a JoinHandle", is_polled) == Some(true) {
            awaits_itself(id);
        }
    }
}

impl<T: 'static> JoinHandle<T> {
    /// Takes the output of the task, if it is done.
    pub(crate) fn take(&mut self) -> Option<Result<T, JoinError>> {
        let AbortHandle { loop_number, slot, id } = self.task;
        let output = current::find(loop_number)?.tasks.take_done(slot, id);
        let Found::Done { task, name } = output else { return None };
        Some(self.open(task, name))
    }

    /// Moves the output out of the task's box, which is empty when it drops. If there is no box, the task was
    /// cancelled.
    #[inline(always)]
    fn open(&mut self, mut task: Option<BoxedTask>, name: Option<Box<str>>) -> Result<T, JoinError> {
        self.task.slot = NO_SLOT;
        let output = task.as_mut().and_then(|task| task.as_mut().output());
        let output = output.and_then(|output| output.downcast_mut::<Kept<T>>());
        let result = output.and_then(Option::take).unwrap_or(Err(Failure::Cancelled));
        result.map_err(|failure| JoinError::new(self.task.id, name, failure))
    }
}

impl<T: 'static, E: 'static> JoinHandle<Result<T, E>> {
    /// Whether the task has panicked or returned an `Err`.
    pub(crate) fn has_failed(&self) -> bool {
        let AbortHandle { loop_number, slot, id } = self.task;
        current::find(loop_number).is_some_and(|mut state| {
            let output = state.tasks.output(slot, id);
            let output = output.and_then(|output| output.downcast_ref::<Kept<Result<T, E>>>());
            matches!(output, Some(Some(Ok(Err(_)) | Err(Failure::Panicked(_)))))
        })
    }
}

impl<T: 'static> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let AbortHandle { loop_number, slot, id } = self.task;
        assert!(!self.is_spent(), "the JoinHandle of task {id} was polled after it was ready");
        ready!(budget::poll_left(cx));
        let mut joiner = Joiner::Waiter(waiter(cx.waker()));
        let found = current::on_own_loop(loop_number, "a JoinHandle", |state| {
            match state.tasks.take_done(slot, id) {
                Found::Pending => {
                    state.record_wait(WaitsFor::Task(id));
                    state.tasks.exchange_joiner(slot, id, &mut joiner);
                    Found::Pending
                }
                found => found,
            }
        });
        match found.unwrap_or(Found::GONE) {
            Found::Done { task, name } => {
                budget::spend();
                Poll::Ready(self.open(task, name))
            }
            Found::Pending => Poll::Pending,
            Found::Itself => awaits_itself(id),
        }
    }
}

#[track_caller]
fn awaits_itself(id: u64) -> ! {
    panic!("task {id} awaits its own handle: it would wait for ever")
}

impl<T> Drop for JoinHandle<T> {
    /// Detaches the task. A value that was not taken is dropped quietly, on the loop's thread.
    fn drop(&mut self) {
        if !self.is_spent() {
            let AbortHandle { loop_number, slot, id } = self.task;
            current::deliver(loop_number, Message::ReleaseTask { slot, id });
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinHandle(task {} of {})", self.task.id, self.task.loop_number)
    }
}

/// What a handle finds when it asks for its task's output.
enum Found {
    /// The slot is free now, and the box holds the output. There is no box if the loop has refused the task, is
    /// gone, or has dropped the output at its end.
    Done {
        task: Option<BoxedTask>,
        name: Option<Box<str>>,
    },
    Pending,
    /// The task is awaiting its own handle.
    Itself,
}

impl Found {
    /// No such task, or no such loop.
    const GONE: Found = Found::Done { task: None, name: None };
}

/// What a handle asks of the table.
impl Tasks {
    /// Takes the box of a task that is done, and frees its slot.
    #[inline(always)]
    fn take_done(&mut self, slot: u32, id: u64) -> Found {
        match self.by_id(slot, id) {
            Some(entry) if entry.is_done() => {
                let (task, name) = self.remove(slot);
                Found::Done { task, name }
            }
            Some(entry) if entry.is_out() => Found::Itself, // its box is out: it asks for itself
            Some(_) => Found::Pending,
            None => Found::GONE,
        }
    }

    /// Returns the output of a task that is done, and leaves it where it is.
    fn output(&mut self, slot: u32, id: u64) -> Option<&mut dyn Any> {
        self.by_id(slot, id)?.task.as_mut()?.as_mut().output()
    }

    /// Returns true if the task is done, or gone.
    pub(crate) fn is_done(&mut self, slot: u32, id: u64) -> bool {
        self.by_id(slot, id).is_none_or(|entry| entry.is_done())
    }

    /// Sets what waits for a task, and leaves in `joiner` what waited before. Returns false if the task is
    /// done, or gone: then nothing is exchanged.
    #[inline]
    fn exchange_joiner(&mut self, slot: u32, id: u64, joiner: &mut Joiner) -> bool {
        let Some(entry) = self.by_id(slot, id).filter(|entry| !entry.is_done()) else {
            return false;
        };
        mem::swap(&mut entry.joiner, joiner);
        true
    }

    /// Records that the handle was dropped: nothing waits for the task any more, and it leaves its group. The
    /// caller drops what was kept for it.
    pub(crate) fn release_handle(&mut self, slot: u32, id: u64) -> (Joiner, Option<BoxedTask>) {
        let Some(entry) = self.by_id(slot, id) else {
            return (Joiner::Nothing, None);
        };
        entry.has_handle = false;
        let joiner = mem::replace(&mut entry.joiner, Joiner::Nothing);
        let task = if entry.is_done() { self.remove(slot).0 } else { None };
        (joiner, task)
    }
}

/// Why a task has no value: it was cancelled, or it panicked.
///
/// It is one word, so a handle's result is hardly larger than the value. Clones share the panic's payload,
/// until [`try_into_panic`](Self::try_into_panic) or [`resume`](Self::resume) takes it; each keeps the
/// message. If none takes it, the last clone drops it; a panic of its destructor stops there.
///
/// ```
/// # boucle::run(async {
/// let error = boucle::spawn(async { panic!("no idea") }).await.unwrap_err();
/// assert_eq!(error.to_string(), "task 2 panicked: no idea");
/// # });
/// ```
#[derive(Clone)]
pub struct JoinError(Arc<Details>);

struct Details {
    id: u64,
    name: Option<Box<str>>,
    /// What the task did, in words, with a panic's message if it is text. It stays when the payload is taken.
    did: Cow<'static, str>,
    /// `None` if the task was cancelled; else the panic's payload, until a clone takes it. A payload is
    /// `Send` and need not be `Sync`; behind the lock, the error is both.
    panic: Option<Mutex<Option<Quiet<Payload>>>>,
}

impl JoinError {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(id: u64, name: Option<Box<str>>, failure: Failure) -> Self {
        let Failure::Panicked(payload) = failure else {
            return JoinError(Arc::new(Details { id, name, did: "was cancelled".into(), panic: None }));
        };
        let did = match text(&**payload) {
            Some(message) => format!("panicked: {message}").into(),
            None => "panicked".into(),
        };
        let panic = Some(Mutex::new(Some(Quiet::new(*payload))));
        JoinError(Arc::new(Details { id, name, did, panic }))
    }

    /// Returns true if there is no value because of an [abort](JoinHandle::abort), or of the end of the loop.
    ///
    /// ```
    /// # boucle::run(async {
    /// let task = boucle::spawn(std::future::pending::<()>());
    /// task.abort();
    /// assert!(task.await.unwrap_err().is_cancelled());
    /// # });
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.0.panic.is_none()
    }

    /// Returns true if the task panicked.
    ///
    /// ```
    /// # boucle::run(async {
    /// let error = boucle::spawn(async { panic!() }).await.unwrap_err();
    /// assert!(error.is_panic() && !error.is_cancelled());
    /// # });
    /// ```
    pub fn is_panic(&self) -> bool {
        self.0.panic.is_some()
    }

    /// Takes the payload that the task panicked with.
    ///
    /// ```
    /// # boucle::run(async {
    /// let error = boucle::spawn(async { panic!("no idea") }).await.unwrap_err();
    /// let payload = error.try_into_panic().unwrap();
    /// assert_eq!(payload.downcast_ref::<&str>(), Some(&"no idea"));
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// Gives the error back if the task was cancelled, or if a clone has taken the payload.
    #[doc(alias = "into_panic")]
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, JoinError> {
        let panic = self.0.panic.as_ref();
        let payload = panic.and_then(|payload| payload.lock().unwrap_or_else(PoisonError::into_inner).take());
        payload.map(Quiet::take).ok_or(self)
    }

    /// Resumes the task's panic on this thread.
    ///
    /// ```
    /// use futures_lite::FutureExt;
    /// use std::panic::AssertUnwindSafe;
    ///
    /// # boucle::run(async {
    /// let child = boucle::spawn(async { panic!("no idea") });
    /// let parent = async { child.await.unwrap_or_else(|error| error.resume()) };
    /// let payload = AssertUnwindSafe(parent).catch_unwind().await.unwrap_err();
    /// assert_eq!(payload.downcast_ref::<&str>(), Some(&"no idea"));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// With the task's payload; with a message if the task was cancelled or a clone has taken the payload.
    #[track_caller]
    pub fn resume(self) -> ! {
        match self.try_into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(error) if error.is_panic() => panic!("{error} (its payload was taken)"),
            Err(error) => panic!("{error}, so there is no panic to resume"),
        }
    }

    /// Returns the task's id, as [`JoinHandle::id`] does.
    ///
    /// ```
    /// # boucle::run(async {
    /// let task = boucle::spawn(async { panic!() });
    /// let id = task.id();
    /// assert_eq!(task.await.unwrap_err().id(), id);
    /// # });
    /// ```
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Returns the task's name, if it was given one. `None` too if its loop has refused it, or was gone when the
    /// handle was awaited.
    ///
    /// ```
    /// # boucle::run(async {
    /// let error = boucle::spawn_named("answer", async { panic!() }).await.unwrap_err();
    /// assert_eq!(error.name(), Some("answer"));
    /// # });
    /// ```
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
        write!(f, " {}", self.0.did)
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}

/// As `Other`: `task.await??` in a function of I/O.
impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        io::Error::other(error)
    }
}
