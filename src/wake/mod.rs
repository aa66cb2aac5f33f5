//! Waking: from a waker to the ready queue, on this thread or from another.

pub(crate) mod waker; // a waker is a number
pub(crate) mod ready; // the ready queue
pub(crate) mod inbox; // what other threads leave
mod bits; // whose wake waits in the inbox
pub(crate) mod loop_handle; // `LoopHandle`
