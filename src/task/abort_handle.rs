//! What is left of a handle when the task may only be aborted.

use std::fmt;

use crate::current;
use crate::task::id::LoopNumber;
use crate::wake::inbox::Message;

/// Aborts a task whose [`JoinHandle`](crate::JoinHandle) is elsewhere, in a [`wait`](crate::wait) say: asyncio's
/// `task.cancel()`, tokio's `AbortHandle`.
///
/// It is three numbers, neither keeps the task alive nor detaches it, and may be used on any thread.
#[derive(Clone)]
pub struct AbortHandle {
    of: LoopNumber,
    slot: u32,
    id: u64,
}

impl AbortHandle {
    pub(crate) fn new(of: LoopNumber, slot: u32, id: u64) -> Self {
        AbortHandle { of, slot, id }
    }

    /// Aborts the task, as [`JoinHandle::abort`](crate::JoinHandle::abort) does. Does nothing if it is done.
    #[doc(alias = "cancel")]
    pub fn abort(&self) {
        current::deliver(self.of, Message::Abort { slot: self.slot, id: self.id });
    }

    /// Whether the task is done, or its loop is gone.
    ///
    /// # Panics
    ///
    /// If it is called on another thread than the loop's, while the loop lives.
    pub fn is_finished(&self) -> bool {
        current::with(self.of, "AbortHandle::is_finished", |state| state.tasks.is_done(self.slot, self.id))
            .unwrap_or(true)
    }

    /// The task's id, as [`JoinHandle::id`](crate::JoinHandle::id) gives it.
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AbortHandle(task {} of {})", self.id, self.of)
    }
}
