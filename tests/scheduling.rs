//! Who is polled when: the queue, the batch, the budget, the combinators, and the ways to stop.
//! Every schedule is asserted as a log, under the virtual clock.

#![allow(unused_must_use)] // A handle that is dropped detaches its task, which is what many tests want.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use boucle::{
    ALL_COMPLETED, EventLoop, FIRST_COMPLETED, FIRST_EXCEPTION, LoopHandle, as_completed,
    consume_budget, gather, now, sleep, sleep_until, spawn, spawn_named, timeout, try_gather, wait,
    yield_now,
};
use futures_lite::{Stream, StreamExt};

use common::{Gate, Log, counted, panic_of, virtual_loop};

const SECOND: Duration = Duration::from_secs(1);

fn seconds(count: f64) -> Duration {
    Duration::from_secs_f64(count)
}

// --- The queue

/// The main future has a place in the queue: what it spawned before it was woken runs first.
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

/// What stood in the queue of an explicit loop before `block_on` was called is polled before its
/// main future.
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

/// FIFO: the order of the wakes is the order of the polls, whatever the order of the spawns.
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

/// However often a task is woken before its turn, it stands in the queue once, where the first wake
/// put it.
#[test]
fn a_task_that_is_woken_twice_is_polled_once() {
    let event_loop = virtual_loop();
    let gates = [Gate::default(), Gate::default()];
    for gate in gates.clone() {
        event_loop.spawn(async move { gate.passed().await });
    }
    event_loop.turn(Some(Duration::ZERO)).unwrap();

    for gate in [&gates[0], &gates[1], &gates[0], &gates[0]] {
        gate.waker().wake();
    }
    let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((turn.polled, turn.ready), (2, 0));
    assert_eq!(gates.map(|gate| gate.polls()), [2, 2]);
}

/// The same for a task that also wakes itself in its poll: two wakes from before and two from
/// inside are one place in the queue each time.
#[test]
fn a_task_never_stands_in_the_queue_twice() {
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

/// A task that wakes itself while it is polled is polled again, once, behind those who were woken
/// before.
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

/// What is spawned or woken during a turn runs in the next one.
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
        let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!(turn.polled, 1);
        assert_eq!(log.take(), [expected]);
    }
}

/// A task that wakes itself for ever keeps neither the turn from its end nor the others from their
/// poll.
#[test]
fn a_task_that_never_rests_is_polled_once_a_turn() {
    let event_loop = virtual_loop();
    let restless = Gate::default();
    let gate = restless.clone();
    event_loop.spawn(poll_fn::<(), _>(move |cx| {
        cx.waker().wake_by_ref();
        let _ = std::pin::pin!(gate.passed()).poll(cx);
        Poll::Pending
    }));
    for polls in 1..=5 {
        let turn = event_loop.turn(None).unwrap();
        assert_eq!((turn.polled, turn.ready), (1, 1));
        assert_eq!(restless.polls(), polls);
    }
}

/// When main is ready, `block_on` returns at once; under an explicit loop the rest of the batch
/// keeps its place.
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
            // First itself, then the tasks: the next batch is main, A, B.
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

/// A task that is in the middle of its work when `block_on` returns goes on in the next one.
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

/// The value of main may be anything, and main may borrow from its caller.
#[test]
fn main_may_borrow() {
    let text = String::from("text");
    let borrowed: &str = virtual_loop().block_on(async { &*text });
    assert_eq!(borrowed, "text");
}

// --- The turn

/// Each number of a `Turn` counts what it says.
#[test]
fn a_turn_says_what_it_did() {
    let event_loop = virtual_loop();
    for _ in 0..2 {
        event_loop.spawn(sleep(2 * SECOND));
    }
    event_loop.spawn(yield_now());
    event_loop.spawn(ready(()));
    event_loop.handle().spawn(|| ready(())).unwrap();

    let first = event_loop.turn(None).unwrap();
    assert_eq!(first.polled, 4);
    assert_eq!((first.woken_by_inbox, first.woken_by_timers), (1, 0));
    assert_eq!((first.ready, first.left), (2, 4));
    assert_eq!((first.time, first.stopped), (Duration::ZERO, false));

    let second = event_loop.turn(None).unwrap();
    assert_eq!(second.polled, 2);
    assert_eq!((second.woken_by_inbox, second.woken_by_timers), (0, 2));
    assert_eq!((second.ready, second.left), (2, 2));
    assert_eq!(second.time, 2 * SECOND);
    assert_eq!(
        second.to_string(),
        "polled 2; woken by sources 0, inbox 0, timers 2; ready 2, left 2; 2.000 s"
    );

    event_loop.stop();
    let third = event_loop.turn(None).unwrap();
    assert_eq!((third.polled, third.ready, third.left), (2, 0, 0));
    assert!(third.stopped);
    assert!(!event_loop.turn(None).unwrap().stopped);
}

