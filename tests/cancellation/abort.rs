//! `abort`: the request, and the drop of the future at its place in the queue.

use std::cell::RefCell;
use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::thread;

use boucle::{ALL_COMPLETED, JoinHandle, now, sleep, spawn, spawn_named, wait, yield_now};

use super::{NONE, dropping};
use crate::common::{Gate, Log, OnDrop, SECOND, holds, turn, virtual_loop};

/// `abort` queues the task: its future is dropped at its place in the queue, between tasks that were
/// woken before and after it.
#[test]
fn an_aborted_task_is_dropped_at_its_place_in_the_queue() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let gates = ["before", "after"].map(|name| {
            let (gate, log) = (Gate::default(), log.clone());
            let waiting = gate.clone();
            spawn(async move {
                waiting.passed().await;
                log.add(name);
            });
            gate
        });
        let task = spawn(dropping(&log, "dropped"));
        yield_now().await;

        gates[0].open();
        task.abort();
        gates[1].open();
        log.add("aborted");
        assert!(!task.is_finished());
        yield_now().await;
        assert!(task.is_finished());
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), ["aborted", "before", "dropped", "after"]);
}

/// A task that was queued before its abort keeps its place in the queue, and is dropped there without a poll.
#[test]
fn a_task_that_was_woken_and_then_aborted_is_not_polled() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let (gate, guard) = (Gate::default(), log.on_drop("dropped"));
    let waiting = gate.clone();
    let task = event_loop.spawn(async move {
        let _guard = guard;
        waiting.passed().await;
    });
    turn(&event_loop);
    gate.open();
    let other = log.clone();
    event_loop.spawn(async move { other.add("other") });
    task.abort();
    task.abort();

    let turn = turn(&event_loop);
    assert_eq!((turn.polled, turn.left, gate.polls()), (1, 0, 1));
    assert_eq!(log.take(), ["dropped", "other"]);
}

/// A task that is aborted before its first poll is never polled.
#[test]
fn a_task_that_is_aborted_before_its_first_poll_never_runs() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let inner = log.clone();
        let guard = log.on_drop("dropped");
        let task = spawn(async move {
            let _guard = guard;
            inner.add("polled");
        });
        task.abort();
        assert_eq!(log.take(), NONE);
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), ["dropped"]);
}

/// A task that aborts itself is dropped when its poll returns, not before.
#[test]
fn a_task_that_aborts_itself_is_dropped_when_its_poll_returns() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
        let (handle, inner, guard) = (own.clone(), log.clone(), log.on_drop("dropped"));
        let task = spawn(async move {
            let _guard = guard;
            handle.borrow().as_ref().unwrap().abort();
            inner.add("aborted");
            yield_now().await;
            inner.add("never");
        });
        own.replace(Some(task));
        yield_now().await;
        assert_eq!(log.take(), ["aborted", "dropped"]);
        let task = own.take().unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(log.take(), NONE);
}

/// A task that aborts itself in the poll that returns its value is cancelled, and the value is dropped.
#[test]
fn a_task_that_aborts_itself_and_returns_is_cancelled_all_the_same() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let own: Rc<RefCell<Option<JoinHandle<_>>>> = Rc::default();
        let (handle, value) = (own.clone(), log.on_drop("value dropped"));
        own.replace(Some(spawn(async move {
            handle.borrow().as_ref().unwrap().abort();
            value
        })));
        yield_now().await;
        assert_eq!(log.take(), ["value dropped"]);
        let task = own.take().unwrap();
        assert!(task.is_finished());
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    });
}

/// A task that aborts itself in a poll that panics has panicked.
#[test]
fn a_task_that_aborts_itself_and_panics_has_panicked() {
    virtual_loop().block_on(async {
        let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
        let handle = own.clone();
        own.replace(Some(spawn(async move {
            handle.borrow().as_ref().unwrap().abort();
            panic!("on purpose");
        })));
        yield_now().await;
        let error = own.take().unwrap().await.unwrap_err();
        assert_eq!(error.to_string(), "task 2 panicked: on purpose");
    });
}

/// A task that is done keeps its value when it is aborted.
#[test]
fn abort_does_nothing_when_the_task_is_done() {
    virtual_loop().block_on(async {
        let task = spawn(ready(5));
        yield_now().await;
        task.abort();
        assert!(task.is_finished());
        yield_now().await;
        assert_eq!(task.await.unwrap(), 5);
    });
}

