//! Jobs and the end of their loop.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Context;
use std::thread;
use std::time::Duration;

use boucle::{EventLoop, LoopHandle, run_in_executor, sleep, spawn, yield_now};
use futures_lite::future::poll_once;

use crate::common::{HOUR, LONG, OnDrop, SECOND, holds, message, ms, own_binary, passes_alone, waker_of};
use crate::executor::take_threads;

/// Starts a job of the running loop that sleeps for 20 ms after the loop has dropped its tasks. Returns a
/// flag that the job sets at its end.
fn start_late_job() -> Arc<AtomicBool> {
    let (task, is_dropped) = mpsc::channel::<()>();
    drop(spawn(holds(task)));
    let ended = Arc::new(AtomicBool::new(false));
    let end = ended.clone();
    let (started, has_started) = mpsc::channel();
    let job = run_in_executor(move || {
        started.send(()).unwrap();
        assert!(is_dropped.recv().is_err());
        thread::sleep(Duration::from_millis(20));
        end.store(true, Ordering::Relaxed);
    });
    has_started.recv().unwrap();
    drop(job);
    ended
}

/// `run` waits for jobs that have begun, even if their futures are gone. It waits after it has dropped
/// the tasks, since a job may wait for those.
#[test]
fn the_end_of_a_loop_waits_for_jobs_that_have_begun() {
    let ended = boucle::run(async { start_late_job() });
    assert!(ended.load(Ordering::Relaxed));
}

/// `run` waits for jobs that have begun also when the main future panics.
#[test]
fn a_run_that_panics_waits_for_jobs_that_have_begun() {
    let ended = Arc::new(Mutex::new(None));
    let place = ended.clone();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        boucle::run(async {
            *place.lock().unwrap() = Some(start_late_job());
            panic!("on purpose");
        });
    }));
    assert_eq!(message(panicked.unwrap_err()), "on purpose");
    let ended = ended.lock().unwrap().take().unwrap();
    assert!(ended.load(Ordering::Relaxed));
}

/// An explicit loop waits when it is dropped, not when `block_on` returns.
#[test]
fn an_event_loop_waits_when_it_is_dropped() {
    let event_loop = EventLoop::new().unwrap();
    let ended = event_loop.block_on(async { start_late_job() });
    assert!(!ended.load(Ordering::Relaxed));
    drop(event_loop);
    assert!(ended.load(Ordering::Relaxed));
}

/// A shutdown timeout that is not reached changes nothing.
#[test]
fn a_shutdown_timeout_that_is_not_reached_changes_nothing() {
    let builder = EventLoop::builder().shutdown_timeout(HOUR);
    let event_loop = builder.build().unwrap();
    let ended = event_loop.block_on(async { start_late_job() });
    drop(event_loop);
    assert!(ended.load(Ordering::Relaxed));
}

/// A loop that ends wakes its foreign wakers before it waits for its jobs: a job may wait for such a wake.
#[test]
fn the_end_of_a_loop_wakes_foreign_wakers_before_it_waits_for_jobs() {
    let (ended, has_ended) = mpsc::channel();
    let mut nap = sleep(HOUR);
    let event_loop = EventLoop::new().unwrap();
    event_loop.block_on(async {
        let (wake, is_woken) = mpsc::channel();
        let waker = waker_of(move || wake.send(()).unwrap(), || ());
        let polled = Pin::new(&mut nap).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let (started, has_started) = mpsc::channel();
        let job = run_in_executor(move || {
            started.send(()).unwrap();
            ended.send(is_woken.recv_timeout(10 * SECOND)).unwrap();
        });
        has_started.recv().unwrap();
        drop(job);
    });
    drop(event_loop);
    assert_eq!(has_ended.try_recv(), Ok(Ok(())));
}

/// A job that uses a `LoopHandle` gets an error once the loop is ending, and can return then.
#[test]
fn a_job_that_uses_a_loop_handle_sees_that_the_loop_is_gone() {
    let (ended, has_ended) = mpsc::channel();
    boucle::run(async {
        let (started, has_started) = mpsc::channel();
        let handle = LoopHandle::current();
        let job = run_in_executor(move || {
            started.send(()).unwrap();
            while handle.spawn(|| async {}).is_ok() {
                thread::yield_now();
            }
            ended.send(()).unwrap();
        });
        has_started.recv().unwrap();
        drop(job);
    });
    assert_eq!(has_ended.try_recv(), Ok(()));
}

/// The value of a job whose future was dropped is dropped on the job's thread, before the loop has ended.
/// A panic of its destructor stops there.
#[test]
fn an_unwanted_value_is_dropped_quietly_before_the_loop_has_ended() {
    let (dropped, is_dropped) = mpsc::channel();
    boucle::run(async {
        let (task, is_over) = mpsc::channel::<()>();
        drop(spawn(holds(task)));
        let (started, has_started) = mpsc::channel();
        let job = run_in_executor(move || {
            started.send(()).unwrap();
            assert!(is_over.recv().is_err());
            OnDrop(move || {
                dropped.send(thread::current().id()).unwrap();
                panic!("on purpose");
            })
        });
        has_started.recv().unwrap();
        drop(job);
    });
    assert_ne!(is_dropped.try_recv().unwrap(), thread::current().id());
    assert_eq!(boucle::run(run_in_executor(|| 1)), 1);
}