/// A turn with a timeout lets no more than that pass; without one it goes to the next deadline.
#[test]
fn a_turn_ends_at_its_timeout_or_at_the_next_deadline() {
    let event_loop = virtual_loop();
    event_loop.spawn(sleep(3 * SECOND));
    assert_eq!(event_loop.turn(Some(SECOND)).unwrap().time, SECOND);
    assert_eq!(event_loop.turn(Some(SECOND)).unwrap().time, 2 * SECOND);
    let last = event_loop.turn(Some(60 * SECOND)).unwrap();
    assert_eq!((last.time, last.woken_by_timers), (3 * SECOND, 1));
}

/// With no task left, a turn does not wait, under either clock.
#[test]
fn a_turn_with_nothing_left_does_not_sleep() {
    assert_eq!(virtual_loop().turn(None).unwrap().polled, 0);
    assert_eq!(EventLoop::new().unwrap().turn(None).unwrap().polled, 0);
}

/// While a task is always ready, the inbox is read after 61 polls, no sooner and no later, and again after 61 more.
#[test]
fn the_loop_parks_after_61_polls() {
    let (polls, first) = counters();
    let second = Arc::default();
    virtual_loop().block_on(async {
        leave_in_inbox(&polls, &first);
        for _ in 0..200 {
            if polls.fetch_add(1, Relaxed) == 70 {
                leave_in_inbox(&polls, &second);
            }
            yield_now().await;
        }
    });
    // It was spawned after the 61st poll of main, behind main, which was woken before.
    assert_eq!(first.load(Relaxed), 62);
    // Of the next 61 polls one was its own.
    assert_eq!(second.load(Relaxed), 122);
}

/// Parks at which nothing was ready save nothing up: after them, too, it is 61 polls.
#[test]
fn idle_parks_grant_no_further_polls() {
    let (polls, first) = counters();
    virtual_loop().block_on(async {
        for _ in 0..100 {
            sleep(SECOND).await;
        }
        leave_in_inbox(&polls, &first);
        for _ in 0..200 {
            polls.fetch_add(1, Relaxed);
            yield_now().await;
        }
    });
    assert_eq!(first.load(Relaxed), 62);
}

/// A main future that is ready at once, run again and again, keeps the loop from nothing: what is in
/// the inbox is read in time.
#[test]
fn main_futures_that_are_ready_starve_nobody() {
    let event_loop = virtual_loop();
    let heard = Arc::new(AtomicBool::new(false));
    let hears = heard.clone();
    let note = move || async move { hears.store(true, Relaxed) };
    event_loop.handle().spawn(note).unwrap();
    let mut runs = 0;
    while !heard.load(Relaxed) {
        event_loop.block_on(async {});
        runs += 1;
        assert!(runs <= 62, "{runs} runs, and the inbox is unread");
    }
}

/// A batch of more than 61 is polled to its end. It is not begun before the park, though: what is in
/// the inbox by then comes behind that batch, and not behind the next.
#[test]
fn a_park_does_not_interrupt_a_batch() {
    let (polls, seen) = counters();
    virtual_loop().block_on(async {
        for _ in 0..100 {
            let polls = polls.clone();
            spawn(async move {
                for _ in 0..10 {
                    polls.fetch_add(1, Relaxed);
                    yield_now().await;
                }
            });
        }
        leave_in_inbox(&polls, &seen);
        for _ in 0..10 {
            yield_now().await;
        }
    });
    // Main, which spawns them; the park; the batch of 100 and main, uninterrupted; and at last what
    // came by the inbox.
    assert_eq!(seen.load(Relaxed), 100);
}

fn counters() -> (Arc<AtomicUsize>, Arc<AtomicUsize>) {
    Default::default()
}

/// Spawns a task that notes how many polls there were. It goes through the inbox, although this is
/// the loop's own thread: so it waits for the park.
fn leave_in_inbox(polls: &Arc<AtomicUsize>, seen: &Arc<AtomicUsize>) {
    let (polls, seen) = (polls.clone(), seen.clone());
    let note = move || {
        seen.store(polls.load(Relaxed), Relaxed);
        ready(())
    };
    LoopHandle::current().spawn(note).unwrap();
}

// --- The budget

/// Awaits a leaf operation that is ready at once, 300 times, with another task in the queue;
/// returns how many were through each time the other one was polled.
async fn schedule_of<F: Future>(mut leaf: impl FnMut() -> F) -> Vec<usize> {
    let through = Rc::new(Cell::new(0));
    let seen: Rc<RefCell<Vec<usize>>> = Rc::default();
    let (counted, log) = (through.clone(), seen.clone());
    let other = spawn(async move {
        loop {
            log.borrow_mut().push(counted.get());
            yield_now().await;
        }
    });
    for _ in 0..300 {
        leaf().await;
        through.set(through.get() + 1);
    }
    other.abort();
    seen.take()
}

