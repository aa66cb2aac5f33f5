//! Tasks: numbers, cells, the slab that owns them, and the handles that join them.

pub(crate) mod id; // the numbers of loops and tasks
pub(crate) mod cell; // one allocation: the future, then its output
pub(crate) mod stamp; // which task it is and how it stands
pub(crate) mod groups; // what waits for several tasks
pub(crate) mod slots; // what owns a cell, and what may touch it
pub(crate) mod tasks; // the table of tasks
mod leftovers; // the tasks that are left at the end
pub(crate) mod spawn; // `spawn`
pub(crate) mod join; // `JoinHandle`
pub(crate) mod join_error; // `JoinError`
pub(crate) mod budget; // `yield_now`, and ready operations per poll
