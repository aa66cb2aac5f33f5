//! Handles, sleeps and combinators on another loop, on another thread, and after the end of their loop.

use std::future::{pending, ready};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use boucle::{ALL_COMPLETED, FIRST_COMPLETED, as_completed, gather, sleep, wait, yield_now};
use futures_lite::StreamExt;
use futures_lite::future::poll_once;

use super::{NONE, dropping};
use crate::common::{Counting, Log, SECOND, look, name_of, panic_of, turn, virtual_loop};

/// When a loop is dropped its tasks are cancelled, whatever their state. Every method of their handles
/// can still be called.
#[test]
fn a_handle_outlives_its_loop() {
    let event_loop = virtual_loop();
    let waiting = event_loop.spawn(pending::<i32>());
    let done = event_loop.spawn(ready(1));
    let unused = event_loop.spawn(pending::<i32>());
    turn(&event_loop);
    let fresh = event_loop.spawn(ready(2));
    drop(event_loop);

    drop(unused);
    for (mut task, id) in [(waiting, 1), (done, 2), (fresh, 4)] {
        assert_eq!(task.id(), id);
        assert!(task.is_finished());
        task.abort();
        let Poll::Ready(Err(error)) = look(&mut task) else { panic!("the loop is gone") };
        assert!(error.is_cancelled());
    }
}

/// A task of a loop that is gone can be awaited on any other loop: it is cancelled.
#[test]
fn a_handle_of_a_loop_that_is_gone_is_cancelled_on_another_loop() {
    let event_loop = virtual_loop();
    let (awaited, waited) = (event_loop.spawn(ready(1)), event_loop.spawn(ready(2)));
    drop(event_loop);
    virtual_loop().block_on(async {
        assert!(awaited.await.unwrap_err().is_cancelled());
        let (done, pending) = wait([waited], FIRST_COMPLETED).await;
        assert_eq!((done.len(), pending.len()), (1, 0));
    });
}

/// A task of a loop that is gone is done, even if a live task of the waiting loop has the same slot and id.
#[test]
fn a_handle_of_a_loop_that_is_gone_is_not_that_of_a_live_task() {
    let (gone, event_loop) = (virtual_loop(), virtual_loop());
    let [waited, live] = [&gone, &event_loop].map(|event_loop| event_loop.spawn(pending::<()>()));
    assert_eq!(waited.id(), live.id());
    drop(gone);
    let (done, pending) = event_loop.block_on(wait([waited], ALL_COMPLETED));
    assert_eq!((done.len(), pending.len()), (1, 0));
    assert!(!live.is_finished());
}

/// A handle or a sleep that is polled on another loop of its thread panics and names both loops, which go on.
#[test]
fn awaiting_on_another_loop_names_both_loops() {
    let (own, other) = (virtual_loop(), virtual_loop());
    let names = [&own, &other].map(name_of);
    let mut task = own.spawn(async {
        sleep(SECOND).await;
        1
    });
    let mut armed = sleep(SECOND);
    own.block_on(poll_once(&mut armed));

    let messages = other.block_on(async {
        [
            panic_of(|| look(&mut task)),
            panic_of(|| look(&mut armed)),
            panic_of(|| look(&mut wait([own.spawn(ready(()))], FIRST_COMPLETED))),
        ]
    });
    for message in messages {
        assert!(names.iter().all(|name| message.contains(name)), "{message}");
    }
    assert_eq!(own.block_on(task).unwrap(), 1);
    own.block_on(armed);
    other.block_on(sleep(SECOND));
}

/// A gather, a wait or a stream that was first polled on one loop panics on another.
#[test]
fn a_combinator_stays_on_its_loop() {
    let (own, other) = (virtual_loop(), virtual_loop());
    let names = [&own, &other].map(name_of);
    let mut gathered = gather([sleep(SECOND)]);
    let mut waiting = wait([own.spawn(sleep(SECOND))], ALL_COMPLETED);
    let mut items = as_completed([sleep(SECOND)]);
    own.block_on(async {
        assert!(poll_once(&mut gathered).await.is_none());
        assert!(poll_once(&mut waiting).await.is_none());
        assert!(poll_once(items.next()).await.is_none());
    });
    let messages = other.block_on(async {
        [
            panic_of(|| look(&mut gathered)),
            panic_of(|| look(&mut waiting)),
            panic_of(|| look(&mut items.next())),
        ]
    });
    for message in messages {
        assert!(names.iter().all(|name| message.contains(name)), "{message}");
    }
    own.block_on(async {
        gathered.await;
        waiting.await;
        assert!(items.next().await.unwrap().is_ok());
    });
}

