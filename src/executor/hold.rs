//! What makes a virtual clock stand still.

use crate::current::{self, Unreachable};
use crate::task::id::LoopNumber;
use crate::wake::inbox::{self, Message};

/// Holds the virtual clock of a loop: work runs, or is awaited, until this drops. Both are needed:
/// between the end of the work and the wake of the task there is a moment in which nothing else would
/// hold it.
pub(super) struct Hold {
    of: LoopNumber,
}

impl Hold {
    /// Holds the clock of the running loop, if one runs.
    pub(super) fn new() -> Option<Hold> {
        current::with_running(|it| {
            it.jobs += 1;
            Hold { of: it.number }
        })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let release = current::with(self.of, |it| it.jobs = it.jobs.saturating_sub(1));
        if release == Err(Unreachable::Elsewhere) {
            let _ = inbox::send(self.of, Message::ReleaseJob);
        }
    }
}
