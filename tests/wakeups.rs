//! Waking: from this thread and others, from other loops and runtimes, at the end of a loop and
//! after it, and what somebody else's waker may do while the loop holds it.

#![allow(unsafe_code)] // A waker whose clone and drop are seen can only be made by hand.
#![allow(unused_must_use)] // A handle that is dropped detaches its task, which is what many tests want.

mod common;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;
use std::time::Duration;

use boucle::net::TcpListener;
use boucle::{
    ALL_COMPLETED, EventLoop, JoinHandle, LoopGone, LoopHandle, as_completed, gather, sleep, spawn,
    timeout, wait, yield_now,
};
use futures_lite::StreamExt;

use common::{Gate, Log, OnDrop, panic_of, rounds, virtual_loop};

const SECOND: Duration = Duration::from_secs(1);

/// How long a test that would otherwise hang waits before it fails.
const LONG: Duration = Duration::from_secs(60);

/// A turn that does not sleep.
fn turn(event_loop: &EventLoop) -> boucle::Turn {
    event_loop.turn(Some(Duration::ZERO)).unwrap()
}

/// Spawns a task that waits at a gate, and lets it get there.
fn waiting_on(event_loop: &EventLoop) -> Gate {
    let gate = Gate::default();
    let waiting = gate.clone();
    event_loop.spawn(async move { waiting.passed().await });
    turn(event_loop);
    gate
}

/// Polls a future outside of its loop's tasks, with a waker that does nothing.
fn look<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

// --- From where a wake may come

/// A wake on the loop's own thread needs no running loop, and is no message.
#[test]
fn a_task_is_woken_while_its_loop_is_not_running() {
    let event_loop = virtual_loop();
    let gate = waiting_on(&event_loop);
    assert_eq!(turn(&event_loop).polled, 0);
    gate.waker().wake();
    let woken = turn(&event_loop);
    assert_eq!((woken.polled, woken.woken_by_inbox), (1, 0));
}

/// A task of one loop that is woken inside of another goes to its own.
#[test]
fn a_task_is_woken_from_another_loop_of_the_thread() {
    let (own, other) = (virtual_loop(), virtual_loop());
    let gate = waiting_on(&own);
    let theirs = waiting_on(&other);
    other.block_on(async { gate.open() });
    assert_eq!(theirs.polls(), 1);
    let woken = turn(&own);
    assert_eq!((woken.polled, woken.left), (1, 0));
}

/// Wakes from another thread go through the inbox, are polled in their order, and are one a task
/// however many they are.
#[test]
fn tasks_are_woken_from_another_thread_in_order() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let gates = ["A", "B", "C"].map(|name| {
        let (gate, log) = (Gate::default(), log.clone());
        let waiting = gate.clone();
        event_loop.spawn(async move {
            let mut passed = pin!(waiting.passed());
            poll_fn(|cx| {
                log.add(name);
                passed.as_mut().poll(cx)
            })
            .await;
        });
        gate
    });
    turn(&event_loop);
    assert_eq!(log.take(), ["A", "B", "C"]);
    let wakers = [2, 0, 1].map(|index: usize| gates[index].waker());
    thread::spawn(move || {
        for _ in 0..rounds(1_000) {
            wakers.iter().for_each(Waker::wake_by_ref);
        }
    })
    .join()
    .unwrap();
    assert_eq!(turn(&event_loop).woken_by_inbox, 3);
    assert_eq!(turn(&event_loop).polled, 3);
    assert_eq!(log.take(), ["C", "A", "B"]);
    assert_eq!(turn(&event_loop).polled, 0);
}

/// A loop that sleeps in the kernel is rung. (Real time: the other thread gives it a moment to fall
/// asleep; should it not have done so, the test passes all the same.)
#[test]
fn a_parked_loop_is_woken_from_another_thread() {
    let event_loop = EventLoop::new().unwrap();
    for _ in 0..3 {
        let gate = waiting_on(&event_loop);
        let waker = gate.waker();
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            waker.wake();
        });
        let woken = event_loop.turn(Some(LONG)).unwrap();
        assert_eq!((woken.polled, woken.woken_by_inbox), (0, 1));
        assert_eq!(turn(&event_loop).polled, 1);
        thread.join().unwrap();
    }
}

