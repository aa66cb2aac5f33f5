//! The table: the same rows on every side, each side in a process of its own.
//!
//! Each bench, and the package in `peers`, includes this folder and the workloads. They differ in their
//! sides, and in what they do with the figures.

// Each program uses a part.
#![allow(dead_code)]

pub mod rows; // what is measured
pub mod peer; // on which sides
pub mod arguments; // what the command line asks for
pub mod side; // a side at work, in a process of its own
pub mod field; // the rounds of all sides, in turns
pub mod tools; // instructions and system calls
pub mod report; // the figures
pub mod aim; // what a figure should be at most
