//! Spawn and await: all the tasks are spawned, then all are awaited, in spawn order.
//!
//! An operation is one task, from `spawn` to its value.

use std::hint::black_box;

use super::runtime::Runtime;
use super::watch::{Spent, Watch};

pub fn spawn_and_await<R: Runtime>(runtime: &R, tasks: usize) -> Spent {
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
