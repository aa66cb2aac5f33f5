//! Seeing the loop: what a recorded run looks like.
//!
//! Everything here stands outside of the loop and knows it by its [events](crate::observe) alone.

mod recorder;

pub use crate::observe::{Live, LiveTask, TaskState};
pub use recorder::{LoopTrace, Recorder, Trace};
