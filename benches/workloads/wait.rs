//! Wait: a future waits for all of some tasks, or again and again for those that are done next.
//!
//! An operation is one task, from `spawn` to its value. tokio has no `wait`; there it is a `JoinSet`
//! ([`Groups`]). The tasks are staggered: they end in nine batches, so boucle's `wait(FIRST_COMPLETED)`
//! returns nine times. (If each ended in a batch of its own, it would return a thousand times, with a
//! thousand handles in its two lists: O(n²), as in asyncio. `as_completed` would be the better choice.)

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

/// In any order.
fn all_are_there(values: &[usize]) -> bool {
    let tasks = values.len();
    values.iter().sum::<usize>() == tasks * (tasks - 1) / 2
}
