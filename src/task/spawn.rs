//! Spawning: a future becomes a task.

use std::panic::Location;
use std::sync::Arc;

use futures_task::SpawnError;

use crate::current;
use crate::observe::event::EventKind;
use crate::task::abort_handle::AbortHandle;
use crate::task::cell::{BoxedTask, TaskCell};
use crate::task::id::{LoopNumber, MAX_TASKS};
use crate::task::join::JoinHandle;
use crate::task::quiet::{Quiet, drop_quietly};
use crate::task::table::Joiner;

/// Starts a task on the running loop: asyncio's `create_task`.
///
/// The task is first polled in the next batch. The future need not be `Send`. Awaiting the handle gives the
/// value, or a [`JoinError`](crate::JoinError) if the task panicked or was aborted; dropping it detaches the
/// task. (The panic hook reports a panic in any case.) A task costs one allocation, which holds the future and
/// then its value. A loop that ends drops the tasks that are not done, and what is spawned meanwhile; their
/// handles give "cancelled".
///
/// ```
/// boucle::run(async {
///     let handle = boucle::spawn(async { 40 + 2 });
///     assert_eq!(handle.await.unwrap(), 42);
/// });
/// ```
///
/// Two tasks that sleep, as [`trace`](crate::trace) shows it: the turn after their spawn polls both.
///
/// ```text
/// turn          1     2                   3  4    5
/// time          0                         1s 2s
/// #1 main   run>[1]~#2~~~~~~~~~~~~~~~~~~~~~~~#2==>[1] returned
/// #2 hello      +#1==>[1]~until 2s~~~~~timer>[1] returned
/// #3 world      +#1==>[2]~until 1s~~timer>[1] returned
/// ```
///
/// # Task-local values
///
/// asyncio's context variables. tokio's `task_local!` works on boucle, with tokio's feature `rt` and without its
/// runtime: `spawn(USER.scope(user, future))`. Without tokio: all tasks of a loop share the thread-locals of its
/// thread, so wrap the task's future. Put the value into a thread-local before each poll, and take it out
/// afterwards.
///
/// ```
/// use std::cell::RefCell;
/// use std::mem;
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// thread_local! {
///     static USER: RefCell<String> = RefCell::default();
/// }
///
/// /// A future, boxed, that has a `USER` of its own.
/// struct As<F>(String, Pin<Box<F>>);
///
/// impl<F: Future> Future for As<F> {
///     type Output = F::Output;
///
///     fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
///         let As(user, future) = &mut *self;
///         let _exchanged = Exchanged::new(user);
///         future.as_mut().poll(cx)
///     }
/// }
///
/// /// While it exists, `USER` and another value have changed places. (A guard, since a poll may panic.)
/// struct Exchanged<'a>(&'a mut String);
///
/// impl<'a> Exchanged<'a> {
///     fn new(other: &'a mut String) -> Self {
///         USER.with_borrow_mut(|user| mem::swap(user, other));
///         Exchanged(other)
///     }
/// }
///
/// impl Drop for Exchanged<'_> {
///     fn drop(&mut self) {
///         USER.with_borrow_mut(|user| mem::swap(user, self.0));
///     }
/// }
///
/// async fn greet() -> String {
///     boucle::yield_now().await; // the other task is polled here
///     USER.with_borrow(|user| format!("hello {user}"))
/// }
///
/// # boucle::run(async {
/// let ada = boucle::spawn(As("Ada".to_owned(), Box::pin(greet())));
/// let bob = boucle::spawn(As("Bob".to_owned(), Box::pin(greet())));
/// assert_eq!(ada.await.unwrap(), "hello Ada");
/// assert_eq!(bob.await.unwrap(), "hello Bob");
/// assert_eq!(greet().await, "hello "); // a task without one
/// # let panics = async { USER.with_borrow(|user| panic!("{user}")) };
/// # let eve = boucle::spawn(As("Eve".to_owned(), Box::pin(panics)));
/// # assert!(eve.await.map(|()| ()).unwrap_err().to_string().ends_with("panicked: Eve"));
/// # assert_eq!(greet().await, "hello "); // the panic has left nothing behind
/// # });
/// ```
///
/// As in tokio, a child task does not inherit the value. To have it inherit, as in asyncio, clone the value
/// into the child's `As`. The destructors of a task that is aborted do not see its value; with `task_local!`
/// they do.
///
/// # Panics
///
/// If no loop is running on this thread, or if its 2^32 - 1 slots are taken (2^20 - 1 on a 32-bit target).
#[doc(alias("create_task", "spawn_local", "contextvars", "ContextVar", "task_local"))]
#[track_caller]
pub fn spawn<F: Future<Output: 'static> + 'static>(future: F) -> JoinHandle<F::Output> {
    spawn_on(current::running_number(), Joiner::Nothing, Location::caller(), TaskCell::boxed(future))
}

