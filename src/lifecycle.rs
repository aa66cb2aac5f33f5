//! How a loop begins, and how it ends.
//!
//! At its end a loop drops the tasks that are left, in spawn order, and wakes what awaits each. (The main
//! future was dropped before, when its `block_on` ended.)
//!
//! A destructor is user code, and may do anything: spawn, wake, abort, drop handles, make a sleep, panic. So
//! a task's box leaves the state before it is dropped. Meanwhile the state is free, and the loop is the running
//! one. A panic of the destructor stops here.

use std::time::Duration;
use std::{io, mem};

use crate::current::{self, Running};
use crate::executor::end_jobs;
use crate::net::poller::Poller;
use crate::observe::event::{Ending, EventKind, Origin};
use crate::observe::notify::{notify, notify_last};
use crate::observe::observers::Observers;
use crate::state::State;
use crate::task::cell::BoxedTask;
use crate::task::id::LoopNumber;
use crate::task::quiet::drop_quietly;
use crate::task::table::{Joiner, Status};
use crate::time::clock::Clock;
use crate::wake::inbox;
use crate::wake::order::Order;
use crate::wake::waiter::Waiter;
use crate::wake::waker::wake_quietly;

/// Makes a loop on this thread.
pub(crate) fn open(
    is_virtual: bool,
    order: Option<Order>,
    observers: Observers,
    shutdown_timeout: Option<Duration>,
) -> io::Result<LoopNumber> {
    let opened = if is_virtual { None } else { Some(Poller::new()?) };
    let (number, inbox) = inbox::claim()?;
    let mut state = Box::new(State::new(number, inbox, Clock::new(is_virtual), order));
    if let Some((poller, bell, registry)) = opened {
        state.inbox.connect(bell, registry);
        state.poller = Some(poller);
    }
    state.shutdown_timeout = shutdown_timeout;
    if !observers.is_empty() {
        state.log.switch_on(number.sequence());
        state.record(|_| EventKind::Opened { is_virtual });
    }
    state.observers = observers;
    current::put_among_others(state);
    // Now, and not when the loop first runs: a recorder notes when its time began.
    let _running = Running::enter(number);
    notify(number);
    Ok(number)
}

/// Opens the poller of a loop with a virtual clock, before its first socket or the first park that waits: a
/// loop that has neither needs no descriptor.
pub(crate) fn open_poller(loop_number: LoopNumber) -> io::Result<()> {
    let (poller, bell, registry) = Poller::new()?;
    if let Some(mut state) = current::find(loop_number)
        && state.poller.is_none()
    {
        state.inbox.connect(bell, registry);
        state.poller = Some(poller);
    }
    Ok(())
}

/// Closes a loop and drops its state.
pub(crate) fn close(number: LoopNumber) {
    let running = Running::enter(number);
    // If a hook of the allocator drops the loop whose table grows, the state is in use, and stays for ever.
    if current::find(number).is_some() {
        drop_contents(number);
    }
    drop(running);
    let state = current::remove(number);
    inbox::unclaim(number).into_iter().for_each(drop_quietly);
    // From here on no number leads to the loop, and its short id may be used again. What has begun to wait
    // meanwhile, in a wake or in a destructor of an observer, is woken: in its next poll the loop is gone.
    if let Some(mut state) = state {
        state.take_waiters().into_iter().for_each(wake_quietly);
    }
}

/// Drops the tasks and messages of the running loop, wakes waiters, ends jobs, and last drops the observers.
/// What destructors spawn is dropped at once.
fn drop_contents(number: LoopNumber) {
    current::expect(number).closing = true;
    let tasks = current::expect(number).tasks_in_spawn_order();
    for slot in tasks {
        let closed = current::expect(number).close_task(slot);
        if let Some((task, waiter)) = closed {
            drop_quietly(task);
            waiter.into_iter().for_each(wake_quietly);
        }
    }
    let mut state = current::expect(number);
    let unhandled = mem::take(&mut state.messages).into_iter().chain(state.inbox.close());
    drop(state);
    unhandled.for_each(drop_quietly);
    let waiters = current::expect(number).take_waiters();
    waiters.into_iter().for_each(wake_quietly);
    // After all else: a job that waits for something of the loop has found it gone by now.
    let State { holds, shutdown_timeout, .. } = *current::expect(number);
    if holds > 0 {
        end_jobs(number, shutdown_timeout);
    }
    current::expect(number).record(|_| EventKind::Closed);
    notify_last(number);
}

impl State {
    /// The slots of the tasks. O(n log n).
    fn tasks_in_spawn_order(&self) -> Vec<u32> {
        let entries = self.tasks.entries.iter();
        let mut slots: Vec<_> = entries.map(|(slot, entry)| (entry.id, slot as u32)).collect();
        slots.sort_unstable();
        slots.into_iter().map(|(_, slot)| slot).collect()
    }

    /// Takes the box of a task that is to be dropped at the end of the loop, and what waits for the task;
    /// `None` if a destructor has freed the slot meanwhile. (It is not used again: nothing is spawned any
    /// more.)
    fn close_task(&mut self, slot: u32) -> Option<(BoxedTask, Option<Waiter>)> {
        let entry = self.tasks.entries.get_mut(slot as usize)?;
        let task = entry.task.take()?;
        let waiter = take_waiter(&mut entry.joiner);
        self.log.cause = Origin::Task(entry.id);
        if !entry.is_done() {
            entry.status = Status::Done;
            self.tasks.live -= 1;
            self.record_finish(Ending::Cancelled);
        }
        Some((task, waiter))
    }

    /// Takes every waiter that is left.
    fn take_waiters(&mut self) -> Vec<Waiter> {
        let mut waiters = self.reactor.close();
        while let Some((_, waiter)) = self.timers.pop_due(u64::MAX) {
            waiters.push(waiter);
        }
        waiters.extend(self.groups.table.iter_mut().filter_map(|(_, group)| group.parent.take()));
        // A joiner is left here if the process exits in the task's poll, or its destructor: no box was in.
        let entries = &mut self.tasks.entries;
        waiters.extend(entries.iter_mut().filter_map(|(_, entry)| take_waiter(&mut entry.joiner)));
        waiters
    }
}

fn take_waiter(joiner: &mut Joiner) -> Option<Waiter> {
    match mem::replace(joiner, Joiner::Nothing) {
        Joiner::Waiter(waiter) => Some(waiter),
        Joiner::Nothing | Joiner::Group(_) => None, // at the end of the loop no group counts down
    }
}
