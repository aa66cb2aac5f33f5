//! Jobs: where they run, what their futures return, and what dropping a future does.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use boucle::{EventLoop, TaskGroup, gather, run_in_executor, spawn, timeout, yield_now};
use futures_lite::future::poll_once;

use crate::common::{Bomb, Counting, OnDrop, SECOND, waker_of};

/// A job runs on another thread, and its future gives its value.
#[test]
fn a_job_runs_on_another_thread() {
    let (value, worker) = boucle::run(async { run_in_executor(|| (6 * 7, thread::current().id())).await });
    assert_eq!(value, 42);
    assert_ne!(worker, thread::current().id());
}

/// A panic of a job is resumed, with its payload, where the job is awaited: in a task or in main.
#[test]
fn a_panic_of_a_job_is_resumed_where_it_is_awaited() {
    boucle::run(async {
        let task = spawn(async { run_in_executor(|| panic!("no file")).await });
        let error = task.await.unwrap_err();
        assert!(error.is_panic());
        let payload = error.try_into_panic().unwrap();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"no file"));
        assert_eq!(run_in_executor(|| 1).await, 1);
    });
    let resumed = catch_unwind(AssertUnwindSafe(|| {
        boucle::run(run_in_executor(|| -> () { std::panic::panic_any(5u8) }));
    }));
    assert_eq!(resumed.unwrap_err().downcast_ref::<u8>(), Some(&5));
}

/// A job starts at the call. (The test blocks the loop until the job has sent a message, so no poll can
/// have started it.)
#[test]
fn a_job_starts_at_the_call() {
    boucle::run(async {
        let (started, has_started) = mpsc::channel();
        let job = run_in_executor(move || started.send(5).unwrap());
        assert_eq!(has_started.recv(), Ok(5));
        job.await;
    });
}

/// Jobs that are tasks of a group are waited for together, no longer than a limit. What was not waited for goes
/// on.
#[test]
fn the_jobs_of_a_group_are_waited_for_up_to_a_limit() {
    boucle::run(async {
        let (go, may_go) = mpsc::channel();
        let group = TaskGroup::new();
        group.spawn(run_in_executor(move || may_go.recv().unwrap()));
        group.spawn(run_in_executor(|| 2));
        assert_eq!(group.join_next().await.unwrap().unwrap(), 2);
        timeout(Duration::from_millis(2), group.join_all()).await.unwrap_err();
        go.send(1).unwrap();
        assert_eq!(group.join_all().await, [1]);
    });
}

/// A job may be started where no loop runs, and awaited on one.
#[test]
fn a_job_that_was_started_without_a_loop_is_awaited_on_one() {
    let (go, may_go) = mpsc::channel();
    let mut job = run_in_executor(move || may_go.recv().unwrap());
    boucle::run(async {
        assert!(poll_once(&mut job).await.is_none());
        go.send(9).unwrap();
        assert_eq!(job.await, 9);
    });
}

/// The loop goes on while a job blocks: the job waits for a task that runs only after it was started.
#[test]
fn the_loop_goes_on_while_a_job_blocks() {
    boucle::run(async {
        let (go, may_go) = mpsc::channel();
        let job = spawn(run_in_executor(move || may_go.recv().unwrap()));
        let turns = Rc::new(Cell::new(0));
        let count = turns.clone();
        let other = spawn(async move {
            for _ in 0..100 {
                yield_now().await;
                count.set(count.get() + 1);
            }
            go.send("done").unwrap();
        });
        assert_eq!(job.await.unwrap(), "done");
        assert_eq!(turns.get(), 100);
        other.await.unwrap();
    });
}

/// Dropping the future of a job that has begun does not stop the job.
#[test]
fn dropping_the_future_does_not_stop_the_job() {
    boucle::run(async {
        let (started, has_started) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        let (ended, has_ended) = mpsc::channel();
        let job = run_in_executor(move || {
            started.send(()).unwrap();
            may_go.recv().unwrap();
            ended.send(7).unwrap();
        });
        has_started.recv().unwrap();
        drop(job);
        go.send(()).unwrap();
        assert_eq!(has_ended.recv(), Ok(7));
    });
}

