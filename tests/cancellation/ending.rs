//! The end of the loop: what is dropped, in which order, and what destructors may do meanwhile.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use boucle::{ALL_COMPLETED, JoinHandle, LoopHandle, gather, now, sleep, spawn, wait, yield_now};

use super::{NONE, dropping};
use crate::common::{
    Counting, Gate, Log, OnDrop, SECOND, counted, holds, look, turn, virtual_loop, waker_of,
};

/// When `run` ends, main is dropped first, then the tasks in spawn order, whichever slots they have.
#[test]
fn main_is_dropped_first_and_then_the_tasks_in_spawn_order() {
    let log = Log::default();
    boucle::run(async {
        let _main = log.on_drop("main");
        let short = spawn(ready(()));
        spawn(dropping(&log, "first"));
        let short_too = spawn(ready(()));
        spawn(dropping(&log, "second"));
        short_too.await.unwrap();
        short.await.unwrap();
        // These take the slots that have become free.
        spawn(dropping(&log, "third"));
        spawn(dropping(&log, "fourth"));
        yield_now().await;
        spawn(dropping(&log, "fifth, never polled"));
    });
    let expected = ["main", "first", "second", "third", "fourth", "fifth, never polled"];
    assert_eq!(log.take(), expected);
}

/// A main future that still owns values when it is ready is dropped before the tasks, and inside the
/// loop.
#[test]
fn a_main_that_still_owns_values_is_dropped_first() {
    let log = Log::default();
    let inside = OnDrop(|| drop(LoopHandle::current()));
    let owned = (log.on_drop("main"), inside);
    let tasks = log.clone();
    boucle::run(poll_fn(move |_| {
        let _ = &owned;
        spawn(dropping(&tasks, "task"));
        Poll::Ready(())
    }));
    assert_eq!(log.take(), ["main", "task"]);
}

/// Dropping an explicit loop drops its tasks, and the values that were not taken, in spawn order.
#[test]
fn dropping_an_explicit_loop_drops_tasks_and_values_in_spawn_order() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let value = log.on_drop("value");
    let kept = [event_loop.spawn(dropping(&log, "first")), event_loop.spawn(dropping(&log, "second"))];
    let done = event_loop.spawn(async move { value });
    event_loop.spawn(dropping(&log, "third"));
    turn(&event_loop);
    event_loop.block_on(yield_now());
    assert_eq!(log.take(), NONE);
    kept[1].abort();
    drop(event_loop);
    assert_eq!(log.take(), ["first", "second", "value", "third"]);
    drop((kept, done));
    assert_eq!(log.take(), NONE);
}

/// A task that a destructor spawns while the loop closes is dropped at once, without a poll; and so is a task
/// that its own destructor spawns.
#[test]
fn what_a_closing_loop_spawns_is_dropped_at_once() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let closing = log.clone();
    let guard = OnDrop(move || {
        let polled = closing.clone();
        let mut task = spawn(async move { polled.add("polled") });
        assert!(matches!(look(&mut task), Poll::Ready(Err(_))));
        let inner = closing.clone();
        drop(spawn(holds(OnDrop(move || {
            let task = spawn(dropping(&inner, "spawned by the spawned"));
            inner.add(format!("spawned, {}", task.is_finished()));
        }))));
        closing.add("first");
    });
    event_loop.spawn(holds(guard));
    event_loop.spawn(dropping(&log, "last"));
    turn(&event_loop);
    drop(event_loop);
    assert_eq!(log.take(), ["spawned by the spawned", "spawned, true", "first", "last"]);
}

