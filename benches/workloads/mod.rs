//! What is measured, each workload once for all runtimes.
//!
//! A workload is a function of a runtime and a number of operations. It says what these operations cost:
//! what it has to prepare (pending timers, connections) it prepares before it starts the watch.

// Each bench is a program of its own, with this folder in it, and uses a part.
#![allow(dead_code)]

pub mod gather;
pub mod ping_pong;
pub mod runtime;
pub mod spawn;
pub mod tcp;
pub mod timers;
pub mod watch;
pub mod yields;