/// A task whose awaits are all ready gives way after 128 of them: so say joined handles, sleeps and
/// the budget itself.
#[test]
#[cfg_attr(miri, ignore = "takes half a minute there")]
fn after_128_ready_operations_the_others_have_their_turn() {
    virtual_loop().block_on(async {
        assert_eq!(schedule_of(consume_budget).await, [128, 256]);
        yield_now().await;
        assert_eq!(schedule_of(|| sleep(Duration::ZERO)).await, [128, 256]);
        yield_now().await;
        assert_eq!(schedule_of(|| sleep_until(now())).await, [128, 256]);

        let mut tasks: Vec<_> = (0..300).map(|_| spawn(ready(()))).collect();
        yield_now().await;
        assert_eq!(schedule_of(|| tasks.pop().unwrap()).await, [128, 256]);

        let mut tasks: Vec<_> = (0..300).map(|_| spawn(ready(()))).collect();
        yield_now().await;
        let waits = || wait([tasks.pop().unwrap()], FIRST_COMPLETED);
        assert_eq!(schedule_of(waits).await, [128, 256]);
    });
}

/// 128 operations cost one poll, the next one costs another, and each poll begins with the whole
/// budget.
#[test]
fn the_budget_is_128_a_poll() {
    let polls_for = |operations: usize| {
        let (future, polls) = counted(async move {
            for _ in 0..operations {
                consume_budget().await;
            }
        });
        virtual_loop().block_on(async {
            // A second task spends its own budget in the same batch, and takes nothing from the
            // first.
            let other = spawn(async {
                for _ in 0..100 {
                    consume_budget().await;
                }
            });
            spawn(future).await.unwrap();
            other.await.unwrap();
        });
        polls.get()
    };
    let polls = [0, 1, 128, 129, 256, 257].map(polls_for);
    assert_eq!(polls, [1, 1, 1, 2, 2, 3]);
}

/// What is pending spends nothing: a task may look at a thousand things that are not ready.
#[test]
#[cfg_attr(miri, ignore = "takes half a minute there")]
fn an_operation_that_is_not_ready_spends_no_budget() {
    virtual_loop().block_on(async {
        let (future, polls) = counted(async {
            for _ in 0..1000 {
                let look = futures_lite::future::poll_once(sleep(SECOND));
                assert_eq!(look.await, None);
            }
        });
        spawn(future).await.unwrap();
        assert_eq!(polls.get(), 1);
    });
}

/// Outside of a loop's polls nothing is counted, also on a thread where a loop has spent a budget.
#[test]
fn the_budget_is_unlimited_outside_of_a_loop() {
    virtual_loop().block_on(async {
        for _ in 0..128 {
            consume_budget().await;
        }
    });
    let many = async {
        for _ in 0..1000 {
            consume_budget().await;
        }
    };
    assert_eq!(
        futures_lite::future::block_on(futures_lite::future::poll_once(many)),
        Some(())
    );
}

/// A timeout looks at its deadline although the future inside has spent the budget: else a future
/// that is ready again and again would never be ended. (Real time: a virtual clock stands still
/// while a task is ready.)
#[test]
fn a_timeout_fires_around_a_future_that_spends_the_whole_budget() {
    boucle::run(async {
        let endless = async {
            loop {
                consume_budget().await;
            }
        };
        let ended: Result<(), _> = timeout(Duration::from_millis(1), endless).await;
        assert!(ended.is_err());
    });
}

/// The future inside of a timeout is polled first: if it is ready when it is polled, its value
/// wins, late or not.
#[test]
fn a_value_that_is_there_wins_over_the_deadline() {
    virtual_loop().block_on(async {
        assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());

        let late = timeout(SECOND, ready(2));
        sleep(5 * SECOND).await;
        assert_eq!(late.await, Ok(2));

        // Both at the same time: the sleep inside was armed first.
        assert_eq!(timeout(SECOND, sleep(SECOND)).await, Ok(()));
    });
}

// --- gather

