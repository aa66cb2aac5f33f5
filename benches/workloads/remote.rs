//! Wakes from another thread.
//!
//! Both threads work, so the CPU time is that of the process.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread;

use futures::task::AtomicWaker;

use super::runtime::Runtime;
use super::watch::{Spent, Watch};
use super::yield_once::yield_once;

/// What else the loop does.
#[derive(Clone, Copy, PartialEq)]
pub enum Beside {
    /// Nothing, so it sleeps when it can.
    Nothing,
    /// The main future yields all the time, so it never sleeps.
    Yields,
}

/// Another thread wakes the tasks in turn, without a pause. An operation is a wake; several may share a poll.
pub fn wakes<R: Runtime>(tasks: usize, beside: Beside) -> impl Fn(&R, usize) -> Spent {
    move |runtime, wakes| {
        runtime.block_on(async {
            let over = Arc::new(AtomicBool::new(false));
            let wakers = Rc::new(RefCell::new(Vec::new()));
            let spawn = |_| R::spawn(woken(wakers.clone(), over.clone()));
            let handles: Vec<_> = (0..tasks).map(spawn).collect();
            while wakers.borrow().len() < tasks {
                yield_once().await;
            }
            let wakers = wakers.take();
            let watch = Watch::start_for_all_threads();
            let end = over.clone();
            let other = thread::spawn(move || {
                for n in 0..wakes {
                    wakers[n % tasks].wake_by_ref();
                }
                end.store(true, Ordering::Release);
                wakers.iter().for_each(Waker::wake_by_ref);
            });
            while beside == Beside::Yields && !over.load(Ordering::Acquire) {
                yield_once().await;
            }
            for handle in handles {
                handle.await.expect("the task ends");
            }
            other.join().expect("the other thread ends");
            watch.stop()
        })
    }
}

/// Leaves its waker, and is pending until all wakes are over.
async fn woken(wakers: Rc<RefCell<Vec<Waker>>>, over: Arc<AtomicBool>) {
    let mut left_waker = false;
    poll_fn(|cx| {
        if !left_waker {
            left_waker = true;
            wakers.borrow_mut().push(cx.waker().clone());
        }
        match over.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

/// A ball goes to another thread and back. Each side sleeps until it comes. An operation is a round trip.
pub fn round_trips<R: Runtime>() -> impl Fn(&R, usize) -> Spent {
    |runtime, trips| {
        let table = Arc::new(Table::default());
        let there = table.clone();
        let other = thread::spawn(move || there.return_balls(trips));
        let thread = other.thread().clone();
        let spent = runtime.block_on(async {
            let task = R::spawn(async move {
                let watch = Watch::start_for_all_threads();
                for n in 1..=trips {
                    table.sent.store(n, Ordering::Release);
                    thread.unpark();
                    table.ball_back(n).await;
                }
                watch.stop()
            });
            task.await.expect("the task ends")
        });
        other.join().expect("the other thread ends");
        spent
    }
}

/// The last ball that went each way, and the wakers of the sides that wait for one.
#[derive(Default)]
struct Table {
    sent: AtomicUsize,
    back: AtomicUsize,
    waiting: AtomicWaker,
}

impl Table {
    fn return_balls(&self, trips: usize) {
        for n in 1..=trips {
            while self.sent.load(Ordering::Acquire) < n {
                thread::park();
            }
            self.back.store(n, Ordering::Release);
            self.waiting.wake();
        }
    }

    async fn ball_back(&self, n: usize) {
        poll_fn(|cx| {
            self.waiting.register(cx.waker());
            match self.back.load(Ordering::Acquire) >= n {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}
