//! Yield: tasks that do nothing but yield to each other.
//!
//! An operation is a task's wake of itself, its way through the ready queue, and its poll.

use std::future::Future;
use std::rc::Rc;

use super::runtime::Runtime;
use super::watch::{SharedWatch, Spent, Watch};
use super::yield_once::yield_once;

/// Tasks that take turns. A lone one is polled in a batch of its own each time.
pub fn yields<R: Runtime>(tasks: usize) -> impl Fn(&R, usize) -> Spent {
    move |runtime, yields| circle(runtime, tasks, yields, yield_once)
}

/// With the runtime's own `yield_now`.
pub fn yield_now<R: Runtime>(tasks: usize) -> impl Fn(&R, usize) -> Spent {
    move |runtime, yields| circle(runtime, tasks, yields, R::yield_now)
}

/// The main future alone, which is no task.
pub fn main_yields<R: Runtime>() -> impl Fn(&R, usize) -> Spent {
    |runtime, yields| {
        runtime.block_on(async {
            let watch = Watch::start();
            for _ in 0..yields {
                yield_once().await;
            }
            watch.stop()
        })
    }
}

/// Every task yields equally often. The watch starts when all tasks have begun, and stops before the first
/// one ends, so that nothing but yields is measured.
fn circle<R: Runtime, F: Future<Output = ()> + 'static>(
    runtime: &R,
    tasks: usize,
    yields: usize,
    one_yield: impl Fn() -> F + Copy + 'static,
) -> Spent {
    // In test mode, there may be fewer yields than tasks.
    let laps = (yields / tasks).max(1);
    let watch = Rc::new(SharedWatch::default());
    let member = |n: usize| {
        let watch = watch.clone();
        async move {
            one_yield().await;
            if n == 0 {
                watch.start();
            }
            for _ in 1..laps {
                one_yield().await;
            }
            if n == tasks - 1 {
                watch.stop();
            }
            one_yield().await;
        }
    };
    runtime.block_on(async {
        let handles: Vec<_> = (0..tasks).map(|n| R::spawn(member(n))).collect();
        for handle in handles {
            handle.await.expect("the task ends");
        }
    });
    watch.spent()
}