/// A loop with a shutdown timeout of zero does not wait for its jobs: they run on, and may end after it.
#[test]
fn a_job_outlives_a_loop_that_does_not_wait() {
    let (started, has_started) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let (ended, has_ended) = mpsc::channel();
    let builder = EventLoop::builder().shutdown_timeout(Duration::ZERO);
    let event_loop = builder.build().unwrap();
    event_loop.block_on(async {
        let job = spawn(run_in_executor(move || {
            started.send(()).unwrap();
            may_go.recv().unwrap();
            ended.send(7).unwrap();
        }));
        has_started.recv().unwrap();
        yield_now().await;
        drop(job);
    });
    drop(event_loop);
    go.send(()).unwrap();
    assert_eq!(has_ended.recv(), Ok(7));
}

/// Each of a thousand jobs runs once, and each future returns its own value.
#[test]
fn a_thousand_jobs_run() {
    let count = Arc::new(AtomicUsize::new(0));
    let values = boucle::run(async {
        let jobs = (0..1_000).map(|number| {
            let count = count.clone();
            run_in_executor(move || {
                count.fetch_add(1, Ordering::Relaxed);
                number * 2
            })
        });
        gather(jobs.collect::<Vec<_>>()).await
    });
    assert_eq!(count.load(Ordering::Relaxed), 1_000);
    assert_eq!(values, (0..1_000).map(|number| number * 2).collect::<Vec<_>>());
}

/// The executor holds no lock while it wakes a foreign waker: this one drops the future that holds it.
#[test]
fn a_waker_may_drop_the_future_that_wakes_it() {
    let (go, may_go) = mpsc::channel::<()>();
    let job = Arc::new(Mutex::new(Some(run_in_executor(move || {
        may_go.recv().unwrap();
    }))));
    let (woken, is_woken) = mpsc::channel();
    let owned = job.clone();
    let wake = move || {
        drop(owned.lock().unwrap().take());
        woken.send(()).unwrap();
    };
    let waker = waker_of(wake, || ());
    let mut context = Context::from_waker(&waker);
    let mut taken = job.lock().unwrap().take().unwrap();
    assert!(Pin::new(&mut taken).poll(&mut context).is_pending());
    *job.lock().unwrap() = Some(taken);
    go.send(()).unwrap();
    assert_eq!(is_woken.recv_timeout(Duration::from_secs(20)), Ok(()));
}

/// A dropped future leaves no waker behind, however long its job runs.
#[test]
fn a_future_that_is_dropped_drops_its_waker() {
    let idle = Arc::new(Counting::default());
    let (go, may_go) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel();
    let mut job = run_in_executor(move || {
        started.send(()).unwrap();
        may_go.recv()
    });
    has_started.recv().unwrap();
    let waker = Waker::from(idle.clone());
    let polled = Pin::new(&mut job).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    drop((waker, job));
    assert_eq!(Arc::strong_count(&idle), 1);
    drop(go);
}

/// Values that were sent but not taken are dropped one by one, and their panics are caught. (Two panics
/// at once would end the process.)
#[test]
fn values_that_panic_when_they_are_dropped_harm_nothing() {
    boucle::run(async {
        let (done, is_done) = mpsc::channel();
        let job = || {
            let done = done.clone();
            run_in_executor(move || {
                let value = Bomb("a value's drop");
                done.send(()).unwrap();
                value
            })
        };
        let jobs = [job(), job(), job()];
        (0..3).for_each(|_| is_done.recv().unwrap());
        // The values are sent just after; a few may still be on their way when the futures are dropped.
        run_in_executor(|| ()).await;
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(jobs)));
        assert!(dropped.is_ok());
    });
}

/// A value that comes while its future is being dropped is dropped on the job's thread. (The drop of the
/// future drops a waker, and that lets the job go on and waits for the drop of its value.)
#[test]
fn a_value_that_comes_too_late_is_dropped_on_its_thread() {
    let (begin, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let (dropped, is_dropped) = mpsc::channel();
    boucle::run(async {
        let mut job = run_in_executor(move || {
            begin.send(()).unwrap();
            may_go_on.recv().unwrap();
            OnDrop(move || dropped.send(thread::current().id()).unwrap())
        });
        has_begun.recv().unwrap();
        let (at_drop, by) = mpsc::channel();
        let is_dropped = Mutex::new(is_dropped);
        let on_drop = move || {
            go_on.send(()).unwrap();
            let thread = is_dropped.lock().unwrap().recv_timeout(10 * SECOND);
            at_drop.send(thread).unwrap();
        };
        let waker = waker_of(|| (), on_drop);
        let polled = Pin::new(&mut job).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop(waker);
        drop(job);
        let thread = by.recv().unwrap();
        assert!(thread.is_ok_and(|thread| thread != thread::current().id()));
    });
}