/// Children enter in the order of the input, leave in that of their sleeps, and the values come in
/// input order, when the longest is over.
#[test]
fn gather_runs_sleeps_concurrently_and_keeps_the_input_order() {
    let log = Log::default();
    let squares = virtual_loop().block_on(async {
        let start = now();
        let squares = gather([1.0, 0.5, 1.5].map(|count: f64| {
            let log = log.clone();
            async move {
                log.add(format!("enter {count}"));
                sleep(seconds(count)).await;
                log.add(format!("leave {count}"));
                count * count
            }
        }))
        .await;
        assert_eq!(now() - start, seconds(1.5));
        squares
    });
    assert_eq!(squares, [1.0, 0.25, 2.25]);
    let expected = [
        "enter 1",
        "enter 0.5",
        "enter 1.5",
        "leave 0.5",
        "leave 1",
        "leave 1.5",
    ];
    assert_eq!(log.take(), expected);
}

/// The macro does the same for futures of different types.
#[test]
fn gather_of_different_types_gives_a_tuple() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let start = now();
        let (first, second, third) = (log.clone(), log.clone(), log.clone());
        let values = boucle::gather!(
            async move {
                sleep(2 * SECOND).await;
                first.add("first");
                1
            },
            async move {
                sleep(SECOND).await;
                second.add("second");
                "two"
            },
            async move { third.add("third") },
        )
        .await;
        assert_eq!(values, (1, "two", ()));
        assert_eq!(now() - start, 2 * SECOND);
    });
    assert_eq!(log.take(), ["third", "second", "first"]);
}

/// A gather does nothing before its first poll; then its children are spawned, behind what was
/// spawned before.
#[test]
fn the_children_of_a_gather_are_spawned_at_its_first_poll() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let child = |name: &'static str| {
            let log = log.clone();
            async move { log.add(name) }
        };
        let gathered = gather([child("child 1"), child("child 2")]);
        spawn(child("task"));
        yield_now().await;
        log.add("main");
        gathered.await;
    });
    assert_eq!(log.take(), ["task", "main", "child 1", "child 2"]);
}

/// Of none, gather and its relatives are ready at their first poll.
#[test]
fn gather_of_none_is_empty_at_once() {
    let (future, polls) = counted(async {
        assert_eq!(gather(Vec::<std::future::Ready<()>>::new()).await, []);
        let none = Vec::<std::future::Ready<Result<(), ()>>>::new();
        assert_eq!(try_gather(none).await, Ok(vec![]));
        let mut none = as_completed(Vec::<std::future::Ready<()>>::new());
        assert!(none.next().await.is_none());
    });
    virtual_loop().block_on(future);
    assert_eq!(polls.get(), 1);
}

/// A thousand children that are done at a thousand different times wake their parent once, at the
/// end.
#[test]
#[cfg_attr(miri, ignore = "takes half a minute there")]
fn a_gather_of_a_thousand_wakes_its_parent_once() {
    let (gathered, polls) = counted(gather((0..1000).map(|number| async move {
        sleep(number * Duration::from_millis(1)).await;
        number
    })));
    let values = virtual_loop().block_on(gathered);
    assert_eq!(values, (0..1000).collect::<Vec<_>>());
    assert_eq!(polls.get(), 2);
}

/// A gather may be awaited next to other things; being polled early is no harm.
#[test]
fn a_gather_bears_polls_in_between() {
    virtual_loop().block_on(async {
        let mut gathered = gather([1, 3].map(|count| async move {
            sleep(count * SECOND).await;
            count
        }));
        for _ in 0..2 {
            assert!(timeout(SECOND, &mut gathered).await.is_err());
        }
        assert_eq!(gathered.await, [1, 3]);
    });
}

// --- try_gather

/// Without an error it is a gather.
#[test]
fn try_gather_gives_all_values_in_input_order() {
    virtual_loop().block_on(async {
        let values = try_gather([3, 1, 2].map(|count| async move {
            sleep(count * SECOND).await;
            Ok::<_, ()>(count)
        }));
        assert_eq!(values.await, Ok(vec![3, 1, 2]));
    });
}

/// The first error, first in time, is returned at once; the other children go on, detached.
#[test]
fn try_gather_returns_the_first_error_and_lets_the_others_go_on() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let start = now();
        let result = try_gather([3, 2, 1, 4].map(|count| {
            let log = log.clone();
            async move {
                sleep(count * SECOND).await;
                log.add(count);
                if count % 2 == 0 {
                    Err(count)
                } else {
                    Ok(count)
                }
            }
        }))
        .await;
        assert_eq!(result, Err(2));
        assert_eq!(now() - start, 2 * SECOND);
        log.add("main");
        sleep(9 * SECOND).await;
    });
    assert_eq!(log.take(), ["1", "2", "main", "3", "4"]);
}

/// Two errors in one turn: that of the task which was polled first is the first.
#[test]
fn try_gather_takes_errors_of_one_turn_in_the_order_of_their_polls() {
    virtual_loop().block_on(async {
        let result = try_gather([2, 1].map(|index| async move {
            sleep(index * SECOND).await;
            sleep_until(now() + (3 - index) * SECOND).await;
            Err::<(), _>(index)
        }));
        // Both end after three seconds; the second one armed its last timer first.
        assert_eq!(result.await, Err(1));
    });
}