/// Two loops on two threads hand a token to and fro through channels: no wake is lost on the way to
/// a loop that is about to park. (Each round is a race between a wake and a park.)
#[test]
fn two_loops_on_two_threads_wake_each_other() {
    const ROUNDS: usize = rounds(5_000);
    let (ping, pinged) = async_channel::bounded(1);
    let (pong, ponged) = async_channel::bounded(1);
    let thread = thread::spawn(move || {
        boucle::run(async move {
            while let Ok(number) = pinged.recv().await {
                pong.send(number).await.unwrap();
            }
        });
    });
    let rounds = async {
        for number in 0..ROUNDS {
            ping.send(number).await.unwrap();
            assert_eq!(ponged.recv().await, Ok(number));
        }
    };
    boucle::run(async { timeout(LONG, rounds).await.expect("no wake is lost") });
    drop(ping);
    thread.join().unwrap();
}

/// The same with the executor of the `futures` crate on the other side.
#[test]
fn a_loop_and_another_runtime_wake_each_other() {
    let (ping, pinged) = async_channel::bounded(1);
    let (pong, ponged) = async_channel::bounded(1);
    let thread = thread::spawn(move || {
        futures::executor::block_on(async move {
            while let Ok(number) = pinged.recv().await {
                pong.send(number).await.unwrap();
            }
        });
    });
    let rounds = async {
        for number in 0..rounds(5_000) {
            ping.send(number).await.unwrap();
            assert_eq!(ponged.recv().await, Ok(number));
        }
    };
    boucle::run(async { timeout(LONG, rounds).await.expect("no wake is lost") });
    drop(ping);
    thread.join().unwrap();
}

// --- Storms

/// Four threads wake one task 100,000 times each, each time after a step that it has to see: the
/// last step is seen. (The race: a step and its wake may fall anywhere in the task's poll, the
/// drain of the inbox, and the park.)
#[test]
fn a_storm_of_wakes_of_one_task_loses_none() {
    const THREADS: usize = 4;
    const WAKES: usize = rounds(100_000);
    boucle::run(async {
        let steps = Arc::new(AtomicUsize::new(0));
        let mut threads = Vec::new();
        let storm = poll_fn(|cx| {
            if threads.is_empty() {
                for _ in 0..THREADS {
                    let (waker, steps) = (cx.waker().clone(), steps.clone());
                    threads.push(thread::spawn(move || {
                        for _ in 0..WAKES {
                            steps.fetch_add(1, SeqCst);
                            waker.wake_by_ref();
                        }
                    }));
                }
            }
            match steps.load(SeqCst) {
                n if n == THREADS * WAKES => Poll::Ready(()),
                _ => Poll::Pending,
            }
        });
        timeout(LONG, storm).await.expect("no wake is lost");
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

/// Four threads wake a thousand tasks, round and round, while the loop polls them: each task sees
/// its last step.
#[test]
fn a_storm_of_wakes_of_many_tasks_loses_none() {
    const TASKS: usize = rounds(1_000);
    const ROUNDS: usize = rounds(100);
    type Places = Arc<Vec<(AtomicUsize, Mutex<Option<Waker>>)>>;
    let places: Places = Arc::new((0..TASKS).map(|_| Default::default()).collect());
    boucle::run(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|index| {
                let places = places.clone();
                spawn(poll_fn(move |cx| {
                    let (steps, place) = &places[index];
                    place
                        .lock()
                        .unwrap()
                        .get_or_insert_with(|| cx.waker().clone());
                    match steps.load(SeqCst) {
                        n if n == 4 * ROUNDS => Poll::Ready(()),
                        _ => Poll::Pending,
                    }
                }))
            })
            .collect();
        yield_now().await;
        for _ in 0..4 {
            let places = places.clone();
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    for (steps, waker) in places.iter() {
                        let waker = waker.lock().unwrap().clone().unwrap();
                        steps.fetch_add(1, SeqCst);
                        waker.wake();
                    }
                }
            });
        }
        let all = wait(tasks, ALL_COMPLETED).timeout(LONG).await;
        assert_eq!((all.0.len(), all.1.len()), (TASKS, 0));
    });
}

/// A storm while nobody reads the inbox is one message, and one poll.
#[test]
fn a_storm_that_nobody_reads_is_one_wake() {
    let event_loop = virtual_loop();
    let gate = waiting_on(&event_loop);
    let waker = gate.waker();
    let storm = || {
        for _ in 0..rounds(10_000) {
            waker.wake_by_ref();
        }
    };
    thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(storm)));
    });
    let woken = turn(&event_loop);
    assert_eq!((woken.polled, woken.woken_by_inbox, woken.ready), (0, 1, 1));
    assert_eq!(turn(&event_loop).polled, 1);
    assert_eq!(turn(&event_loop).polled, 0);
}

