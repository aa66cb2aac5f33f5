//! `TaskGroup`: tasks that are spawned at any time, and aborted when the group is dropped.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::task::{Context, Poll, ready};

use slab::Slab;

use crate::combine::group::{Child, Group, Unspawned};
use crate::shrink::Shrinker;
use crate::task::abort_handle::AbortHandle;
use crate::task::budget;
use crate::task::group_table::WakeOn;
use crate::task::join::{JoinError, JoinHandle};
use crate::task::quiet::drop_quietly;
use crate::task::spawn::set_name;

/// A set of tasks that can grow while it is waited for: asyncio's `TaskGroup`, tokio's `JoinSet`.
///
/// [`join_next`](Self::join_next) gives the tasks' results as they come, O(1) each. [`join_all`](Self::join_all)
/// waits for all; the first one that fails aborts the others.
///
/// ```
/// use boucle::TaskGroup;
/// # use std::time::Duration;
/// boucle::run(async {
///     let group = TaskGroup::new();
///     for millis in [30, 10, 20] {
///         group.spawn(async move {
///             boucle::sleep(Duration::from_millis(millis)).await;
///             millis
///         });
///     }
///     assert_eq!(group.join_next().await.unwrap().unwrap(), 10);
///     assert_eq!(group.join_all().await, [30, 20]); // what is left, in spawn order
/// });
/// ```
///
/// As [`trace`](crate::trace) shows it, two sleeps that are joined as they come:
///
/// ```text
/// turn                 1     2                      3     4                5    6
/// time                 0                            500ms                  1s
/// #1 main          run>[1]~TaskGroup 2~~~~~~~~~~~~~~#3===>[1]~TaskGroup 1~~#2==>[1] returned
/// #2 square_after      +#1==>[1]~until 1s~~~~~~~~~~~~~~~~~~~~~~~~~~~~timer>[1] returned
/// #3 square_after      +#1==>[2]~until 500ms~~timer>[1] returned
/// ```
///
/// # Sharing a group
///
/// All methods take `&self`: share the group by an `Rc`, and a task can spawn siblings. (Let the tasks hold a
/// `Weak`: a group that its own tasks hold is not dropped before they end.) One task at a time can wait for a
/// group: only the task that polled it last is woken, even if it has dropped that wait since (as `poll_once`
/// does).
///
/// A future that holds a group across an `await` is not `Send`. Where that is asked for, as of handlers by axum,
/// let a task hold the group, and await the task.
///
/// # Waiting for what is left
///
/// `timeout(limit, group.join_all())` waits for all tasks, no longer than the limit; then drop the group,
/// which aborts the others. A server calls [`join_next`](Self::join_next) as it goes: the results do not pile
/// up, and a panic ends no other task. Used like this, the group is a `TaskTracker`:
///
/// ```
/// # use std::time::Duration;
/// use boucle::{TaskGroup, sleep, timeout};
/// use futures_lite::future::poll_once;
///
/// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
/// # event_loop.block_on(async {
/// let group = TaskGroup::new();
/// for seconds in [2, 1, 9, 3_600] {
///     sleep(Duration::from_secs(3)).await; // a client comes
///     group.spawn(async move { sleep(Duration::from_secs(seconds)).await });
///     while let Some(Some(_done)) = poll_once(group.join_next()).await {}
/// }
/// assert_eq!(group.len(), 2); // are left
/// let left = async { while group.join_next().await.is_some() {} };
/// let in_time = timeout(Duration::from_secs(60), left).await.is_ok();
/// assert!(!in_time && group.len() == 1); // dropping the group aborts this one
/// # });
/// ```
///
/// Jobs can be tasks of a group: `group.spawn(run_in_executor(work))`. An abort does not end work that has
/// begun. How long the end of the loop waits for it is up to
/// [`Builder::shutdown_timeout`](crate::Builder::shutdown_timeout). Tasks without a group are waited for from
/// outside the loop: make [turns](crate::EventLoop::turn) until none is [left](crate::Turn::left).
///
/// # Cancellation
///
/// Dropping the group aborts its tasks, in spawn order, and drops the results that were not taken. The tasks
/// are dropped by the end of the next batch; to wait for that, call [`abort_all`](Self::abort_all), and
/// [`join_next`](Self::join_next) until it gives `None`. To let a task go on, spawn it outside the group.
#[doc(alias("JoinSet", "TaskTracker", "nursery"))]
pub struct TaskGroup<T> {
    /// By position. They drop before the group that they are members of.
    tasks: RefCell<Slab<Child<T>>>,
    shrinker: RefCell<Shrinker>,
    /// `abort_all` was called by a hook of the allocator, while the table of tasks was in use.
    abort_is_due: Cell<bool>,
    /// What a `join_all` has joined and not returned yet, in order: any results, or the first failure alone.
    joined: RefCell<VecDeque<Joined<T>>>,
    /// From the first spawn on.
    group: OnceCell<Group>,
    closed: Cell<bool>,
}