/// An abort while the loop is not running takes effect in its next turn.
#[test]
fn abort_works_while_the_loop_is_not_running() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let task = event_loop.spawn(dropping(&log, "dropped"));
    turn(&event_loop);
    task.abort();
    assert_eq!(log.take(), NONE);
    let turn = turn(&event_loop);
    assert_eq!((turn.polled, turn.left), (0, 0));
    assert_eq!(log.take(), ["dropped"]);
}

/// An abort wakes the task that awaits the handle.
#[test]
fn an_abort_wakes_the_awaiting_task() {
    virtual_loop().block_on(async {
        let task = Rc::new(RefCell::new(spawn(pending::<()>())));
        let shared = task.clone();
        spawn(async move {
            sleep(SECOND).await;
            shared.borrow().abort();
        });
        let start = now();
        let joined = poll_fn(|cx| pin!(&mut *task.borrow_mut()).poll(cx)).await;
        assert!(joined.unwrap_err().is_cancelled());
        assert_eq!(now() - start, SECOND);
    });
}

/// A task whose handle has moved into a `wait` can be aborted by its `AbortHandle`. A copy works as well, and
/// does nothing when the task is done, whatever has its slot by then.
#[test]
fn a_task_can_be_aborted_while_its_handle_is_elsewhere() {
    virtual_loop().block_on(async {
        let task = spawn(pending::<()>());
        let abort = task.abort_handle();
        let copy = abort.clone();
        spawn(async move {
            sleep(SECOND).await;
            abort.abort();
        });
        let start = now();
        let (mut done, _) = wait([task], ALL_COMPLETED).await;
        assert_eq!(now() - start, SECOND);
        assert!(copy.is_finished());
        assert!(done.remove(0).await.unwrap_err().is_cancelled());
        let tenant = spawn(async {});
        copy.abort();
        assert!(tenant.await.is_ok());
        assert!(copy.is_finished());
    });
}

/// Dropping an `AbortHandle` does nothing to its task. It may outlive its loop.
#[test]
fn an_abort_handle_outlives_task_and_loop() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(pending::<()>());
    let abort = task.abort_handle();
    assert_eq!((abort.id(), abort.is_finished()), (task.id(), false));
    assert!(format!("{abort:?}").starts_with("AbortHandle(task 1 of loop "));
    drop(abort.clone());
    assert!(!task.is_finished());
    drop(event_loop);
    assert!(abort.is_finished());
    abort.abort();
    drop(task);
}

/// The error of an aborted task has its number and its name.
#[test]
fn the_error_of_a_cancelled_task_names_it() {
    virtual_loop().block_on(async {
        let task = spawn_named("worker", pending::<()>());
        assert_eq!(task.id(), 2);
        task.abort();
        let error = task.await.unwrap_err();
        assert!(error.is_cancelled() && !error.is_panic());
        assert_eq!((error.id(), error.name()), (2, Some("worker")));
        assert_eq!(error.to_string(), "task 2 \"worker\" was cancelled");
        assert!(error.try_into_panic().unwrap_err().is_cancelled());
    });
}

/// An abort from another thread goes through the inbox and wakes the loop; the future is dropped on the
/// loop's thread. (Real time: the abort comes while the loop is parked or about to park.)
#[test]
fn a_task_can_be_aborted_from_another_thread() {
    boucle::run(async {
        let here = thread::current().id();
        let (sender, dropped) = async_channel::bounded(1);
        let guard = OnDrop(move || {
            sender.try_send(thread::current().id()).unwrap();
        });
        let task = spawn(holds(guard));
        yield_now().await;
        let thread = thread::spawn(move || {
            task.abort();
            task
        });
        assert_eq!(dropped.recv().await, Ok(here));
        let task = thread.join().unwrap();
        assert!(task.await.unwrap_err().is_cancelled());

        // The same by an `AbortHandle`.
        let task = spawn(pending::<()>());
        let abort = task.abort_handle();
        yield_now().await;
        thread::spawn(move || abort.abort());
        assert!(task.await.unwrap_err().is_cancelled());
    });
}
