//! A group: what a parent holds of the tasks that it waits for.
//!
//! A group stands in the loop's [table](crate::task::groups) and its parent holds the number. The
//! parent lets go of its tasks first and of the group last, so no seat ever names a group that is
//! gone.

use std::panic::Location;
use std::task::{Context, Poll};

use crate::current::{self, Unreachable};
use crate::observe::WaitsFor;
use crate::state::Loop;
use crate::task::cell::{End, drop_quietly};
use crate::task::groups::{Members, Seat, Tell};
use crate::task::id::LoopNumber;
use crate::task::join::JoinHandle;
use crate::task::join_error::JoinError;
use crate::task::slots::Joiner;
use crate::task::spawn::{Unspawned, spawn_with};
use crate::wake::inbox::{self, Message};
use crate::wake::waker::wake_quietly;

/// A group's number, freed when this drops.
#[derive(Debug)]
pub(crate) struct Group {
    of: LoopNumber,
    slot: u32,
}

impl Group {
    /// A group on the running loop.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub(crate) fn new(what: &str, members: usize, tell: Tell) -> Group {
        current::expect_running(what, |it| {
            let slot = it.groups.insert(members, tell);
            Group {
                of: it.number,
                slot,
            }
        })
    }

    /// Spawns a task that reports to this group.
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
        Child(spawn_with(self.at(position), location, task.into_cell()))
    }

    /// Lets tasks that exist report to this group, each at its position; one that is done, or gone
    /// with its loop, does so now.
    pub(crate) fn seat_all<T>(&self, handles: &[JoinHandle<T>]) {
        let seat = |position| Joiner::Seat(self.at(position));
        for position in self.set_joiners(handles, seat) {
            let report = |it: &mut Loop| it.groups.report(self.at(position), End::Returned);
            if let Ok(Some(parent)) = current::with(self.of, report) {
                wake_quietly(parent);
            }
        }
    }

    /// Lets tasks report to no group any more.
    pub(crate) fn unseat_all<T>(&self, handles: &[JoinHandle<T>]) {
        self.set_joiners(handles, |_| Joiner::NOBODY);
    }

    /// Sets what each task wakes when it is done. Returns the positions of those that are done by now,
    /// or belong to another loop.
    fn set_joiners<T>(
        &self,
        handles: &[JoinHandle<T>],
        joiner: impl Fn(usize) -> Joiner,
    ) -> Vec<usize> {
        let mut done = Vec::new();
        let mut previous = Vec::new();
        let _ = current::with(self.of, |it| {
            for (position, handle) in handles.iter().enumerate() {
                if handle.of() != self.of {
                    done.push(position);
                    continue;
                }
                let (slot, id) = (handle.slot(), handle.id());
                match it.tasks.set_joiner(slot, id, joiner(position)) {
                    Ok(Joiner::Seat(_)) => {}
                    Ok(waker) => previous.push(waker),
                    Err(_) => done.push(position),
                }
            }
        });
        // They may be wakers of another runtime. Quietly, since a panic here would leave seats in a
        // group that the caller then frees.
        previous.into_iter().for_each(drop_quietly);
        done
    }

    /// Whether all members are done.
    pub(crate) fn is_over(&self) -> bool {
        let is_over = |members: &mut Members| members.left == 0;
        current::with(self.of, |it| it.groups.members(self.slot).map(is_over)) == Ok(Some(true))
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
        ask: impl FnOnce(&mut Members) -> Option<R>,
    ) -> Poll<R> {
        let waker = cx.waker().clone();
        let polled = current::with_polled(self.of, what, |it| {
            let members = it.groups.members(self.slot)?;
            Some(match ask(members) {
                None => {
                    let (left, unused) = (members.left, members.parent.replace(waker));
                    it.record_wait(WaitsFor::Tasks { what, left });
                    (Poll::Pending, unused)
                }
                Some(answer) => (Poll::Ready(answer), Some(waker)),
            })
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
        self.poll(cx, what, |members| {
            let over = members.left == 0 || members.panicked.is_some();
            over.then_some(members.panicked.map(|position| position as usize))
        })
    }

    fn at(&self, position: usize) -> Seat {
        Seat {
            group: self.slot,
            position: position as u32,
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        match current::with(self.of, |it| it.groups.remove(self.slot)) {
            Ok(parent) => drop_quietly(parent),
            Err(Unreachable::Elsewhere) => {
                let _ = inbox::send(self.of, Message::ReleaseGroup(self.slot));
            }
            Err(Unreachable::Gone) => {}
        }
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