/// A job may begin while its loop ends. Once the loop has ended, the job has either ended or never
/// begins, and it is dropped in both cases. (The race is run a thousand times.)
#[test]
fn a_job_that_begins_while_its_loop_ends_is_waited_for() {
    let [began, ended, dropped] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
    fn add(count: &AtomicUsize) {
        count.fetch_add(1, Ordering::Relaxed);
    }
    let count = |count: &Arc<AtomicUsize>| count.load(Ordering::Relaxed);
    for round in 1..=1_000 {
        let (begin, end, drops) = (began.clone(), ended.clone(), dropped.clone());
        let guard = OnDrop(move || add(&drops));
        let before = count(&began);
        let mut job = None;
        boucle::run(async {
            job = Some(run_in_executor(move || {
                let _guard = guard;
                add(&begin);
                thread::yield_now();
                add(&end);
            }));
        });
        let begun = count(&began);
        assert_eq!(count(&ended), begun);
        assert_eq!(count(&dropped), round);
        let awaited = catch_unwind(AssertUnwindSafe(|| boucle::run(job.unwrap())));
        assert_eq!(awaited.is_ok(), begun > before);
        assert_eq!(count(&began), begun);
    }
}

/// A loop waits for its own jobs only: not for another loop's, nor for jobs that were started where no
/// loop ran, even if it has polled them.
#[test]
fn a_loop_waits_for_its_own_jobs_alone() {
    let (go, may_go) = mpsc::channel();
    let mut job = run_in_executor(move || may_go.recv().unwrap());
    boucle::run(async { assert!(poll_once(Pin::new(&mut job)).await.is_none()) });
    let other = EventLoop::new().unwrap();
    let ended = other.block_on(async { start_late_job() });
    boucle::run(async { assert_eq!(run_in_executor(|| 1).await, 1) });
    assert!(!ended.load(Ordering::Relaxed));
    go.send(5).unwrap();
    assert_eq!(other.block_on(job), 5);
    drop(other);
    assert!(ended.load(Ordering::Relaxed));
}

/// Of several loops that wait for their jobs, each ends with its own. (Real time: each loop has a moment to
/// begin its wait. The job that ends first is that of the second loop, neither the first nor the last to wait.
/// In a process of its own, where no other job ends meanwhile.)
#[test]
fn several_loops_may_wait_for_their_jobs_at_once() {
    if passes_alone(own_binary(), "ending::several_loops_may_wait_for_their_jobs_at_once") {
        return;
    }
    let (ended, has_ended) = mpsc::channel();
    let start = |number: usize| {
        let (begun, has_begun) = mpsc::channel();
        let ended = ended.clone();
        thread::spawn(move || {
            boucle::run(async { begun.send(take_threads(1)).unwrap() });
            ended.send(number).unwrap();
        });
        let hold = has_begun.recv().unwrap();
        thread::sleep(ms(20));
        Some(hold)
    };
    let mut holds = [0, 1, 2].map(start);
    for number in [1, 0, 2] {
        drop(holds[number].take());
        assert_eq!(has_ended.recv_timeout(LONG), Ok(number));
    }
}

/// A job may run a loop of its own, whose end waits for jobs of its own.
#[test]
fn a_job_may_run_a_loop_that_waits_for_its_own_jobs() {
    boucle::run(async {
        let job = run_in_executor(|| {
            let run = boucle::run(async { start_late_job() });
            let kept = EventLoop::new().unwrap();
            let block_on = kept.block_on(async { start_late_job() });
            drop(kept);
            (run.load(Ordering::Relaxed), block_on.load(Ordering::Relaxed))
        });
        assert_eq!(job.await, (true, true));
    });
}

/// A loop that is dropped by a task of another loop waits for its jobs, too.
#[test]
fn a_loop_that_a_task_of_another_drops_waits_for_its_jobs() {
    let inner = EventLoop::new().unwrap();
    let ended = inner.block_on(async { start_late_job() });
    let seen = ended.clone();
    boucle::run(async move {
        let task = spawn(holds(inner));
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(seen.load(Ordering::Relaxed));
        assert_eq!(run_in_executor(|| 1).await, 1);
    });
}

/// A job that a destructor starts while its loop ends is dropped at once. Awaiting it panics with the
/// reason.
#[test]
fn a_job_that_is_started_while_its_loop_ends_never_begins() {
    let started = Rc::new(Cell::new(None));
    let place = started.clone();
    boucle::run(async move {
        drop(spawn(holds(OnDrop(move || {
            let (work, dropped) = mpsc::channel();
            let job = run_in_executor(move || work.send(()).unwrap());
            place.set(Some((job, dropped.try_recv())));
        }))));
        yield_now().await;
    });
    let (job, dropped) = started.take().unwrap();
    assert_eq!(dropped, Err(mpsc::TryRecvError::Disconnected));
    let awaited = catch_unwind(AssertUnwindSafe(|| boucle::run(job)));
    assert!(message(awaited.unwrap_err()).contains("its event loop has ended"));
}
