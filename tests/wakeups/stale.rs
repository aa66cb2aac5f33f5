//! Stale wakers and stale entries of the queue: of a task that is done, or of a loop that is gone.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::thread;

use boucle::{JoinHandle, yield_now};

use crate::common::{Log, turn, virtual_loop, waiting_on};

/// A task that is done may still stand in the queue when its slot has a new tenant: that entry is
/// skipped, and is no poll.
#[test]
fn a_stale_entry_of_the_queue_is_skipped() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let idle = waiting_on(&event_loop);
    let inner = log.clone();
    event_loop.spawn(poll_fn(move |cx| {
        // This task is queued again, and done. Behind it come `idle`, and a task that has its slot.
        cx.waker().wake_by_ref();
        inner.add("old");
        Poll::Ready(())
    }));
    let first = turn(&event_loop);
    assert_eq!((first.polled, first.left), (1, 1));

    idle.open();
    let inner = log.clone();
    event_loop.spawn(async move {
        inner.add("new");
        pending::<()>().await;
    });
    assert_eq!(idle.polls(), 1);
    let second = turn(&event_loop);
    assert_eq!((second.polled, second.left, idle.polls()), (2, 1, 2));
    assert_eq!(log.take(), ["old", "new"]);
}

/// The entry of a task that is done is skipped also while the task is kept for its handle, whether it has a
/// value or has aborted itself.
#[test]
fn a_stale_entry_of_a_task_that_is_kept_is_skipped() {
    let event_loop = virtual_loop();
    let ready = event_loop.spawn(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Ready(5)
    }));
    let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let handle = own.clone();
    own.replace(Some(event_loop.spawn(poll_fn(move |cx| {
        cx.waker().wake_by_ref();
        handle.borrow().as_ref().unwrap().abort();
        Poll::Pending
    }))));
    let first = turn(&event_loop);
    assert_eq!((first.polled, first.ready, first.left), (2, 2, 0));
    let second = turn(&event_loop);
    assert_eq!((second.polled, second.ready, second.left), (0, 0, 0));
    let aborted = own.take().unwrap();
    assert!(event_loop.block_on(aborted).unwrap_err().is_cancelled());
    assert_eq!(event_loop.block_on(ready).unwrap(), 5);
}

/// A new tenant of a slot has its own place in the queue, after the tasks that were woken before, not the
/// place of the stale entry.
#[test]
fn a_new_tenant_does_not_take_the_place_of_the_old_one() {
    let log = Log::default();
    let event_loop = virtual_loop();
    event_loop.spawn(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Ready(())
    }));
    let inner = log.clone();
    event_loop.spawn(async move {
        yield_now().await;
        inner.add("woken before");
    });
    turn(&event_loop);
    let inner = log.clone();
    event_loop.spawn(async move { inner.add("new tenant") });
    assert_eq!(turn(&event_loop).polled, 2);
    assert_eq!(log.take(), ["woken before", "new tenant"]);
}

/// A waker of a task that is done does not wake the new tenant of its slot. Woken on another thread, it may
/// cause one spurious poll.
#[test]
fn a_stale_waker_does_not_wake_the_new_tenant() {
    let event_loop = virtual_loop();
    let old = waiting_on(&event_loop);
    let stale = old.waker();
    old.open();
    turn(&event_loop);
    let new = waiting_on(&event_loop);

    stale.wake_by_ref();
    assert_eq!(turn(&event_loop).polled, 0);
    assert_eq!(new.polls(), 1);

    thread::spawn(move || stale.wake()).join().unwrap();
    turn(&event_loop);
    turn(&event_loop);
    assert!(new.polls() <= 2);
    new.open();
    assert_eq!(turn(&event_loop).left, 0);
}

/// A stale waker that is woken inside its loop does not wake the new tenant, in this turn or a later one.
#[test]
fn a_stale_waker_within_its_running_loop_wakes_nothing() {
    let event_loop = virtual_loop();
    let old = waiting_on(&event_loop);
    let stale = old.waker();
    old.open();
    turn(&event_loop);
    let new = waiting_on(&event_loop);
    assert_eq!(new.polls(), 1);

    drop(event_loop.spawn(async move { stale.wake() }));
    assert_eq!(turn(&event_loop).polled, 1);
    let later = turn(&event_loop);
    assert_eq!((later.polled, later.woken_by_inbox), (0, 0));
    assert_eq!(new.polls(), 1);
    new.open();
    assert_eq!(turn(&event_loop).left, 0);
}

/// A task may have the slot of a main future that is done. Stale wakers of main do not wake it.
#[test]
fn a_stale_waker_of_main_wakes_no_task() {
    let event_loop = virtual_loop();
    let mut stale = None;
    event_loop.block_on(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        stale = Some(cx.waker().clone());
        Poll::Ready(())
    }));
    let gate = waiting_on(&event_loop);
    assert_eq!(gate.polls(), 1);
    stale.unwrap().wake();
    assert_eq!(turn(&event_loop).polled, 0);
    gate.open();
    assert_eq!(turn(&event_loop).left, 0);
}

/// A waker whose loop is gone may be cloned, compared, woken and dropped, on any thread, and does
/// nothing.
#[test]
fn a_waker_outlives_its_loop() {
    let event_loop = virtual_loop();
    let waker = waiting_on(&event_loop).waker();
    drop(event_loop);
    let other = virtual_loop();
    let gate = waiting_on(&other);

    assert!(waker.will_wake(&waker.clone()));
    waker.wake_by_ref();
    other.block_on(async { waker.wake_by_ref() });
    thread::spawn({
        let waker = waker.clone();
        move || waker.wake()
    })
    .join()
    .unwrap();
    drop(waker);
    assert_eq!(turn(&other).polled, 0);
    assert_eq!(gate.polls(), 1);
}
