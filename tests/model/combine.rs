//! The model's `gather`, `try_gather`, `as_completed`, `wait` and `TaskGroup`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::mem;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::leaves::{Handle, poll_budget};
use crate::model::{Id, Model, drop_quietly, spawn, spawn_named, with};
use crate::runtime::{Coroutine, Failure, JoinError, Joined, Mode, Name, Outcome, Returned, Value};
use crate::timers::{Sleep, sleep};

/// What is known of several tasks, and the task that waits for them.
#[derive(Default)]
struct Group {
    /// The members that are done, or only those that have panicked, in that order.
    done: Vec<usize>,
    /// How many are not done.
    left: usize,
    parent: Option<Waker>,
}

/// When the parent is woken.
#[derive(Clone, Copy, PartialEq)]
enum WakeOn {
    /// Whenever a member is done.
    Each,
    /// When all members are done, or one has panicked.
    Last,
}

/// A group, and when it wakes its parent.
#[derive(Clone)]
struct Members(Rc<RefCell<Group>>, WakeOn);

impl Members {
    fn new(wake_on: WakeOn) -> Self {
        Members(Rc::default(), wake_on)
    }

    /// Makes a task a member. One that is done by now counts at once.
    fn add(&self, member: usize, task: &Handle) {
        self.0.borrow_mut().left += 1;
        if task.is_finished() {
            return self.done(member, false);
        }
        let group = self.clone();
        task.when_done(Some(Box::new(move |has_panicked| group.done(member, has_panicked))));
    }

    fn done(&self, member: usize, has_panicked: bool) {
        let mut group = self.0.borrow_mut();
        group.left -= 1;
        let is_listed = self.1 == WakeOn::Each || has_panicked;
        if is_listed {
            group.done.push(member);
        }
        let parent = if is_listed || group.left == 0 { group.parent.take() } else { None };
        drop(group);
        parent.into_iter().for_each(Waker::wake);
    }