/// The parent is polled no more than once for each child, and once at the start.
#[test]
#[cfg_attr(miri, ignore = "takes half a minute there")]
fn try_gather_is_linear() {
    let children = (0..1000).map(|number| async move {
        sleep(number % 100 * Duration::from_millis(1)).await;
        Ok::<_, ()>(())
    });
    let (gathered, polls) = counted(try_gather(children));
    virtual_loop().block_on(gathered).unwrap();
    assert_eq!(polls.get(), 101);
}

// --- wait

/// Tasks that sleep so many seconds and return that number.
fn sleepers<const N: usize>(counts: [u32; N]) -> [boucle::JoinHandle<u32>; N] {
    counts.map(|count| {
        spawn(async move {
            sleep(count * SECOND).await;
            count
        })
    })
}

/// The values of tasks that are done, which are there at once.
async fn values<T: 'static>(done: Vec<boucle::JoinHandle<T>>) -> Vec<T> {
    let mut values = Vec::new();
    for task in done {
        assert!(task.is_finished());
        let (joined, polls) = counted(task);
        values.push(joined.await.unwrap());
        assert_eq!(polls.get(), 1);
    }
    values
}

fn ids<T>(tasks: &[boucle::JoinHandle<T>]) -> Vec<u64> {
    tasks.iter().map(|task| task.id()).collect()
}

/// Who is done in the same turn as the first is in `done` too, and both lists keep the input order.
#[test]
fn wait_for_the_first_returns_all_that_are_done_in_the_same_turn() {
    virtual_loop().block_on(async {
        let start = now();
        let tasks = sleepers([3, 1, 2, 1, 4]);
        let (done, pending) = wait(tasks, FIRST_COMPLETED).await;
        assert_eq!(now() - start, SECOND);
        assert_eq!(ids(&done), [3, 5]);
        assert_eq!(ids(&pending), [2, 4, 6]);
        assert_eq!(values(done).await, [1, 1]);
    });
}

/// What is pending can be waited for again, until nothing is left.
#[test]
fn a_wait_can_be_repeated_with_what_is_pending() {
    virtual_loop().block_on(async {
        let start = now();
        let mut left = Vec::from(sleepers([3, 1, 2]));
        let mut order = Vec::new();
        while !left.is_empty() {
            let (done, pending) = wait(left, FIRST_COMPLETED).await;
            for value in values(done).await {
                order.push((value, (now() - start).as_secs()));
            }
            left = pending;
        }
        assert_eq!(order, [(1, 1), (2, 2), (3, 3)]);
    });
}

/// A task that is pending after a wait is an ordinary task: it wakes who awaits its handle, and
/// nobody else.
#[test]
fn a_pending_task_can_be_awaited_after_the_wait() {
    virtual_loop().block_on(async {
        let (done, pending) = wait(sleepers([1, 2]), FIRST_COMPLETED).await;
        assert_eq!((done.len(), pending.len()), (1, 1));
        assert_eq!(gather(pending).await.pop().unwrap().unwrap(), 2);
    });
}

/// A task that is pending after a wait reports to it no more, nor to the next one that has its place.
#[test]
fn a_pending_task_does_not_end_a_later_wait() {
    virtual_loop().block_on(async {
        let start = now();
        let (_, old) = wait(sleepers([1, 2]), FIRST_COMPLETED).await;
        let (done, pending) = wait(sleepers([5, 4]), FIRST_COMPLETED).await;
        assert_eq!(now() - start, 5 * SECOND);
        assert_eq!((done.len(), pending.len()), (1, 1));
        assert_eq!(values(old).await, [2]);
    });
}

/// Tasks that are done before the wait are found at its first poll.
#[test]
fn wait_finds_at_once_what_was_done_before() {
    virtual_loop().block_on(async {
        let [one, two, three] = sleepers([1, 9, 2]);
        sleep(3 * SECOND).await;
        let (waiting, polls) = counted(wait([one, two, three], FIRST_COMPLETED));
        let (done, pending) = waiting.await;
        assert_eq!(polls.get(), 1);
        assert_eq!((ids(&done), ids(&pending)), (vec![2, 4], vec![3]));
    });
}

