//! Yield: tasks that do nothing but yield to each other.
//!
//! An operation is one wake of oneself, one turn in the queue, one poll.

use std::future::Future;
use std::rc::Rc;

use super::give_way::give_way;
use super::runtime::Runtime;
use super::watch::{SharedWatch, Spent, Watch};

/// A number of tasks, in a circle. A lone one has every batch for itself.
pub fn yields<R: Runtime>(tasks: usize) -> impl Fn(&R, usize) -> Spent {
    move |runtime, yields| circle(runtime, tasks, yields, give_way)
}

/// One task, with what the runtime offers.
pub fn yield_now<R: Runtime>() -> impl Fn(&R, usize) -> Spent {
    |runtime, yields| circle(runtime, 1, yields, R::yield_now)
}

/// The main future alone, which is no task.
pub fn main_yields<R: Runtime>() -> impl Fn(&R, usize) -> Spent {
    |runtime, yields| {
        runtime.block_on(async {
            let watch = Watch::start();
            for _ in 0..yields {
                give_way().await;
            }
            watch.stop()
        })
    }
}

/// Every task is polled equally often. The watch starts when all tasks have begun, and stops before the first
/// one ends, so that nothing but yields is measured.
fn circle<R: Runtime, F: Future<Output = ()> + 'static>(
    runtime: &R,
    tasks: usize,
    yields: usize,
    give_way: impl Fn() -> F + Copy + 'static,
) -> Spent {
    // In test mode, there may be fewer yields than tasks.
    let laps = (yields / tasks).max(1);
    let watch = Rc::new(SharedWatch::default());
    let member = |n: usize| {
        let watch = watch.clone();
        async move {
            give_way().await;
            if n == 0 {
                watch.start();
            }
            for _ in 1..laps {
                give_way().await;
            }
            if n == tasks - 1 {
                watch.stop();
            }
            give_way().await;
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