// --- Stale wakers

/// A task that is done may still stand in the queue, and its slot may have a new owner by then: the
/// old entry is skipped, wakes nobody, and is no poll.
#[test]
fn an_old_entry_of_the_queue_is_skipped() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let idle = waiting_on(&event_loop);
    let inner = log.clone();
    event_loop.spawn(poll_fn(move |cx| {
        // It is queued, and done: what is queued next is `idle`, and the last one has this task's
        // slot.
        cx.waker().wake_by_ref();
        inner.add("old");
        Poll::Ready(())
    }));
    let first = turn(&event_loop);
    assert_eq!((first.polled, first.left), (1, 1));

    idle.open();
    let inner = log.clone();
    event_loop.spawn(async move {
        inner.add("new");
        pending::<()>().await;
    });
    let opened = idle.clone();
    assert_eq!(opened.polls(), 1);
    let second = turn(&event_loop);
    assert_eq!((second.polled, second.left, idle.polls()), (2, 1, 2));
    assert_eq!(log.take(), ["old", "new"]);
}

/// So is the old entry of a task that is kept for its handle, whether it has a value or has aborted
/// itself.
#[test]
fn an_old_entry_of_a_task_that_is_kept_is_skipped() {
    let event_loop = virtual_loop();
    let ready = event_loop.spawn(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Ready(5)
    }));
    let own: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let handle = own.clone();
    own.replace(Some(event_loop.spawn(poll_fn(move |cx| {
        cx.waker().wake_by_ref();
        handle.borrow().as_ref().unwrap().abort();
        Poll::Pending
    }))));
    let first = turn(&event_loop);
    assert_eq!((first.polled, first.ready, first.left), (2, 2, 0));
    let second = turn(&event_loop);
    assert_eq!((second.polled, second.ready, second.left), (0, 0, 0));
    let aborted = own.take().unwrap();
    assert!(event_loop.block_on(aborted).unwrap_err().is_cancelled());
    assert_eq!(event_loop.block_on(ready).unwrap(), 5);
}

/// In that case the new owner keeps its own place in the queue, behind who was woken before.
#[test]
fn a_new_owner_of_a_slot_does_not_take_the_place_of_the_old_one() {
    let log = Log::default();
    let event_loop = virtual_loop();
    event_loop.spawn(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Ready(())
    }));
    let inner = log.clone();
    event_loop.spawn(async move {
        yield_now().await;
        inner.add("woken before");
    });
    turn(&event_loop);
    let inner = log.clone();
    event_loop.spawn(async move { inner.add("new owner") });
    assert_eq!(turn(&event_loop).polled, 2);
    assert_eq!(log.take(), ["woken before", "new owner"]);
}

/// A waker of a task that is done does not wake who has its slot now; from another thread it may,
/// once.
#[test]
fn a_stale_waker_wakes_nobody_else() {
    let event_loop = virtual_loop();
    let old = waiting_on(&event_loop);
    let stale = old.waker();
    old.open();
    turn(&event_loop);
    let new = waiting_on(&event_loop);

    stale.wake_by_ref();
    assert_eq!(turn(&event_loop).polled, 0);
    assert_eq!(new.polls(), 1);

    thread::spawn(move || stale.wake()).join().unwrap();
    turn(&event_loop);
    turn(&event_loop);
    assert!(new.polls() <= 2);
    new.open();
    assert_eq!(turn(&event_loop).left, 0);
}

/// The place of a main future that is done goes to a task; wakes that were meant for main do not
/// reach it.
#[test]
fn a_stale_waker_of_main_wakes_nobody() {
    let event_loop = virtual_loop();
    let mut stale = None;
    event_loop.block_on(poll_fn(|cx| {
        cx.waker().wake_by_ref();
        stale = Some(cx.waker().clone());
        Poll::Ready(())
    }));
    let gate = waiting_on(&event_loop);
    assert_eq!(gate.polls(), 1);
    stale.unwrap().wake();
    assert_eq!(turn(&event_loop).polled, 0);
    gate.open();
    assert_eq!(turn(&event_loop).left, 0);
}

