//! An event loop to read: asyncio's model in Rust, on one thread, directly on mio.

pub mod net;

mod combine;
mod current;
mod event_loop;
#[cfg(feature = "blocking")]
mod executor;
mod state;
mod task;
mod time;
mod turn;
mod wake;

pub use combine::as_completed::{AsCompleted, as_completed};
pub use combine::gather::{__gather, Gather, TryGather, Tuple, gather, try_gather};
pub use combine::wait::{
    ALL_COMPLETED, AllCompleted, FIRST_COMPLETED, FIRST_EXCEPTION, FirstCompleted, FirstException,
    Mode, Wait, wait,
};
pub use event_loop::{Builder, EventLoop, run, stop};
#[cfg(feature = "blocking")]
pub use executor::{RunInExecutor, run_in_executor};
pub use task::budget::{YieldNow, consume_budget, yield_now};
pub use task::join::{JoinError, JoinHandle};
pub use task::spawn::{spawn, spawn_named};
pub use time::interval::{Interval, MissedTickBehavior, interval};
pub use time::sleep::{Sleep, now, sleep, sleep_until};
pub use time::timeout::{Elapsed, Timeout, timeout};
pub use turn::Turn;
pub use wake::loop_handle::{LoopGone, LoopHandle};
