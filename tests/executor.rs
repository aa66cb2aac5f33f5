//! `run_in_executor`: blocking work on other threads, while the loop goes on.
//!
//! No job here sleeps to look busy: it waits on a channel until the test lets it go on, so what
//! happens first is certain.
#![cfg(feature = "blocking")]

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use boucle::{EventLoop, gather, now, run_in_executor, sleep, spawn, timeout, yield_now};

const HOUR: Duration = Duration::from_secs(3_600);

/// After a park that was real, a virtual clock may stand between two ticks, and a deadline is
/// rounded up.
const TICK: Duration = Duration::from_micros(1);

fn virtually<F: Future>(main: F) -> F::Output {
    let event_loop = EventLoop::builder().virtual_clock().build().unwrap();
    event_loop.block_on(main)
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// The value of the work is the future's, and the work was done on another thread.
#[test]
fn work_is_done_on_another_thread() {
    let (value, worker) =
        boucle::run(async { run_in_executor(|| (6 * 7, thread::current().id())).await });
    assert_eq!(value, 42);
    assert_ne!(worker, thread::current().id());
}

/// A panic of the work goes on where it is awaited, with its payload: here it ends the task alone.
#[test]
fn a_panic_of_the_work_reaches_who_awaits_it() {
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

/// The work starts at the call. (It says so over a channel that is read while the loop is held, so
/// no poll can have started it.)
#[test]
fn work_starts_at_the_call() {
    boucle::run(async {
        let (started, has_started) = mpsc::channel();
        let job = run_in_executor(move || started.send(5).unwrap());
        assert_eq!(has_started.recv(), Ok(5));
        job.await;
    });
}

/// A job may be made before there is a loop, and is awaited on one.
#[test]
fn work_that_was_started_outside_is_awaited_on_a_loop() {
    let (go, may_go) = mpsc::channel();
    let job = run_in_executor(move || may_go.recv().unwrap());
    assert_eq!(
        boucle::run(async {
            let mut job = pin!(job);
            assert!(poll_once(job.as_mut()).await.is_pending());
            go.send(9).unwrap();
            job.await
        }),
        9
    );
}

/// While the work blocks, the loop goes on: the job waits for a task that runs after it was
/// started.
#[test]
fn the_loop_goes_on_meanwhile() {
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

/// Dropping the future gives up the wait, and work that has begun runs to its end. (It signals its
/// beginning and its end; between the two, the future is dropped.)
#[test]
fn dropping_the_future_does_not_stop_the_work() {
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

/// The loop may end while the work runs; the work runs on, and its end disturbs nobody.
#[test]
fn work_outlives_its_loop() {
    let (started, has_started) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let (ended, has_ended) = mpsc::channel();
    boucle::run(async {
        let job = spawn(run_in_executor(move || {
            started.send(()).unwrap();
            may_go.recv().unwrap();
            ended.send(7).unwrap();
        }));
        has_started.recv().unwrap();
        yield_now().await;
        drop(job);
    });
    go.send(()).unwrap();
    assert_eq!(has_ended.recv(), Ok(7));
}

/// A thousand jobs are all done, and each awaiter has its own value.
#[test]
fn many_jobs_are_done() {
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
    assert_eq!(
        values,
        (0..1_000).map(|number| number * 2).collect::<Vec<_>>()
    );
}

/// A virtual clock does not jump while a job runs, however soon the next deadline is. (The job
/// takes 20 ms on the real clock.)
#[test]
fn a_virtual_clock_does_not_jump_while_a_job_runs() {
    virtually(async {
        let start = now();
        let mut hour = sleep(HOUR);
        assert!(poll_once(pin!(&mut hour)).await.is_pending());
        let job = timeout(
            HOUR / 2,
            run_in_executor(|| thread::sleep(Duration::from_millis(20))),
        );
        assert_eq!(job.await, Ok(()));
        assert!(now() - start < HOUR / 2);
        hour.await;
        assert_eq!(now() - start, HOUR);
    });
}

/// A job that was given up still runs, and the clock stands until it ends; then it jumps.
#[test]
fn a_job_that_was_given_up_holds_a_virtual_clock_until_it_ends() {
    virtually(async {
        let (started, has_started) = mpsc::channel();
        let (ended, has_ended) = mpsc::channel();
        let job = run_in_executor(move || {
            started.send(()).unwrap();
            thread::sleep(Duration::from_millis(20));
            ended.send(()).unwrap();
        });
        has_started.recv().unwrap();
        drop(job);
        sleep(HOUR).await;
        assert_eq!(has_ended.try_recv(), Ok(()));
    });
}

/// A job that is done does not hold up a virtual clock either, though nobody has fetched its value
/// yet. (If the loop parks for real nevertheless, a thread ends the test after five seconds, and
/// the test fails.)
#[test]
fn a_job_that_is_done_does_not_hold_up_a_virtual_clock() {
    virtually(async {
        let start = now();
        let (done, is_done) = mpsc::channel();
        let job = run_in_executor(move || done.send(()).unwrap());
        is_done.recv().unwrap();
        let (breaking_off, broken_off) = async_channel::bounded::<()>(1);
        let (over, is_over) = mpsc::channel::<()>();
        let other = thread::spawn(move || {
            if is_over.recv_timeout(Duration::from_secs(5)).is_err() {
                breaking_off.try_send(()).unwrap();
            }
            let _ = is_over.recv();
        });
        let passed = futures_lite::future::or(
            async {
                sleep(HOUR).await;
                true
            },
            async {
                broken_off.recv().await.ok();
                false
            },
        )
        .await;
        over.send(()).ok();
        drop(over);
        other.join().unwrap();
        assert!(passed);
        // The job's own time has passed for real, if any.
        assert!(now() - start >= HOUR);
        job.await;
    });
}

/// Under a virtual clock a panic of the work counts as its end.
#[test]
fn a_job_that_panics_does_not_hold_up_a_virtual_clock() {
    virtually(async {
        let start = now();
        let task = spawn(async { run_in_executor(|| panic!("on purpose")).await });
        let error = task.await.unwrap_err();
        assert!(error.is_panic());
        let passed = now() - start;
        sleep(HOUR).await;
        assert!(now() - start - passed - HOUR < TICK);
    });
}

/// A job whose future was dropped, on another thread at that, holds up the clock as long as it
/// runs, and no longer.
#[test]
fn a_job_that_was_given_up_is_counted_out_when_it_ends() {
    virtually(async {
        let (go, may_go) = mpsc::channel::<()>();
        let job = run_in_executor(move || may_go.recv());
        let start = now();
        thread::spawn(move || drop(job)).join().unwrap();
        drop(go);
        sleep(HOUR).await;
        assert_eq!(now() - start, HOUR);
    });
}