/// After its loop is gone a waker may be cloned, compared, woken and dropped, here and elsewhere,
/// and does nothing.
#[test]
fn a_waker_outlives_its_loop() {
    let event_loop = virtual_loop();
    let waker = waiting_on(&event_loop).waker();
    drop(event_loop);
    let other = virtual_loop();
    let gate = waiting_on(&other);

    assert!(waker.will_wake(&waker.clone()));
    waker.wake_by_ref();
    other.block_on(async { waker.wake_by_ref() });
    thread::spawn({
        let waker = waker.clone();
        move || waker.wake()
    })
    .join()
    .unwrap();
    drop(waker);
    assert_eq!(turn(&other).polled, 0);
    assert_eq!(gate.polls(), 1);
}

// --- At the end --------------------------------------------------------------------------------------------------

/// A loop that closes takes wakes from other threads without a deadlock: a destructor may wait for
/// a thread that wakes.
#[test]
fn a_wake_during_teardown_waits_for_nobody() {
    let event_loop = virtual_loop();
    let gate = waiting_on(&event_loop);
    let waker = gate.waker();
    let woken = Rc::new(Cell::new(false));
    let done = woken.clone();
    let guard = OnDrop(move || {
        waker.wake_by_ref();
        let waker = waker.clone();
        thread::spawn(move || waker.wake()).join().unwrap();
        done.set(true);
    });
    event_loop.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    turn(&event_loop);
    drop(event_loop);
    assert!(woken.get());
    assert_eq!(gate.polls(), 1);
}

/// Threads that wake while the loop comes to its end do no harm, whichever comes first. (The race
/// is made by many short loops, each with a thread that wakes until it is told to stop.)
#[test]
fn wakes_that_race_with_the_end_of_a_loop_do_no_harm() {
    for _ in 0..rounds(200) {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = boucle::run(poll_fn(|cx| {
            let (waker, stop) = (cx.waker().clone(), stop.clone());
            let handle = LoopHandle::current();
            let (begin, begun) = mpsc::channel();
            let thread = thread::spawn(move || {
                begin.send(()).unwrap();
                while !stop.load(Relaxed) {
                    waker.wake_by_ref();
                    let _ = handle.spawn(|| ready(()));
                }
                handle.spawn(|| ready(()))
            });
            begun.recv().unwrap();
            Poll::Ready(thread)
        }));
        stop.store(true, Relaxed);
        assert_eq!(thread.join().unwrap(), Err(LoopGone));
    }
}

