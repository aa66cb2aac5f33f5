//! Yield: tasks that do nothing but give way to each other.
//!
//! An operation is one wake of oneself, one turn in the queue, one poll. The future that does it is the same
//! for all runtimes, [`GiveWay`]: so only the runtime is measured. A runtime's own `yield_now` may do something
//! else: tokio's puts its waker aside until the driver was looked at, which for a lone task is a system call
//! each time. [`yield_now_1`] measures these.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::runtime::Runtime;
use super::watch::{Spent, Watch};

/// One task, alone with itself: every batch is of one.
pub fn yield_1<R: Runtime>(runtime: &R, yields: usize) -> Spent {
    yields_of(runtime, 1, yields, GiveWay::default)
}

/// A thousand tasks, in a ring.
pub fn yield_1000<R: Runtime>(runtime: &R, yields: usize) -> Spent {
    yields_of(runtime, 1_000, yields, GiveWay::default)
}

/// One task, with what the runtime offers.
pub fn yield_now_1<R: Runtime>(runtime: &R, yields: usize) -> Spent {
    yields_of(runtime, 1, yields, R::yield_now)
}

/// Wakes its task and is pending, once.
#[derive(Default)]
struct GiveWay {
    gave: bool,
}

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.gave {
            return Poll::Ready(());
        }
        self.gave = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn yields_of<R: Runtime, F: Future<Output = ()> + 'static>(
    runtime: &R,
    tasks: usize,
    yields: usize,
    give_way: impl Fn() -> F + Copy + 'static,
) -> Spent {
    runtime.block_on(async {
        let each = yields / tasks;
        let yielding = |_| {
            R::spawn(async move {
                for _ in 0..each {
                    give_way().await;
                }
            })
        };
        let handles: Vec<_> = (0..tasks).map(yielding).collect();
        // Now the tasks are in their loops.
        R::yield_now().await;
        let watch = Watch::start();
        for handle in handles {
            handle.await.expect("the task ends");
        }
        watch.stop()
    })
}
