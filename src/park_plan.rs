//! The second step of a turn, planned: how long the loop may sleep, if it may.
//!
//! The plan is made while the loop's state is borrowed, and carried out when it no longer is, by
//! `net/poller.rs`. A park that may last is announced to the inbox, so that other threads ring.

use std::time::Duration;

use crate::state::Loop;
use crate::wake::inbox::Outlook;

/// How the loop is to spend the second step of its turn.
enum ParkPlan {
    /// Wait for the kernel, up to that long.
    Wait(Option<Duration>),
    /// Nothing but a deadline can come, and the clock is virtual: let that much time pass.
    Jump(Duration),
    /// Nothing can come at all.
    Never,
}

/// What is left of it to do when the loop is no longer borrowed.
pub(crate) enum Park {
    /// Ask the kernel, and wait for it up to that long.
    Ask(Option<Duration>),
    /// Nothing: it would have no answer.
    Skipped,
    /// Panic: nothing can come at all.
    Never,
}

impl Loop {
    /// Begins the second step. `limit` is how long the caller would wait.
    pub(crate) fn begin_park(&mut self, limit: Option<Duration>) -> Park {
        let mut timeout = match self.plan_park(limit) {
            ParkPlan::Wait(timeout) => timeout,
            ParkPlan::Jump(time) => {
                self.clock.pass(time);
                Some(Duration::ZERO)
            }
            ParkPlan::Never => return Park::Never,
        };
        self.park_begins();
        // A park that may last is announced, so that other threads ring; and not begun, if one has
        // already left something.
        let may_last = timeout != Some(Duration::ZERO) && self.inbox.fall_asleep();
        if !may_last {
            // Without a source there is nothing to ask but whether the bell was rung, and a loop that
            // does not mean to sleep need not know: it reads its inbox next. That spares a loop without
            // sockets a system call in every 61 polls.
            if self.reactor.is_empty() {
                return Park::Skipped;
            }
            timeout = Some(Duration::ZERO);
        }
        self.clock.begin_wait();
        Park::Ask(timeout)
    }

    /// The park is over. Time that was spent so passes for a virtual clock too; the kernel rounds up to
    /// a millisecond, so no more than was asked for.
    pub(crate) fn end_park(&mut self, timeout: Option<Duration>) {
        self.clock.end_wait(timeout);
    }

    /// How long a loop that is stepped by hand may park: not at all if nothing is left that an event
    /// could matter to, no task and no `LoopHandle`.
    pub(crate) fn limit_of_step(&self, timeout: Option<Duration>) -> Option<Duration> {
        let is_idle = self.tasks.live() == 0 && !self.inbox.has_handle();
        if is_idle {
            Some(Duration::ZERO)
        } else {
            timeout
        }
    }

    fn plan_park(&self, limit: Option<Duration>) -> ParkPlan {
        let at_once = ParkPlan::Wait(Some(Duration::ZERO));
        if !self.ready.is_empty() || !self.messages.is_empty() || self.stopping {
            return at_once;
        }
        if self.clock.is_virtual() {
            return self.plan_park_virtually(limit);
        }
        let deadline = self.timers.next_look().map(|tick| self.clock.until(tick));
        ParkPlan::Wait(shorter(deadline, limit))
    }

    fn plan_park_virtually(&self, limit: Option<Duration>) -> ParkPlan {
        let until = |tick: Option<u64>| shorter(tick.map(|tick| self.clock.until(tick)), limit);
        let outlook = self.inbox.outlook();
        if self.jobs > 0 || self.reactor.is_awaited() || outlook == Outlook::Message {
            return ParkPlan::Wait(until(self.timers.next_look()));
        }
        match until(self.timers.next_deadline()) {
            Some(time) => ParkPlan::Jump(time),
            None if outlook == Outlook::Handle => ParkPlan::Wait(None),
            None => ParkPlan::Never,
        }
    }
}

fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
