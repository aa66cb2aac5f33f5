//! Spawning: a future becomes a task.

use std::panic::Location;

use futures_task::SpawnError;

use crate::current;
use crate::state::Refused;
use crate::task::cell::{BoxedTask, Quiet, TaskCell, drop_quietly};
use crate::task::id::{LoopNumber, MAX_TASKS};
use crate::task::join::JoinHandle;
use crate::task::table::Joiner;

/// Starts a task on the running loop: asyncio's `create_task`.
///
/// The task is put at the end of the ready queue, and first polled in the next batch. The future
/// need not be `Send`. Awaiting the handle gives the value, or a [`JoinError`](crate::JoinError) if
/// the task panicked or was aborted; dropping the handle detaches the task, which goes on.
///
/// It costs one allocation, which holds the future and then its value.
///
/// ```
/// boucle::run(async {
///     let handle = boucle::spawn(async { 40 + 2 });
///     assert_eq!(handle.await.unwrap(), 42);
/// });
/// ```
///
/// Two tasks that sleep, for two seconds and for one, as [`trace`](crate::trace) shows it: both are
/// polled in the turn after they were spawned, and sleep at the same time.
///
/// ```text
/// turn          1     2                   3  4    5
/// time          0                         1s 2s
/// #1 main   run>[1]~#2~~~~~~~~~~~~~~~~~~~~~~~#2==>[1] returned
/// #2 hello      +#1==>[1]~until 2s~~~~~timer>[1] returned
/// #3 world      +#1==>[2]~until 1s~~timer>[1] returned
/// ```
///
/// When the loop ends, a task that is not done is dropped, and its destructors run. What is spawned
/// while the loop is closing is dropped at once, and its handle says that it was cancelled.
///
/// # Panics
///
/// If no loop is running on this thread, or if it has 2^32 - 1 tasks (2^20 - 1 on a 32-bit target).
#[doc(alias = "create_task")]
#[doc(alias = "spawn_local")]
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_with(Joiner::Nothing, Location::caller(), TaskCell::boxed(future))
}

/// Starts a task that has a name: it stands in [`JoinError`](crate::JoinError)s and in lists of
/// tasks.
///
/// As [`spawn`] in all else. A name costs one more allocation, and a look into a map when the task
/// ends.
///
/// ```
/// boucle::run(async {
///     let handle = boucle::spawn_named("answer", async { panic!("no idea") });
///     let error = handle.await.unwrap_err();
///     assert_eq!(error.to_string(), "task 2 \"answer\" panicked: no idea");
/// });
/// ```
///
/// # Panics
///
/// As [`spawn`].
#[doc(alias = "set_name")]
#[track_caller]
pub fn spawn_named<F>(name: impl Into<String>, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let task = Quiet::new(TaskCell::boxed(future));
    let name = name.into().into_boxed_str();
    let handle = spawn_with(Joiner::Nothing, Location::caller(), task.take());
    handle.set_name(name);
    handle
}

/// A future in the allocation of the task that it is to become. A large future is moved there once, and
/// from then on only a pointer is handed on.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct Unspawned<F: Future>(Quiet<Box<TaskCell<F>>>);

impl<F: Future> Unspawned<F> {
    pub(crate) fn new(future: impl IntoFuture<IntoFuture = F>) -> Self {
        Unspawned(Quiet::new(TaskCell::boxed(future.into_future())))
    }

    pub(crate) fn into_cell(self) -> Box<TaskCell<F>> {
        self.0.take()
    }
}

/// Spawns a task that has a joiner from the beginning. `location` is where the program asked for it.
#[track_caller]
pub(crate) fn spawn_with<F>(
    joiner: Joiner,
    location: &'static Location<'static>,
    task: Box<TaskCell<F>>,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let task: BoxedTask = Box::into_pin(task);
    let spawned = current::expect_running("spawn", |state| {
        (state.number, state.spawn(task, true, joiner, location))
    });
    handle_of(spawned)
}

/// Spawns a task on a loop of this thread that may not be running.
#[track_caller]
pub(crate) fn on<F>(
    number: LoopNumber,
    location: &'static Location<'static>,
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let task: BoxedTask = Box::into_pin(TaskCell::boxed(future));
    let spawned = current::with(number, "spawn", |state| {
        state.spawn(task, true, Joiner::Nothing, location)
    });
    match spawned {
        Some(spawned) => handle_of((number, spawned)),
        None => JoinHandle::cancelled(number),
    }
}

/// The handle of a task that a loop has taken, or has refused.
#[inline]
#[track_caller]
fn handle_of<T>((number, spawned): (LoopNumber, Result<(u32, u64), Refused>)) -> JoinHandle<T> {
    match spawned {
        Ok((slot, id)) => JoinHandle::new(number, slot, id),
        Err(refused) => {
            turn_away(number, refused);
            JoinHandle::cancelled(number)
        }
    }
}

/// Drops a task that the loop did not take.
#[cold]
#[track_caller]
fn turn_away(number: LoopNumber, refused: Refused) {
    match refused {
        Refused::Closing(task) => drop_quietly(task),
        Refused::Full(task) => {
            drop_quietly(task);
            panic!("{number} is full: it has room for {MAX_TASKS} tasks");
        }
    }
}

/// Spawns a task without a handle, for [`LoopHandle::spawn`](crate::LoopHandle::spawn) and the spawn
/// traits of the `futures` crates. A loop that is closing or full drops the future and gives an error:
/// no panic, since the caller may be the loop itself, with other messages to read.
pub(crate) fn detached<F>(
    number: LoopNumber,
    location: &'static Location<'static>,
    future: F,
) -> Result<(), SpawnError>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let task: BoxedTask = Box::into_pin(TaskCell::boxed(future));
    let refused = match current::find(number) {
        Some(mut state) => match state.spawn(task, false, Joiner::Nothing, location) {
            Ok(_) => return Ok(()),
            Err(Refused::Closing(task) | Refused::Full(task)) => task,
        },
        None => task,
    };
    drop_quietly(refused);
    current::refuse_observers("spawn");
    Err(SpawnError::shutdown())
}
