//! A group as its parent holds it: the group's number, and the tasks that are its members.
//!
//! Which members are done stands in the loop's [table of groups](crate::task::group_table). `gather`,
//! `try_gather`, `gather!`, `as_completed` and `wait` all wait in one place, [`Group::poll_until`];
//! `gather`, `try_gather` and `as_completed` also share [`Children`], the futures that become members.
//!
//! A parent drops its tasks first and the group last, so no member ever names a group that is gone.

use std::fmt;
use std::mem;
use std::panic::Location;
use std::task::{Context, Poll, ready};

use crate::current;
use crate::observe::event::{Ending, WaitsFor};
use crate::task::budget;
use crate::task::cell::drop_quietly;
use crate::task::group_table::{Member, WakeOn};
use crate::task::id::LoopNumber;
use crate::task::join::{JoinError, JoinHandle};
use crate::task::spawn::{Unspawned, spawn_on};
use crate::task::table::Joiner;
use crate::wake::inbox::Message;
use crate::wake::waker::waiter;

/// A group's number, freed when this drops.
#[derive(Debug)]
pub(crate) struct Group {
    of: LoopNumber,
    number: u32,
    /// The function that waits, for messages and observers.
    what: &'static str,
}

impl Group {
    /// A group on the running loop.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub(crate) fn new(what: &'static str, members: usize, wake_on: WakeOn) -> Group {
        current::expect_running(what, |state| Group {
            of: state.number,
            number: state.groups.insert(members, wake_on),
            what,
        })
    }

    /// Spawns a task that is a member of this group.
    pub(crate) fn spawn<F>(
        &self,
        position: usize,
        location: &'static Location<'static>,
        task: Unspawned<F>,
    ) -> Child<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let member = self.member(position);
        Child(spawn_on(Some(self.of), member, location, task.into_cell()))
    }

    /// Makes tasks members of this group, each at its position. A task that is done by now, or gone with
    /// its loop, counts as done at once.
    pub(crate) fn join_all<T>(&self, handles: &[JoinHandle<T>]) {
        self.set_joiners(handles, |position| self.member(position));
    }

    /// Makes tasks members of no group.
    pub(crate) fn leave_all<T>(&self, handles: &[JoinHandle<T>]) {
        self.set_joiners(handles, |_| Joiner::Nothing);
    }

    fn set_joiners<T>(&self, handles: &[JoinHandle<T>], joiner: impl Fn(usize) -> Joiner) {
        let mut unused = Vec::new();
        if let Some(mut state) = current::find(self.of) {
            for (position, handle) in handles.iter().enumerate() {
                let (slot, id, mut joiner) = (handle.slot(), handle.id(), joiner(position));
                let is_set = handle.of() == self.of && state.tasks.exchange_joiner(slot, id, &mut joiner);
                match joiner {
                    Joiner::Group(member) if !is_set => {
                        unused.extend(state.groups.finish_member(member, Ending::Returned));
                    }
                    Joiner::Waiter(waiter) => unused.push(waiter),
                    _ => {}
                }
            }
        }
        // Wakers of another runtime may be among them. Quietly, since a panic here would leave members of
        // a group that the caller then frees.
        unused.into_iter().for_each(drop_quietly);
    }

    /// Waits for a member that `ends` the wait, and returns its position; `None` when all are done and
    /// none did. The members are seen in the order in which they were done, each once. With
    /// [`WakeOn::Last`], only those that have panicked are seen.
    ///
    /// This is one operation of the budget.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than its own, or its loop is gone.
    pub(crate) fn poll_until(
        &self,
        cx: &mut Context<'_>,
        mut ends: impl FnMut(usize) -> bool,
    ) -> Poll<Option<usize>> {
        ready!(budget::poll_left(cx));
        loop {
            let next = ready!(self.poll_next(cx));
            if next.is_none_or(&mut ends) {
                budget::spend();
                return Poll::Ready(next);
            }
        }
    }

    /// Takes the position of the next member that is done; `None` when all are.
    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        let (what, waiter) = (self.what, waiter(cx.waker()));
        let polled = current::polled(self.of, what, |state| {
            let group = state.groups.get(self.number)?;
            let next = group.done.pop_front();
            if next.is_some() || group.left == 0 {
                return Some((Poll::Ready(next), Some(waiter)));
            }
            let (left, unused) = (group.left, group.parent.replace(waiter));
            state.record_wait(WaitsFor::Tasks { what, left });
            Some((Poll::Pending, unused))
        });
        let Some((next, unused)) = polled.flatten() else {
            let of = self.of;
            panic!("{what} was polled after its event loop, {of}, was gone")
        };
        // Quietly, since the position may be all that is left of a member that is done.
        drop_quietly(unused);
        next.map(|position| position.map(|position| position as usize))
    }

    /// What waits for the member at that position.
    fn member(&self, position: usize) -> Joiner {
        Joiner::Group(Member { group: self.number, position: position as u32 })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        current::deliver(self.of, Message::ReleaseGroup(self.number));
    }
}

