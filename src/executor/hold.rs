//! What makes a virtual clock stand still.

use crate::current;
use crate::task::id::LoopNumber;
use crate::wake::inbox::Message;

/// Holds the virtual clock of a loop: work runs, or is awaited, until this drops. Both are needed:
/// between the end of the work and the wake of the task there is a moment in which nothing else would
/// hold it.
pub(super) struct Hold {
    of: LoopNumber,
}

impl Hold {
    /// Holds the clock of the running loop, if one runs.
    pub(super) fn new() -> Option<Hold> {
        current::running(|state| {
            state.jobs += 1;
            Hold { of: state.number }
        })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        current::deliver(self.of, Message::ReleaseJob);
    }
}
