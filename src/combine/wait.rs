//! `wait`: until the first, the first failure, or all of some tasks are done.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::combine::group::Group;
use crate::task::group_table::WakeOn;
use crate::task::join::JoinHandle;
use crate::task::table::Joiner;
use crate::time::sleep::{Sleep, sleep};

/// Waits until some of the tasks are done, and returns `(done, pending)`: asyncio's `wait`.
///
/// The mode is [`FIRST_COMPLETED`], [`FIRST_EXCEPTION`] (for tasks that return a `Result`), or
/// [`ALL_COMPLETED`]. All that are done when the wait is polled are in `done` together. Both lists keep the
/// order of the input. Awaiting a handle in `done` gives its value without a wait, unless it was awaited before,
/// by `&mut`: then it panics. A wait for n tasks costs O(n) at its start and end, and O(1) for each task that is
/// done in between.
///
/// ```
/// use boucle::FIRST_COMPLETED;
/// # use std::time::Duration;
/// boucle::run(async {
///     let slow = boucle::spawn(boucle::sleep(Duration::from_secs(60)));
///     let fast = boucle::spawn(boucle::sleep(Duration::from_millis(1)));
///     let (done, pending) = boucle::wait([slow, fast], FIRST_COMPLETED).await;
///     assert_eq!((done.len(), pending.len()), (1, 1));
///     pending[0].abort();
/// });
/// ```
///
/// As [`trace`](crate::trace) shows it: the task that is not done goes on until the end of the loop drops it.
///
/// ```text
/// turn                 1     2                      3     4 end
/// time                 0                            500ms
/// #1 main          run>[1]~wait 2~~~~~~~~~~~~~~~~~~~#3===>[1] returned
/// #2 square_after      +#1==>[1]~until 1s~~~~~~~~~~~~~~~~~~~[x] cancelled
/// #3 square_after      +#1==>[2]~until 500ms~~timer>[1] returned
///
/// left at 500ms:
///   #2 square_after waits until 1s (since 0)
/// ```
///
/// # Cancellation
///
/// Dropping it detaches the tasks, and aborts none. [`Wait::timeout`] gives the handles back after some time.
///
/// # Panics
///
/// If there are no handles, since nothing would ever be done. At its first poll, if no loop runs, or if a handle
/// belongs to another loop that lives or to the task that polls. Later, if the loop of that poll is gone, if it
/// is polled on another one, or if it was ready before.
#[track_caller]
pub fn wait<T, M: Mode<T>>(handles: impl IntoIterator<Item = JoinHandle<T>>, mode: M) -> Wait<T, M> {
    let handles: Vec<_> = handles.into_iter().collect();
    assert!(!handles.is_empty(), "the set of tasks to wait for is empty");
    Wait { handles, group: None, sleep: None, mode }
}

/// Return when the first task is done, however it ended.
///
/// ```
/// # boucle::run(async {
/// let tasks = [1, 2].map(|n| boucle::spawn(async move { n }));
/// let (done, pending) = boucle::wait(tasks, boucle::FIRST_COMPLETED).await;
/// assert_eq!((done.len(), pending.len()), (2, 0)); // both are done by then
/// # });
/// ```
pub const FIRST_COMPLETED: FirstCompleted = FirstCompleted;

/// Return when a task has panicked or returned an `Err`, else when all are done. An abort is no exception, nor
/// is what was taken before, by `&mut`.
///
/// ```
/// # boucle::run(async {
/// let fails = boucle::spawn(async { Err("no") });
/// let waits = boucle::spawn(std::future::pending::<Result<(), _>>());
/// let (done, pending) = boucle::wait([fails, waits], boucle::FIRST_EXCEPTION).await;
/// assert_eq!((done.len(), pending.len()), (1, 1));
/// # });
/// ```
pub const FIRST_EXCEPTION: FirstException = FirstException;

/// Return when all tasks are done.
///
/// ```
/// # boucle::run(async {
/// let tasks = [1, 2].map(|n| boucle::spawn(async move { assert!(n < 2) }));
/// let (done, _) = boucle::wait(tasks, boucle::ALL_COMPLETED).await;
/// let results = boucle::gather(done).await; // a panic is an `Err`
/// assert!(results[0].is_ok() && results[1].is_err());
/// # });
/// ```
pub const ALL_COMPLETED: AllCompleted = AllCompleted;

/// The type of [`FIRST_COMPLETED`].
///
/// ```
/// use boucle::{FirstCompleted, JoinHandle, Wait};
///
/// fn first(tasks: Vec<JoinHandle<u8>>) -> Wait<u8, FirstCompleted> {
///     boucle::wait(tasks, boucle::FIRST_COMPLETED)
/// }
/// # boucle::run(async {
/// assert_eq!(first(vec![boucle::spawn(async { 1 })]).await.0.len(), 1);
/// # });
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FirstCompleted;

/// The type of [`FIRST_EXCEPTION`].
///
/// ```
/// use boucle::{FirstException, JoinHandle, Wait};
///
/// type Checked = Result<(), String>;
///
/// fn checked(tasks: Vec<JoinHandle<Checked>>) -> Wait<Checked, FirstException> {
///     boucle::wait(tasks, boucle::FIRST_EXCEPTION)
/// }
/// # boucle::run(async {
/// assert_eq!(checked(vec![boucle::spawn(async { Ok(()) })]).await.0.len(), 1);
/// # });
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FirstException;