/// ALL_COMPLETED returns when the last task is done, however it ended.
#[test]
fn wait_for_all_returns_when_the_last_is_done() {
    virtual_loop().block_on(async {
        let start = now();
        let fails = spawn(async { panic!("a task may fail") });
        let aborted = spawn(pending::<u32>());
        aborted.abort();
        let [one, three] = sleepers([1, 3]);
        let (done, pending) = wait([fails, three, aborted, one], ALL_COMPLETED).await;
        assert_eq!(now() - start, 3 * SECOND);
        assert_eq!((ids(&done), pending.len()), (vec![2, 5, 3, 4], 0));
        let mut ends = Vec::new();
        for task in done {
            ends.push(task.await.map_err(|error| error.is_panic()));
        }
        assert_eq!(ends, [Err(true), Ok(3), Err(false), Ok(1)]);
    });
}

/// FIRST_EXCEPTION returns at the first `Err`; a task that was aborted is no exception.
#[test]
fn wait_for_the_first_exception_returns_at_an_error() {
    virtual_loop().block_on(async {
        let start = now();
        let task = |count: u32| {
            spawn(async move {
                sleep(count * SECOND).await;
                if count == 3 { Err(count) } else { Ok(count) }
            })
        };
        let tasks = [1, 2, 3, 4].map(task);
        tasks[1].abort();
        let (done, pending) = wait(tasks, FIRST_EXCEPTION).await;
        assert_eq!(now() - start, 3 * SECOND);
        assert_eq!((ids(&done), ids(&pending)), (vec![2, 3, 4], vec![5]));
    });
}

/// FIRST_EXCEPTION returns at the first panic.
#[test]
fn wait_for_the_first_exception_returns_at_a_panic() {
    virtual_loop().block_on(async {
        let start = now();
        let tasks = [1, 2, 3].map(|count: u32| {
            spawn(async move {
                sleep(count * SECOND).await;
                assert_ne!(count, 2);
                Ok::<_, ()>(count)
            })
        });
        let (done, pending) = wait(tasks, FIRST_EXCEPTION).await;
        assert_eq!(now() - start, 2 * SECOND);
        assert_eq!((done.len(), pending.len()), (2, 1));
    });
}

/// FIRST_EXCEPTION without an exception returns when all are done.
#[test]
fn wait_for_the_first_exception_returns_at_the_end_without_one() {
    virtual_loop().block_on(async {
        let start = now();
        let tasks = [1, 3, 2].map(|count: u32| {
            spawn(async move {
                sleep(count * SECOND).await;
                Ok::<_, ()>(count)
            })
        });
        tasks[2].abort();
        let (done, pending) = wait(tasks, FIRST_EXCEPTION).await;
        assert_eq!(now() - start, 3 * SECOND);
        assert_eq!((ids(&done), pending.len()), (vec![2, 3, 4], 0));
    });
}

/// An exception that happened before the wait began ends it at once.
#[test]
fn wait_for_the_first_exception_finds_one_that_was_there_before() {
    virtual_loop().block_on(async {
        let slow = spawn(async {
            sleep(SECOND).await;
            Ok::<_, ()>(())
        });
        let failed = spawn(ready(Err(())));
        yield_now().await;
        let start = now();
        let (done, pending) = wait([slow, failed], FIRST_EXCEPTION).await;
        assert_eq!(now(), start);
        assert_eq!((ids(&done), ids(&pending)), (vec![3], vec![2]));
    });
}

/// When its time is over a wait gives what is done, perhaps nothing; the tasks go on.
#[test]
fn a_wait_that_times_out_aborts_nothing() {
    virtual_loop().block_on(async {
        let start = now();
        let waiting = wait(sleepers([2, 4, 5]), FIRST_COMPLETED).timeout(SECOND);
        let (done, pending) = waiting.await;
        assert_eq!(now() - start, SECOND);
        assert_eq!((done.len(), ids(&pending)), (0, vec![2, 3, 4]));

        let (done, pending) = wait(pending, ALL_COMPLETED).timeout(2 * SECOND).await;
        assert_eq!(now() - start, 3 * SECOND);
        assert_eq!((ids(&done), ids(&pending)), (vec![2], vec![3, 4]));

        let (done, _) = wait(pending, ALL_COMPLETED).timeout(60 * SECOND).await;
        assert_eq!(now() - start, 5 * SECOND);
        assert_eq!(values(done).await, [4, 5]);
    });
}

/// Waiting for a thousand tasks costs the parent one poll at the start and at most one for each
/// turn in which a task is done.
#[test]
#[cfg_attr(miri, ignore = "takes half a minute there")]
fn wait_is_linear() {
    let task = |number: u32| {
        spawn(async move {
            sleep(number % 100 * Duration::from_millis(1)).await;
            Ok::<_, ()>(())
        })
    };
    virtual_loop().block_on(async {
        let (waiting, polls) = counted(wait((0..1000).map(task), ALL_COMPLETED));
        assert_eq!(waiting.await.0.len(), 1000);
        assert_eq!(polls.get(), 2);

        let (waiting, polls) = counted(wait((0..1000).map(task), FIRST_EXCEPTION));
        assert_eq!(waiting.await.0.len(), 1000);
        assert_eq!(polls.get(), 101);
    });
}