thread_local! {
    static ONE: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
    static OTHER: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Wakers and loops that a thread destroys with its thread-locals, in both orders: the destructors
/// run, wake and spawn, and nothing panics. (A panic there would abort the process.)
#[test]
fn a_waker_may_be_woken_while_thread_locals_are_destroyed() {
    for loop_first in [true, false] {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::spawn(move || {
            let event_loop = virtual_loop();
            let waker = waiting_on(&event_loop).waker();
            let own = waker.clone();
            let note = sender.clone();
            let guard = OnDrop(move || {
                own.wake_by_ref();
                let task = spawn(ready(()));
                task.abort();
                note.send(("task", task.is_finished())).unwrap();
            });
            event_loop.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            let handle = event_loop.spawn(pending::<()>());
            let mut armed = sleep(SECOND);
            let _ = event_loop.block_on(futures_lite::future::poll_once(&mut armed));
            let keeper = OnDrop(move || {
                waker.wake_by_ref();
                handle.abort();
                let finished = handle.is_finished();
                let _ = &armed;
                sender.send(("waker", finished)).unwrap();
            });
            let (event_loop, keeper): (Box<dyn Any>, Box<dyn Any>) =
                (Box::new(event_loop), Box::new(keeper));
            let (one, other) = match loop_first {
                true => (event_loop, keeper),
                false => (keeper, event_loop),
            };
            ONE.set(Some(one));
            OTHER.set(Some(other));
        });
        thread.join().unwrap();
        let mut seen: Vec<_> = receiver.iter().map(|(name, _)| name).collect();
        seen.sort();
        assert_eq!(seen, ["task", "waker"]);
    }
}

/// A waker that a thread wakes with its last breath wakes a loop that lives elsewhere. (Real time:
/// the loop parks until that thread ends.)
#[test]
fn a_thread_that_ends_can_wake_a_loop() {
    boucle::run(async {
        let ended = Arc::new(AtomicBool::new(false));
        let mut thread = None;
        let last_breath = poll_fn(|cx| {
            if thread.is_none() {
                let (waker, ended) = (cx.waker().clone(), ended.clone());
                thread = Some(thread::spawn(move || {
                    let keeper = OnDrop(move || {
                        ended.store(true, SeqCst);
                        waker.wake_by_ref();
                    });
                    ONE.set(Some(Box::new(keeper)));
                }));
            }
            match ended.load(SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        timeout(LONG, last_breath).await.expect("no wake is lost");
        thread.unwrap().join().unwrap();
    });
}

// --- LoopHandle

/// A loop handle spawns from any thread; the closure runs on the loop's, in the first poll of a new
/// task, and what it makes need not be `Send`.
#[test]
fn a_loop_handle_spawns_from_another_thread() {
    let event_loop = virtual_loop();
    let here = thread::current().id();
    let (sender, receiver) = mpsc::channel();
    let handle = event_loop.handle();
    let thread = thread::spawn(move || {
        for number in 0..3 {
            let sender = sender.clone();
            let make = move || {
                let not_send = Rc::new(number);
                let made = (thread::current().id(), *not_send);
                async move {
                    yield_now().await;
                    sender.send((made, *not_send)).unwrap();
                }
            };
            handle.spawn(make).unwrap();
        }
    });
    thread.join().unwrap();

    let arrived = turn(&event_loop);
    assert_eq!(
        (arrived.polled, arrived.woken_by_inbox, arrived.left),
        (0, 3, 3)
    );
    assert_eq!(turn(&event_loop).polled, 3);
    assert_eq!(turn(&event_loop).left, 0);
    let seen: Vec<_> = receiver.iter().collect();
    let expected = [0, 1, 2].map(|number| ((here, number), number));
    assert_eq!(seen, expected);
}

/// Nothing that four threads leave for a busy loop is lost. (The race: the loop drains while they
/// push.)
#[test]
fn nothing_that_is_spawned_from_other_threads_is_lost() {
    const EACH: usize = rounds(2_000);
    let (sender, receiver) = async_channel::unbounded();
    boucle::run(async {
        for _ in 0..4 {
            let (handle, sender) = (LoopHandle::current(), sender.clone());
            thread::spawn(move || {
                for number in 0..EACH {
                    let sender = sender.clone();
                    let send = move || async move { sender.send(number).await.unwrap() };
                    handle.spawn(send).unwrap();
                }
            });
        }
        let mut sum = 0;
        for _ in 0..4 * EACH {
            sum += timeout(LONG, receiver.recv()).await.unwrap().unwrap();
        }
        assert_eq!(sum, 4 * (0..EACH).sum::<usize>());
    });
}

/// Another thread can stop a loop that is parked. (Real time, as above.)
#[test]
fn a_parked_loop_is_stopped_from_another_thread() {
    let event_loop = EventLoop::new().unwrap();
    event_loop.spawn(pending::<()>());
    let handle = event_loop.handle();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        handle.stop();
    });
    event_loop.run_forever();
    thread.join().unwrap();
    // And it is no deadlock that it waits: this loop's clock is real.
    assert_eq!(event_loop.block_on(ready(1)), 1);
}

/// When the loop is gone the handle says so, and the closure is dropped where it is.
#[test]
fn a_loop_handle_knows_that_its_loop_is_gone() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let name = format!("{event_loop:?}").replace("EventLoop", "LoopHandle");
    assert_eq!(format!("{handle:?}"), name);
    drop(event_loop);
    let closure = Arc::new(());
    let inside = closure.clone();
    let spawned = handle.clone().spawn(move || {
        drop(inside);
        ready(())
    });
    assert_eq!(spawned, Err(LoopGone));
    assert_eq!(Arc::strong_count(&closure), 1);
    handle.stop();
    thread::spawn(move || {
        assert_eq!(handle.spawn(|| ready(())), Err(LoopGone));
        handle.stop();
    })
    .join()
    .unwrap();
}

/// While somebody has a loop handle, a virtual clock does not say that nothing can come; when the
/// last one is gone, it does. (Real time: the loop parks until the other thread is done.)
#[test]
fn a_virtual_loop_waits_for_its_loop_handles() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let message = panic_of(|| {
        event_loop.block_on(async {
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                handle.spawn(|| ready(())).unwrap();
                let another = handle.clone();
                drop(handle);
                thread::sleep(Duration::from_millis(20));
                drop(another);
            });
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock"), "{message}");
}

// --- Wakers of somebody else

/// What a waker's owner is told.
type Hook = Box<dyn Fn(&'static str) + Send + Sync>;

/// A waker that tells a closure when it is cloned, woken and dropped.
fn telling(hook: impl Fn(&'static str) + Send + Sync + 'static) -> Waker {
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            let hook = borrow(data);
            hook("clone");
            RawWaker::new(Arc::into_raw(hook).cast(), &VTABLE)
        },
        |data| own(data)("wake"),
        |data| borrow(data)("wake"),
        |data| own(data)("drop"),
    );
    fn own(data: *const ()) -> Arc<Hook> {
        // SAFETY: the data of every waker with this table came out of `Arc::into_raw`, and the
        // function that is called last, `wake` or `drop`, takes that count back, once.
        unsafe { Arc::from_raw(data.cast()) }
    }
    fn borrow(data: *const ()) -> Arc<Hook> {
        // SAFETY: as above; the waker is alive while it is cloned or woken by reference, so the
        // count is not zero.
        unsafe { Arc::increment_strong_count(data.cast::<Hook>()) };
        own(data)
    }
    let hook: Arc<Hook> = Arc::new(Box::new(hook));
    let raw = RawWaker::new(Arc::into_raw(hook).cast(), &VTABLE);
    // SAFETY: the four functions keep the count as a waker's must be kept, and the hook is
    // `Send + Sync`.
    unsafe { Waker::from_raw(raw) }
}

/// Does with the loop what user code may do, inside of it.
fn use_the_loop() {
    let task = spawn(pending::<()>());
    task.abort();
    drop(task);
    drop(spawn(ready(())));
    let mut armed = sleep(SECOND);
    assert!(look(&mut armed).is_pending());
    drop(armed);
    let mut gathered = gather([pending::<()>()]);
    assert!(look(&mut gathered).is_pending());
    drop(gathered);
    OWN.with_borrow(|own| own.iter().for_each(Waker::wake_by_ref));
    boucle::now();
    drop(LoopHandle::current());
}

thread_local! {
    /// A waker of the loop.
    static OWN: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// Counts what reentrant wakers did: calls that began, and calls that came to their end. A call
/// under a borrow of the loop would panic in between.
#[derive(Default)]
struct Calls {
    begun: AtomicUsize,
    ended: AtomicUsize,
    woken: AtomicUsize,
}

impl Calls {
    fn waker(self: &Arc<Self>) -> Waker {
        let calls = self.clone();
        telling(move |event| {
            calls.begun.fetch_add(1, Relaxed);
            if event == "wake" {
                calls.woken.fetch_add(1, Relaxed);
            }
            use_the_loop();
            calls.ended.fetch_add(1, Relaxed);
        })
    }
}

/// Polls something inside of a loop with wakers that use the loop whenever they are touched: a
/// first one, another one in its place, the same again; then makes it ready, polls once more, and
/// lets it go; and lets another one of the kind go while it is pending. Nothing panics, as many are
/// woken as are to be, and none is leaked.
async fn bears_reentrant_wakers<F, T>(
    mut make: impl FnMut() -> F,
    ready: impl AsyncFn(),
    wakes: usize,
) where
    F: FnMut(&mut Context<'_>) -> Poll<T>,
{
    poll_fn(|cx| {
        OWN.set(Some(cx.waker().clone()));
        Poll::Ready(())
    })
    .await;
    let calls = Arc::new(Calls::default());
    {
        let (first, second) = (calls.waker(), calls.waker());
        let mut poll = make();
        for waker in [&first, &first, &second, &second] {
            let polled = poll(&mut Context::from_waker(waker));
            assert!(polled.is_pending());
        }
        drop(first);
        ready().await;
        assert_eq!(calls.woken.load(Relaxed), wakes);
        let polled = poll(&mut Context::from_waker(&second));
        assert!(polled.is_ready());
        drop(poll);

        let mut poll = make();
        assert!(poll(&mut Context::from_waker(&second)).is_pending());
        drop(poll);
    }
    yield_now().await;
    assert_eq!(calls.begun.load(Relaxed), calls.ended.load(Relaxed));
    assert_eq!(Arc::strong_count(&calls), 1);
}

/// Somebody else's waker may use the loop in its clone, wake and drop, while a JoinHandle holds it.
#[test]
fn a_join_handle_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let gate = Gate::default();
        let waiting = || {
            let gate = gate.clone();
            let mut task = spawn(async move { gate.passed().await });
            move |cx: &mut Context<'_>| pin!(&mut task).poll(cx)
        };
        bears_reentrant_wakers(
            waiting,
            async || {
                yield_now().await;
                gate.open();
                yield_now().await;
            },
            1,
        )
        .await;
    });
}

/// The same while a task is aborted.
#[test]
fn an_aborted_task_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let last = RefCell::new(Weak::new());
        let waiting = || {
            let task = Rc::new(RefCell::new(spawn(pending::<()>())));
            last.replace(Rc::downgrade(&task));
            move |cx: &mut Context<'_>| pin!(&mut *task.borrow_mut()).poll(cx)
        };
        let aborted = async || {
            last.borrow().upgrade().unwrap().borrow().abort();
            yield_now().await;
        };
        bears_reentrant_wakers(waiting, aborted, 1).await;
    });
}

