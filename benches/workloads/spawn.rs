//! Spawn and await.
//!
//! An operation is one task, from `spawn` to its value. The tasks are ready at their first poll.

use std::hint::black_box;

use super::runtime::Runtime;
use super::watch::{Spent, Watch};

/// All the tasks are spawned, then all are awaited, in spawn order.
pub fn spawn_and_await<R: Runtime>() -> impl Fn(&R, usize) -> Spent {
    |runtime, tasks| {
        runtime.block_on(async {
            let mut handles = Vec::with_capacity(tasks);
            let watch = Watch::start();
            for n in 0..tasks {
                handles.push(R::spawn(async move { black_box(n) }));
            }
            for (n, handle) in handles.into_iter().enumerate() {
                assert_eq!(handle.await.expect("the task has a value"), n);
            }
            watch.stop()
        })
    }
}

/// Each task is awaited before the next is spawned, so each wakes the main future.
pub fn one_after_another<R: Runtime>() -> impl Fn(&R, usize) -> Spent {
    |runtime, tasks| {
        runtime.block_on(async {
            let watch = Watch::start();
            for n in 0..tasks {
                let value = R::spawn(async move { black_box(n) }).await;
                assert_eq!(value.expect("the task has a value"), n);
            }
            watch.stop()
        })
    }
}

/// The same in a task, so each wakes that.
pub fn one_after_another_in_a_task<R: Runtime>() -> impl Fn(&R, usize) -> Spent {
    |runtime, tasks| {
        let task = async move {
            let watch = Watch::start();
            for n in 0..tasks {
                let value = R::spawn(async move { black_box(n) }).await;
                assert_eq!(value.expect("the task has a value"), n);
            }
            watch.stop()
        };
        runtime.block_on(async { R::spawn(task).await.expect("the task has a value") })
    }
}