/// A member that is aborted when this drops.
#[derive(Debug)]
pub(crate) struct Child<T>(JoinHandle<T>);

impl<T: 'static> Child<T> {
    /// The output, if the task is done.
    pub(crate) fn take(&mut self) -> Option<Result<T, JoinError>> {
        self.0.take()
    }

    /// The value of a task that is known to be done. A panic of the task is resumed here.
    ///
    /// # Panics
    ///
    /// If the loop is closing, and this is polled by a destructor that it runs.
    pub(crate) fn value(&mut self) -> T {
        match self.take() {
            Some(Ok(value)) => value,
            Some(Err(error)) if error.is_panic() => error.resume(),
            _ => panic!("the value is gone: the event loop is closing, and has dropped its tasks"),
        }
    }
}

impl<T> Child<T> {
    /// Lets the task go on by itself.
    pub(crate) fn detach(mut self) {
        // A handle that drops detaches its task. What this aborts in its own drop is no task.
        self.0 = JoinHandle::cancelled(self.0.of());
    }
}

impl<T> Drop for Child<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Futures that become the members of a group at the first poll.
pub(crate) enum Children<F: Future> {
    /// The futures, and where the program has called the function that waits.
    Unspawned(Vec<Unspawned<F>>, &'static Location<'static>),
    Spawned(Spawned<F::Output>),
    /// They were taken out.
    Over,
}

/// Children that are tasks.
pub(crate) struct Spawned<T> {
    // The order of these fields is that of their drops.
    pub(crate) tasks: Vec<Child<T>>,
    group: Group,
}

impl<F: Future> Children<F> {
    /// Moves each future into an allocation of its own.
    #[track_caller]
    pub(crate) fn new<I>(futures: I) -> Self
    where
        I: IntoIterator<Item: IntoFuture<IntoFuture = F>>,
    {
        // A loop, since each adapter of an iterator has one more copy of the future on the stack.
        let mut unspawned = Vec::new();
        for future in futures {
            unspawned.push(Unspawned::new(future));
        }
        Children::Unspawned(unspawned, Location::caller())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Children::Unspawned(futures, _) => futures.len(),
            Children::Spawned(spawned) => spawned.tasks.len(),
            Children::Over => 0,
        }
    }

    /// Takes them out when the wait is over.
    ///
    /// # Panics
    ///
    /// If they were not spawned.
    pub(crate) fn end(&mut self) -> Spawned<F::Output> {
        match mem::replace(self, Children::Over) {
            Children::Spawned(spawned) => spawned,
            _ => unreachable!("the wait for the children is over"),
        }
    }
}

impl<F> Children<F>
where
    F: Future + 'static,
    F::Output: 'static,
{
    /// [`Group::poll_until`], with the child. The first call spawns the futures.
    ///
    /// # Panics
    ///
    /// As that, if no loop runs, and if they were taken out.
    pub(crate) fn poll_until(
        &mut self,
        cx: &mut Context<'_>,
        what: &'static str,
        wake_on: WakeOn,
        ends: impl Fn(&JoinHandle<F::Output>) -> bool,
    ) -> Poll<Option<usize>> {
        if let Children::Unspawned(futures, location) = self {
            let location = *location;
            let mut spawned = Spawned {
                tasks: Vec::with_capacity(futures.len()),
                group: Group::new(what, futures.len(), wake_on),
            };
            for (position, future) in mem::take(futures).into_iter().enumerate() {
                let child = spawned.group.spawn(position, location, future);
                spawned.tasks.push(child);
            }
            *self = Children::Spawned(spawned);
        }
        let Children::Spawned(Spawned { tasks, group }) = self else {
            panic!("{what} was polled after it was ready")
        };
        group.poll_until(cx, |position| ends(&tasks[position].0))
    }

    /// The output of a child that is done.
    pub(crate) fn take(&mut self, position: usize) -> Option<Result<F::Output, JoinError>> {
        match self {
            Children::Spawned(spawned) => spawned.tasks[position].take(),
            _ => None,
        }
    }
}

impl<F: Future> fmt::Debug for Children<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} children", self.len())
    }
}
