//! `run_in_executor`: blocking work on other threads, while the loop goes on.
//!
//! No job here sleeps to look busy: it waits on a channel until the test lets it go on, so what
//! happens first is certain.
#![cfg(feature = "blocking")]

use std::any::Any;
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream};
use boucle::{
    EventLoop, LoopHandle, RunInExecutor, gather, now, run_in_executor, sleep, spawn, timeout,
    yield_now,
};

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

/// A loop whose end has a bound of zero does not wait: the work runs on, detached, and its end
/// disturbs nothing.
#[test]
fn work_outlives_a_loop_that_does_not_wait() {
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

// The end of a loop.

/// Calls a function when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// What a panic says.
fn message(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
    }
}

/// Starts a job of the running loop that has begun, and that ends when the loop does, a little later:
/// it waits until a task is dropped. Returns whether it has ended.
fn start_late_job() -> Arc<AtomicBool> {
    let (task, is_dropped) = mpsc::channel::<()>();
    drop(spawn(async move {
        pending::<()>().await;
        drop(task);
    }));
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

/// `run` waits for work that has begun, though its future is gone; and only when the tasks are
/// dropped, for which the work may wait.
#[test]
fn the_end_of_a_loop_waits_for_work_that_has_begun() {
    let ended = boucle::run(async { start_late_job() });
    assert!(ended.load(Ordering::Relaxed));
}

/// So it does when the main future panics.
#[test]
fn a_loop_that_panics_waits_for_work_that_has_begun() {
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

/// A loop that is kept waits when it is dropped, not when `block_on` returns.
#[test]
fn an_event_loop_waits_when_it_is_dropped() {
    let event_loop = EventLoop::new().unwrap();
    let ended = event_loop.block_on(async { start_late_job() });
    assert!(!ended.load(Ordering::Relaxed));
    drop(event_loop);
    assert!(ended.load(Ordering::Relaxed));
}

/// A bound that is not reached changes nothing.
#[test]
fn a_bound_that_is_not_reached_changes_nothing() {
    let builder = EventLoop::builder().shutdown_timeout(HOUR);
    let event_loop = builder.build().unwrap();
    let ended = event_loop.block_on(async { start_late_job() });
    drop(event_loop);
    assert!(ended.load(Ordering::Relaxed));
}

/// Work that talks to its loop finds at its end that the loop is gone, and so comes to an end itself.
#[test]
fn work_that_uses_a_loop_handle_sees_that_the_loop_is_gone() {
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

/// The value of work that was given up is dropped on its thread, before the loop has ended, and a
/// panic of its destructor stops there.
#[test]
fn an_unwanted_value_is_dropped_quietly_before_the_loop_has_ended() {
    let (dropped, is_dropped) = mpsc::channel();
    boucle::run(async {
        let (task, is_over) = mpsc::channel::<()>();
        drop(spawn(async move {
            pending::<()>().await;
            drop(task);
        }));
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

/// Whether work begins while its loop ends is a race, of which nothing is seen from outside: when the
/// loop has ended, either the work has ended too, or it never begins; in both cases it is dropped.
#[test]
fn work_that_begins_while_its_loop_ends_is_waited_for() {
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

/// A loop waits for its own jobs and no other's: neither those of another loop nor those that were
/// made where none ran, though it has polled them.
#[test]
fn a_loop_waits_for_its_own_jobs_alone() {
    let (go, may_go) = mpsc::channel();
    let mut job = run_in_executor(move || may_go.recv().unwrap());
    boucle::run(async { assert!(poll_once(Pin::new(&mut job)).await.is_pending()) });
    let other = EventLoop::new().unwrap();
    let ended = other.block_on(async { start_late_job() });
    boucle::run(async { assert_eq!(run_in_executor(|| 1).await, 1) });
    assert!(!ended.load(Ordering::Relaxed));
    go.send(5).unwrap();
    assert_eq!(other.block_on(job), 5);
    drop(other);
    assert!(ended.load(Ordering::Relaxed));
}

/// Work may run a loop of its own, whose end waits for jobs of its own.
#[test]
fn work_may_run_a_loop_that_waits_for_its_jobs() {
    boucle::run(async {
        let job = run_in_executor(|| {
            let run = boucle::run(async { start_late_job() });
            let kept = EventLoop::new().unwrap();
            let block_on = kept.block_on(async { start_late_job() });
            drop(kept);
            (
                run.load(Ordering::Relaxed),
                block_on.load(Ordering::Relaxed),
            )
        });
        assert_eq!(job.await, (true, true));
    });
}

/// A loop that is dropped inside of another, by a task's destructor, waits too.
#[test]
fn a_loop_that_a_task_of_another_drops_waits_for_its_jobs() {
    let inner = EventLoop::new().unwrap();
    let ended = inner.block_on(async { start_late_job() });
    let seen = ended.clone();
    boucle::run(async move {
        let task = spawn(async move {
            let _inner = inner;
            pending::<()>().await;
        });
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(seen.load(Ordering::Relaxed));
        assert_eq!(run_in_executor(|| 1).await, 1);
    });
}

/// What a destructor starts while its loop ends is dropped at once, and says so if it is awaited.
#[test]
fn work_that_is_started_while_its_loop_ends_never_begins() {
    let (began, has_begun) = mpsc::channel();
    let job = Rc::new(Cell::new(None));
    let place = job.clone();
    boucle::run(async move {
        drop(spawn(async move {
            let _late = OnDrop(move || {
                let began = began.clone();
                place.set(Some(run_in_executor(move || began.send(()).unwrap())));
            });
            pending::<()>().await;
        }));
        yield_now().await;
    });
    let awaited = catch_unwind(AssertUnwindSafe(|| boucle::run(job.take().unwrap())));
    assert!(message(awaited.unwrap_err()).contains("its event loop has ended"));
    assert_eq!(has_begun.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

/// Nothing is locked while a waker of another runtime is woken: this one drops the future that it
/// belongs to.
#[test]
fn a_waker_may_drop_the_future_that_wakes_it() {
    struct Owner {
        job: Arc<Mutex<Option<RunInExecutor<()>>>>,
        woken: mpsc::Sender<()>,
    }
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {
            drop(self.job.lock().unwrap().take());
            self.woken.send(()).unwrap();
        }
    }
    let (go, may_go) = mpsc::channel::<()>();
    let job = Arc::new(Mutex::new(Some(run_in_executor(move || {
        may_go.recv().unwrap();
    }))));
    let (woken, is_woken) = mpsc::channel();
    let owner = Arc::new(Owner {
        job: job.clone(),
        woken,
    });
    let waker = Waker::from(owner);
    let mut context = Context::from_waker(&waker);
    let mut taken = job.lock().unwrap().take().unwrap();
    assert!(Pin::new(&mut taken).poll(&mut context).is_pending());
    *job.lock().unwrap() = Some(taken);
    go.send(()).unwrap();
    assert_eq!(is_woken.recv_timeout(Duration::from_secs(20)), Ok(()));
}

/// A future that is dropped leaves no waker behind, however long the work goes on.
#[test]
fn a_future_that_is_dropped_takes_its_waker_along() {
    struct Idle;
    impl Wake for Idle {
        fn wake(self: Arc<Self>) {}
    }
    let idle = Arc::new(Idle);
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

// In a process of its own, since it takes all the threads that there are.

/// Runs one test of this file in a process of its own. Returns true in that process.
fn is_alone(test: &str) -> bool {
    is_alone_in(Command::new(std::env::current_exe().unwrap()), test)
}

fn is_alone_in(mut command: Command, test: &str) -> bool {
    /// One such process at a time: a machine may not have threads for all of them.
    static ONE: Mutex<()> = Mutex::new(());
    if std::env::var("BOUCLE_TEST_CHILD").is_ok_and(|name| name == test) {
        return true;
    }
    let _one = ONE.lock();
    command
        .args(["--exact", test, "--nocapture"])
        .env("BOUCLE_TEST_CHILD", test);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "{out}\n{err}");
    false
}

/// Jobs of no loop, on every thread of the executor, until this is dropped.
fn take_all_threads() -> async_channel::Sender<()> {
    let (hold, released) = async_channel::bounded::<()>(1);
    let (started, has_started) = mpsc::channel();
    for _ in 0..512 {
        let (released, started) = (released.clone(), started.clone());
        let job = run_in_executor(move || {
            started.send(()).unwrap();
            let _ = released.recv_blocking();
        });
        has_started.recv().unwrap();
        drop(job);
    }
    hold
}

/// Work that finds no thread waits its turn, and the turns are first come, first served. If it is
/// given up before, it is dropped at once, and a panic of its destructor stops there.
#[test]
fn work_waits_its_turn_and_is_dropped_at_once_if_it_is_given_up() {
    if !is_alone("work_waits_its_turn_and_is_dropped_at_once_if_it_is_given_up") {
        return;
    }
    let held = take_all_threads();
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
        assert!(poll_once(Pin::new(&mut jobs[1])).await.is_pending());
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

/// Work that has not begun when its loop ends is dropped before the end is reached, on the loop's
/// thread, also if its future lives on; which wakes what awaits it elsewhere, to say so.
#[test]
fn work_that_has_not_begun_is_dropped_with_its_loop() {
    if !is_alone("work_that_has_not_begun_is_dropped_with_its_loop") {
        return;
    }
    let held = take_all_threads();
    let (dropped, is_dropped) = mpsc::channel();
    let (began, has_begun) = mpsc::channel::<()>();
    let start = || {
        let (dropped, began) = (dropped.clone(), began.clone());
        let mut others = Some(run_in_executor(|| ()));
        let guard = OnDrop(move || {
            // Nothing is locked: a destructor may use the executor.
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

/// A name is looked up while all threads of the executor are taken.
#[test]
fn a_name_does_not_wait_for_the_executor() {
    if !is_alone("a_name_does_not_wait_for_the_executor") {
        return;
    }
    let held = take_all_threads();
    boucle::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect(("localhost", port)).await.unwrap();
    });
    drop(held);
}

/// Where the system refuses threads. (Each test is a process that may have no more of them from some
/// moment on. The limit is not the super-user's, who has to become another for it.)
#[cfg(target_os = "linux")]
mod refused {
    use std::io;
    use std::os::unix::process::CommandExt;

    use rustix::process::{Resource, Rlimit, getrlimit, getuid, setrlimit};

    use super::*;

    fn is_alone(test: &str) -> bool {
        // Not its path, which the other user may have no right to.
        let mut command = Command::new("/proc/self/exe");
        if getuid().is_root() {
            // A user with no other process, whatever runs on this machine.
            let user = 20_000 + std::process::id() % 40_000;
            command.uid(user).gid(user);
        }
        is_alone_in(command, test)
    }

    fn refuse_threads(refuse: bool) {
        let maximum = getrlimit(Resource::Nproc).maximum;
        let current = if refuse { Some(1) } else { maximum };
        setrlimit(Resource::Nproc, Rlimit { current, maximum }).unwrap();
        let thread = thread::Builder::new().spawn(|| ());
        assert_eq!(thread.is_err(), refuse);
    }

    /// Without any thread, what needs one fails at once and the loop goes on; and when threads can be
    /// had again, all is as before.
    #[test]
    fn without_a_thread_what_needs_one_fails_at_once() {
        if !is_alone("refused::without_a_thread_what_needs_one_fails_at_once") {
            return;
        }
        refuse_threads(true);
        // The panic comes out of `run` too, and nothing of it holds a virtual clock.
        let panicked = catch_unwind(|| boucle::run(run_in_executor(|| 7)));
        assert!(message(panicked.unwrap_err()).contains("os error 11"));
        virtually(async {
            let start = now();
            let mut job = run_in_executor(|| 7);
            let polled = catch_unwind(AssertUnwindSafe(|| {
                Pin::new(&mut job).poll(&mut Context::from_waker(Waker::noop()))
            }));
            assert!(polled.is_err());
            sleep(HOUR).await;
            assert_eq!(now() - start, HOUR);
        });
        boucle::run(async {
            let (dropped, is_dropped) = mpsc::channel::<()>();
            let job = run_in_executor(move || drop(dropped));
            assert!(is_dropped.recv().is_err());
            let error = spawn(job).await.unwrap_err();
            let text = message(error.try_into_panic().unwrap());
            assert!(text.contains("run_in_executor"), "{text}");
            assert!(text.contains("os error 11"), "{text}");

            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let error = TcpStream::connect(("localhost", port)).await.unwrap_err();
            let text = error.to_string();
            assert!(text.contains("localhost"), "{text}");
            assert!(text.contains("os error 11"), "{text}");
            // On a socket it would mean that it is not ready.
            assert_ne!(error.kind(), io::ErrorKind::WouldBlock);
            sleep(Duration::from_millis(1)).await;

            refuse_threads(false);
            assert_eq!(run_in_executor(|| 7).await, 7);
            TcpStream::connect(("localhost", port)).await.unwrap();
        });
    }

    /// Two jobs that wait for each other, so that each needs a thread.
    fn meeting() -> [RunInExecutor<()>; 2] {
        let ((one, sees_one), (other, sees_other)) = (mpsc::channel(), mpsc::channel());
        [(one, sees_other), (other, sees_one)].map(|(own, sees)| {
            run_in_executor(move || {
                own.send(()).unwrap();
                sees.recv().unwrap();
            })
        })
    }

    /// With a single thread the work waits its turn, in order; and when threads can be had again, more
    /// of them are made, for what has waited too.
    #[test]
    fn with_one_thread_work_waits_its_turn() {
        if !is_alone("refused::with_one_thread_work_waits_its_turn") {
            return;
        }
        boucle::run(async {
            let (started, has_started) = mpsc::channel();
            let (go, may_go) = mpsc::channel::<()>();
            let first = run_in_executor(move || {
                started.send(()).unwrap();
                may_go.recv().unwrap();
            });
            has_started.recv().unwrap();
            refuse_threads(true);
            let order = Arc::new(Mutex::new(Vec::new()));
            let jobs = (0..100).map(|number| {
                let order = order.clone();
                run_in_executor(move || order.lock().unwrap().push(number))
            });
            let jobs: Vec<_> = jobs.collect();
            sleep(Duration::from_millis(1)).await;
            assert!(order.lock().unwrap().is_empty());
            go.send(()).unwrap();
            first.await;
            gather(jobs).await;
            assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());

            let (hold, held) = mpsc::channel::<()>();
            let holding = run_in_executor(move || held.recv());
            let [one, other] = meeting();
            refuse_threads(false);
            drop(hold);
            assert!(holding.await.is_err());
            gather!(one, other).await;
            let [one, other] = meeting();
            gather!(one, other).await;
        });
    }
}

/// A value that panics when it is dropped.
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("a value's drop");
    }
}

/// Values that have come and that nobody takes are dropped quietly, each by itself; as are those of
/// joined tasks. (Two at once would end the process.)
#[test]
fn values_that_panic_when_they_are_dropped_harm_nothing() {
    boucle::run(async {
        let (done, is_done) = mpsc::channel();
        let job = || {
            let done = done.clone();
            run_in_executor(move || {
                let value = PanicsWhenDropped;
                done.send(()).unwrap();
                value
            })
        };
        let jobs = [job(), job(), job()];
        (0..3).for_each(|_| is_done.recv().unwrap());
        // The values are sent just after; a few of these may still be on their way when they are dropped.
        run_in_executor(|| ()).await;
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(jobs)));
        assert!(dropped.is_ok());
    });
}

/// A virtual clock stands still while a job runs, and not for as long as its future is kept: here one
/// that was polled, lost a race, and is awaited an hour later.
#[test]
fn a_future_that_is_kept_does_not_hold_a_virtual_clock() {
    virtually(async {
        let (go, may_go) = mpsc::channel();
        let mut job = pin!(run_in_executor(move || may_go.recv().unwrap()));
        assert!(poll_once(job.as_mut()).await.is_pending());
        go.send(7).unwrap();
        let before = now();
        sleep(HOUR).await;
        assert!(now() - before >= HOUR);
        assert_eq!(job.await, 7);
    });
}
