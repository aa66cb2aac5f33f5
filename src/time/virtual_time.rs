//! The park of an idle loop with a virtual clock: time jumps to the next deadline. But not while something else
//! may come first: the end of a job, an event of the kernel, or a message that is there or on its way; and not
//! while a `ClockHold` exists.

use std::time::Duration;

use crate::park::Park;
use crate::state::State;
use crate::wake::inbox::Outlook;

impl State {
    /// Returns how an idle loop with a virtual clock parks. If nothing can come before the next deadline, or the
    /// limit, time jumps there; if there is neither, and no `LoopHandle`, that is a deadlock.
    pub(crate) fn pass_virtual_time(&mut self, limit: Option<Duration>) -> Park {
        let until =
            |tick: Option<u64>| tick.map(|tick| self.clock.until(tick)).into_iter().chain(limit).min();
        // What may still come from other threads: a message that is there or under way (the flag of a slot is
        // set), one of a `LoopHandle`, or nothing.
        let outlook = self.inbox.outlook(self.tasks.entries.capacity());
        let look = until(self.timers.next_look());
        if self.holds > 0 || self.reactor.is_awaited() || outlook == Outlook::Message {
            return Park::Ask(look);
        }
        // A jump has to be exact, and `look` may be the deadline of a timer that is cancelled by now. If it is
        // the limit, no timer comes before that.
        let first = if look == limit { limit } else { until(self.timers.next_deadline()) };
        match first {
            Some(time) => {
                self.clock.pass(time);
                Park::Ask(Some(Duration::ZERO))
            }
            None if outlook == Outlook::LoopHandle => Park::Ask(None),
            None => Park::Deadlock,
        }
    }
}
