//! How tasks end before they are ready: abort, detaching, dropping what waits, and the end of the
//! loop.

#![allow(unused_must_use)] // A handle that is dropped detaches its task, which is what many tests want.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use boucle::{
    ALL_COMPLETED, EventLoop, FIRST_COMPLETED, JoinHandle, LoopHandle, as_completed, gather, now,
    sleep, spawn, spawn_named, timeout, try_gather, wait, yield_now,
};
use futures_lite::StreamExt;
use futures_lite::future::poll_once;

use common::{Gate, Log, OnDrop, counted, panic_of, virtual_loop};

const SECOND: Duration = Duration::from_secs(1);
const NONE: [String; 0] = [];

/// Never ready; adds a line when it is dropped.
fn dropping(log: &Log, line: &'static str) -> impl Future<Output = ()> + use<> {
    let guard = log.on_drop(line);
    async move {
        let _guard = guard;
        pending().await
    }
}

/// Polls a future outside of its loop's tasks, with a waker that does nothing.
fn look<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

// --- abort

/// `abort` queues: the future is dropped at its place in the queue, between those who were woken
/// before and after.
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

/// A task that is in the queue already keeps the place that it has, and is not polled any more.
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
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    gate.open();
    let other = log.clone();
    event_loop.spawn(async move { other.add("other") });
    task.abort();
    task.abort();

    let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
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

/// The same holds if that poll returned a value: the value is dropped, and the task is cancelled.
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

/// A task that is done has its value, and abort does not take it away.
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

/// A loop that is not running keeps the abort in its queue.
#[test]
fn abort_works_while_the_loop_is_not_running() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let task = event_loop.spawn(dropping(&log, "dropped"));
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    task.abort();
    assert_eq!(log.take(), NONE);
    let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((turn.polled, turn.left), (0, 0));
    assert_eq!(log.take(), ["dropped"]);
}

