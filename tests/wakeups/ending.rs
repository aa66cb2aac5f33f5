//! Wakes while a loop or a thread ends.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;

use boucle::{LoopGone, LoopHandle, sleep, spawn, timeout};
use futures_lite::future::poll_once;

use crate::common::{LONG, OnDrop, SECOND, holds, rounds, turn, virtual_loop, waiting_on};

/// A wake of a task of a closing loop returns at once: a destructor may wait for a thread that wakes.
#[test]
fn a_wake_does_not_wait_for_a_closing_loop() {
    let event_loop = virtual_loop();
    let gate = waiting_on(&event_loop);
    let waker = gate.waker();
    let woken = Rc::new(Cell::new(false));
    let done = woken.clone();
    let guard = OnDrop(move || {
        waker.wake_by_ref();
        let waker = waker.clone();
        thread::spawn(move || waker.wake()).join().unwrap();
        done.set(true);
    });
    event_loop.spawn(holds(guard));
    turn(&event_loop);
    drop(event_loop);
    assert!(woken.get());
    assert_eq!(gate.polls(), 1);
}

/// A thread may wake a task and spawn while the loop ends. (The race is run with many short loops, each with
/// a thread that wakes until it is stopped.)
#[test]
fn wakes_that_race_with_the_end_of_a_loop_do_no_harm() {
    for _ in 0..rounds(200) {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = boucle::run(poll_fn(|cx| {
            let (waker, stop) = (cx.waker().clone(), stop.clone());
            let handle = LoopHandle::current();
            let (begin, begun) = mpsc::channel();
            let thread = thread::spawn(move || {
                begin.send(()).unwrap();
                while !stop.load(Relaxed) {
                    waker.wake_by_ref();
                    let _ = handle.spawn(|| ready(()));
                }
                handle.spawn(|| ready(()))
            });
            begun.recv().unwrap();
            Poll::Ready(thread)
        }));
        stop.store(true, Relaxed);
        assert_eq!(thread.join().unwrap(), Err(LoopGone));
    }
}

thread_local! {
    static ONE: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
    static OTHER: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// A thread destroys a waker and a loop with its thread-locals, in either order: the destructors wake, abort
/// and spawn, and nothing panics. (A panic there would end the process.)
#[test]
fn a_waker_may_be_woken_while_thread_locals_are_destroyed() {
    for loop_first in [true, false] {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            let event_loop = virtual_loop();
            let waker = waiting_on(&event_loop).waker();
            let own = waker.clone();
            let task_sender = sender.clone();
            let guard = OnDrop(move || {
                own.wake_by_ref();
                let task = spawn(ready(()));
                task.abort();
                assert!(task.is_finished());
                task_sender.send("task").unwrap();
            });
            event_loop.spawn(holds(guard));
            let handle = event_loop.spawn(pending::<()>());
            let mut armed = sleep(SECOND);
            assert!(event_loop.block_on(poll_once(&mut armed)).is_none());
            let wakes = OnDrop(move || {
                waker.wake_by_ref();
                handle.abort();
                handle.is_finished();
                let _ = &armed;
                sender.send("waker").unwrap();
            });
            let [one, other]: [Box<dyn Any>; 2] = match loop_first {
                true => [Box::new(event_loop), Box::new(wakes)],
                false => [Box::new(wakes), Box::new(event_loop)],
            };
            ONE.set(Some(one));
            OTHER.set(Some(other));
        });
        thread.join().unwrap();
        let mut seen: Vec<_> = receiver.iter().collect();
        seen.sort();
        assert_eq!(seen, ["task", "waker"]);
    }
}

/// A waker that is woken while its thread destroys its thread-locals wakes a loop on another thread. (Real
/// time: the loop parks until that thread ends.)
#[test]
fn a_thread_that_ends_can_wake_a_loop() {
    boucle::run(async {
        let ended = Arc::new(AtomicBool::new(false));
        let mut thread = None;
        let end = poll_fn(|cx| {
            if thread.is_none() {
                let (waker, ended) = (cx.waker().clone(), ended.clone());
                thread = Some(thread::spawn(move || {
                    let wakes = OnDrop(move || {
                        ended.store(true, SeqCst);
                        waker.wake_by_ref();
                    });
                    ONE.set(Some(Box::new(wakes)));
                }));
            }
            match ended.load(SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        timeout(LONG, end).await.expect("no wake is lost");
        thread.unwrap().join().unwrap();
    });
}
