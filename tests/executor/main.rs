//! `run_in_executor`: blocking work on other threads, while the loop goes on.
//!
//! Most jobs wait on a channel until the test lets them go on, so the order of events is certain. Those that
//! sleep say so.

#![cfg(feature = "blocking")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/executor.rs"]
mod executor;

mod jobs;
mod virtual_clock;
mod ending;
#[cfg(target_os = "linux")]
mod refused;
mod threads;