// --- as_completed

/// Items come in the order in which the children are done; one that panicked is an error, and the
/// others go on.
#[test]
fn as_completed_gives_each_item_when_it_is_there() {
    virtual_loop().block_on(async {
        let start = now();
        let mut items = as_completed([3, 1, 2, 1].map(|count: u32| async move {
            sleep(count * SECOND).await;
            assert_ne!(count, 2);
            count
        }));
        let mut order = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| (error.id(), error.is_panic()));
            order.push(((now() - start).as_secs(), item));
        }
        let expected = [(1, Ok(1)), (1, Ok(1)), (2, Err((4, true))), (3, Ok(3))];
        assert_eq!(order, expected);
        assert!(items.next().await.is_none());
    });
}

/// The stream knows how many items are to come.
#[test]
fn as_completed_knows_its_size() {
    virtual_loop().block_on(async {
        let mut items = as_completed([ready(1), ready(2)]);
        assert_eq!(items.size_hint(), (2, Some(2)));
        items.next().await;
        assert_eq!(items.size_hint(), (1, Some(1)));
        items.next().await;
        assert_eq!(items.size_hint(), (0, Some(0)));
    });
}

// --- Stopping

/// `stop` lets the current batch finish; what is woken by it stays for the next run.
#[test]
fn stop_finishes_the_batch_and_the_loop_can_run_again() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let (first, second) = (log.clone(), log.clone());
    event_loop.spawn(async move {
        first.add("first stops");
        boucle::stop();
        spawn(async move {
            first.add("third");
            boucle::stop();
        });
    });
    event_loop.spawn(async move {
        second.add("second");
        yield_now().await;
        second.add("second again");
    });
    event_loop.run_forever();
    assert_eq!(log.take(), ["first stops", "second"]);
    event_loop.run_forever();
    assert_eq!(log.take(), ["third", "second again"]);
}

/// A stop that comes before `run_forever` lets it run exactly one turn, and counts for one run
/// only.
#[test]
fn stop_before_run_forever_gives_one_turn() {
    let event_loop = virtual_loop();
    let (restless, polls) = counted(async {
        for _ in 0..5 {
            yield_now().await;
        }
        boucle::stop();
        pending::<()>().await;
    });
    event_loop.spawn(restless);
    event_loop.stop();
    event_loop.stop();
    event_loop.run_forever();
    assert_eq!(polls.get(), 1);
    event_loop.run_forever();
    assert_eq!(polls.get(), 6);
}

/// A stop that comes by a handle takes effect when the inbox is read: here, after 61 polls.
#[test]
fn stop_by_a_handle_waits_for_the_park() {
    let event_loop = virtual_loop();
    let (restless, polls) = counted(async {
        loop {
            yield_now().await;
        }
    });
    event_loop.spawn(restless);
    event_loop.handle().stop();
    event_loop.run_forever();
    assert_eq!(polls.get(), 61);
}

/// `block_on` has a value to give and cannot: it panics. The loop and its tasks survive.
#[test]
fn stop_during_block_on_is_a_panic_that_the_loop_survives() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(async {
        sleep(SECOND).await;
        7
    });
    let message = panic_of(|| {
        event_loop.block_on(async {
            boucle::stop();
            pending::<()>().await;
        });
    });
    assert_eq!(message, "event loop stopped before the future completed");
    assert_eq!(event_loop.block_on(task).unwrap(), 7);
}

/// `run` does the same.
#[test]
fn stop_during_run_is_a_panic() {
    let message = panic_of(|| {
        boucle::run(async {
            spawn(async { boucle::stop() });
            pending::<()>().await;
        });
    });
    assert_eq!(message, "event loop stopped before the future completed");
}

/// If main is ready in the turn that was to be the last, its value wins, and no stop is left over.
#[test]
fn a_main_that_is_ready_in_time_wins_over_stop() {
    let event_loop = virtual_loop();
    let value = event_loop.block_on(async {
        spawn(async { boucle::stop() });
        yield_now().await;
        5
    });
    assert_eq!(value, 5);
    event_loop.block_on(yield_now());
}

/// Without a running loop there is nothing to stop.
#[test]
fn stop_without_a_loop_panics() {
    assert!(panic_of(boucle::stop).contains("boucle::run"));
}

// --- Loops and threads

