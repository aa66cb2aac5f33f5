//! What rules out a deadlock under the virtual clock: a loop handle, or a hold of the clock.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;

use crate::common::{ms, panic_of, secs, virtual_loop};

/// A loop reports a deadlock also if its last handle is dropped while it is about to park. (The race is run
/// many times, with the drop a little later each time. If the loop misses a drop, a waker ends its park after
/// ten seconds, and the test fails.)
#[test]
fn the_drop_of_the_last_loop_handle_is_never_missed() {
    for round in 0..3_000u32 {
        let event_loop = virtual_loop();
        let handle = event_loop.handle();
        let go = Arc::new(AtomicBool::new(false));
        let is_missed = Arc::new(AtomicBool::new(false));
        let (kept, waker) = mpsc::channel::<Waker>();
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

/// While a clock is held, the loop waits. When the last hold is dropped, it reports a deadlock. A hold whose
/// loop is gone does nothing. (Real time: the loop parks until the other thread is done.)
#[test]
fn a_held_clock_is_no_deadlock() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let hold = handle.hold_clock();
    drop(handle.hold_clock());
    drop(handle);
    let (sender, receiver) = async_channel::bounded(1);
    let thread = thread::spawn(move || {
        thread::sleep(ms(20));
        sender.try_send(7).unwrap();
        thread::sleep(ms(20));
        drop(hold);
    });
    assert_eq!(event_loop.block_on(receiver.recv()), Ok(7));
    let message = panic_of(|| event_loop.block_on(pending::<()>()));
    assert!(message.starts_with("deadlock"), "{message}");
    thread.join().unwrap();

    let handle = event_loop.handle();
    let kept = handle.hold_clock();
    drop(event_loop);
    drop((kept, handle.hold_clock()));
}