/// Who awaits the handle is woken by the abort.
#[test]
fn an_abort_wakes_who_awaits_the_task() {
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

/// The error of an aborted task says which task it was.
#[test]
fn a_cancelled_task_says_who_it_was() {
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

/// An abort from another thread travels through the inbox; the future is dropped on the loop's
/// thread, whom it wakes. (Real time: the other thread aborts while the loop is parked or about to
/// park.)
#[test]
fn a_task_can_be_aborted_from_another_thread() {
    boucle::run(async {
        let here = thread::current().id();
        let (sender, dropped) = async_channel::bounded(1);
        let guard = OnDrop(move || {
            sender.try_send(thread::current().id()).unwrap();
        });
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        let thread = thread::spawn(move || {
            task.abort();
            task
        });
        assert_eq!(dropped.recv().await, Ok(here));
        let task = thread.join().unwrap();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

// --- Detaching

/// A task whose handle is gone goes on to its end, and its value is dropped then.
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

/// A value that nobody took is dropped with the handle.
#[test]
fn the_value_of_a_task_that_is_done_goes_with_its_handle() {
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

/// The future is dropped before whoever waits for the task is polled, not with the handle.
#[test]
fn the_future_is_dropped_before_the_task_counts_as_done() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let guard = log.on_drop("future dropped");
        let mut guard = Some(guard);
        let task = spawn(poll_fn(move |_| {
            let _ = &mut guard;
            Poll::Ready(())
        }));
        task.await.unwrap();
        log.add("joined");
    });
    assert_eq!(log.take(), ["future dropped", "joined"]);
}

// --- Handles and loops

/// When the loop is gone its tasks are cancelled, whatever they were; nothing that is done to a
/// handle then is an error.
#[test]
fn a_handle_outlives_its_loop() {
    let event_loop = virtual_loop();
    let waiting = event_loop.spawn(pending::<i32>());
    let done = event_loop.spawn(ready(1));
    let unused = event_loop.spawn(pending::<i32>());
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    let fresh = event_loop.spawn(ready(2));
    drop(event_loop);

    drop(unused);
    let ids = [2, 3, 5];
    for (mut task, id) in [waiting, done, fresh].into_iter().zip(ids) {
        assert_eq!(task.id(), id - 1);
        assert!(task.is_finished());
        task.abort();
        // Without a loop, and on another one.
        let Poll::Ready(Err(error)) = look(&mut task) else {
            panic!("the loop is gone")
        };
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

/// Such a handle is done, whoever has its numbers on the loop that waits.
#[test]
fn a_handle_of_a_loop_that_is_gone_is_not_its_namesakes() {
    let (gone, event_loop) = (virtual_loop(), virtual_loop());
    let [waited, namesake] = [&gone, &event_loop].map(|it| it.spawn(pending::<()>()));
    assert_eq!(waited.id(), namesake.id());
    drop(gone);
    let (done, pending) = event_loop.block_on(wait([waited], ALL_COMPLETED));
    assert_eq!((done.len(), pending.len()), (1, 0));
    assert!(!namesake.is_finished());
}

/// What is awaited on another loop of the same thread panics and names both; neither loop is
/// harmed.
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

/// A gather, a wait or a stream that has begun on one loop cannot go on on another.
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

/// On another thread the panic names the loop that is elsewhere and, if one runs there, that one.
#[test]
fn awaiting_on_another_thread_names_the_loops() {
    let own = virtual_loop();
    let name = name_of(&own);
    let mut task = own.spawn(ready(1));
    let mut armed = sleep(SECOND);
    own.block_on(poll_once(&mut armed));

    let (mut task, armed) = thread::spawn(move || {
        let elsewhere = [panic_of(|| look(&mut task)), panic_of(|| look(&mut armed))];
        assert!(
            elsewhere.iter().all(|message| message.contains(&name)),
            "{elsewhere:?}"
        );
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

/// "loop 7", as the messages call it.
fn name_of(event_loop: &EventLoop) -> String {
    let debug = format!("{event_loop:?}");
    let name = debug.strip_prefix("EventLoop(").unwrap().strip_suffix(')');
    name.unwrap().to_string()
}

/// A handle may be dropped on another thread although the value may not go there: the value is
/// dropped by the loop, when it reads its inbox.
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
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(count(), 3);

    thread::spawn(move || drop((done, waiting))).join().unwrap();
    assert_eq!(count(), 3);
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!(count(), 2);
    // The other one goes on, detached, and its value is dropped when it comes.
    event_loop.turn(None).unwrap();
    event_loop.turn(None).unwrap();
    assert_eq!(count(), 1);
}

/// What waits on one thread and is dropped on another leaves nothing behind: the timer, the group
/// and its waker are given back by the inbox, children are aborted, and the tasks of a wait go on.
#[test]
fn what_is_dropped_elsewhere_is_cleaned_up_by_the_inbox() {
    struct Noop;
    impl Wake for Noop {
        fn wake(self: Arc<Self>) {}
    }
    let event_loop = virtual_loop();
    let noop = Arc::new(Noop);
    let waker = Waker::from(noop.clone());
    let cx = &mut Context::from_waker(&waker);

    let mut armed = sleep(100 * SECOND);
    let mut gathered = gather([pending::<()>(), pending()]);
    let mut items = as_completed([pending::<()>()]);
    let mut waiting = wait(
        [
            event_loop.spawn(pending::<()>()),
            event_loop.spawn(pending()),
        ],
        ALL_COMPLETED,
    );
    event_loop.block_on(async {
        assert!(pin!(&mut armed).poll(cx).is_pending());
        assert!(pin!(&mut gathered).poll(cx).is_pending());
        assert!(pin!(items.next()).poll(cx).is_pending());
        assert!(pin!(&mut waiting).poll(cx).is_pending());
    });
    let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((turn.left, Arc::strong_count(&noop)), (5, 6));

    let elsewhere = thread::spawn(move || drop((armed, gathered, items, waiting)));
    elsewhere.join().unwrap();
    assert_eq!(Arc::strong_count(&noop), 6);
    let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((turn.woken_by_inbox, turn.left), (3, 5));
    assert_eq!(Arc::strong_count(&noop), 2);
    let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((turn.polled, turn.left), (0, 2));
    // No timer is left: nothing but a deadlock would come.
    assert!(panic_of(|| event_loop.turn(None)).starts_with("deadlock"));
}

/// The same on another loop of the same thread, at once.
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
    own.turn(Some(Duration::ZERO)).unwrap();
    other.block_on(async {
        task.abort();
        drop((armed, gathered));
    });
    assert_eq!(log.take(), NONE);
    assert_eq!(own.turn(None).unwrap().left, 0);
    assert_eq!(log.take(), ["task", "child"]);
}

// --- Dropping what waits

/// Dropping a gather in any of its forms aborts the children, each at its place in the queue.
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

/// A gather that was never polled has no children; its futures are dropped with it.
#[test]
fn dropping_a_gather_that_was_never_polled_drops_its_futures() {
    let log = Log::default();
    drop(gather([dropping(&log, "1"), dropping(&log, "2")]));
    drop(as_completed([dropping(&log, "3")]));
    assert_eq!(log.take(), ["1", "2", "3"]);
}

/// Children that were done when the gather was dropped have their values dropped, not leaked.
#[test]
fn dropping_a_gather_drops_the_values_that_were_there() {
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

/// What a wait gives as pending can be aborted, all of it.
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

/// A timeout drops its future when it is dropped itself; a task inside of it is detached.
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

/// A sleep that is dropped leaves no timer behind: the clock does not go to its deadline.
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

// --- The end of the loop

/// When `run` ends, main is dropped first, and then the tasks in spawn order, whatever slots they
/// have.
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
    let expected = [
        "main",
        "first",
        "second",
        "third",
        "fourth",
        "fifth, never polled",
    ];
    assert_eq!(log.take(), expected);
}

/// A main that is a future of its own, and holds something to the end, is dropped before the tasks
/// as well, and inside of the loop.
#[test]
fn a_main_that_holds_on_to_the_end_is_dropped_first() {
    let log = Log::default();
    let guard = log.on_drop("main");
    let inside = OnDrop(|| drop(LoopHandle::current()));
    let mut held = Some((guard, inside));
    let tasks = log.clone();
    boucle::run(poll_fn(move |_| {
        let _ = &mut held;
        spawn(dropping(&tasks, "task"));
        Poll::Ready(())
    }));
    assert_eq!(log.take(), ["main", "task"]);
}

/// Dropping an explicit loop is its close; values that nobody took are dropped in the same order.
#[test]
fn dropping_an_explicit_loop_drops_tasks_and_values_in_spawn_order() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let value = log.on_drop("value");
    let kept = [
        event_loop.spawn(dropping(&log, "first")),
        event_loop.spawn(dropping(&log, "second")),
    ];
    let done = event_loop.spawn(async move { value });
    event_loop.spawn(dropping(&log, "third"));
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    event_loop.block_on(yield_now());
    assert_eq!(log.take(), NONE);
    kept[1].abort();
    drop(event_loop);
    assert_eq!(log.take(), ["first", "second", "value", "third"]);
    drop((kept, done));
    assert_eq!(log.take(), NONE);
}

/// What a destructor spawns while the loop is closing is dropped at once, unpolled, and so on
/// downwards.
#[test]
fn what_teardown_spawns_is_dropped_at_once() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let (outer, inner) = (log.clone(), log.clone());
    let nested = OnDrop(move || {
        let task = spawn(dropping(&inner, "spawned by the spawned"));
        inner.add(task.is_finished());
    });
    let guard = OnDrop(move || {
        let guard = outer.on_drop("spawned");
        let polled = outer.clone();
        let mut task = spawn(async move { polled.add("polled") });
        assert!(matches!(look(&mut task), Poll::Ready(Err(_))));
        drop(spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        outer.add("first");
    });
    event_loop.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    event_loop.spawn(async move {
        let _nested = nested;
        pending::<()>().await;
    });
    event_loop.spawn(dropping(&log, "last"));
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    drop(event_loop);
    let expected = ["spawned", "first", "spawned by the spawned", "true", "last"];
    assert_eq!(log.take(), expected);
}

/// Destructors run inside of the loop and on its thread, and may do there what a task may: wake,
/// abort, drop handles, read the clock, sleep, stop, and leave something in the inbox. Each task is
/// dropped once and in its place all the same.
#[test]
fn destructors_may_use_the_loop_while_it_closes() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let gate = Gate::default();
    let others: Rc<RefCell<Vec<JoinHandle<()>>>> = Rc::default();
    let here = thread::current().id();
    let left_behind = Arc::new(());

    let guard = OnDrop({
        let (log, gate, others, left) = (
            log.clone(),
            gate.clone(),
            others.clone(),
            left_behind.clone(),
        );
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
    event_loop.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
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
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    drop(event_loop);
    assert_eq!(log.take(), ["first", "second", "third", "fourth"]);
    assert_eq!(gate.polls(), 1);
    assert_eq!(Arc::strong_count(&left_behind), 1);
}

/// A destructor that takes another task's value with its handle does so before the loop would.
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
    event_loop.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    other.set(Some(event_loop.spawn(async move { value })));
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    drop(event_loop);
    assert_eq!(log.take(), ["value", "first"]);
}

/// Somebody who waits outside of the loop is woken by its end, and finds that the task was
/// cancelled.
#[test]
fn the_end_of_the_loop_wakes_who_waits_outside() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let event_loop = virtual_loop();
    let mut task = event_loop.spawn(pending::<()>());
    let mut armed = sleep(SECOND);
    let wakes = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(wakes.clone());
    let cx = &mut Context::from_waker(&waker);
    event_loop.block_on(async {
        assert!(pin!(&mut task).poll(cx).is_pending());
        assert!(pin!(&mut armed).poll(cx).is_pending());
    });
    drop(event_loop);
    assert_eq!(wakes.0.load(Relaxed), 2);
    assert!(matches!(look(&mut task), Poll::Ready(Err(_))));
    drop(waker);
    drop((task, armed));
    assert_eq!(Arc::strong_count(&wakes), 1);
}

/// A loop that closes inside of another leaves the other one running: what is spawned afterwards
/// goes there.
#[test]
fn a_loop_that_closes_inside_of_another_gives_it_back() {
    let log = Log::default();
    let inner = virtual_loop();
    inner.spawn(dropping(&log, "inner"));
    virtual_loop().block_on(async {
        let task = spawn(async move {
            let _inner = inner;
            pending::<()>().await;
        });
        yield_now().await;
        task.abort();
        yield_now().await;
        assert_eq!(log.take(), ["inner"]);
        assert_eq!(spawn(ready(1)).await.unwrap(), 1);
    });
}

/// Whatever state a task is in when its loop ends, nothing of it is leaked.
#[test]
fn nothing_is_leaked() {
    let value = Rc::new(());
    let event_loop = virtual_loop();
    let holding = |future: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        let value = value.clone();
        async move {
            future.await;
            value
        }
    };
    let mut handles = Vec::new();
    for _ in 0..2 {
        handles.push(event_loop.spawn(holding(Box::pin(pending()))));
        handles.push(event_loop.spawn(holding(Box::pin(sleep(SECOND)))));
        handles.push(event_loop.spawn(holding(Box::pin(ready(())))));
        handles.push(event_loop.spawn(holding(Box::pin(async {
            gather([pending::<()>(), pending()]).await;
        }))));
        handles.push(event_loop.spawn(holding(Box::pin(async {
            wait([spawn(pending::<()>())], ALL_COMPLETED).await;
        }))));
        handles.push(event_loop.spawn(holding(Box::pin(async {
            loop {
                yield_now().await;
            }
        }))));
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        handles.drain(..handles.len() / 2);
    }
    handles.push(event_loop.spawn(holding(Box::pin(pending()))));
    handles[0].abort();
    assert!(Rc::strong_count(&value) > 10);
    drop(event_loop);
    assert_eq!(Rc::strong_count(&value), 1);
}

/// A closure that came by the inbox and was never read is dropped when the loop ends, on the loop's
/// thread.
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

/// A task that ends by itself is dropped once, and so is one that is aborted in the turn in which
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