/// The same while a Sleep holds it.
#[test]
fn a_sleep_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let sleeping = || {
            let mut armed = sleep(SECOND);
            move |cx: &mut Context<'_>| pin!(&mut armed).poll(cx)
        };
        bears_reentrant_wakers(sleeping, async || sleep(SECOND).await, 1).await;
    });
}

/// The same while a gather holds it.
#[test]
fn a_gather_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let gathering = || {
            let mut gathered = gather([sleep(SECOND), sleep(SECOND / 2)]);
            move |cx: &mut Context<'_>| pin!(&mut gathered).poll(cx)
        };
        bears_reentrant_wakers(gathering, async || sleep(2 * SECOND).await, 1).await;
    });
}

/// The same while a wait holds it, with its deadline.
#[test]
fn a_wait_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let waiting = || {
            let tasks = [spawn(sleep(SECOND)), spawn(sleep(SECOND / 2))];
            let mut waiting = wait(tasks, ALL_COMPLETED);
            move |cx: &mut Context<'_>| pin!(&mut waiting).poll(cx)
        };
        bears_reentrant_wakers(waiting, async || sleep(2 * SECOND).await, 1).await;

        let waiting = || {
            let mut waiting = wait([spawn(pending::<()>())], ALL_COMPLETED).timeout(SECOND);
            move |cx: &mut Context<'_>| pin!(&mut waiting).poll(cx)
        };
        bears_reentrant_wakers(waiting, async || sleep(2 * SECOND).await, 1).await;
    });
}