/// The id of a task that was joined, and its result.
type Joined<T> = (u64, Result<T, JoinError>);

impl<T: 'static> TaskGroup<T> {
    /// Makes a group without tasks.
    ///
    /// ```
    /// # boucle::run(async {
    /// let group = boucle::TaskGroup::<u8>::new();
    /// assert_eq!(group.join_next().await.map(|_| ()), None); // there is nothing to wait for
    /// # });
    /// ```
    pub fn new() -> Self {
        TaskGroup {
            tasks: RefCell::default(),
            shrinker: RefCell::default(),
            abort_is_due: Cell::new(false),
            joined: RefCell::default(),
            group: OnceCell::new(),
            closed: Cell::new(false),
        }
    }

    /// Starts a task in the group, as [`spawn`](crate::spawn) does. All tasks of a group belong to one loop:
    /// the one on which the first was spawned, running or not. When that is gone, a future is dropped at
    /// once.
    ///
    /// ```
    /// # boucle::run(async {
    /// let group = boucle::TaskGroup::new();
    /// let waits = group.spawn(std::future::pending::<u8>());
    /// group.spawn(async { 5 });
    /// waits.abort();
    /// assert_eq!(group.join_all().await, [5]);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If the group is [closed](Self::close). At the first task, as [`spawn`](crate::spawn); later, if the
    /// group's loop is full, or lives on another thread.
    #[track_caller]
    pub fn spawn<F: Future<Output = T> + 'static>(&self, future: F) -> AbortHandle {
        self.spawn_if_open(Unspawned::new(future))
    }

    /// Starts a task with a name, as [`spawn_named`](crate::spawn_named) does, in the group.
    ///
    /// ```
    /// # boucle::run(async {
    /// let group = boucle::TaskGroup::<()>::new();
    /// group.spawn_named("answer", async { panic!("no idea") });
    /// let error = group.join_next().await.unwrap().unwrap_err();
    /// assert_eq!(error.to_string(), "task 2 \"answer\" panicked: no idea");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_named<F: Future<Output = T> + 'static>(
        &self,
        name: impl Into<String>,
        future: F,
    ) -> AbortHandle {
        let future = Unspawned::new(future); // The name's conversion may panic.
        let name = name.into().into_boxed_str();
        let task = self.spawn_if_open(future);
        set_name(&task, name);
        task
    }

    /// As [`spawn`](Self::spawn), for a group that may be closed.
    ///
    /// ```
    /// # boucle::run(async {
    /// let group = boucle::TaskGroup::new();
    /// group.close();
    /// let refused = group.try_spawn(async { 5 }).unwrap_err();
    /// assert_eq!(refused.await, 5); // nothing is lost
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// Gives the future back if the group is closed.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn), but not if the group is closed.
    #[track_caller]
    pub fn try_spawn<F: Future<Output = T> + 'static>(&self, future: F) -> Result<AbortHandle, F> {
        if self.is_closed() {
            return Err(future);
        }
        Ok(self.spawn_from(Location::caller(), Unspawned::new(future)))
    }

    #[track_caller]
    fn spawn_if_open<F: Future<Output = T> + 'static>(&self, future: Unspawned<F>) -> AbortHandle {
        if self.is_closed() {
            drop(future); // not while the panic unwinds
            panic!("the TaskGroup is closed: it takes no more tasks");
        }
        self.spawn_from(Location::caller(), future)
    }

    /// Spawns a task that counts as spawned at `location`, closed or not.
    #[track_caller]
    pub(crate) fn spawn_from<F: Future<Output = T> + 'static>(
        &self,
        location: &'static Location<'static>,
        future: Unspawned<F>,
    ) -> AbortHandle {
        // Not by `get_or_init`: a closure has no caller for a panic to name.
        if self.group.get().is_none() {
            let _ = self.group.set(Group::new("TaskGroup", 0, WakeOn::Each));
        }
        let group = self.group.get().expect("it is made above");
        let position = self.tasks.borrow().vacant_key();
        let task = group.spawn(position, location, future);
        group.grow(); // Not before: the spawn may panic.
        let handle = task.0.abort_handle();
        self.change(|tasks| _ = tasks.insert(task));
        handle
    }

    /// Waits for the next task that is done, and returns its value, or its error if it panicked or was
    /// aborted; `None` if the group has no tasks (it may be given some later).
    ///
    /// Results come in the order in which the tasks were done.
    ///
    /// ```
    /// # boucle::run(async {
    /// let group = boucle::TaskGroup::new();
    /// group.spawn(async { 1 });
    /// group.spawn(async { 2 });
    /// let mut sum = 0;
    /// while let Some(result) = group.join_next().await {
    ///     sum += result.unwrap();
    /// }
    /// assert_eq!(sum, 3);
    /// # });
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no result.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than the group's or on another thread, or when its own is gone.
    pub async fn join_next(&self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// [`join_next`](Self::join_next) as a poll.
    ///
    /// ```
    /// # boucle::run(async {
    /// let group = boucle::TaskGroup::new();
    /// group.spawn(async { 5 });
    /// let next = std::future::poll_fn(|cx| group.poll_join_next(cx)).await;
    /// assert_eq!(next.unwrap().unwrap(), 5);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`join_next`](Self::join_next).
    pub fn poll_join_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        if self.joined.borrow().is_empty() {
            drop(self.joined.take()); // the memory of a burst
            return self.poll_next(cx).map(|next| next.map(|(_, result)| result));
        }
        ready!(budget::poll_spend(cx));
        Poll::Ready(self.joined.borrow_mut().pop_front().map(|(_, result)| result))
    }

    /// Waits for all tasks, and returns their values in spawn order. (That of a task that was aborted is
    /// missing, and so is what [`join_next`](Self::join_next) has given.)
    ///
    /// The first panic closes the group and aborts the other tasks; when all are done, it is resumed here. (If a
    /// task fails before this future is polled for the first time, the others are aborted at that poll.)
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
    /// # event_loop.block_on(async {
    /// let group = boucle::TaskGroup::new();
    /// for seconds in [3, 1, 2] {
    ///     group.spawn(async move {
    ///         boucle::sleep(Duration::from_secs(seconds)).await;
    ///         seconds
    ///     });
    /// }
    /// assert_eq!(group.join_all().await, [3, 1, 2]); // in spawn order
    /// # });
    /// ```
    ///
    /// # Cancellation
    ///
    /// After the future is dropped, the next call, or [`join_next`](Self::join_next), returns what the dropped
    /// one had collected: its values, or only the first failure. The group goes on: drop it to abort its tasks.
    ///
    /// # Panics
    ///
    /// If a task has panicked. Otherwise as [`join_next`](Self::join_next).
    pub async fn join_all(&self) -> Vec<T> {
        self.join(|_| false).await
    }

    /// Waits for all tasks. Returns their values in spawn order; or, alone, the first one for which `is_error`
    /// is true.
    async fn join(&self, is_error: impl Fn(&T) -> bool) -> Vec<T> {
        let has_failed = |(_, result): &Joined<T>| match result {
            Ok(value) => is_error(value),
            Err(error) => error.is_panic(),
        };
        let join = |task| {
            let is_over = self.joined.borrow().front().is_some_and(has_failed);
            if is_over {
                drop_quietly(task);
            } else if has_failed(&task) {
                // Alone: no other value may be dropped while a panic leaves from here.
                let values = self.joined.replace([task].into());
                values.into_iter().for_each(drop_quietly);
                self.close();
                self.abort_all();
            } else {
                self.joined.borrow_mut().push_back(task);
            }
        };
        // A dropped `join_all` may have left an `Err` among these: to it, that was a value.
        self.joined.take().into_iter().for_each(join);
        while let Some(task) = poll_fn(|cx| self.poll_next(cx)).await {
            join(task);
        }
        let mut joined = Vec::from(self.joined.take());
        joined.sort_unstable_by_key(|(id, _)| *id);
        let values = joined.into_iter().filter_map(|(_, result)| match result {
            Err(error) if error.is_panic() => error.resume(),
            result => result.ok(),
        });
        values.collect()
    }

    /// Waits for the next task that is done, leaving out what a `join_all` has joined.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Joined<T>>> {
        let Some(group) = self.group.get() else {
            return budget::poll_spend(cx).map(|()| None);
        };
        let next = group.poll_until(cx, |_| true);
        let Poll::Ready(Some(position)) = next else {
            self.change(|tasks| self.shrinker.borrow_mut().shrink(tasks));
            return next.map(|_| None);
        };
        let task = self.tasks.borrow_mut().try_remove(position);
        Poll::Ready(task.and_then(|mut task| Some((task.0.id(), task.0.take()?))))
    }

    /// Changes the table of tasks. While that allocates, a hook of the allocator may call `abort_all`.
    fn change(&self, change: impl FnOnce(&mut Slab<Child<T>>)) {
        change(&mut self.tasks.borrow_mut());
        if self.abort_is_due.take() {
            self.abort_all();
        }
    }
}

