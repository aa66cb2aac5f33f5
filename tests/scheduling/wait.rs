//! `wait`: when it returns, and which tasks it returns as done.

use std::future::{pending, ready};

use boucle::{
    ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, JoinHandle, gather, now, sleep, spawn, wait, yield_now,
};

use crate::common::{SECOND, counted, ms, virtual_loop};

/// Spawns tasks that sleep so many seconds and return that number.
fn sleepers<const N: usize>(counts: [u32; N]) -> [JoinHandle<u32>; N] {
    counts.map(|count| {
        spawn(async move {
            sleep(count * SECOND).await;
            count
        })
    })
}

/// Returns the values of tasks that are done.
async fn values<T: 'static>(done: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut values = Vec::new();
    for task in done {
        assert!(task.is_finished());
        let (joined, polls) = counted(task);
        values.push(joined.await.unwrap());
        assert_eq!(polls.get(), 1);
    }
    values
}

fn ids<T>(tasks: &[JoinHandle<T>]) -> Vec<u64> {
    tasks.iter().map(|task| task.id()).collect()
}

/// Tasks that finish in the same turn as the first are in `done` too, and both lists keep the input
/// order.
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

/// Pending tasks can be waited for again, until none is left.
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

/// A task that is pending after a wait is an ordinary task: it wakes the task that awaits its handle, and
/// no other.
#[test]
fn a_pending_task_can_be_awaited_after_the_wait() {
    virtual_loop().block_on(async {
        let (done, pending) = wait(sleepers([1, 2]), FIRST_COMPLETED).await;
        assert_eq!((done.len(), pending.len()), (1, 1));
        assert_eq!(gather(pending).await.pop().unwrap().unwrap(), 2);
    });
}

/// A task that is pending after a wait does not end the next wait, whose group has the same slot.
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

/// A wait whose tasks were done before is ready at its first poll.
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

/// `ALL_COMPLETED` returns when the last task is done, however it ended.
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

/// `FIRST_EXCEPTION` returns at the first `Err`; an aborted task is no exception.
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

/// `FIRST_EXCEPTION` returns at the first panic.
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

/// `FIRST_EXCEPTION` without an exception returns when all tasks are done.
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

/// An exception from before the wait ends it at once.
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

/// A wait whose time is over returns the tasks that are done, perhaps none, and the others go on.
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

/// Waiting for a thousand tasks costs the parent one poll at the start and at most one for each turn in
/// which a task finishes.
#[test]
#[cfg_attr(miri, ignore = "takes half a minute there")]
fn wait_is_linear() {
    let task = |number: u64| {
        spawn(async move {
            sleep(ms(number % 100)).await;
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

/// A wait for all is woken once, also by tasks that are aborted in turns of their own.
#[test]
fn a_wait_for_all_is_woken_once_whatever_is_aborted() {
    virtual_loop().block_on(async {
        let tasks: Vec<_> = (0..10).map(|_| spawn(pending::<()>())).collect();
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let (waiting, polls) = counted(wait(tasks, ALL_COMPLETED));
        let waiting = spawn(waiting);
        for abort in aborts {
            yield_now().await;
            abort.abort();
        }
        assert_eq!(waiting.await.unwrap().0.len(), 10);
        assert_eq!(polls.get(), 2);
    });
}
