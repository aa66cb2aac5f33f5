//! Programs that mean harm, or might as well: each of them once starved, hung, spun or aborted the loop, or
//! got a wrong answer from it.

#[path = "../common/mod.rs"]
mod common;

mod waiters;
mod destructors;
mod corners;
mod wakers;
mod loggers;