/// Destructors run inside the loop and on its thread, and may do what a task may: wake, abort, drop handles,
/// read the clock, sleep, stop, and send to the inbox. Each task is still dropped once, in spawn order.
#[test]
fn destructors_may_use_the_loop_while_it_closes() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let gate = Gate::default();
    let others: Rc<RefCell<Vec<JoinHandle<()>>>> = Rc::default();
    let here = thread::current().id();
    let left_behind = Arc::new(());

    let guard = OnDrop({
        let (log, gate, others, left) = (log.clone(), gate.clone(), others.clone(), left_behind.clone());
        move || {
            assert_eq!(thread::current().id(), here);
            gate.waker().wake();
            let mut others = others.take();
            others[0].abort();
            assert!(!others[0].is_finished());
            assert!(look(&mut others[1]).is_pending());
            drop(others);
            let start = now();
            let mut armed = sleep(SECOND);
            assert!(look(&mut armed).is_pending());
            drop(armed);
            assert!(look(&mut sleep(Duration::ZERO)).is_ready());
            assert!(look(&mut gather([pending::<()>()])).is_pending());
            assert_eq!(now(), start);
            boucle::stop();
            let left = left.clone();
            let _ = LoopHandle::current().spawn(move || {
                drop(left);
                ready(())
            });
            log.add("first");
        }
    });
    event_loop.spawn(holds(guard));
    let waiting = gate.clone();
    let second = log.on_drop("second");
    let handles = vec![
        event_loop.spawn(async move {
            let _second = second;
            waiting.passed().await;
        }),
        event_loop.spawn(dropping(&log, "third")),
        event_loop.spawn(dropping(&log, "fourth")),
    ];
    others.replace(handles);
    turn(&event_loop);
    drop(event_loop);
    assert_eq!(log.take(), ["first", "second", "third", "fourth"]);
    assert_eq!(gate.polls(), 1);
    assert_eq!(Arc::strong_count(&left_behind), 1);
}

/// While a loop closes, a destructor that drops the handle of another task drops the value of that task.
#[test]
fn a_destructor_may_drop_the_value_of_another_task() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let (other, value) = (Rc::new(Cell::new(None)), log.on_drop("value"));
    let (inner, own) = (other.clone(), log.clone());
    let guard = OnDrop(move || {
        drop(inner.take());
        own.add("first");
    });
    event_loop.spawn(holds(guard));
    other.set(Some(event_loop.spawn(async move { value })));
    turn(&event_loop);
    drop(event_loop);
    assert_eq!(log.take(), ["value", "first"]);
}

/// The end of a loop wakes the foreign wakers that wait for its tasks and timers; the next poll finds the
/// task cancelled.
#[test]
fn the_end_of_the_loop_wakes_foreign_wakers() {
    let event_loop = virtual_loop();
    let mut task = event_loop.spawn(pending::<()>());
    let mut armed = sleep(SECOND);
    let wakes = Arc::new(Counting::default());
    let waker = Waker::from(wakes.clone());
    let cx = &mut Context::from_waker(&waker);
    event_loop.block_on(async {
        assert!(pin!(&mut task).poll(cx).is_pending());
        assert!(pin!(&mut armed).poll(cx).is_pending());
    });
    drop(event_loop);
    assert_eq!(wakes.wakes(), 2);
    assert!(matches!(look(&mut task), Poll::Ready(Err(_))));
    drop(waker);
    drop((task, armed));
    assert_eq!(Arc::strong_count(&wakes), 1);
}

/// A loop that closes inside another leaves that one running: later spawns go to the outer loop.
#[test]
fn a_loop_that_closes_inside_of_another_leaves_it_running() {
    let log = Log::default();
    let inner = virtual_loop();
    inner.spawn(dropping(&log, "inner"));
    virtual_loop().block_on(async {
        let task = spawn(holds(inner));
        yield_now().await;
        task.abort();
        yield_now().await;
        assert_eq!(log.take(), ["inner"]);
        assert_eq!(spawn(ready(1)).await.unwrap(), 1);
    });
}

