//! `run_in_executor`: blocking work on other threads, while the loop goes on.
//!
//! No job here sleeps to look busy: it waits on a channel until the test lets it go on, so the order of events
//! is certain.

#![cfg(feature = "blocking")]

#[path = "../common/mod.rs"]
mod common;

mod jobs;
mod virtual_clock;
mod ending;
#[cfg(target_os = "linux")]
mod refused;
mod threads;
