//! Other executors: on the loop's thread, inside its tasks, and on other threads.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use boucle::{consume_budget, sleep, spawn, yield_now};
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;

use crate::common::{ms, run, virtual_loop, virtually, waker_of};

/// A handle is awaited under another executor on the loop's thread, while the loop is turned by hand.
#[test]
fn a_handle_is_awaited_under_another_executor() {
    let event_loop = virtual_loop();
    let mut handle = event_loop.spawn(async {
        sleep(ms(10)).await;
        sleep(ms(10)).await;
        7
    });
    let mut turns = 0;
    let value = futures::executor::block_on(poll_fn(|cx| {
        let polled = Pin::new(&mut handle).poll(cx);
        if polled.is_pending() {
            // The last turn wakes the other executor, by the handle.
            event_loop.turn(None).unwrap();
            turns += 1;
            if turns < 3 {
                cx.waker().wake_by_ref();
            }
        }
        polled
    }));
    assert_eq!((value.unwrap(), turns), (7, 3));
}

/// `block_on` of another executor inside a task holds the loop, but another thread can still wake it.
#[test]
fn another_executor_runs_inside_a_task() {
    run(async {
        let (sender, receiver) = async_channel::bounded(1);
        let other = thread::spawn(move || sender.send_blocking(7).unwrap());
        assert_eq!(futures::executor::block_on(receiver.recv()), Ok(7));
        other.join().unwrap();
        sleep(ms(1)).await;
    });
}

/// An executor inside a poll polls again at once what yields, so no other task of the loop is polled.
#[test]
fn a_yield_inside_another_executor_is_no_yield_of_the_task() {
    virtually(async {
        let other = spawn(async {});
        let mut pool = LocalPool::new();
        let yields = async {
            for _ in 0..1_000 {
                consume_budget().await;
                yield_now().await;
            }
        };
        pool.spawner().spawn_local(yields).unwrap();
        assert!(pool.try_run_one());
        assert!(!other.is_finished());
    });
}

/// A thread wakes a task by the task's waker, and the loop wakes a thread by the thread's.
#[test]
fn wakers_of_threads_and_tasks_meet() {
    run(async {
        // A task's waker, woken on a thread.
        let (wakers, to_wake) = std::sync::mpsc::channel::<Waker>();
        let other = thread::spawn(move || {
            for waker in to_wake {
                waker.wake();
            }
        });
        for _ in 0..100 {
            let mut asked = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut asked, true) {
                    return Poll::Ready(());
                }
                wakers.send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await;
        }
        drop(wakers);
        other.join().unwrap();
    });
    // A thread's waker, woken by the loop when the task ends.
    let event_loop = virtual_loop();
    let mut handle = event_loop.spawn(sleep(ms(10)));
    let own = thread::current();
    let waker = waker_of(move || own.unpark(), || ());
    let cx = &mut Context::from_waker(&waker);
    assert!(Pin::new(&mut handle).poll(cx).is_pending());
    while !handle.is_finished() {
        event_loop.turn(None).unwrap();
    }
    thread::park(); // Returns at once, since the loop has unparked this thread.
    assert!(Pin::new(&mut handle).poll(cx).is_ready());
}