/// The same while the stream of `as_completed` holds it.
#[test]
fn as_completed_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let items = || {
            let mut items = as_completed([sleep(SECOND)]);
            move |cx: &mut Context<'_>| pin!(items.next()).poll(cx)
        };
        bears_reentrant_wakers(items, async || sleep(2 * SECOND).await, 1).await;
    });
}

/// The same while a socket holds it. (Real time: a connection over the loopback.)
#[test]
fn a_socket_bears_a_waker_that_uses_the_loop() {
    boucle::run(async {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = first.local_addr().unwrap();
        let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut listeners = vec![second, first];
        let accepting = || {
            let listener = listeners.pop().unwrap();
            move |cx: &mut Context<'_>| listener.poll_accept(cx)
        };
        // A socket keeps whoever waits for a side, so both wakers are woken.
        let connected = async || {
            let client = boucle::net::TcpStream::connect(address).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            drop(client);
        };
        bears_reentrant_wakers(accepting, connected, 2).await;
    });
}

/// A loop that has gone to sleep for good is rung by a message. (The pause gives it the time to fall
/// asleep; were it still awake, the test would pass for a lesser reason. It fails, and does not hang.)
#[test]
fn a_loop_that_sleeps_is_rung() {
    let (handle_out, handle_in) = mpsc::channel();
    let (returned_out, returned_in) = mpsc::channel();
    thread::spawn(move || {
        let event_loop = EventLoop::new().unwrap();
        handle_out.send(event_loop.handle()).unwrap();
        event_loop.run_forever();
        returned_out.send(()).unwrap();
    });
    let handle = handle_in.recv().unwrap();
    thread::sleep(Duration::from_millis(50));
    handle.stop();
    let returned = returned_in.recv_timeout(Duration::from_secs(20));
    assert_eq!(returned, Ok(()), "nobody has rung");
}

