//! Jobs that find all threads taken, or ended. Each test has all threads of a process of its own.

use std::cell::Cell;
use std::pin::Pin;
use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::thread;

use boucle::net::{TcpListener, TcpStream};
use boucle::{EventLoop, gather, run_in_executor, spawn, yield_now};
use futures_lite::future::poll_once;

use crate::common::{LONG, OnDrop, message, own_binary, passes_alone, run};
use crate::executor::take_threads;

/// Runs a test in a process of its own, one at a time: a machine may not have threads for more.
pub(super) fn passes_with_all_threads(command: Command, test: &str) -> bool {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    passes_alone(command, test)
}

/// A job that finds no thread waits for one. If its future is dropped meanwhile, the job is dropped at once,
/// and a panic of its destructor is caught.
#[test]
fn a_job_that_waits_is_dropped_with_its_future() {
    if passes_with_all_threads(own_binary(), "threads::a_job_that_waits_is_dropped_with_its_future") {
        return;
    }
    let held = take_threads(512);
    boucle::run(async {
        let (began, has_begun) = mpsc::channel();
        let start = |number: usize| {
            let began = began.clone();
            let guard = OnDrop(|| panic!("on purpose"));
            run_in_executor(move || {
                std::mem::forget(guard);
                began.send(number).unwrap();
            })
        };
        let mut jobs: Vec<_> = (0..4).map(start).collect();
        assert!(poll_once(Pin::new(&mut jobs[1])).await.is_none());
        let (dropped, is_dropped) = mpsc::channel::<()>();
        let job = run_in_executor(move || drop(dropped));
        assert_eq!(is_dropped.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(job);
        assert_eq!(is_dropped.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        drop(jobs.remove(1));
        assert_eq!(has_begun.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(held);
        gather(jobs).await;
        let mut begun: Vec<_> = has_begun.try_iter().collect();
        begun.sort_unstable();
        assert_eq!(begun, [0, 2, 3]);
    });
}

/// A job that has not begun when its loop ends is dropped on the loop's thread, even if its future lives
/// on; this wakes the task that awaits it, which then panics with the reason.
#[test]
fn a_job_that_has_not_begun_is_dropped_with_its_loop() {
    if passes_with_all_threads(own_binary(), "threads::a_job_that_has_not_begun_is_dropped_with_its_loop") {
        return;
    }
    let held = take_threads(512);
    let (dropped, is_dropped) = mpsc::channel();
    let (began, has_begun) = mpsc::channel::<()>();
    let start = || {
        let (dropped, began) = (dropped.clone(), began.clone());
        let mut others = Some(run_in_executor(|| ()));
        let guard = OnDrop(move || {
            // A destructor may use the executor: no lock is held.
            drop(others.take());
            dropped.send(thread::current().id()).unwrap();
            panic!("on purpose");
        });
        run_in_executor(move || {
            began.send(()).unwrap();
            drop(guard);
        })
    };
    let event_loop = EventLoop::new().unwrap();
    let mut kept = None;
    event_loop.block_on(async {
        drop(spawn(start()));
        yield_now().await;
        kept = Some(start());
    });
    assert_eq!(is_dropped.try_recv(), Err(mpsc::TryRecvError::Empty));
    let other = EventLoop::new().unwrap();
    let awaiting = other.spawn(kept.unwrap());
    other.block_on(yield_now());
    drop(event_loop);
    let dropped: Vec<_> = is_dropped.try_iter().collect();
    assert_eq!(dropped, [thread::current().id(); 2]);
    let error = other.block_on(awaiting).unwrap_err();
    assert!(message(error.try_into_panic().unwrap()).contains("its event loop has ended"));
    drop(held);
    drop(began);
    assert!(has_begun.recv().is_err());
}

/// A name is looked up even while all threads of the executor are taken.
#[test]
fn a_name_does_not_wait_for_the_executor() {
    if passes_with_all_threads(own_binary(), "threads::a_name_does_not_wait_for_the_executor") {
        return;
    }
    let held = take_threads(512);
    boucle::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect(("localhost", port)).await.unwrap();
    });
    drop(held);
}

/// When all threads have ended, a job starts a new one. (Real time: a thread ends after a second without work.)
#[test]
fn a_job_runs_after_all_threads_have_ended() {
    thread_local!(static KEPT: Cell<Option<mpsc::Sender<()>>> = const { Cell::new(None) });
    if passes_alone(own_binary(), "threads::a_job_runs_after_all_threads_have_ended") {
        return;
    }
    let (dropped_with_thread, has_ended) = mpsc::channel();
    run(async { run_in_executor(move || KEPT.set(Some(dropped_with_thread))).await });
    assert_eq!(has_ended.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected));
    assert_eq!(run(async { run_in_executor(|| 5).await }), 5);
}
