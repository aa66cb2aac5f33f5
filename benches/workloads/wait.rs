//! Wait: tasks, and a future that waits for all of them, or for the next one that is done.
//!
//! An operation is one task, from `spawn` to its value. tokio has no `wait`; a `JoinSet` is what its users
//! take instead ([`Groups`]). The tasks are staggered: they end in nine batches, so that boucle's
//! `wait(FIRST_COMPLETED)` returns nine times. (Were each to end in a batch of its own, it would return a
//! thousand times, with two lists of a thousand handles: O(n²), as in asyncio, and `as_completed` would be
//! the better choice.)

use super::gather::{children, rounds, staggered};
use super::runtime::Groups;
use super::watch::Spent;

pub fn all_completed<R: Groups>(tasks: usize) -> impl Fn(&R, usize) -> Spent {
    let wait = move || R::wait_for_all(children(tasks, staggered));
    rounds(tasks, wait, all_are_there)
}

pub fn first_completed<R: Groups>(tasks: usize) -> impl Fn(&R, usize) -> Spent {
    let wait = move || R::wait_for_each(children(tasks, staggered));
    rounds(tasks, wait, all_are_there)
}

/// In whatever order.
fn all_are_there(values: &[usize]) -> bool {
    let tasks = values.len();
    values.iter().sum::<usize>() == tasks * (tasks - 1) / 2
}
