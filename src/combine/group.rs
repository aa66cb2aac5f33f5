//! A group: what a parent holds of the tasks that it waits for.
//!
//! A group stands in the loop's [table](crate::task::group) and its parent holds the number. The
//! parent lets go of its tasks first and of the group last, so no member ever names a group that is
//! gone.

use std::panic::Location;
use std::task::{Context, Poll};

use crate::current;
use crate::observe::event::{Ending, WaitsFor};
use crate::task::cell::drop_quietly;
use crate::task::group::{self, Member, WakeOn};
use crate::task::id::LoopNumber;
use crate::task::join::{JoinError, JoinHandle};
use crate::task::spawn::{Unspawned, spawn_on};
use crate::task::table::Joiner;
use crate::wake::inbox::Message;
use crate::wake::waker::{waiter, wake_quietly};

/// A group's number, freed when this drops.
#[derive(Debug)]
pub(crate) struct Group {
    of: LoopNumber,
    number: u32,
}

impl Group {
    /// A group on the running loop.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub(crate) fn new(what: &str, members: usize, wake_on: WakeOn) -> Group {
        current::expect_running(what, |state| Group {
            of: state.number,
            number: state.groups.insert(members, wake_on),
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

    /// Makes tasks that exist members of this group, each at its position. A task that is done by now, or
    /// gone with its loop, counts as done at once.
    pub(crate) fn join_all<T>(&self, handles: &[JoinHandle<T>]) {
        for position in self.set_joiners(handles, |position| self.member(position)) {
            let Joiner::Group(member) = self.member(position) else {
                continue;
            };
            let parent = current::find(self.of)
                .and_then(|mut state| state.groups.finish_member(member, Ending::Returned));
            parent.into_iter().for_each(wake_quietly);
        }
    }

    /// Makes tasks members of no group.
    pub(crate) fn leave_all<T>(&self, handles: &[JoinHandle<T>]) {
        self.set_joiners(handles, |_| Joiner::Nothing);
    }

    /// Sets what waits for each task. Returns the positions of those that are done by now, or belong to
    /// another loop.
    fn set_joiners<T>(
        &self,
        handles: &[JoinHandle<T>],
        joiner: impl Fn(usize) -> Joiner,
    ) -> Vec<usize> {
        let mut done = Vec::new();
        let mut previous = Vec::new();
        if let Some(mut state) = current::find(self.of) {
            for (position, handle) in handles.iter().enumerate() {
                let (slot, id, mut joiner) = (handle.slot(), handle.id(), joiner(position));
                let is_set =
                    handle.of() == self.of && state.tasks.exchange_joiner(slot, id, &mut joiner);
                if !is_set {
                    done.push(position);
                } else if let Joiner::Waiter(waiter) = joiner {
                    previous.push(waiter);
                }
            }
        }
        // They may be wakers of another runtime. Quietly, since a panic here would leave members of a
        // group that the caller then frees.
        previous.into_iter().for_each(drop_quietly);
        done
    }

    /// Whether all members are done.
    pub(crate) fn is_over(&self) -> bool {
        let state = current::find(self.of);
        state.is_some_and(|mut state| {
            let group = state.groups.get(self.number);
            group.is_some_and(|group| group.left == 0)
        })
    }

    /// Asks the group something. If it has no answer yet, the polling task is woken when it may have
    /// one.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than its own, or its loop is gone.
    pub(crate) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        what: &'static str,
        ask: impl FnOnce(&mut group::Group) -> Option<R>,
    ) -> Poll<R> {
        let waiter = waiter(cx.waker());
        let polled = current::polled(self.of, what, |state| {
            let group = state.groups.get(self.number)?;
            let Some(answer) = ask(group) else {
                let (left, unused) = (group.left, group.parent.replace(waiter));
                state.record_wait(WaitsFor::Tasks { what, left });
                return Some((Poll::Pending, unused));
            };
            Some((Poll::Ready(answer), Some(waiter)))
        });
        let Some((answer, unused)) = polled.flatten() else {
            panic!(
                "{what} was polled after its event loop, {}, was gone",
                self.of
            )
        };
        // Quietly, since the answer may be the only word of a member that is done.
        drop_quietly(unused);
        answer
    }

    /// Waits until all members are done, or one has panicked: then that one's position.
    pub(crate) fn poll_all(&self, cx: &mut Context<'_>, what: &'static str) -> Poll<Option<usize>> {
        self.poll(cx, what, |group| {
            let is_over = group.left == 0 || group.panicked.is_some();
            is_over.then_some(group.panicked.map(|position| position as usize))
        })
    }

    /// What waits for the member at that position.
    fn member(&self, position: usize) -> Joiner {
        Joiner::Group(Member {
            group: self.number,
            position: position as u32,
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        current::deliver(self.of, Message::ReleaseGroup(self.number));
    }
}

/// A task that is aborted when its parent lets go of it.
#[derive(Debug)]
pub(crate) struct Child<T>(JoinHandle<T>);

impl<T: 'static> Child<T> {
    /// The output, if the task is done.
    pub(crate) fn take(&mut self) -> Option<Result<T, JoinError>> {
        self.0.take()
    }

    /// The value of a task that is known to be done. A panic of the task goes on here.
    ///
    /// # Panics
    ///
    /// If the loop is closing, and this is polled by a destructor that it runs.
    pub(crate) fn value(&mut self) -> T {
        match self.take() {
            Some(Ok(value)) => value,
            Some(Err(error)) => error.resume(),
            None => {
                panic!("the value is gone: the event loop is closing, and has dropped its tasks")
            }
        }
    }
}

impl<T> Child<T> {
    /// Lets the task go on by itself.
    pub(crate) fn detach(self) {
        // A handle that drops detaches its task; what aborts is the drop of the child around it.
        drop(self.into_handle());
    }

    fn into_handle(mut self) -> JoinHandle<T> {
        let spent = JoinHandle::cancelled(self.0.of());
        std::mem::replace(&mut self.0, spent)
    }
}

impl<T> Drop for Child<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
