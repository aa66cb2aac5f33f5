//! A panic of the main future.

use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use boucle::{LoopGone, LoopHandle, sleep, spawn, yield_now};

use super::{Custom, explosive};
use crate::common::{Bomb, Log, OnDrop, SECOND, holds, panic_of, virtual_loop};

/// A panic of main comes out of `run` with its payload, after the tasks were dropped.
#[test]
fn a_panic_of_main_comes_out_after_the_loop_is_cleaned_up() {
    let log = Log::default();
    let payload = catch_unwind(AssertUnwindSafe(|| {
        boucle::run(async {
            let _main = log.on_drop("main");
            for line in ["first", "second"] {
                let guard = log.on_drop(line);
                spawn(holds(guard));
            }
            yield_now().await;
            panic_any(Custom(1));
        })
    }))
    .unwrap_err();
    assert_eq!(log.take(), ["main", "first", "second"]);
    assert_eq!(*payload.downcast::<Custom>().unwrap(), Custom(1));
    assert_eq!(boucle::run(ready(1)), 1);
}

/// The tasks are dropped before the panic of main goes on, or that of a loop which was stopped: a mutex whose
/// guard a task holds is not poisoned.
#[test]
fn the_tasks_of_run_do_not_see_the_panic_of_main() {
    static MUTEX: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let run = |main: fn()| {
        panic_of(|| {
            boucle::run(async move {
                let guard = MUTEX.lock().unwrap();
                spawn(holds(guard));
                yield_now().await;
                main();
                yield_now().await;
            })
        })
    };
    assert_eq!(run(|| panic!("main")), "main");
    assert_eq!(run(boucle::stop), "event loop stopped before the future completed");
    assert!(!MUTEX.is_poisoned());
}

/// If main panics, and then the destructors of the tasks, each of these runs, and main's panic comes out.
#[test]
fn a_panic_of_main_survives_those_of_the_destructors() {
    let log = Log::default();
    let message = panic_of(|| {
        boucle::run(async {
            for line in ["first", "second"] {
                let guard = log.on_drop(line);
                spawn(holds((Bomb(line), guard)));
            }
            spawn(async { Bomb("value") });
            spawn(async { panic_any(Bomb("payload")) });
            yield_now().await;
            panic!("main");
        })
    });
    assert_eq!(message, "main");
    assert_eq!(log.take(), ["first", "second"]);
}

/// A destructor that panics while a loop closes keeps no other from running, and its panic is caught.
#[test]
fn a_closing_loop_catches_panics_of_destructors() {
    let log = Log::default();
    boucle::run(async {
        for line in ["first", "second"] {
            let guard = log.on_drop(line);
            spawn(holds((Bomb(line), guard)));
        }
        yield_now().await;
    });
    assert_eq!(log.take(), ["first", "second"]);
}

/// If a main future is ready and panics while it is dropped, `run` panics. The loop is still cleaned up.
#[test]
fn a_panic_in_the_destructor_of_main_comes_out() {
    let log = Log::default();
    let message = panic_of(|| {
        let tasks = log.clone();
        let mut main = explosive(Poll::Ready(()));
        boucle::run(std::future::poll_fn(move |cx| {
            let guard = tasks.on_drop("task");
            spawn(holds(guard));
            Pin::new(&mut main).poll(cx)
        }))
    });
    assert_eq!(message, "in the destructor");
    assert_eq!(log.take(), ["task"]);
}

/// An explicit loop and its tasks survive the panic of a main future in the middle of a batch.
#[test]
fn an_explicit_loop_survives_a_panic_of_main() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(async {
        for _ in 0..3 {
            yield_now().await;
        }
        sleep(SECOND).await;
        7
    });
    for _ in 0..2 {
        assert_eq!(panic_of(|| event_loop.block_on(async { panic!("main") })), "main");
    }
    assert_eq!(event_loop.block_on(task).unwrap(), 7);
}

/// A loop whose thread panicked is gone for other threads.
#[test]
fn a_loop_whose_thread_panicked_is_gone() {
    let (sender, handles) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        boucle::run(async {
            sender.send(LoopHandle::current()).unwrap();
            panic!("main");
        })
    });
    assert!(thread.join().is_err());
    let handle = handles.recv().unwrap();
    assert_eq!(handle.spawn(|| ready(())), Err(LoopGone));
    assert_eq!(LoopGone.to_string(), "the event loop is gone");
}

/// The closures that a closing loop finds in its inbox are dropped one by one: each may panic.
#[test]
fn unread_closures_are_dropped_one_by_one() {
    let event_loop = virtual_loop();
    let dropped = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let dropped = Arc::clone(&dropped);
        let bomb = OnDrop(move || {
            dropped.fetch_add(1, Ordering::Relaxed);
            panic!("in a closure");
        });
        event_loop.handle().spawn(move || async move { drop(bomb) }).unwrap();
    }
    drop(event_loop);
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
}