/// Starts a task with a name, which [`JoinError`](crate::JoinError)s and lists of tasks show.
///
/// The name costs one more allocation, and an entry in a map.
///
/// ```
/// boucle::run(async {
///     let error = boucle::spawn_named("answer", async { panic!("no idea") }).await.unwrap_err();
///     assert_eq!(error.to_string(), "task 2 \"answer\" panicked: no idea");
/// });
/// ```
///
/// # Panics
///
/// As [`spawn`].
#[doc(alias = "set_name")]
#[track_caller]
pub fn spawn_named<F: Future<Output: 'static> + 'static>(
    name: impl Into<String>,
    future: F,
) -> JoinHandle<F::Output> {
    let task = Quiet::new(TaskCell::boxed(future)); // The name's conversion may panic.
    let name = name.into().into_boxed_str();
    let loop_number = current::running_number();
    let handle = spawn_on(loop_number, Joiner::Nothing, Location::caller(), task.take());
    set_name(&handle.task, name);
    handle
}

/// Spawns a task on a loop of this thread, running or not. If the loop is closing or gone, the task is dropped
/// at once. Panics if there is no loop, or if it is full or cannot be used here.
#[inline]
#[track_caller]
pub(crate) fn spawn_on<F: Future<Output: 'static> + 'static>(
    loop_number: Option<LoopNumber>,
    joiner: Joiner,
    location: &'static Location<'static>,
    task: Box<TaskCell<F>>,
) -> JoinHandle<F::Output> {
    let what = if matches!(joiner, Joiner::Group(_)) { "a group" } else { "spawn" };
    match try_spawn(loop_number, joiner, location, task) {
        Ok(handle) => handle,
        Err(refused) => refuse(loop_number, what, refused),
    }
}

/// Gives a task, spawned at `location`, to a loop, or gives it back if the loop refuses it or is not found.
#[inline(always)]
fn try_spawn<F: Future<Output: 'static> + 'static>(
    loop_number: Option<LoopNumber>,
    joiner: Joiner,
    location: &'static Location<'static>,
    task: Box<TaskCell<F>>,
) -> Result<JoinHandle<F::Output>, BoxedTask> {
    let task: BoxedTask = Box::into_pin(task);
    let Some(mut state) = loop_number.and_then(current::find) else {
        return Err(task);
    };
    let (slot, id) = state.spawn(task, joiner, location)?;
    Ok(JoinHandle::new(state.number, slot, id))
}

/// Drops a refused task. Returns a handle if the loop is closing or gone; else panics with the reason.
#[cold]
#[track_caller]
fn refuse<T>(loop_number: Option<LoopNumber>, what: &str, task: BoxedTask) -> JoinHandle<T> {
    let state = loop_number.and_then(current::find);
    let is_full = state.is_some_and(|state| state.tasks.is_full() && !state.closing);
    drop_quietly(task);
    let Some(loop_number) = loop_number else { current::panic_no_loop("spawn") };
    assert!(!is_full, "{loop_number} is full: it has room for {MAX_TASKS} tasks");
    // Panics if the loop lives and cannot be used here.
    current::on_own_thread(loop_number, what, |_| ());
    JoinHandle::cancelled(loop_number)
}

/// Names a task, unless it is done. (A task that its loop has refused counts as done.)
pub(crate) fn set_name(task: &AbortHandle, name: Box<str>) {
    let AbortHandle { loop_number, slot, id } = *task;
    if let Some(mut state) = current::find(loop_number)
        && !state.tasks.is_done(slot, id)
    {
        state.record(|_| EventKind::Named { task: id, name: Arc::from(&*name) });
        state.tasks.names.insert(slot, name);
    }
}

/// Spawns a task without a handle. Returns an error if it is refused, or its loop is not found here: a turn,
/// which spawns so for a `LoopHandle`, must not panic. (It panics if an observer calls it.)
pub(crate) fn detached<F: Future<Output: 'static> + 'static>(
    loop_number: LoopNumber,
    location: &'static Location<'static>,
    future: F,
) -> Result<(), SpawnError> {
    let Err(refused) = try_spawn(Some(loop_number), Joiner::Nothing, location, TaskCell::boxed(future))
    else {
        return Ok(());
    };
    drop_quietly(refused);
    current::refuse_observers("spawn");
    Err(SpawnError::shutdown())
}
