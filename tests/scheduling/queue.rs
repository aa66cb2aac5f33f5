//! The ready queue: in which order tasks are polled, and how often.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use boucle::{sleep, spawn, yield_now};
use futures_lite::future::poll_once;

use crate::common::{Gate, Log, SECOND, turn, virtual_loop};

/// The main future has a place in the queue: tasks that it spawned before it was woken run first.
#[test]
fn main_takes_its_turn_in_the_queue() {
    let log = Log::default();
    virtual_loop().block_on(async {
        for name in ["A", "B"] {
            let log = log.clone();
            spawn(async move { log.add(name) });
        }
        log.add("main");
        yield_now().await;
        log.add("main again");
    });
    assert_eq!(log.take(), ["main", "A", "B", "main again"]);
}

/// Tasks that were queued on an explicit loop before `block_on` are polled before its main future.
#[test]
fn main_queues_behind_what_was_spawned_before_it() {
    let log = Log::default();
    let event_loop = virtual_loop();
    for name in ["A", "B"] {
        let log = log.clone();
        event_loop.spawn(async move { log.add(name) });
    }
    event_loop.block_on(async { log.add("main") });
    assert_eq!(log.take(), ["A", "B", "main"]);
}

/// FIFO: tasks are polled in the order of their wakes, whatever the order of their spawns.
#[test]
fn tasks_are_polled_in_the_order_in_which_they_were_woken() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let gates = ["A", "B", "C", "D"].map(|name| {
            let (gate, log) = (Gate::default(), log.clone());
            let waiting = gate.clone();
            spawn(async move {
                waiting.passed().await;
                log.add(name);
            });
            gate
        });
        yield_now().await;
        for index in [2, 0, 3, 1] {
            gates[index].open();
        }
        yield_now().await;
    });
    assert_eq!(log.take(), ["C", "A", "D", "B"]);
}

/// However often a task is woken before its poll, it has one place in the queue.
#[test]
fn a_task_that_is_woken_twice_is_polled_once() {
    let event_loop = virtual_loop();
    let gates = [Gate::default(), Gate::default()];
    for gate in &gates {
        event_loop.spawn(gate.waits());
    }
    turn(&event_loop);

    for gate in [&gates[0], &gates[1], &gates[0], &gates[0]] {
        gate.waker().wake();
    }
    let turn = turn(&event_loop);
    assert_eq!((turn.polled, turn.ready), (2, 0));
    assert_eq!(gates.map(|gate| gate.polls()), [2, 2]);
}

/// A task that is woken twice in each poll, and twice more before the next one, is polled once a turn.
#[test]
fn a_task_that_always_wakes_itself_is_polled_once_a_turn() {
    let event_loop = virtual_loop();
    let gate = Gate::default();
    let seen = gate.clone();
    event_loop.spawn(poll_fn::<(), _>(move |cx| {
        let _ = std::pin::pin!(seen.passed()).poll(cx);
        cx.waker().wake_by_ref();
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    for polls in 1..=3 {
        let turn = event_loop.turn(None).unwrap();
        assert_eq!((turn.polled, turn.ready, gate.polls()), (1, 1, polls));
        gate.waker().wake();
        gate.waker().wake();
    }
}

/// A task that wakes itself while it is polled is polled again after the tasks that were woken before.
#[test]
fn a_task_that_yields_goes_to_the_end_of_the_queue() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let tasks = ["A", "B", "C"].map(|name| {
            let log = log.clone();
            spawn(async move {
                for round in 1..=2 {
                    log.add(format!("{name}{round}"));
                    yield_now().await;
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["A1", "B1", "C1", "A2", "B2", "C2"]);
}

/// A task that is spawned or woken during a turn runs in the next one.
#[test]
fn the_batch_is_frozen() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let outer = log.clone();
    event_loop.spawn(async move {
        outer.add("outer");
        let inner = outer.clone();
        spawn(async move {
            inner.add("inner");
            spawn(async move { inner.add("innermost") });
        });
    });

    for expected in ["outer", "inner", "innermost"] {
        assert_eq!(turn(&event_loop).polled, 1);
        assert_eq!(log.take(), [expected]);
    }
}

/// When main is ready, `block_on` returns at once; under an explicit loop the rest of the batch keeps its
/// place.
#[test]
fn the_rest_of_the_batch_is_not_polled_once_main_is_ready() {
    let log = Log::default();
    let event_loop = virtual_loop();
    event_loop.block_on(async {
        let mut polled = false;
        poll_fn(|cx| {
            if polled {
                return Poll::Ready(());
            }
            polled = true;
            // Main wakes itself before it spawns the tasks, so the next batch is main, A, B.
            cx.waker().wake_by_ref();
            for name in ["A", "B"] {
                let log = log.clone();
                spawn(async move { log.add(name) });
            }
            Poll::Pending
        })
        .await;
        log.add("main");
    });
    assert_eq!(log.take(), ["main"]);

    event_loop.block_on(async { log.add("second main") });
    assert_eq!(log.take(), ["A", "B", "second main"]);
}

/// A task that has not finished when `block_on` returns goes on in the next run.
#[test]
fn tasks_survive_between_runs_of_an_explicit_loop() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let inner = log.clone();
    let task = event_loop.spawn(async move {
        sleep(3 * SECOND).await;
        inner.add("slept");
        7
    });
    event_loop.block_on(sleep(SECOND));
    assert!(!task.is_finished());
    event_loop.block_on(sleep(SECOND));
    assert_eq!(log.take(), Vec::<String>::new());
    assert_eq!(event_loop.block_on(task).unwrap(), 7);
    assert_eq!(log.take(), ["slept"]);
}

/// A main future may borrow from its caller, and so may its value.
#[test]
fn main_may_borrow() {
    let text = String::from("text");
    let borrowed: &str = virtual_loop().block_on(async { &*text });
    assert_eq!(borrowed, "text");
}

/// A task that begins at once, as asyncio's eager tasks do: its first poll is its caller's, and only what waits
/// is spawned.
#[test]
fn a_task_may_begin_at_once() {
    let log = Log::default();
    let begin = async |mut work: Pin<Box<dyn Future<Output = ()>>>| {
        if poll_once(&mut work).await.is_none() {
            drop(spawn(work));
        }
    };
    virtual_loop().block_on(async {
        let (quick, slow) = (log.clone(), log.clone());
        begin(Box::pin(async move { quick.add("quick") })).await;
        begin(Box::pin(async move {
            slow.add("slow begins");
            yield_now().await;
            slow.add("slow ends");
        }))
        .await;
        log.add("the caller goes on");
        yield_now().await; // its own wake came first: by the yield of the first poll
        yield_now().await;
        assert_eq!(log.take(), ["quick", "slow begins", "the caller goes on", "slow ends"]);
    });
}