impl<T: 'static, E: 'static> TaskGroup<Result<T, E>> {
    /// As [`join_all`](Self::join_all), for tasks that return a `Result`: an `Err` is a failure too.
    ///
    /// ```
    /// # boucle::run(async {
    /// let group = boucle::TaskGroup::new();
    /// let waits = group.spawn(std::future::pending());
    /// group.spawn(async { Err::<(), _>("no") });
    /// assert_eq!(group.try_join_all().await, Err("no"));
    /// assert!(waits.is_finished()); // it was aborted
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// The first error, when all tasks are done: the others were aborted.
    ///
    /// # Cancellation
    ///
    /// As [`join_all`](Self::join_all).
    ///
    /// # Panics
    ///
    /// If the first failure was a panic. Otherwise as [`join_next`](Self::join_next).
    pub async fn try_join_all(&self) -> Result<Vec<T>, E> {
        self.join(Result::is_err).await.into_iter().collect()
    }
}

impl<T> TaskGroup<T> {
    /// Aborts the tasks that are not done, in spawn order. The group stays as it is:
    /// [`join_next`](Self::join_next) gives their errors. If one of them calls it, what its poll returns is
    /// lost, an `Err` too.
    ///
    /// ```
    /// # boucle::run(async {
    /// let group = boucle::TaskGroup::new();
    /// group.spawn(std::future::pending::<()>());
    /// group.abort_all();
    /// assert!(group.join_next().await.unwrap().unwrap_err().is_cancelled());
    /// group.spawn(async {}); // it goes on
    /// # });
    /// ```
    pub fn abort_all(&self) {
        let Ok(tasks) = self.tasks.try_borrow() else {
            return self.abort_is_due.set(true);
        };
        let mut tasks: Vec<_> = tasks.iter().map(|(_, task)| &task.0).collect();
        tasks.sort_unstable_by_key(|task| task.id());
        tasks.into_iter().for_each(JoinHandle::abort);
    }

