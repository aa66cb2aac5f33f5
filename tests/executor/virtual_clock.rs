//! Jobs and the virtual clock, which stands still while a job runs.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::Context;
use std::thread;
use std::time::Duration;

use boucle::{now, run_in_executor, sleep, spawn, timeout};
use futures_lite::future::poll_once;

use crate::common::{HOUR, passes_at_once, virtually, waker_of};

/// After a real park a virtual clock may stand between two ticks, and a deadline is rounded up.
const TICK: Duration = Duration::from_micros(1);

/// A virtual clock does not jump while a job runs, however soon the next deadline is. (The job
/// takes 20 ms on the real clock.)
#[test]
fn a_virtual_clock_does_not_jump_while_a_job_runs() {
    virtually(async {
        let start = now();
        let mut hour = sleep(HOUR);
        assert!(poll_once(&mut hour).await.is_none());
        let job = timeout(HOUR / 2, run_in_executor(|| thread::sleep(Duration::from_millis(20))));
        assert_eq!(job.await, Ok(()));
        assert!(now() - start < HOUR / 2);
        hour.await;
        assert_eq!(now() - start, HOUR);
    });
}

/// A job whose future was dropped still runs. The virtual clock stands still until it ends, and jumps then.
/// (The job takes 20 ms on the real clock.)
#[test]
fn a_job_without_its_future_holds_a_virtual_clock_until_it_ends() {
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

/// A job that is done does not hold up a virtual clock, even before its value is taken.
#[test]
fn a_job_that_is_done_does_not_hold_up_a_virtual_clock() {
    virtually(async {
        let start = now();
        let (done, is_done) = mpsc::channel();
        let job = run_in_executor(move || done.send(()).unwrap());
        is_done.recv().unwrap();
        assert!(passes_at_once(HOUR).await);
        // The job's own time has passed for real, if any.
        assert!(now() - start >= HOUR);
        job.await;
    });
}

/// A job that panics counts as ended under a virtual clock.
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

/// A job whose future was dropped on another thread holds up the clock no longer than it runs.
#[test]
fn a_job_whose_future_was_dropped_elsewhere_frees_the_clock_when_it_ends() {
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

/// The future of a job that is done does not hold up a virtual clock: here it is awaited an hour later.
#[test]
fn a_future_that_is_kept_does_not_hold_a_virtual_clock() {
    virtually(async {
        let (go, may_go) = mpsc::channel();
        let mut job = run_in_executor(move || may_go.recv().unwrap());
        assert!(poll_once(&mut job).await.is_none());
        go.send(7).unwrap();
        let before = now();
        sleep(HOUR).await;
        assert!(now() - before >= HOUR);
        assert_eq!(job.await, 7);
    });
}

/// A virtual clock does not jump while its loop awaits a job that was started where no loop ran. (The job
/// takes 20 ms on the real clock.)
#[test]
fn a_job_of_no_loop_holds_the_clock_of_the_loop_that_awaits_it() {
    let job = run_in_executor(|| thread::sleep(Duration::from_millis(20)));
    virtually(async { assert_eq!(timeout(HOUR, job).await, Ok(())) });
}

/// Between the end of a job and the wake of the task that awaits it, a loop with a virtual clock reports no
/// deadlock. (The task awaits the job by a waker that takes 20 ms on the real clock.)
#[test]
fn a_job_that_is_done_rules_out_a_deadlock_until_its_wake_has_come() {
    let (go, may_go) = mpsc::channel();
    let mut job = run_in_executor(move || may_go.recv().unwrap());
    let awaited = virtually(poll_fn(|cx| {
        let task = cx.waker().clone();
        let wake = move || {
            thread::sleep(Duration::from_millis(20));
            task.wake_by_ref();
        };
        let polled = Pin::new(&mut job).poll(&mut Context::from_waker(&waker_of(wake, || ())));
        let _ = go.send(7);
        polled
    }));
    assert_eq!(awaited, 7);
}