/// Whatever the state of a task when its loop ends, nothing of it is leaked.
#[test]
fn nothing_is_leaked() {
    let value = Rc::new(());
    let event_loop = virtual_loop();
    let spawn_owning = |future: Pin<Box<dyn Future<Output = ()>>>| {
        let value = value.clone();
        event_loop.spawn(async move {
            future.await;
            value
        })
    };
    let mut handles = Vec::new();
    for _ in 0..2 {
        handles.push(spawn_owning(Box::pin(pending())));
        handles.push(spawn_owning(Box::pin(sleep(SECOND))));
        handles.push(spawn_owning(Box::pin(ready(()))));
        handles.push(spawn_owning(Box::pin(async {
            gather([pending::<()>(), pending()]).await;
        })));
        handles.push(spawn_owning(Box::pin(async {
            wait([spawn(pending::<()>())], ALL_COMPLETED).await;
        })));
        handles.push(spawn_owning(Box::pin(async {
            loop {
                yield_now().await;
            }
        })));
        turn(&event_loop);
        turn(&event_loop);
        handles.drain(..handles.len() / 2);
    }
    handles.push(spawn_owning(Box::pin(pending())));
    handles[0].abort();
    assert!(Rc::strong_count(&value) > 10);
    drop(event_loop);
    assert_eq!(Rc::strong_count(&value), 1);
}

/// A closure that the inbox still holds when the loop ends is dropped on the loop's thread.
#[test]
fn an_unread_inbox_is_dropped_on_the_thread_of_its_loop() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let (sender, dropped) = mpsc::channel();
    thread::spawn(move || {
        let guard = OnDrop(move || sender.send(thread::current().id()).unwrap());
        handle
            .spawn(move || {
                drop(guard);
                ready(())
            })
            .unwrap();
    })
    .join()
    .unwrap();
    assert!(dropped.try_recv().is_err());
    drop(event_loop);
    assert_eq!(dropped.try_recv(), Ok(thread::current().id()));
}

/// A closure that the loop has taken from its inbox and left for its next turn is dropped with the loop,
/// quietly.
#[test]
fn the_rest_of_a_flood_is_dropped_with_its_loop() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    (0..1_024).for_each(|_| handle.spawn(|| ready(())).unwrap());
    let (sender, dropped) = mpsc::channel();
    let guard = OnDrop(move || {
        sender.send(()).unwrap();
        panic!("on purpose");
    });
    let rest = move || {
        drop(guard);
        ready(())
    };
    handle.spawn(rest).unwrap();
    assert_eq!(turn(&event_loop).woken_by_inbox, 1_024);
    assert!(dropped.try_recv().is_err());
    drop(event_loop);
    assert_eq!(dropped.try_recv(), Ok(()));
}

/// The future and the value of a task are each dropped once, also if it is aborted in the turn in which
/// it is ready.
#[test]
fn every_destructor_runs_once() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let guard = log.on_drop("future");
        let value = log.on_drop("value");
        let gate = Gate::default();
        let waiting = gate.clone();
        let (future, polls) = counted(async move {
            let _guard = guard;
            waiting.passed().await;
            value
        });
        let task = spawn(future);
        yield_now().await;
        gate.open();
        yield_now().await;
        task.abort();
        drop(task);
        yield_now().await;
        assert_eq!(polls.get(), 2);
    });
    assert_eq!(log.take(), ["future", "value"]);
}

/// At the end of the loop, too, a task's future is dropped before what waits for the task is woken.
#[test]
fn the_end_of_the_loop_drops_a_future_before_it_wakes_what_waits() {
    let (dropped, log) = mpsc::channel();
    let woken = dropped.clone();
    let event_loop = virtual_loop();
    let mut task = event_loop.spawn(holds(OnDrop(move || dropped.send("dropped").unwrap())));
    let waker = waker_of(move || woken.send("woken").unwrap(), || ());
    assert!(pin!(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(event_loop);
    assert_eq!(log.try_iter().collect::<Vec<_>>(), ["dropped", "woken"]);
}
