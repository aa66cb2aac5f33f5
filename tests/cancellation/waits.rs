//! Dropping futures that wait: combinators, timeouts and sleeps.

use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use boucle::{
    ALL_COMPLETED, FIRST_COMPLETED, TaskGroup, as_completed, gather, sleep, spawn, timeout, try_gather, wait,
    yield_now,
};
use futures_lite::StreamExt;
use futures_lite::future::poll_once;

use super::{NONE, dropping};
use crate::common::{Log, SECOND, turn, virtual_loop};

/// Dropping any form of gather aborts its children, each at its place in the queue.
#[test]
fn dropping_a_gather_aborts_its_children() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let child = |line| dropping(&log, line);
        let fallible = |line| {
            let child = dropping(&log, line);
            async {
                child.await;
                Ok::<_, ()>(())
            }
        };
        let mut gathered = gather([child("gather 1"), child("gather 2")]);
        let mut tried = try_gather([fallible("try_gather 1"), fallible("try_gather 2")]);
        let mut items = as_completed([child("as_completed 1"), child("as_completed 2")]);
        let mut tuple = Box::pin(boucle::gather!(child("gather! 1"), child("gather! 2")));
        assert!(poll_once(&mut gathered).await.is_none());
        assert!(poll_once(&mut tried).await.is_none());
        assert!(poll_once(items.next()).await.is_none());
        assert!(poll_once(&mut tuple).await.is_none());
        yield_now().await;

        drop(gathered);
        drop(tried);
        drop(items);
        log.add("dropped");
        yield_now().await;
        let expected = [
            "dropped",
            "gather 1",
            "gather 2",
            "try_gather 1",
            "try_gather 2",
            "as_completed 1",
            "as_completed 2",
        ];
        assert_eq!(log.take(), expected);
        drop(tuple);
        assert_eq!(log.take(), NONE);
        yield_now().await;
        let mut lines = log.take();
        lines.sort();
        assert_eq!(lines, ["gather! 1", "gather! 2"]);
    });
}

/// A gather that was never polled has no children: its futures are dropped with it.
#[test]
fn dropping_a_gather_that_was_never_polled_drops_its_futures() {
    let log = Log::default();
    drop(gather([dropping(&log, "1"), dropping(&log, "2")]));
    drop(as_completed([dropping(&log, "3")]));
    assert_eq!(log.take(), ["1", "2", "3"]);
}

/// The values of children that were done before the gather was dropped are dropped, not leaked.
#[test]
fn dropping_a_gather_drops_the_values_of_its_children() {
    let value = Rc::new(());
    virtual_loop().block_on(async {
        let gathered = gather([1, 2, 9].map(|count: u32| {
            let value = value.clone();
            async move {
                sleep(count * SECOND).await;
                value
            }
        }));
        assert!(timeout(5 * SECOND, gathered).await.is_err());
        yield_now().await;
        assert_eq!(Rc::strong_count(&value), 1);
    });
}

/// Dropping a wait detaches its tasks and aborts none.
#[test]
fn dropping_a_wait_lets_its_tasks_go_on() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let tasks = [2, 3].map(|count| {
            let log = log.clone();
            spawn(async move {
                sleep(count * SECOND).await;
                log.add(count);
            })
        });
        assert!(timeout(SECOND, wait(tasks, FIRST_COMPLETED)).await.is_err());
        log.add("gave up");
        sleep(5 * SECOND).await;
    });
    assert_eq!(log.take(), ["gave up", "2", "3"]);
}

/// The tasks that a wait returns as pending can be aborted.
#[test]
fn what_is_pending_after_a_wait_can_be_aborted() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let winner = spawn(sleep(SECOND));
        let losers = ["first", "second"].map(|line| spawn(dropping(&log, line)));
        let (_, pending) = wait([winner].into_iter().chain(losers), FIRST_COMPLETED).await;
        for task in &pending {
            task.abort();
        }
        let (done, _) = wait(pending, ALL_COMPLETED).await;
        for task in done {
            assert!(task.await.unwrap_err().is_cancelled());
        }
    });
    assert_eq!(log.take(), ["first", "second"]);
}

/// A timeout drops its future when it is dropped itself. If that future is a handle, its task goes on.
#[test]
fn a_timeout_drops_its_future_and_detaches_a_task() {
    let log = Log::default();
    virtual_loop().block_on(async {
        {
            let mut ended = Box::pin(timeout(SECOND, dropping(&log, "future dropped")));
            assert!((&mut ended).await.is_err());
            log.add("elapsed");
        }
        let inner = log.clone();
        let task = spawn(async move {
            sleep(2 * SECOND).await;
            inner.add("task done");
        });
        assert!(timeout(SECOND, task).await.is_err());
        sleep(2 * SECOND).await;
    });
    assert_eq!(log.take(), ["elapsed", "future dropped", "task done"]);
}

/// A dropped sleep leaves no timer behind: the clock does not stop at its deadline.
#[test]
fn dropping_a_sleep_cancels_its_timer() {
    let event_loop = virtual_loop();
    event_loop.block_on(async {
        assert!(poll_once(sleep(SECOND)).await.is_none());
    });
    event_loop.spawn(sleep(3 * SECOND));
    let turn = event_loop.turn(None).unwrap();
    assert_eq!((turn.time, turn.woken_by_timers), (3 * SECOND, 1));
}

type Member = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Asserts that a group which is dropped on another thread takes its member along: that member counts for no
/// later group with the same number. (The race: a turn handles 1,024 messages, so it reads only the first that
/// the drop leaves in the inbox; then a later group begins, and the member ends.)
fn assert_takes_its_member_along<W: Send + 'static>(begin: impl AsyncFnOnce(Member) -> W) {
    let event_loop = virtual_loop();
    let is_over = Arc::new(AtomicBool::new(false));
    let until_over = || {
        let is_over = is_over.clone();
        async move {
            while !is_over.load(Relaxed) {
                yield_now().await;
            }
        }
    };
    let (before, member) = (until_over(), Box::pin(until_over()));
    // In each turn it is polled before the member.
    let later = event_loop.spawn(async {
        before.await;
        gather([pending::<()>()]).await;
    });
    let done = event_loop.spawn(async {});
    let waits = event_loop.block_on(begin(member));
    let fills_the_inbox = done.abort_handle();
    thread::spawn(move || {
        (0..1_023).for_each(|_| fills_the_inbox.abort());
        drop(waits);
    })
    .join()
    .unwrap();
    turn(&event_loop);
    is_over.store(true, Relaxed);
    for _ in 0..5 {
        turn(&event_loop);
    }
    assert!(!later.is_finished(), "{:?}", event_loop.block_on(later));
}

#[test]
#[allow(clippy::async_yields_async)] // It is begun, and not awaited.
fn a_wait_that_is_dropped_elsewhere_takes_its_tasks_along() {
    assert_takes_its_member_along(async |member| {
        let mut waiting = wait([spawn(member)], ALL_COMPLETED);
        assert!(poll_once(&mut waiting).await.is_none());
        waiting
    });
}

#[test]
#[allow(clippy::async_yields_async)] // It is begun, and not awaited.
fn a_gather_that_is_dropped_elsewhere_takes_its_children_along() {
    assert_takes_its_member_along(async |member| {
        let mut gathered = gather([member]);
        assert!(poll_once(&mut gathered).await.is_none());
        gathered
    });
}

#[test]
fn a_task_group_that_is_dropped_elsewhere_takes_its_tasks_along() {
    assert_takes_its_member_along(async |member| {
        let group = TaskGroup::new();
        group.spawn(member);
        assert!(poll_once(group.join_next()).await.is_none());
        group
    });
}
