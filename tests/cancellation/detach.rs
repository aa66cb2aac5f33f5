//! Detaching: a handle is dropped, and its task goes on.

use std::future::poll_fn;
use std::task::Poll;

use boucle::{sleep, spawn, yield_now};

use crate::common::{Log, SECOND, virtual_loop};

/// A task whose handle is dropped runs to its end, and its value is dropped then.
#[test]
fn a_task_without_a_handle_goes_on() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let (inner, value) = (log.clone(), log.on_drop("value dropped"));
        drop(spawn(async move {
            sleep(SECOND).await;
            inner.add("done");
            value
        }));
        sleep(2 * SECOND).await;
        log.add("main");
    });
    assert_eq!(log.take(), ["done", "value dropped", "main"]);
}

/// A value that was not taken is dropped with the handle.
#[test]
fn the_value_of_a_task_that_is_done_is_dropped_with_its_handle() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let value = log.on_drop("value dropped");
        let task = spawn(async move { value });
        yield_now().await;
        log.add("done");
        drop(task);
        log.add("handle dropped");
    });
    assert_eq!(log.take(), ["done", "value dropped", "handle dropped"]);
}

/// The future is dropped before the awaiting task is polled, not with the handle.
#[test]
fn the_future_is_dropped_before_the_task_counts_as_done() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let guard = log.on_drop("future dropped");
        let task = spawn(poll_fn(move |_| {
            let _ = &guard;
            Poll::Ready(())
        }));
        task.await.unwrap();
        log.add("joined");
    });
    assert_eq!(log.take(), ["future dropped", "joined"]);
}
