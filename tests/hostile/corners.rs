//! Corners: a stop and a panic at once, a task that waits for itself, a poll without a loop, the end of time.

use std::cell::RefCell;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use boucle::{
    ALL_COMPLETED, JoinHandle, LoopHandle, as_completed, gather, now, run, sleep, spawn, try_gather, wait,
    yield_now,
};
use futures_lite::StreamExt;

use crate::common::{SECOND, panic_of, virtual_loop};

/// A stop ends the run in which it was called, also if that run ends by a panic; the next run is not
/// stopped.
#[test]
fn a_stop_does_not_outlive_a_panic() {
    let event_loop = virtual_loop();
    let message = panic_of(|| {
        event_loop.block_on(async {
            boucle::stop();
            panic!("mine");
        })
    });
    assert_eq!(message, "mine");
    event_loop.block_on(async { yield_now().await });
}

/// A task that waits for its own handle through `wait` panics like one that awaits it.
#[test]
fn a_task_that_waits_for_itself_panics() {
    let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let seen: Rc<RefCell<String>> = Rc::default();
    virtual_loop().block_on(async {
        let (mine, message) = (own.clone(), seen.clone());
        let task = spawn(async move {
            let mut waiting = wait(mine.take(), ALL_COMPLETED);
            let poll = std::future::poll_fn(|cx| {
                let polled = panic_of(|| Pin::new(&mut waiting).poll(cx).is_pending());
                Poll::Ready(polled)
            });
            message.replace(poll.await);
        });
        own.replace(Some(task));
        yield_now().await;
    });
    let seen = seen.take();
    assert!(seen.contains("awaits its own handle"), "{seen}");
}

/// A combinator whose first poll panics for want of a loop has lost no child when it is polled on one.
#[test]
fn a_first_poll_without_a_loop_loses_no_child() {
    fn poll_outside(future: impl Future) {
        let mut future = pin!(future);
        let cx = &mut Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx).is_ready()));
        assert!(polled.is_err());
    }
    let mut gathered = gather([ready(1), ready(2)]);
    poll_outside(&mut gathered);
    assert_eq!(run(gathered), [1, 2]);
    let mut tried = try_gather([ready(Ok::<_, ()>(1))]);
    poll_outside(&mut tried);
    assert_eq!(run(tried), Ok(vec![1]));
    let mut completed = as_completed([ready(1)]);
    poll_outside(completed.next());
    assert_eq!(run(completed.next()).unwrap().unwrap(), 1);
}

/// A virtual clock stays virtual at the end of time, and never goes back.
#[test]
fn a_virtual_clock_has_no_end_at_which_it_turns_real() {
    let event_loop = virtual_loop();
    drop(event_loop.spawn(pending::<()>()));
    let mut last = event_loop.turn(Some(SECOND)).unwrap().time;
    assert_eq!(last, SECOND);
    for _ in 0..3 {
        let time = event_loop.turn(Some(Duration::MAX)).unwrap().time;
        assert!(time >= last);
        last = time;
    }
    event_loop.block_on(async {
        let before = now();
        sleep(SECOND).await;
        assert_eq!(now() - before, SECOND);
    });
}

/// No sleep panics in the last century that a clock can represent, where none can be long. (A panic would come
/// while the loop is borrowed, and its hook may use the loop.)
#[test]
fn a_virtual_clock_has_no_end_at_which_a_sleep_panics() {
    let event_loop = virtual_loop();
    drop(event_loop.spawn(pending::<()>()));
    for bit in (0..u64::BITS).rev() {
        let time = Duration::from_secs(1 << bit);
        event_loop.turn(Some(time)).unwrap();
    }
    event_loop.block_on(async {
        let end = now();
        assert_eq!(end.checked_add(2 * SECOND), None);
        assert_eq!(sleep(Duration::MAX).deadline(), Some(end));
        sleep(Duration::MAX).await;
        assert_eq!(now(), end);
    });
}

/// Handles that are made and dropped leave one message, however many they are. (The next turn reads it. A
/// list of 100,000 would show in the time of this test.)
#[test]
fn handles_that_come_and_go_leave_nothing() {
    run(async {
        for _ in 0..100_000 {
            drop(LoopHandle::current());
        }
    });
}
