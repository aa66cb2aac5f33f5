//! Wakes from this thread and from others, with the loop running, parked or at rest.

use std::cell::UnsafeCell;
use std::future::{pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use boucle::{EventLoop, timeout};

use crate::common::{Gate, LONG, Log, rounds, run, turn, virtual_loop, waiting_on};

/// A wake on the loop's own thread is no message, even while the loop is not running.
#[test]
fn a_task_is_woken_while_its_loop_is_not_running() {
    let event_loop = virtual_loop();
    let gate = waiting_on(&event_loop);
    assert_eq!(turn(&event_loop).polled, 0);
    gate.waker().wake();
    let woken = turn(&event_loop);
    assert_eq!((woken.polled, woken.woken_by_inbox), (1, 0));
}

/// A task that is woken inside another loop of its thread is queued on its own loop.
#[test]
fn a_task_is_woken_from_another_loop_of_the_thread() {
    let (own, other) = (virtual_loop(), virtual_loop());
    let gate = waiting_on(&own);
    let theirs = waiting_on(&other);
    other.block_on(async { gate.open() });
    assert_eq!(theirs.polls(), 1);
    let woken = turn(&own);
    assert_eq!((woken.polled, woken.left), (1, 0));
}

/// A wake passes by the loops of its own thread, though none of them runs, if its task is not on them.
#[test]
fn a_task_is_woken_from_a_thread_that_has_other_loops() {
    let event_loop = virtual_loop();
    let gate = waiting_on(&event_loop);
    let waker = gate.waker();
    thread::spawn(move || {
        let _others = [virtual_loop(), virtual_loop()];
        waker.wake();
    })
    .join()
    .unwrap();
    assert_eq!(turn(&event_loop).woken_by_inbox, 1);
    assert_eq!(turn(&event_loop).polled, 1);
}

/// Tasks that another thread wakes are polled in the order of their first wakes, and once each.
#[test]
fn tasks_are_woken_from_another_thread_in_order() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let gates = ["A", "B", "C"].map(|name| {
        let (gate, log) = (Gate::default(), log.clone());
        let waiting = gate.clone();
        event_loop.spawn(async move {
            let mut passed = pin!(waiting.passed());
            poll_fn(|cx| {
                log.add(name);
                passed.as_mut().poll(cx)
            })
            .await;
        });
        gate
    });
    turn(&event_loop);
    assert_eq!(log.take(), ["A", "B", "C"]);
    let wakers = [2, 0, 1].map(|index: usize| gates[index].waker());
    thread::spawn(move || {
        for _ in 0..rounds(1_000) {
            wakers.iter().for_each(Waker::wake_by_ref);
        }
    })
    .join()
    .unwrap();
    assert_eq!(turn(&event_loop).woken_by_inbox, 3);
    assert_eq!(turn(&event_loop).polled, 3);
    assert_eq!(log.take(), ["C", "A", "B"]);
    assert_eq!(turn(&event_loop).polled, 0);
}

/// A wake from another thread ends a park. (Real time: the other thread gives the loop a moment to park; if
/// it has not, the test still passes.)
#[test]
fn a_parked_loop_is_woken_from_another_thread() {
    let event_loop = EventLoop::new().unwrap();
    for _ in 0..3 {
        let gate = waiting_on(&event_loop);
        let waker = gate.waker();
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            waker.wake();
        });
        let woken = event_loop.turn(Some(LONG)).unwrap();
        assert_eq!((woken.polled, woken.woken_by_inbox), (0, 1));
        assert_eq!(turn(&event_loop).polled, 1);
        thread.join().unwrap();
    }
}

/// Passes a number to and fro, through channels, between a loop on this thread and a runtime on another one:
/// no wake is lost. (Each round is a race between a wake and a park.)
fn pass_a_token(run_there: fn(Pin<Box<dyn Future<Output = ()>>>)) {
    let (ping, pinged) = async_channel::bounded(1);
    let (pong, ponged) = async_channel::bounded(1);
    let thread = thread::spawn(move || {
        run_there(Box::pin(async move {
            while let Ok(number) = pinged.recv().await {
                pong.send(number).await.unwrap();
            }
        }));
    });
    let rounds = async {
        for number in 0..rounds(5_000) {
            ping.send(number).await.unwrap();
            assert_eq!(ponged.recv().await, Ok(number));
        }
    };
    boucle::run(async { timeout(LONG, rounds).await.expect("no wake is lost") });
    drop(ping);
    thread.join().unwrap();
}

/// What a thread wrote before its wake is seen by the poll that follows, also if an earlier wake is still in
/// the inbox. (Nothing but the second wake orders the write and the read. Without that order, Miri and
/// ThreadSanitizer report a race.)
#[test]
fn what_a_thread_wrote_before_its_wake_is_seen() {
    #[derive(Default)]
    struct Place(UnsafeCell<u32>);
    // SAFETY: the thread writes before its second wake, and the task reads after it.
    unsafe impl Sync for Place {}
    impl Place {
        fn get(&self) -> *mut u32 {
            self.0.get()
        }
    }

    let place = Arc::new(Place::default());
    let has_woken = Arc::new(AtomicBool::new(false));
    let mut thread = None;
    let polled = poll_fn(|cx| {
        if thread.is_some() {
            // SAFETY: see `Place`.
            return Poll::Ready(unsafe { *place.get() });
        }
        let (waker, place, woken) = (cx.waker().clone(), place.clone(), has_woken.clone());
        thread = Some(thread::spawn(move || {
            waker.wake_by_ref();
            // SAFETY: see `Place`.
            unsafe { *place.get() = 7 };
            waker.wake_by_ref();
            woken.store(true, Relaxed);
        }));
        while !has_woken.load(Relaxed) {
            thread::yield_now();
        }
        Poll::Pending
    });
    assert_eq!(run(polled), 7);
    thread.unwrap().join().unwrap();
}

/// Two loops on two threads wake each other.
#[test]
fn two_loops_on_two_threads_wake_each_other() {
    pass_a_token(boucle::run);
}

/// A loop and the executor of the `futures` crate wake each other.
#[test]
fn a_loop_and_another_runtime_wake_each_other() {
    pass_a_token(futures::executor::block_on);
}

/// A message ends a park that has no deadline. (Real time: this thread gives the loop a moment to park; if it
/// has not, the test still passes. If the message is lost, the test fails and does not hang.)
#[test]
fn a_parked_loop_is_stopped_from_another_thread() {
    let (give, given) = mpsc::channel();
    let (returned, has_returned) = mpsc::channel();
    thread::spawn(move || {
        let event_loop = EventLoop::new().unwrap();
        event_loop.spawn(pending::<()>());
        give.send(event_loop.handle()).unwrap();
        event_loop.run_forever();
        returned.send(event_loop.block_on(ready(1))).unwrap();
    });
    let handle = given.recv().unwrap();
    thread::sleep(Duration::from_millis(50));
    handle.stop();
    assert_eq!(has_returned.recv_timeout(LONG), Ok(1), "the message is lost");
}
