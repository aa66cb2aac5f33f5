//! How a loop begins, and how it ends.
//!
//! At its end come the destructors of what is left. They are user code, and may do anything: spawn,
//! wake, abort, drop handles, sleep, panic. So the loop is still there while they run, as the
//! running one; each runs once, while the state is free, and its panic stops here. The order is that
//! of the spawns. (The main future was dropped before, when `block_on` ended.)

use std::io;
use std::mem;
use std::time::Duration;

use crate::current::{self, Running};
use crate::executor::end_jobs;
use crate::net::poller::Poller;
use crate::observe::event::{Ending, EventKind, Origin};
use crate::observe::notify::{notify, notify_last};
use crate::observe::observers::Observers;
use crate::state::State;
use crate::task::cell::{BoxedTask, drop_quietly};
use crate::task::id::LoopNumber;
use crate::task::table::{Joiner, Status};
use crate::time::clock::Clock;
use crate::wake::inbox;
use crate::wake::waiter::Waiter;
use crate::wake::waker::wake_quietly;

/// Makes a loop on this thread.
pub(crate) fn open(
    is_virtual: bool,
    observers: Observers,
    shutdown_timeout: Option<Duration>,
) -> io::Result<LoopNumber> {
    let (poller, bell, registry) = Poller::new()?;
    let (number, inbox) = inbox::claim(bell, registry)?;
    let mut state = Box::new(State::new(number, inbox, poller));
    state.clock = Clock::new(is_virtual);
    state.shutdown_timeout = shutdown_timeout;
    let is_observed = !observers.is_empty();
    if is_observed {
        state.log.turn_on(number.sequence());
        state.record(|_| EventKind::Opened { is_virtual });
    }
    state.observers = observers;
    current::add(state);
    if is_observed {
        // Now, and not when the loop first runs: a recorder notes when its time began.
        let _running = Running::enter(number);
        notify(number);
    }
    Ok(number)
}

/// Drops everything that is left of a loop, while it is the running one. Destructors may still wake,
/// abort, drop handles and spawn; what they spawn is dropped at once.
pub(crate) fn close(number: LoopNumber) {
    let running = Running::enter(number);
    if current::find(number).is_some() {
        drop_tasks(number);
        drop_messages(number);
        // What waits on another runtime is woken once. If it polls again in its wake, it may wait again:
        // then it is woken below.
        let waiters = current::expect(number).take_waiters();
        waiters.into_iter().for_each(wake_quietly);
        // Last: a job that waits for something of the loop has found it gone by now.
        let timeout = current::expect(number).shutdown_timeout;
        end_jobs(number, timeout);
        current::expect(number).record(|_| EventKind::Closed);
        notify_last(number);
    }
    drop(running);
    forget(number);
}

fn drop_tasks(of: LoopNumber) {
    let left = {
        let mut state = current::expect(of);
        state.closing = true;
        state.boxed_tasks()
    };
    for (id, slot) in left {
        let taken = current::expect(of).close_task(slot, id);
        if let Some((task, joiner)) = taken {
            drop_quietly(task);
            if let Joiner::Waiter(waiter) = joiner {
                wake_quietly(waiter);
            }
        }
    }
}

fn drop_messages(of: LoopNumber) {
    let (taken, unread) = {
        let mut state = current::expect(of);
        (mem::take(&mut state.messages), state.inbox.close())
    };
    let unhandled = taken.into_iter().chain(unread);
    unhandled.for_each(drop_quietly);
}

/// Takes the state away, so that nothing leads to the loop any more and its short id may be used again.
/// A waiter that was left meanwhile, in a destructor of an observer or in the wake of another waiter, is
/// woken now: its next poll says that the loop is gone.
///
/// A state that is in use stays for ever: the process is exiting inside of an observer, or a hook of the
/// allocator drops the loop whose table is growing.
fn forget(number: LoopNumber) {
    let state = current::remove(number);
    let unread = inbox::release(number);
    unread.into_iter().for_each(drop_quietly);
    if let Some(mut state) = state {
        state.take_waiters().into_iter().for_each(wake_quietly);
    }
}

impl State {
    /// The tasks whose boxes are in their slots, in spawn order. O(n log n).
    fn boxed_tasks(&self) -> Vec<(u64, u32)> {
        let boxed = self.tasks.entries.iter().filter(|(_, entry)| entry.task.is_some());
        let mut order: Vec<_> = boxed.map(|(slot, entry)| (entry.id, slot as u32)).collect();
        order.sort_unstable();
        order
    }

    /// Takes the box of a task at the end of the loop, which drops it; and what waits for the task.
    fn close_task(&mut self, slot: u32, id: u64) -> Option<(BoxedTask, Joiner)> {
        if self.log.is_on() && !self.tasks.is_done(slot, id) {
            self.log.cause = Origin::Task(id);
            self.log.finish(self.clock.elapsed(), Ending::Cancelled);
        }
        let tasks = &mut self.tasks;
        let entry = tasks.get(slot, id)?;
        let task = entry.task.take()?;
        let joiner = mem::replace(&mut entry.joiner, Joiner::Nothing);
        if !entry.is_done() {
            entry.status = Status::Done;
            tasks.live -= 1;
        }
        Some((task, joiner))
    }

    /// Takes every waiter there is, for the end of the loop.
    fn take_waiters(&mut self) -> Vec<Waiter> {
        let mut waiters = self.reactor.close();
        while let Some((_, waiter)) = self.timers.pop_due(u64::MAX) {
            waiters.push(waiter);
        }
        waiters.extend(self.groups.table.iter_mut().filter_map(|(_, group)| group.parent.take()));
        for (_, entry) in &mut self.tasks.entries {
            // A task is left here if the process exits in its poll, or its destructor.
            if let Joiner::Waiter(waiter) = mem::replace(&mut entry.joiner, Joiner::Nothing) {
                waiters.push(waiter);
            }
        }
        waiters
    }
}
