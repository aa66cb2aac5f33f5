//! The second step of a turn: when a park is due, and how long it may last.
//!
//! Both are decided here, while the loop's state is in use; `net/poller.rs` carries out the park when the
//! state is free. Before it sleeps, a loop marks itself as asleep in its inbox: then a message of another
//! thread rings the *bell*, mio's waker, which ends the sleep.
//!
//! `time/virtual_time.rs` has what an idle loop with a virtual clock does instead of sleeping.

use std::time::Duration;

use crate::state::{POPS_PER_PARK, State};
use crate::wake::inbox::Outlook;

/// How the loop is to spend the second step of its turn.
#[derive(Clone, Copy)]
pub(crate) enum Park {
    /// Ask the kernel, and wait for it up to that long; `None`: for ever.
    Ask(Option<Duration>),
    /// Skip the system call: the park would not sleep, and there is no source to ask about.
    Skip,
    /// Open the poller first, and begin again. (A loop with a real clock has one from the beginning.)
    NeedsPoller,
    /// End the run: nothing can come, as far as a loop with a virtual clock knows. (One with a real clock
    /// sleeps.)
    Deadlock,
}

impl State {
    /// Makes the loop return at the end of this turn, or of the next if none is under way. If that turn is still
    /// to park, it does not wait.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        self.pops_per_park = 0;
    }

    /// Returns whether this turn is to park: nothing is ready, or the pops since the last park and those of the
    /// next batch would together be more than `pops_per_park`.
    #[inline]
    pub(crate) fn is_park_due(&self) -> bool {
        self.ready.is_empty() || self.ready.popped_after_next_batch() > self.pops_per_park
    }

    /// Returns whether a `block_on` is to park before it returns: the pops since the last park have come to
    /// `pops_per_park`, which is 0 if the loop is to stop. (`>=`, where `is_park_due` has `>`: the next batch is
    /// not known yet, but it has one number at least.)
    pub(crate) fn is_last_park_due(&self) -> bool {
        self.ready.popped() >= self.pops_per_park
    }

    /// Begins the second step; once more, if that is [`Park::NeedsPoller`]. `limit` is how long the caller would
    /// wait; `None`: for ever.
    pub(crate) fn begin_park(&mut self, limit: Option<Duration>) -> Park {
        if self.log.is_on() {
            self.log.begin_park(self.clock.elapsed());
        }
        self.ready.remove_popped();
        self.pops_per_park = POPS_PER_PARK;
        if self.ready.is_empty() {
            self.shrink_tables();
        }
        let is_busy = !self.ready.is_empty() || !self.messages.is_empty() || self.stopping;
        let timeout = if is_busy {
            Some(Duration::ZERO)
        } else if self.clock.is_virtual() {
            match self.pass_virtual_time(limit) {
                Park::Ask(timeout) => timeout,
                deadlock => return deadlock,
            }
        } else {
            // `next_look` is a lower bound of the first deadline, in O(1). It may be too early (its timer may be
            // cancelled): then the loop parks once more. `until` makes most waits a millisecond at least.
            let deadline = self.timers.next_look().map(|tick| self.clock.until(tick));
            [deadline, limit].into_iter().flatten().min()
        };
        if timeout != Some(Duration::ZERO) {
            // Open it before the loop is marked as asleep: a thread that sees the mark rings the bell, and
            // the bell is the poller's.
            if self.poller.is_none() {
                return Park::NeedsPoller;
            }
            if self.inbox.fall_asleep() {
                return Park::Ask(timeout);
            }
            // A message is there.
        }
        // The loop does not sleep. Without a source, the kernel could report nothing but the bell, and the inbox
        // is read next in any case. So a loop without sources saves a system call in each such park.
        if self.reactor.is_empty() { Park::Skip } else { Park::Ask(Some(Duration::ZERO)) }
    }

    /// How long the park of a single turn may last: zero if all tasks are done and no `LoopHandle` exists.
    pub(crate) fn limit_of_turn(&self, timeout: Option<Duration>) -> Option<Duration> {
        // 0: looks at no flag. (A message hides a `LoopHandle`, but then the park does not wait in any case.)
        let is_idle = self.tasks.live == 0 && self.inbox.outlook(0) != Outlook::LoopHandle;
        if is_idle { Some(Duration::ZERO) } else { timeout }
    }

    /// Gives back the memory that a burst has left in the tables, when nothing is ready.
    pub(crate) fn shrink_tables(&mut self) {
        self.ready.shrink();
        self.tasks.shrink();
        self.groups.shrink();
        self.timers.shrink();
        self.reactor.shrink();
    }
}