/// On another thread the panic names the loop of the handle, and also the loop that runs there, if one
/// does.
#[test]
fn awaiting_on_another_thread_names_the_loops() {
    let own = virtual_loop();
    let name = name_of(&own);
    let mut task = own.spawn(ready(1));
    let mut armed = sleep(SECOND);
    own.block_on(poll_once(&mut armed));

    let (mut task, armed) = thread::spawn(move || {
        let elsewhere = [panic_of(|| look(&mut task)), panic_of(|| look(&mut armed))];
        assert!(elsewhere.iter().all(|message| message.contains(&name)), "{elsewhere:?}");
        assert!(panic_of(|| task.is_finished()).contains(&name));

        let other = virtual_loop();
        let names = [name, name_of(&other)];
        let messages =
            other.block_on(async { [panic_of(|| look(&mut task)), panic_of(|| look(&mut armed))] });
        for message in messages {
            assert!(names.iter().all(|name| message.contains(name)), "{message}");
        }
        (task, armed)
    })
    .join()
    .unwrap();
    assert_eq!(own.block_on(&mut task).unwrap(), 1);
    own.block_on(armed);
}

/// A handle may be dropped on another thread although its value is not `Send`: the loop drops the value
/// when it reads its inbox.
#[test]
fn a_value_is_dropped_on_its_loop_when_the_handle_is_dropped_elsewhere() {
    let event_loop = virtual_loop();
    let value = Rc::new(());
    let count = || Rc::strong_count(&value);
    let shared = value.clone();
    let done = event_loop.spawn(async move { shared });
    let shared = value.clone();
    let waiting = event_loop.spawn(async move {
        sleep(SECOND).await;
        shared
    });
    turn(&event_loop);
    assert_eq!(count(), 3);

    thread::spawn(move || drop((done, waiting))).join().unwrap();
    assert_eq!(count(), 3);
    turn(&event_loop);
    assert_eq!(count(), 2);
    // The waiting task goes on, detached, and its value is dropped when it comes.
    event_loop.turn(None).unwrap();
    event_loop.turn(None).unwrap();
    assert_eq!(count(), 1);
}

/// Futures that wait on one thread and are dropped on another leave nothing behind. By its inbox the loop
/// frees the timer, the groups and the wakers, and aborts the children; the tasks of a wait go on.
#[test]
fn what_is_dropped_elsewhere_is_cleaned_up_by_the_inbox() {
    let event_loop = virtual_loop();
    let held = Arc::new(Counting::default());
    let waker = Waker::from(held.clone());
    let cx = &mut Context::from_waker(&waker);

    let mut armed = sleep(100 * SECOND);
    let mut gathered = gather([pending::<()>(), pending()]);
    let mut items = as_completed([pending::<()>()]);
    let mut waiting = wait([event_loop.spawn(pending::<()>()), event_loop.spawn(pending())], ALL_COMPLETED);
    event_loop.block_on(async {
        assert!(pin!(&mut armed).poll(cx).is_pending());
        assert!(pin!(&mut gathered).poll(cx).is_pending());
        assert!(pin!(items.next()).poll(cx).is_pending());
        assert!(pin!(&mut waiting).poll(cx).is_pending());
    });
    assert_eq!((turn(&event_loop).left, Arc::strong_count(&held)), (5, 6));

    let elsewhere = thread::spawn(move || drop((armed, gathered, items, waiting)));
    elsewhere.join().unwrap();
    assert_eq!(Arc::strong_count(&held), 6);
    let cleaned = turn(&event_loop);
    assert_eq!((cleaned.woken_by_inbox, cleaned.left), (3, 5));
    assert_eq!(Arc::strong_count(&held), 2);
    let last = turn(&event_loop);
    assert_eq!((last.polled, last.left), (0, 2));
    // No timer is left.
    assert!(panic_of(|| event_loop.turn(None)).starts_with("deadlock"));
}

/// Futures that are dropped inside another loop of their thread are cleaned up without the inbox.
#[test]
fn what_is_dropped_in_another_loop_is_cleaned_up() {
    let log = Log::default();
    let (own, other) = (virtual_loop(), virtual_loop());
    let mut armed = sleep(100 * SECOND);
    let mut gathered = gather([dropping(&log, "child")]);
    own.block_on(async {
        assert!(poll_once(&mut armed).await.is_none());
        assert!(poll_once(&mut gathered).await.is_none());
        yield_now().await;
    });
    let task = own.spawn(dropping(&log, "task"));
    turn(&own);
    other.block_on(async {
        task.abort();
        drop((armed, gathered));
    });
    assert_eq!(log.take(), NONE);
    assert_eq!(own.turn(None).unwrap().left, 0);
    assert_eq!(log.take(), ["task", "child"]);
}
