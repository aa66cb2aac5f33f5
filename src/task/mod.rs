//! Tasks: numbers, cells, the slab that owns them, and the handles that join them.

pub(crate) mod budget; // ready operations per poll, `yield_now`
pub(crate) mod cell; // one allocation: the future, then its output
pub(crate) mod id; // the numbers of loops and tasks
pub(crate) mod join; // `JoinHandle`, `JoinError`
pub(crate) mod spawn;
pub(crate) mod tasks; // the slab // `spawn`, and the `futures` crates' spawn traits