/// A waker that polls with a new identity each time does not fill a socket's list for ever: it is
/// woken to come again.
#[test]
fn a_crowd_of_wakers_at_a_socket_is_woken_now_and_then() {
    const WAKERS: usize = rounds(1_000);
    boucle::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let calls = Arc::new(Calls::default());
        for _ in 0..WAKERS {
            let polled = listener.poll_accept(&mut Context::from_waker(&calls.waker()));
            assert!(polled.is_pending());
        }
        let held = Arc::strong_count(&calls) - 1;
        assert!(held < 100, "{held} are held");
        assert_eq!(calls.woken.load(Relaxed) + held, WAKERS);
        drop(listener);
        assert_eq!(Arc::strong_count(&calls), 1);
        assert_eq!(calls.begun.load(Relaxed), calls.ended.load(Relaxed));
    });
}

/// Nor does a task whose combinator makes a new waker for each of its polls, if the loop has a lull
/// now and then: those that it left behind wake it once, and go, however long it waits.
#[test]
fn stale_wakers_at_a_socket_do_not_add_up() {
    boucle::run(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let count = Arc::new(());
        for round in 0..rounds(500) {
            let polled = poll_fn(|cx| {
                let waker = Waker::from(Arc::new(Passes(cx.waker().clone(), count.clone())));
                Poll::Ready(listener.poll_accept(&mut Context::from_waker(&waker)))
            });
            assert!(polled.await.is_pending());
            sleep(Duration::from_micros(1)).await;
            let held = Arc::strong_count(&count) - 1;
            assert!(held <= 64, "{held} are held after {round} rounds");
        }
    });
}

/// A waker around another one.
struct Passes(Waker, #[expect(dead_code)] Arc<()>);

impl Wake for Passes {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

/// A loop that closes wakes and drops somebody else's wakers, and those may use it.
#[test]
fn a_closing_loop_bears_wakers_that_use_it() {
    let calls = Arc::new(Calls::default());
    let event_loop = virtual_loop();
    let mut task = event_loop.spawn(pending::<()>());
    let mut armed = sleep(SECOND);
    let mut gathered = gather([pending::<()>()]);
    event_loop.block_on(async {
        let waker = calls.waker();
        let cx = &mut Context::from_waker(&waker);
        assert!(pin!(&mut task).poll(cx).is_pending());
        assert!(pin!(&mut armed).poll(cx).is_pending());
        assert!(pin!(&mut gathered).poll(cx).is_pending());
    });
    drop(event_loop);
    assert_eq!(calls.woken.load(Relaxed), 3);
    assert_eq!(calls.begun.load(Relaxed), calls.ended.load(Relaxed));
    assert_eq!(Arc::strong_count(&calls), 1);
}

/// A waker that panics when it is woken kills neither the loop nor the tasks whose end it was to
/// hear of, nor does it keep the next one from its wake.
#[test]
fn a_waker_that_panics_does_not_kill_the_loop() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("woken");
        }
    }
    let own = Arc::new(Panics);
    let waker = Waker::from(own.clone());
    let cx = &mut Context::from_waker(&waker);
    let event_loop = virtual_loop();
    event_loop.block_on(async {
        let mut armed = sleep(SECOND);
        let mut task = spawn(sleep(SECOND));
        let mut gathered = gather([sleep(SECOND), sleep(SECOND)]);
        let mut aborted = spawn(pending::<()>());
        assert!(pin!(&mut armed).poll(cx).is_pending());
        assert!(pin!(&mut task).poll(cx).is_pending());
        assert!(pin!(&mut gathered).poll(cx).is_pending());
        assert!(pin!(&mut aborted).poll(cx).is_pending());
        aborted.abort();
        sleep(2 * SECOND).await;
        armed.await;
        task.await.unwrap();
        gathered.await;
        assert!(aborted.await.is_err());
    });
    let mut task = event_loop.spawn(pending::<()>());
    let mut armed = sleep(SECOND);
    event_loop.block_on(async {
        assert!(pin!(&mut task).poll(cx).is_pending());
        assert!(pin!(&mut armed).poll(cx).is_pending());
    });
    drop(event_loop);
    drop((task, armed));
    drop(waker);
    assert_eq!(Arc::strong_count(&own), 1);
}

/// The same at a socket. (Real time: a connection over the loopback.)
#[test]
fn a_waker_that_panics_at_a_socket_does_not_kill_the_loop() {
    boucle::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let panics = telling(|event| assert_ne!(event, "wake"));
        let polled = listener.poll_accept(&mut Context::from_waker(&panics));
        assert!(polled.is_pending());
        let accepting = spawn(async move { listener.accept().await.is_ok() });
        yield_now().await;
        let client = boucle::net::TcpStream::connect(address).await;
        assert!(timeout(LONG, accepting).await.unwrap().unwrap());
        drop(client);
    });
}
