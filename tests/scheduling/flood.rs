//! Floods: messages that come faster than the loop handles them. One turn takes a bounded number of them, in
//! the order in which they came, so the delay of timers and of other tasks is bounded, too.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use boucle::{EventLoop, LoopHandle, sleep, spawn, yield_now};

use crate::common::{Gate, OnDrop, holds, turn, virtual_loop};

/// The most that one turn takes from the inbox.
const BOUND: usize = 1_024;

/// Messages for several turns.
const MANY: usize = 10_000;

/// Runs a closure on a thread that has no loop, and waits for its end.
fn on_another_thread(work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        scope.spawn(work);
    });
}

/// Runs turns until `count` reaches `all`. Asserts that one turn adds at most the bound to it, and polls at
/// most that.
fn assert_bounded(event_loop: &EventLoop, count: impl Fn() -> usize, all: usize) {
    let mut before = count();
    let mut turns = 0;
    while count() < all {
        let done = turn(event_loop);
        assert!(done.woken_by_inbox <= BOUND && done.polled <= BOUND, "{done}");
        assert!(count() - before <= BOUND, "{} in one turn", count() - before);
        before = count();
        turns += 1;
        assert!(turns <= 2 * all / BOUND + 10, "the loop leaves messages in its inbox");
    }
}

/// Tasks that another thread spawns are spawned in its order, over several turns.
#[test]
fn a_flood_of_spawns_is_taken_in_portions() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let order = Arc::new(AtomicUsize::new(0));
    on_another_thread(|| {
        for n in 0..MANY {
            let order = order.clone();
            let task = move || async move { assert_eq!(order.fetch_add(1, SeqCst), n) };
            handle.spawn(task).unwrap();
        }
    });
    assert_bounded(&event_loop, || order.load(SeqCst), MANY);
    assert_eq!(turn(&event_loop).left, 0);
}

/// The rest of a flood does not wait in the inbox for another message: the loop reads all of it without
/// sleeping, and then the stop behind it.
#[test]
fn the_rest_of_a_flood_is_read_without_a_further_message() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let count = Arc::new(AtomicUsize::new(0));
    on_another_thread(|| {
        for _ in 0..MANY {
            let count = count.clone();
            handle.spawn(move || async move { count.fetch_add(1, SeqCst) }).unwrap();
        }
        handle.stop();
    });
    event_loop.run_forever();
    assert!(count.load(SeqCst) >= MANY - BOUND);
}

/// Wakes, aborts and drops of handles that come from another thread are taken in portions, too.
#[test]
fn floods_of_wakes_aborts_and_drops_are_taken_in_portions() {
    let event_loop = virtual_loop();
    let polls = Rc::new(Cell::new(0));
    let wakers: Rc<RefCell<Vec<Waker>>> = Rc::default();
    for _ in 0..MANY {
        let (polls, wakers) = (polls.clone(), wakers.clone());
        event_loop.spawn(std::future::poll_fn(move |cx| {
            polls.set(polls.get() + 1);
            if polls.get() <= MANY {
                wakers.borrow_mut().push(cx.waker().clone());
            }
            std::task::Poll::<()>::Pending
        }));
    }
    turn(&event_loop);
    let woken = wakers.take();
    on_another_thread(move || woken.iter().chain(&woken).for_each(Waker::wake_by_ref));
    assert_bounded(&event_loop, || polls.get(), 2 * MANY);
    assert_eq!(turn(&event_loop).polled, 0, "a second wake of a queued task is no further poll");

    let dropped = Rc::new(Cell::new(0));
    let counts = || {
        let dropped = dropped.clone();
        OnDrop(move || dropped.set(dropped.get() + 1))
    };
    let tasks = (0..MANY).map(|_| {
        let guard = counts();
        event_loop.spawn(holds(guard))
    });
    let handles: Vec<_> = tasks.collect();
    turn(&event_loop);
    on_another_thread(|| handles.iter().for_each(|handle| handle.abort()));
    assert_bounded(&event_loop, || dropped.get(), MANY);

    dropped.set(0);
    let values: Vec<_> = (0..MANY)
        .map(|_| {
            let guard = counts();
            event_loop.spawn(async { guard })
        })
        .collect();
    turn(&event_loop);
    on_another_thread(move || drop(values));
    assert_bounded(&event_loop, || dropped.get(), MANY);
}

/// While a thread spawns without pause, and each of its tasks spawns two more, the polls of a turn are
/// bounded, and a sleeping task is polled. (Each of these turns looks at the timers.)
#[test]
fn a_flood_that_does_not_end_makes_no_turn_longer() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    let over = Arc::new(AtomicBool::new(false));
    let ends = over.clone();
    let flood = thread::spawn(move || {
        while !ends.load(SeqCst) {
            let spawns_two = || async {
                spawn(yield_now());
                spawn(yield_now());
            };
            // Each message stays in memory until the loop has read it.
            if handle.spawn(spawns_two).is_err() {
                break;
            }
        }
    });
    let naps = event_loop.spawn(async {
        for _ in 0..5 {
            sleep(Duration::from_millis(1)).await;
        }
    });
    while !naps.is_finished() {
        // A batch: what the inbox has brought, the two children of each task of the last batch, and those of
        // the batch before, which have yielded.
        let done = turn(&event_loop);
        assert!(done.polled <= 5 * BOUND + 2, "{done}");
    }
    over.store(true, SeqCst);
    drop(event_loop);
    flood.join().unwrap();
}

/// Messages that a task sends to its own loop are taken in portions like those of another thread.
#[test]
fn a_flood_from_the_loop_itself_is_taken_in_portions() {
    let event_loop = virtual_loop();
    let count = Arc::new(AtomicUsize::new(0));
    let counts = count.clone();
    event_loop.block_on(async move {
        let handle = LoopHandle::current();
        for _ in 0..MANY {
            let counts = counts.clone();
            let task = move || async move { counts.fetch_add(1, SeqCst) };
            handle.spawn(task).unwrap();
        }
    });
    assert_bounded(&event_loop, || count.load(SeqCst), MANY);
}

/// The ready queue has no bound: however many tasks are woken by the loop's own thread, they are one batch.
#[test]
fn a_batch_is_not_a_flood() {
    let event_loop = virtual_loop();
    let gates: Vec<_> = (0..MANY).map(|_| Gate::default()).collect();
    for gate in &gates {
        event_loop.spawn(gate.waits());
    }
    turn(&event_loop);
    gates.iter().for_each(Gate::open);
    assert_eq!(turn(&event_loop).polled, MANY);
}
