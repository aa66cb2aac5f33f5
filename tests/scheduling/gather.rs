//! `gather`, `gather!` and `try_gather`: when children run, and in which order their values come.

use std::future::Ready;
use std::time::Duration;

use boucle::{
    ALL_COMPLETED, JoinHandle, as_completed, gather, now, sleep, sleep_until, spawn, timeout, try_gather,
    wait, yield_now,
};
use futures_lite::StreamExt;

use crate::common::{Log, SECOND, counted, ms, virtual_loop};

fn seconds(count: f64) -> Duration {
    Duration::from_secs_f64(count)
}

/// Children begin in input order and end in the order of their sleeps. Their values come at the end, in input
/// order.
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
    let expected = ["enter 1", "enter 0.5", "enter 1.5", "leave 0.5", "leave 1", "leave 1.5"];
    assert_eq!(log.take(), expected);
}

/// `gather!` runs futures of different types concurrently, and gives a tuple of their values.
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

/// A gather does nothing before its first poll; then its children are spawned, after all tasks that were
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

/// A gather of none, in any of its forms, is ready at its first poll.
#[test]
fn gather_of_none_is_empty_at_once() {
    let (future, polls) = counted(async {
        assert_eq!(gather([] as [Ready<()>; 0]).await, []);
        assert_eq!(try_gather([] as [Ready<Result<(), ()>>; 0]).await, Ok(vec![]));
        assert!(as_completed([] as [Ready<()>; 0]).next().await.is_none());
    });
    virtual_loop().block_on(future);
    assert_eq!(polls.get(), 1);
}

/// A thousand children that finish at a thousand different times wake their parent once, at the end.
#[test]
#[cfg_attr(miri, ignore = "takes half a minute there")]
fn a_gather_of_a_thousand_wakes_its_parent_once() {
    let (gathered, polls) = counted(gather((0..1000).map(|number| async move {
        sleep(ms(number)).await;
        number
    })));
    let values = virtual_loop().block_on(gathered);
    assert_eq!(values, (0..1000).collect::<Vec<_>>());
    assert_eq!(polls.get(), 2);
}

/// A gather may be polled while its children run.
#[test]
fn a_gather_may_be_polled_while_its_children_run() {
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

/// Without an error, `try_gather` gives all values, in input order.
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

/// `try_gather` returns the first error as soon as it comes; the other children go on, detached.
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
                if count % 2 == 0 { Err(count) } else { Ok(count) }
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

/// Of two errors in one turn, `try_gather` returns that of the child that was polled first.
#[test]
fn try_gather_takes_errors_of_one_turn_in_the_order_of_their_polls() {
    virtual_loop().block_on(async {
        let result = try_gather([2, 1].map(|index| async move {
            sleep(index * SECOND).await;
            sleep_until(now() + (3 - index) * SECOND).await;
            Err::<(), _>(index)
        }));
        // Both end after three seconds; the second child armed its last timer first.
        assert_eq!(result.await, Err(1));
    });
}

/// A `try_gather` is polled once at the start, and at most once for each turn in which a child finishes.
#[test]
#[cfg_attr(miri, ignore = "takes half a minute there")]
fn try_gather_is_linear() {
    let children = (0..1000).map(|number| async move {
        sleep(ms(number % 100)).await;
        Ok::<_, ()>(())
    });
    let (gathered, polls) = counted(try_gather(children));
    virtual_loop().block_on(gathered).unwrap();
    assert_eq!(polls.get(), 101);
}

/// A `gather` of handles spawns tasks that await them, and so does `as_completed`: these are polled in one turn,
/// and wake it for the next, even if the tasks were done before. A `wait` looks at the handles itself.
#[test]
fn handles_that_are_done_are_gathered_in_two_turns() {
    fn done() -> [JoinHandle<()>; 2] {
        [spawn(async {}), spawn(async {})]
    }
    /// How many turns have begun when the future of some handles is ready.
    async fn turns<F: Future>(of: impl FnOnce([JoinHandle<()>; 2]) -> F) -> usize {
        let handles = done();
        yield_now().await;
        let log = Log::default();
        let ticks = log.clone();
        let ticker = spawn(async move {
            loop {
                ticks.add("turn");
                yield_now().await;
            }
        });
        of(handles).await;
        ticker.abort();
        log.take().len()
    }
    virtual_loop().block_on(async {
        assert_eq!(turns(|handles| gather(handles)).await, 2);
        assert_eq!(turns(async |handles| as_completed(handles).next().await).await, 2);
        assert_eq!(turns(|handles| wait(handles, ALL_COMPLETED)).await, 0);
    });
}
