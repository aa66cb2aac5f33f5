//! How a loop begins, and how it ends.
//!
//! At its end come the destructors of what is left. They are user code, and may do anything: spawn,
//! wake, abort, drop handles, sleep, panic. So the loop is still there while they run, as the
//! running one; each runs once, with nothing borrowed, and its panic stops here. The order is that
//! of the spawns. (The main future was dropped before, when `block_on` ended.)

use std::io;
use std::mem;

use crate::current::Resident;
use crate::executor;
use crate::net::poller::Poller;
use crate::observe::EventKind;
use crate::observe::observers::Observers;
use crate::state::Loop;
use crate::task::cell::drop_quietly;
use crate::task::slots::Joiner;
use crate::wake::inbox;
use crate::wake::waker::wake_quietly;

impl Resident {
    /// Gives a new loop its poller, its number and its inbox.
    pub(crate) fn open(is_virtual: bool, observers: Observers) -> io::Result<Resident> {
        let (poller, bell, registry) = Poller::new()?;
        let (number, inbox) = inbox::claim(bell, registry)?;
        let mut state = Loop::new(number, inbox, is_virtual);
        if !observers.is_empty() {
            state.log.on = true;
            state.log.event_loop = number.sequence();
            state.record(|_| EventKind::Opened { is_virtual });
        }
        let resident = Resident::new(number, poller, state, observers);
        // Now, and not when the loop first runs: a recorder notes when its time began.
        resident.notify();
        Ok(resident)
    }

    /// Drops everything that is left, inside the loop's context. Destructors may still wake, abort,
    /// drop handles and spawn; what they spawn is dropped at once.
    pub(crate) fn close(&self) {
        self.enter(|| {
            let left = self.with(|it| {
                it.closing = true;
                it.tasks.in_spawn_order()
            });
            for (id, slot) in left {
                if let Some((task, joiner)) = self.with(|it| it.take_for_teardown(id, slot)) {
                    drop_quietly(task);
                    if let Joiner::Waker(joiner) = joiner {
                        wake_quietly(joiner);
                    }
                }
            }
            let (taken, unread) = self.with(|it| (mem::take(&mut it.messages), it.inbox.close()));
            let unhandled = taken.into_iter().chain(unread.messages);
            unhandled.for_each(drop_quietly);
            // What waits on another runtime is woken once. If it polls again in its wake, it may wait
            // again: then it is woken when nothing leads to the loop any more (`Resident::drop`).
            let waiting = self.with(Loop::take_waiting);
            waiting.into_iter().for_each(wake_quietly);
            // Last: a job that waits for something of the loop has found it gone by now.
            executor::end_jobs(self.number(), self.with(|it| it.shutdown_timeout));
        });
        self.with(|it| it.record(|_| EventKind::Closed));
        self.notify_last();
    }
}