    /// Waits for a member that `ends` the wait; `None` when all are done. Spends one unit of the budget.
    fn poll(&self, cx: &mut Context<'_>, ends: impl Fn(usize) -> bool) -> Poll<Option<usize>> {
        if !poll_budget(cx) {
            return Poll::Pending;
        }
        let mut group = self.0.borrow_mut();
        let end = loop {
            match group.done.is_empty() {
                false if !ends(group.done[0]) => drop(group.done.remove(0)),
                false => break Some(group.done.remove(0)),
                true if group.left == 0 => break None,
                true => {
                    group.parent = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        };
        with(Model::spend);
        Poll::Ready(end)
    }
}

/// Returns whether the task has panicked or returned an `Err`.
fn has_failed(task: &Handle) -> bool {
    let Some(id) = task.0 else { return false };
    let is_failure = |outcome: &Outcome| matches!(outcome, Ok(Err(_)) | Err(Failure::Panicked(_)));
    with(|model| model.tasks[id].output.as_ref().is_some_and(is_failure))
}

/// A task that is aborted when this drops, and then detached.
struct Child(Handle);

impl Child {
    /// Takes a value, or resumes the panic.
    fn value(&mut self) -> Returned {
        match self.0.take() {
            Some(Ok(returned)) => returned,
            Some(Err(JoinError { failure: Failure::Panicked(payload), .. })) => resume_unwind(payload),
            _ => unreachable!("a child is aborted by its parent alone"),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Futures, which are spawned at the first poll.
struct Children {
    unspawned: Vec<Coroutine>,
    tasks: Vec<Child>,
    members: Members,
}

impl Children {
    fn new(futures: Vec<Coroutine>, wake_on: WakeOn) -> Self {
        Children { unspawned: futures, tasks: Vec::new(), members: Members::new(wake_on) }
    }

    fn poll(&mut self, cx: &mut Context<'_>, ends: impl Fn(&Handle) -> bool) -> Poll<Option<usize>> {
        for future in mem::take(&mut self.unspawned) {
            let task = spawn(future);
            self.members.add(self.tasks.len(), &task);
            self.tasks.push(Child(task));
        }
        self.members.poll(cx, |child| ends(&self.tasks[child].0))
    }
}

/// The parent is woken by the last child, or by one that panics.
pub(crate) async fn gather(futures: Vec<Coroutine>) -> Vec<Returned> {
    let mut children = Children::new(futures, WakeOn::Last);
    let panicked = poll_fn(|cx| children.poll(cx, |_| true)).await;
    let mut tasks = mem::take(&mut children.tasks);
    if let Some(child) = panicked {
        // The panic leaves from here, and aborts the others on its way.
        drop(tasks[child].value());
    }
    tasks.iter_mut().map(Child::value).collect()
}

/// The parent is woken by each child. At an error the others go on, detached; at a panic they are aborted.
pub(crate) async fn try_gather(futures: Vec<Coroutine>) -> Result<Vec<Value>, Value> {
    let mut children = Children::new(futures, WakeOn::Each);
    let failed = poll_fn(|cx| children.poll(cx, has_failed)).await;
    let mut tasks = mem::take(&mut children.tasks);
    if let Some(child) = failed
        && let Err(error) = tasks[child].value()
    {
        tasks.iter_mut().for_each(|task| drop(mem::replace(&mut task.0, Handle(None))));
        return Err(error);
    }
    tasks.iter_mut().map(Child::value).collect()
}

/// Gives outcomes in the order in which the children are done.
pub(crate) struct AsCompleted(Children);

impl AsCompleted {
    pub(crate) fn new(futures: Vec<Coroutine>) -> Self {
        AsCompleted(Children::new(futures, WakeOn::Each))
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Joined>> {
        let next = self.0.poll(cx, |_| true);
        next.map(|child| child.and_then(|child| self.0.tasks[child].0.take()))
    }
}

pub(crate) struct Wait {
    handles: Vec<Handle>,
    /// `None` until the first poll.
    members: Option<Members>,
    sleep: Option<Sleep>,
    mode: Mode,
}

impl Wait {
    pub(crate) fn new(handles: Vec<Handle>, mode: Mode, limit: Option<Duration>) -> Self {
        assert!(!handles.is_empty(), "the set of tasks to wait for is empty");
        Wait { handles, members: None, sleep: limit.map(sleep), mode }
    }
}

impl Future for Wait {
    type Output = (Vec<Handle>, Vec<Handle>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Wait { handles, members, sleep, mode } = &mut *self;
        let members = members.get_or_insert_with(|| {
            handles.iter().for_each(Handle::expect_awaitable);
            let wake_on = if *mode == Mode::All { WakeOn::Last } else { WakeOn::Each };
            let members = Members::new(wake_on);
            handles.iter().enumerate().for_each(|(member, handle)| members.add(member, handle));
            members
        });
        let ends = |member: usize| match mode {
            Mode::First => true,
            Mode::FirstException => has_failed(&handles[member]),
            Mode::All => false,
        };
        let is_over = members.poll(cx, ends).is_ready()
            || sleep.as_mut().is_some_and(|sleep| Pin::new(sleep).poll(cx).is_ready());
        if !is_over {
            return Poll::Pending;
        }
        let (done, pending): (Vec<_>, Vec<_>) = mem::take(handles).into_iter().partition(Handle::is_finished);
        pending.iter().for_each(|handle| handle.when_done(None));
        Poll::Ready((done, pending))
    }
}

/// Tasks that are spawned at any time. Its drop aborts them in spawn order, then drops the results that were
/// not taken: those that a `join_all` has joined, then the others, by place.
pub(crate) struct TaskGroup {
    /// A place is used again when its result was taken, the last one first. That order is not documented.
    places: RefCell<Vec<Option<Handle>>>,
    free: RefCell<Vec<usize>>,
    /// What a `join_all` has joined and not returned yet.
    joined: RefCell<Vec<JoinedTask>>,
    members: Members,
    is_closed: Cell<bool>,
}

/// A task that was joined, and what its handle has given.
type JoinedTask = (Id, Joined);

impl TaskGroup {
    pub(crate) fn new() -> Self {
        TaskGroup {
            places: RefCell::default(),
            free: RefCell::default(),
            joined: RefCell::default(),
            members: Members::new(WakeOn::Each),
            is_closed: Cell::new(false),
        }
    }

    /// Spawns a task, or gives the future back if the group is closed.
    pub(crate) fn try_spawn(&self, future: Coroutine) -> Result<Option<Id>, Coroutine> {
        if self.is_closed.get() {
            return Err(future);
        }
        Ok(self.add(spawn(future)))
    }

    pub(crate) fn spawn_named(&self, name: Name, future: Coroutine) -> Option<Id> {
        self.add(spawn_named(name, future))
    }

    fn add(&self, task: Handle) -> Option<Id> {
        let id = task.0;
        let mut places = self.places.borrow_mut();
        let place = self.free.borrow_mut().pop().unwrap_or_else(|| {
            places.push(None);
            places.len() - 1
        });
        self.members.add(place, &task);
        places[place] = Some(task);
        id
    }

    /// Gives what a `join_all` that was dropped has joined, then what is done next.
    pub(crate) async fn join_next(&self) -> Option<Joined> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    pub(crate) fn poll_join_next(&self, cx: &mut Context<'_>) -> Poll<Option<Joined>> {
        let next = if self.joined.borrow().is_empty() {
            self.poll_one(cx)
        } else if poll_budget(cx) && with(Model::spend) {
            Poll::Ready(Some(self.joined.borrow_mut().remove(0)))
        } else {
            Poll::Pending
        };
        next.map(|next| next.map(|(_, joined)| joined))
    }

    fn poll_one(&self, cx: &mut Context<'_>) -> Poll<Option<JoinedTask>> {
        let place = self.members.poll(cx, |_| true);
        place.map(|place| {
            let mut task = self.places.borrow_mut()[place?].take().expect("a member is joined once");
            self.free.borrow_mut().extend(place);
            Some((task.0?, task.take()?))
        })
    }

    /// Waits for all, and returns values in spawn order. The first failure closes the group and aborts the
    /// others; it comes out, alone, when all are done. What is joined stays with the group until then.
    async fn join(&self, is_error: impl Fn(&Returned) -> bool) -> Vec<Returned> {
        let has_failed = |(_, joined): &JoinedTask| match joined {
            Ok(returned) => is_error(returned),
            Err(error) => matches!(error.failure, Failure::Panicked(_)),
        };
        let join = |task| {
            let is_over = self.joined.borrow().first().is_some_and(has_failed);
            if is_over {
                drop_quietly(task);
            } else if has_failed(&task) {
                self.joined.replace(vec![task]).into_iter().for_each(drop_quietly);
                self.close();
                self.abort_all();
            } else {
                self.joined.borrow_mut().push(task);
            }
        };
        // What a `join_all` has joined, an `Err` too, may be a failure to this one.
        self.joined.take().into_iter().for_each(join);
        while let Some(task) = poll_fn(|cx| self.poll_one(cx)).await {
            join(task);
        }
        let mut joined = self.joined.take();
        joined.sort_by_key(|(id, _)| *id);
        let values =
            joined.into_iter().filter_map(|(_, joined)| match joined.map_err(|error| error.failure) {
                Ok(returned) => Some(returned),
                Err(Failure::Cancelled) => None,
                Err(Failure::Panicked(payload)) => resume_unwind(payload),
            });
        values.collect()
    }

    pub(crate) async fn join_all(&self) -> Vec<Returned> {
        self.join(|_| false).await
    }

    pub(crate) async fn try_join_all(&self) -> Result<Vec<Value>, Value> {
        self.join(Result::is_err).await.into_iter().collect()
    }

    pub(crate) fn abort_all(&self) {
        let places = self.places.borrow();
        let mut tasks: Vec<_> = places.iter().flatten().collect();
        tasks.sort_by_key(|task| task.0);
        tasks.into_iter().for_each(Handle::abort);
    }

    pub(crate) fn close(&self) {
        self.is_closed.set(true);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// How many results are to come.
    pub(crate) fn len(&self) -> usize {
        self.places.borrow().iter().flatten().count() + self.joined.borrow().len()
    }
}

impl Drop for TaskGroup {
    fn drop(&mut self) {
        self.abort_all();
        self.joined.take().into_iter().for_each(drop_quietly);
        self.places.take().into_iter().for_each(drop);
    }
}