    /// Lets the group take no more tasks.
    ///
    /// ```
    /// # boucle::run(async {
    /// let group = boucle::TaskGroup::new();
    /// group.spawn(async { 5 });
    /// group.close(); // what is in it goes on
    /// assert_eq!(group.join_all().await, [5]);
    /// # });
    /// ```
    pub fn close(&self) {
        self.closed.set(true);
    }

    /// Returns true if the group takes no more tasks.
    ///
    /// ```
    /// let group = boucle::TaskGroup::<()>::new();
    /// assert!(!group.is_closed());
    /// group.close();
    /// assert!(group.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Returns how many results are to come: of tasks that are not done, or were not joined.
    ///
    /// ```
    /// # boucle::run(async {
    /// let group = boucle::TaskGroup::new();
    /// group.spawn(async { 5 });
    /// boucle::yield_now().await;
    /// assert_eq!(group.len(), 1); // it is done, but its result is to come
    /// group.join_next().await;
    /// assert_eq!(group.len(), 0);
    /// # });
    /// ```
    pub fn len(&self) -> usize {
        self.tasks.borrow().len() + self.joined.borrow().len()
    }

    /// Returns true if no result is to come.
    ///
    /// ```
    /// # boucle::run(async {
    /// let group = boucle::TaskGroup::new();
    /// assert!(group.is_empty());
    /// group.spawn(async { 5 });
    /// assert!(!group.is_empty());
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for TaskGroup<T> {
    fn drop(&mut self) {
        self.abort_all();
        self.joined.take().into_iter().for_each(drop_quietly);
    }
}

impl<T: 'static> Default for TaskGroup<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for TaskGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskGroup({} to come)", self.len())
    }
}
