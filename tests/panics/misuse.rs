//! Panics of boucle itself, where it is misused.

use std::cell::Cell;
use std::future::{poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use boucle::{ALL_COMPLETED, JoinHandle, as_completed, gather, sleep, spawn, try_gather, wait, yield_now};
use futures_lite::StreamExt;
use futures_lite::future::poll_once;

use super::message_of;
use crate::common::{Log, OnDrop, SECOND, holds, panic_of, virtual_loop};

/// A task that awaits its own handle panics, since it would wait for ever.
#[test]
fn a_task_that_awaits_itself_panics() {
    virtual_loop().block_on(async {
        let own: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
        let (handle, log) = (own.clone(), Log::default());
        let seen = log.clone();
        own.set(Some(spawn(async move {
            let mut handle = handle.take().unwrap();
            let message = poll_fn(|cx| Poll::Ready(panic_of(|| pin!(&mut handle).poll(cx)))).await;
            seen.add(message);
        })));
        yield_now().await;
        assert_eq!(log.take(), ["task 2 awaits its own handle: it would wait for ever"]);
    });
}

/// The place of that panic is the await.
#[test]
fn a_task_that_awaits_itself_panics_there() {
    let failure = boucle::explore::Explore::new().try_run(|| async {
        let own: Rc<Cell<Option<JoinHandle<()>>>> = Rc::default();
        let handle = own.clone();
        own.set(Some(spawn(async move { handle.take().unwrap().await.unwrap() })));
        yield_now().await;
    });
    let message = failure.unwrap_err().message;
    assert!(message.starts_with(&format!("panicked at {}:", file!())), "{message}");
}

/// A task that runs a loop panics; its own loop goes on.
#[test]
fn a_run_inside_of_a_task_is_the_tasks_panic() {
    virtual_loop().block_on(async {
        let task = spawn(async { boucle::run(async {}) });
        assert!(message_of(task).await.contains("boucle::run cannot be called while"));
        assert_eq!(spawn(ready(1)).await.unwrap(), 1);
        sleep(SECOND).await;
    });
}

/// A handle and each combinator panics when it is polled after it was ready. A stream ends again.
#[test]
fn polling_again_after_ready_panics() {
    virtual_loop().block_on(async {
        let mut task = spawn(ready(()));
        (&mut task).await.unwrap();
        assert!(task.is_finished());
        task.abort();
        let again = spawn(task);
        assert!(message_of(again).await.ends_with("the JoinHandle of task 2 was polled after it was ready"));

        let mut gathered = gather([ready(())]);
        (&mut gathered).await;
        assert!(message_of(spawn(gathered)).await.contains("after it was ready"));

        let mut tried = try_gather([ready(Ok::<_, ()>(()))]);
        (&mut tried).await.unwrap();
        assert!(message_of(spawn(tried)).await.contains("after it was ready"));

        let mut waiting = wait([spawn(ready(()))], ALL_COMPLETED);
        (&mut waiting).await;
        let again = spawn(async { waiting.await.0.len() });
        assert!(message_of(again).await.contains("after it was ready"));

        let mut items = as_completed([ready(())]);
        assert!(items.next().await.is_some());
        assert!(items.next().await.is_none());
        assert!(items.next().await.is_none());
    });
}

/// A gather whose values were dropped because its loop is closing panics with that reason when a
/// destructor polls it.
#[test]
fn a_gather_says_that_its_loop_is_closing() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let mut gathered = gather([ready(1)]);
    event_loop.block_on(async {
        assert!(poll_once(&mut gathered).await.is_none());
        yield_now().await;
    });
    let inner = log.clone();
    let guard = OnDrop(move || {
        let mut cx = Context::from_waker(Waker::noop());
        let poll = || pin!(&mut gathered).poll(&mut cx).is_ready();
        inner.add(panic_of(poll));
    });
    event_loop.spawn(holds(guard));
    drop(event_loop);
    assert!(log.take()[0].contains("the event loop is closing"));
}
