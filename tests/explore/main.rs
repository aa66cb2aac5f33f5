//! Exploration: which schedules are tried, and what is reported of one that fails.

mod schedules; // which are tried
mod failures; // what is reported
mod cancel; // where `cancel` drops an operation
mod search; // what the search finds, with any options
mod leaves; // operations that lose nothing wherever they are dropped

#[path = "../common/mod.rs"]
mod common;
