//! What is measured, each workload once for all runtimes.
//!
//! A workload, such as `yields(1_000)`, is a function of a runtime and a number of operations, and returns
//! what these cost. It prepares what it needs (pending timers, connections, tasks that have begun) before it
//! starts the watch.

// Each bench is a program of its own, with this folder in it, and uses a part.
#![allow(dead_code, unused_imports)]

pub mod alone;
pub mod echo;
pub mod floor;
pub mod gather;
pub mod yield_once;
pub mod lateness;
pub mod memory;
pub mod mio_echo;
pub mod remote;
pub mod ring;
pub mod runtime;
pub mod socket;
pub mod spawn;
pub mod tcp;
pub mod timers;
pub mod wait;
pub mod watch;
pub mod yields;