/// A loop that runs cannot run another one inside of a poll; the panic says so, and the outer loop
/// goes on.
#[test]
fn a_nested_run_panics_and_the_outer_loop_goes_on() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let other = Rc::new(virtual_loop());
    event_loop.block_on(async {
        let task = spawn(async {
            sleep(SECOND).await;
            1
        });
        log.add(panic_of(|| boucle::run(async {})));
        log.add(panic_of(|| other.block_on(async {})));
        log.add(panic_of(|| other.run_forever()));
        log.add(panic_of(|| other.turn(None)));
        log.add(panic_of(|| event_loop.turn(None)));
        assert_eq!(task.await.unwrap(), 1);
    });
    let name = format!("{event_loop:?}");
    let number = name.trim_matches(|c: char| !c.is_ascii_digit());
    let lines = log.take();
    let calls = ["boucle::run", "block_on", "run_forever", "turn", "turn"];
    for (line, call) in lines.iter().zip(calls) {
        let begin =
            format!("{call} cannot be called while loop {number} is running on this thread");
        assert!(line.starts_with(&begin), "{line}");
    }
    other.block_on(yield_now());
}

/// A loop may be made, spawned on, and dropped while another one runs.
#[test]
fn a_loop_may_be_made_inside_of_another() {
    let event_loop = virtual_loop();
    let inner = event_loop.block_on(async {
        let dropped = virtual_loop();
        let kept = virtual_loop();
        let task = kept.spawn(ready(3));
        drop(dropped);
        yield_now().await;
        assert!(!task.is_finished());
        (kept, task)
    });
    let (kept, task) = inner;
    assert_eq!(kept.block_on(task).unwrap(), 3);
}

/// Without a loop, `spawn` says what is missing.
#[test]
fn spawn_without_a_loop_names_run() {
    assert!(panic_of(|| drop(spawn(async {}))).contains("boucle::run"));
    assert!(panic_of(|| drop(LoopHandle::current())).contains("boucle::run"));
    let _living_but_not_running = virtual_loop();
    assert!(panic_of(|| drop(spawn(async {}))).contains("boucle::run"));
}

/// A sleep that was made where no loop ran counts from its first poll; one that was made in a loop,
/// from there.
#[test]
fn a_sleep_counts_from_where_a_loop_first_sees_it() {
    let unbound = sleep(2 * SECOND);
    assert_eq!(unbound.deadline(), None);
    virtual_loop().block_on(async {
        let start = now();
        let bound = sleep(2 * SECOND);
        sleep(SECOND).await;
        bound.await;
        assert_eq!(now() - start, 2 * SECOND);
        unbound.await;
        assert_eq!(now() - start, 4 * SECOND);
    });
}

/// A sleep of zero and a deadline that is past are ready at the first poll; `yield_now` is what
/// gives way.
#[test]
fn a_sleep_of_zero_does_not_give_way() {
    virtual_loop().block_on(async {
        let (future, polls) = counted(async {
            sleep(Duration::ZERO).await;
            sleep_until(now()).await;
            sleep_until(now() - Duration::from_millis(1)).await;
        });
        future.await;
        assert_eq!(polls.get(), 1);
        let (future, polls) = counted(yield_now());
        future.await;
        assert_eq!(polls.get(), 2);
    });
}

// --- Deadlocks

/// Under a virtual clock, when nothing can ever run again, the loop panics and lists who waits, in
/// spawn order, with their names.
#[test]
fn a_deadlock_is_a_panic_that_lists_the_tasks() {
    async fn waits_for_ever() {
        pending::<()>().await;
    }
    async fn spawns_three() {
        spawn_named("reader", waits_for_ever());
        spawn(ready(()));
        spawn(waits_for_ever());
        sleep(SECOND).await;
        pending::<()>().await;
    }
    let event_loop = virtual_loop();
    let message = panic_of(|| event_loop.block_on(spawns_three()));
    let lines: Vec<&str> = message.lines().collect();
    assert!(lines[0].starts_with("deadlock: "), "{message}");
    assert!(
        lines[1].ends_with(" at 1 s: the main future and 2 tasks"),
        "{message}"
    );
    assert_eq!(
        lines[2..],
        [
            "  task        state  future",
            "  1 main      idle   spawns_three",
            "  2 \"reader\"  idle   waits_for_ever",
            "  4           idle   waits_for_ever",
        ]
    );

    // The loop survives, and so do the tasks.
    assert_eq!(event_loop.block_on(ready(1)), 1);
    assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().left, 2);
}

/// Every way to run a loop finds a deadlock; a turn that has a timeout simply lets it pass.
#[test]
fn run_forever_and_turn_find_deadlocks_too() {
    let event_loop = virtual_loop();
    event_loop.spawn(pending::<()>());
    assert!(panic_of(|| event_loop.run_forever()).starts_with("deadlock"));
    assert!(panic_of(|| event_loop.turn(None)).starts_with("deadlock"));
    assert_eq!(event_loop.turn(Some(SECOND)).unwrap().time, SECOND);
}
