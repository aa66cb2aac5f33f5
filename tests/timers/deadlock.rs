//! Deadlocks under the virtual clock, and the loop handles that rule one out.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;

use boucle::{Elapsed, sleep, spawn_named, timeout};

use crate::common::{HOUR, ms, panic_of, secs, virtual_loop};

/// A loop whose only timer was cancelled panics with a deadlock that lists the waiting tasks.
#[test]
fn a_deadlock_lists_the_waiting_tasks() {
    let event_loop = virtual_loop();
    let message = panic_of(|| {
        event_loop.block_on(async {
            drop(spawn_named("waiter", pending::<()>()));
            assert_eq!(timeout(ms(1), sleep(HOUR)).await, Err(Elapsed));
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock"), "{message}");
    assert!(message.contains("the main future and 1 task\n"), "{message}");
    assert!(message.contains("\"waiter\""), "{message}");
    assert!(message.contains("Pending"), "{message}");
    // The loop can be used again.
    assert_eq!(event_loop.block_on(async { 5 }), 5);
}

/// While a `LoopHandle` exists, another thread may still spawn, so the loop waits instead of reporting a
/// deadlock.
#[test]
fn a_loop_handle_holds_off_the_deadlock() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let (sender, receiver) = async_channel::bounded(1);
    let other = thread::spawn(move || {
        handle.spawn(move || async move { sender.send(7).await.unwrap() }).unwrap();
    });
    assert_eq!(event_loop.block_on(receiver.recv()), Ok(7));
    other.join().unwrap();
}

/// When the last handle is dropped on another thread while the loop sleeps, the wait ends with the
/// deadlock. (The other thread waits until the loop has announced its sleep, as far as can be seen from
/// outside.)
#[test]
fn dropping_the_last_loop_handle_ends_the_wait() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let second = handle.clone();
    let (started, has_started) = mpsc::channel();
    let other = thread::spawn(move || {
        has_started.recv().unwrap();
        drop(handle);
        thread::sleep(ms(20));
        drop(second);
    });
    let message = panic_of(|| {
        event_loop.block_on(async {
            started.send(()).unwrap();
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock"), "{message}");
    other.join().unwrap();
}

/// The last handle may be dropped at any moment while the loop goes to sleep, also between its look at
/// the handles and its sleep. The race is run many times, with the drop a little later each time. If the
/// loop misses one, a waker that the test has kept wakes it after a while, and the test fails.
#[test]
fn the_drop_of_the_last_loop_handle_is_never_missed() {
    for round in 0..3_000u32 {
        let event_loop = virtual_loop();
        let handle = event_loop.handle();
        let go = Arc::new(AtomicBool::new(false));
        let is_missed = Arc::new(AtomicBool::new(false));
        let (kept, waker) = mpsc::channel::<std::task::Waker>();
        let (over, is_over) = mpsc::channel::<()>();
        let other = thread::spawn({
            let (go, is_missed) = (go.clone(), is_missed.clone());
            move || {
                let waker = waker.recv().unwrap();
                while !go.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
                for _ in 0..round % 300 {
                    std::hint::spin_loop();
                }
                drop(handle);
                if is_over.recv_timeout(secs(10)).is_err() {
                    is_missed.store(true, Ordering::Release);
                    waker.wake();
                }
            }
        });
        let message = panic_of(|| {
            event_loop.block_on(async {
                poll_fn(|cx| {
                    kept.send(cx.waker().clone()).ok();
                    Poll::Ready(())
                })
                .await;
                go.store(true, Ordering::Release);
                pending::<()>().await;
            })
        });
        over.send(()).ok();
        other.join().unwrap();
        assert!(message.starts_with("deadlock"), "{message}");
        assert!(!is_missed.load(Ordering::Acquire), "round {round}");
    }
}

/// `run_forever` reports a deadlock, too.
#[test]
fn run_forever_reports_a_deadlock() {
    let event_loop = virtual_loop();
    drop(event_loop.spawn(pending::<()>()));
    let message = panic_of(|| event_loop.run_forever());
    assert!(message.starts_with("deadlock"), "{message}");
}
