//! The executor: blocking work, on threads that are not the loop's.

#[cfg(feature = "blocking")]
mod hold; // what makes a virtual clock stand still
#[cfg(feature = "blocking")]
mod oneshot; // a value, from a thread to a future
#[cfg(feature = "blocking")]
pub(crate) mod pool; // the threads, and the work that waits for one
#[cfg(feature = "blocking")]
mod run_in_executor; // `run_in_executor`

#[cfg(feature = "blocking")]
pub use run_in_executor::{RunInExecutor, run_in_executor};
#[cfg(feature = "blocking")]
pub(crate) use run_in_executor::{end_jobs, start};

/// Without the feature `blocking` a loop has no jobs.
#[cfg(not(feature = "blocking"))]
pub(crate) fn end_jobs(_: crate::task::id::LoopNumber, _: Option<std::time::Duration>) {}
