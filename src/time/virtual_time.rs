//! The park of an idle loop with a virtual clock: time jumps to the next deadline.
//!
//! It does not jump while something else may come first: the end of a job, an event that a task waits for, or a
//! message that is there or on its way. Nor does it while a `ClockHold` exists. Then the loop waits in real
//! time. If nothing can come at all, that is a deadlock, which ends the run.

use std::io;
use std::time::Duration;

use crate::observe::dump;
use crate::park::Park;
use crate::state::State;
use crate::wake::inbox::Outlook;

impl State {
    /// Returns how an idle loop with a virtual clock parks. If nothing can come before the next deadline, or the
    /// limit, time jumps there; if there is neither, and no `LoopHandle`, that is a deadlock.
    pub(crate) fn pass_virtual_time(&mut self, limit: Option<Duration>) -> Park {
        let until = |tick: Option<u64>| {
            let deadline = tick.map(|tick| self.clock.until(tick));
            [deadline, limit].into_iter().flatten().min()
        };
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

/// How the words of a deadlock begin.
pub(crate) const DEADLOCK: &str =
    "deadlock: nothing is ready, and no timer, socket, executor job, LoopHandle or ClockHold can wake a task";

const HINT: &str = "\n(With BOUCLE_DUMP=1 this shows what each waits for. If a thread of another crate was to wake one, \
                    as for files: hold the clock meanwhile, by `LoopHandle::hold_clock`.)";

/// The error of a run that has come to a deadlock, with the tasks that wait. (`event_loop.rs` panics with it.)
#[cold]
pub(crate) fn deadlock(state: &State) -> io::Error {
    let is_explored = state.order.as_ref().is_some_and(|order| order.draw.is_explored());
    let may_ask = cfg!(all(unix, feature = "trace")) && !state.log.is_on() && !is_explored;
    let hint = if may_ask { HINT } else { "" };
    io::Error::new(io::ErrorKind::Deadlock, format!("{DEADLOCK}{hint}\n{}", dump::dump_of(state)))
}
