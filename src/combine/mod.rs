//! Combinators: several tasks, and one that waits for them.

pub(crate) mod group; // what a parent holds
pub(crate) mod gather; // `gather`, `gather!`, `try_gather`
pub(crate) mod wait; // `wait` and its modes
pub(crate) mod as_completed; // `as_completed`