/// The type of [`ALL_COMPLETED`].
///
/// ```
/// use boucle::{AllCompleted, JoinHandle, Wait};
///
/// fn all(tasks: Vec<JoinHandle<u8>>) -> Wait<u8, AllCompleted> {
///     boucle::wait(tasks, boucle::ALL_COMPLETED)
/// }
/// # boucle::run(async {
/// assert_eq!(all(vec![boucle::spawn(async { 1 })]).await.0.len(), 1);
/// # });
/// ```
#[derive(Debug, Clone, Copy)]
pub struct AllCompleted;

/// What [`wait`] waits for, with tasks that return a `T`. It cannot be implemented outside this crate.
///
/// ```
/// use boucle::{JoinHandle, Mode};
///
/// async fn how_many_are_done<M: Mode<u8>>(tasks: Vec<JoinHandle<u8>>, mode: M) -> usize {
///     boucle::wait(tasks, mode).await.0.len()
/// }
/// # boucle::run(async {
/// let tasks = vec![boucle::spawn(async { 1 })];
/// assert_eq!(how_many_are_done(tasks, boucle::ALL_COMPLETED).await, 1);
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "tasks that return `{T}` cannot be waited for with `{Self}`",
    note = "`FIRST_EXCEPTION` is for tasks that return a `Result`: an `Err` is what it waits for"
)]
pub trait Mode<T>: sealed::Waits<T> {}

impl<T, M: sealed::Waits<T>> Mode<T> for M {}

mod sealed {
    use super::*;

    /// A wait for all, unless an implementation says otherwise. (The compiler reports either trait.)
    #[diagnostic::on_unimplemented(
        message = "tasks that return `{T}` cannot be waited for with `{Self}`",
        note = "`FIRST_EXCEPTION` is for tasks that return a `Result`: an `Err` is what it waits for"
    )]
    pub trait Waits<T>: Unpin {
        const WAKE_ON: WakeOn = WakeOn::Last;

        /// Returns true if the wait is over because this task is done.
        fn ends_with(_: &JoinHandle<T>) -> bool {
            false
        }
    }

    impl<T> Waits<T> for FirstCompleted {
        const WAKE_ON: WakeOn = WakeOn::Each;

        fn ends_with(_: &JoinHandle<T>) -> bool {
            true
        }
    }

    impl<T: 'static, E: 'static> Waits<Result<T, E>> for FirstException {
        const WAKE_ON: WakeOn = WakeOn::Each;

        fn ends_with(handle: &JoinHandle<Result<T, E>>) -> bool {
            handle.has_failed()
        }
    }

    impl<T> Waits<T> for AllCompleted {}
}

/// The future of [`wait`].
///
/// ```
/// use std::time::Duration;
///
/// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
/// # event_loop.block_on(async {
/// let left = [25, 5, 15].map(|millis| boucle::spawn(boucle::sleep(Duration::from_millis(millis))));
/// let mut left = Vec::from(left);
/// let mut counts = Vec::new();
/// while !left.is_empty() {
///     // It owns the handles, and gives them back.
///     (_, left) = boucle::wait(left, boucle::FIRST_COMPLETED).await;
///     counts.push(left.len());
/// }
/// assert_eq!(counts, [2, 1, 0]);
/// # });
/// ```
#[must_use = "a future does nothing until it is awaited"]
pub struct Wait<T, M> {
    /// They drop before the group that they are members of.
    handles: Vec<JoinHandle<T>>,
    /// From the first poll on.
    group: Option<Group>,
    sleep: Option<Sleep>,
    mode: M,
}

impl<T, M: Mode<T>> Wait<T, M> {
    /// Waits at most `duration`, counted as by [`sleep`]. Then `done` holds what is done, if anything; no task
    /// is aborted.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
    /// # event_loop.block_on(async {
    /// let hour = boucle::spawn(boucle::sleep(Duration::from_secs(3_600)));
    /// let minute = Duration::from_secs(60);
    /// let (done, pending) = boucle::wait([hour], boucle::ALL_COMPLETED).timeout(minute).await;
    /// assert_eq!((done.len(), pending.len()), (0, 1)); // it sleeps on
    /// # });
    /// ```
    pub fn timeout(mut self, duration: Duration) -> Self {
        self.sleep = Some(sleep(duration));
        self
    }
}

impl<T, M: Mode<T>> Future for Wait<T, M> {
    type Output = (Vec<JoinHandle<T>>, Vec<JoinHandle<T>>);

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Wait { handles, group, sleep, .. } = &mut *self;
        assert!(!handles.is_empty(), "wait was polled after it was ready");
        let group = match group {
            Some(group) => group,
            None => {
                // All are checked before the first becomes a member, since a check may panic.
                for handle in &*handles {
                    handle.expect_awaitable();
                }
                let group = group.insert(Group::new("wait", handles.len(), M::WAKE_ON));
                handles.iter().enumerate().for_each(|(position, handle)| group.join(position, handle));
                group
            }
        };
        if group.poll_until(cx, |position| M::ends_with(&handles[position])).is_pending() {
            // The sleep itself spends from the budget, and ends the wait even if none is left.
            let Some(sleep) = sleep else { return Poll::Pending };
            ready!(sleep.poll_over(cx));
        }
        let mut pending = mem::take(handles);
        let done = pending.extract_if(.., |handle| handle.is_finished()).collect();
        for handle in &pending {
            handle.set_joiner(Joiner::Nothing);
        }
        Poll::Ready((done, pending))
    }
}

impl<T, M: fmt::Debug> fmt::Debug for Wait<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wait({:?}, {:?})", self.handles, self.mode)
    }
}
