//! Seeing the loop: what a recorded run looks like.
//!
//! Everything here stands outside of the loop and knows it by its [events](crate::observe) alone.

mod live;
mod recorder;

pub use live::{Live, LiveTask, TaskState};
pub use recorder::{LoopTrace, Recorder, Trace};
