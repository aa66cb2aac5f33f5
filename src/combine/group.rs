//! A group, as the future that waits holds it. Whatever waits for several tasks makes a group, and waits in
//! [`Group::poll_until`]. The [table of groups](crate::task::group_table) counts the members that are not done.
//!
//! A task leaves its group when its handle is dropped, or when `wait` gives the handle back. A group's number
//! is used again, so a group drops after the handles of its tasks: otherwise a task would count in a later
//! group.

use std::mem;
use std::panic::Location;
use std::task::{Context, Poll, ready};

use crate::current;
use crate::observe::event::{Ending, WaitsFor};
use crate::task::budget;
use crate::task::cell::TaskCell;
use crate::task::group_table::{Member, WakeOn};
use crate::task::id::LoopNumber;
use crate::task::join::JoinHandle;
use crate::task::quiet::Quiet;
use crate::task::spawn::spawn_on;
use crate::task::table::Joiner;
use crate::wake::inbox::Message;
use crate::wake::waker::waiter;

/// A group's number, freed when this drops.
pub(crate) struct Group {
    loop_number: LoopNumber,
    number: u32,
    /// What waits, by name: for panics and observers.
    what: &'static str,
}

impl Group {
    /// Makes a group on the running loop. Panics if no loop is running.
    #[track_caller]
    pub(crate) fn new(what: &'static str, members: usize, wake_on: WakeOn) -> Group {
        current::expect_running(what, |state| Group {
            loop_number: state.number,
            number: state.groups.insert(members, wake_on),
            what,
        })
    }

    /// Makes a task a member. One that is done, or gone with its loop, counts as done at once.
    pub(crate) fn join<T>(&self, position: usize, task: &JoinHandle<T>) {
        let member = Member { group: self.number, position: position as u32 };
        if !task.set_joiner(Joiner::Group(member))
            && let Some(mut state) = current::find(self.loop_number)
        {
            // The parent does not wait yet, so there is none to wake.
            state.groups.finish_member(member, Ending::Returned);
        }
    }

    /// Counts one member more.
    pub(crate) fn grow(&self) {
        if let Some(mut state) = current::find(self.loop_number)
            && let Some(group) = state.groups.table.get_mut(self.number as usize)
        {
            group.left += 1;
        }
    }

    /// Spawns a task as the member at that position. A loop that is closing refuses it: the group
    /// never counts it as done.
    #[track_caller]
    pub(crate) fn spawn<F: Future<Output: 'static> + 'static>(
        &self,
        position: usize,
        location: &'static Location<'static>,
        future: Unspawned<F>,
    ) -> Child<F::Output> {
        let member = Member { group: self.number, position: position as u32 };
        Child(spawn_on(Some(self.loop_number), Joiner::Group(member), location, future.0.take()))
    }

    /// Waits until `ends` is true of a member that is done, and returns its position; `None` when all are done
    /// and it was true of none. Each member is seen once, in the order in which they were done. With
    /// [`WakeOn::Last`], only one that has panicked is seen. This is one operation of the budget. Panics on
    /// another loop, or if its own is gone.
    #[track_caller]
    pub(crate) fn poll_until(
        &self,
        cx: &mut Context<'_>,
        mut ends: impl FnMut(usize) -> bool,
    ) -> Poll<Option<usize>> {
        let Group { loop_number, number, what } = *self;
        ready!(budget::poll_left(cx));
        loop {
            let waiter = waiter(cx.waker());
            let polled = current::on_own_loop(loop_number, what, |state| {
                let group = state.groups.table.get_mut(number as usize)?;
                let next = group.next_done();
                if next.is_some() || group.left == 0 {
                    return Some((Poll::Ready(next), Some(waiter)));
                }
                let (left, former) = (group.left, group.parent.replace(waiter));
                state.record_wait(WaitsFor::Tasks { what, left });
                Some((Poll::Pending, former))
            });
            let Some((next, _former)) = polled.flatten() else {
                panic!("{what} was polled after its event loop, {loop_number}, was gone")
            };
            let next = ready!(next).map(|position| position as usize);
            if next.is_none_or(&mut ends) {
                budget::spend();
                return Poll::Ready(next);
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        current::deliver(self.loop_number, Message::ReleaseGroup(self.number));
    }
}

/// A future in the allocation of its later task, so that it is moved only once.
#[doc(hidden)]
#[allow(missing_debug_implementations)]
pub struct Unspawned<F: Future>(Quiet<Box<TaskCell<F>>>);

impl<F: Future> Unspawned<F> {
    #[inline]
    pub(crate) fn new(future: impl IntoFuture<IntoFuture = F>) -> Self {
        Unspawned(Quiet::new(TaskCell::boxed(future.into_future())))
    }
}

/// The only handle of a task, which is aborted when this drops.
pub(crate) struct Child<T>(pub(crate) JoinHandle<T>);

impl<T: 'static> Child<T> {
    /// Takes the task's value, or resumes its panic. Panics if there is no value, since the loop is closing.
    pub(crate) fn value(&mut self) -> T {
        match self.0.take() {
            Some(Ok(value)) => value,
            Some(Err(error)) if error.is_panic() => error.resume(),
            _ => panic!("the value is gone: the event loop is closing, and has dropped its tasks"),
        }
    }

    /// Lets the task go on without a handle.
    pub(crate) fn detach(&mut self) {
        self.0 = JoinHandle::cancelled(self.0.task.loop_number);
    }
}

impl<T> Drop for Child<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The children of a gather: futures, and from its first poll on the tasks of a group.
pub(crate) struct Children<F: Future> {
    unspawned: Vec<Unspawned<F>>,
    pub(crate) tasks: Vec<Child<F::Output>>,
    /// Dropped after the tasks.
    group: Option<Group>,
    /// Where the program called the function that waits.
    location: &'static Location<'static>,
    /// The gather was ready.
    over: bool,
}

impl<F: Future> Children<F> {
    #[track_caller]
    pub(crate) fn new(futures: impl IntoIterator<Item: IntoFuture<IntoFuture = F>>) -> Self {
        // A loop, since each adapter of an iterator has another copy of the future on the stack.
        let mut unspawned = Vec::new();
        for future in futures {
            unspawned.push(Unspawned::new(future));
        }
        Children { unspawned, tasks: Vec::new(), group: None, location: Location::caller(), over: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.unspawned.len() + self.tasks.len()
    }

    /// Takes the tasks out when the wait is over.
    pub(crate) fn end(&mut self) -> Vec<Child<F::Output>> {
        self.over = true;
        mem::take(&mut self.tasks)
    }
}

impl<F: Future<Output: 'static> + 'static> Children<F> {
    /// Polls as [`Group::poll_until`] does, with the child's handle. The first call spawns the futures.
    #[track_caller]
    pub(crate) fn poll_until(
        &mut self,
        cx: &mut Context<'_>,
        what: &'static str,
        wake_on: WakeOn,
        ends: impl Fn(&JoinHandle<F::Output>) -> bool,
    ) -> Poll<Option<usize>> {
        assert!(!self.over, "{what} was polled after it was ready");
        let Children { unspawned, tasks, group, location, .. } = self;
        let group = match group {
            Some(group) => group,
            None => group.insert(Group::new(what, unspawned.len(), wake_on)),
        };
        tasks.reserve_exact(unspawned.len());
        for (position, future) in mem::take(unspawned).into_iter().enumerate() {
            tasks.push(group.spawn(position, location, future));
        }
        group.poll_until(cx, |position| ends(&tasks[position].0))
    }
}
