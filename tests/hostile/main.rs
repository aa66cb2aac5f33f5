//! Programs that misuse the loop. Each of them once starved, hung, spun or aborted it, or got a wrong answer
//! from it.

#[path = "../common/mod.rs"]
mod common;

mod waiters;
mod destructors;
mod corners;
mod wakers;
mod loggers;
