//! The budget: a task whose every await is ready at once yields after 128 of them.

use std::cell::{Cell, RefCell};
use std::future::{Future, Ready, pending, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use boucle::{
    ALL_COMPLETED, Elapsed, FIRST_COMPLETED, consume_budget, gather, interval, now, sleep, sleep_until,
    spawn, timeout, wait, yield_now,
};
use futures_lite::future::{block_on, or, poll_once};

use crate::common::{HOUR, SECOND, counted, ms, virtual_loop, waker_of};

/// More rounds than any task gets through before its test ends.
pub(super) const MANY: usize = 1_000;

/// Awaits a leaf that is ready at once, 300 times, with another task in the queue. Returns how many were
/// done each time the other task was polled.
async fn schedule_of<F: Future>(mut leaf: impl FnMut() -> F) -> Vec<usize> {
    let done = Rc::new(Cell::new(0));
    let seen: Rc<RefCell<Vec<usize>>> = Rc::default();
    let (count, log) = (done.clone(), seen.clone());
    let other = spawn(async move {
        loop {
            log.borrow_mut().push(count.get());
            yield_now().await;
        }
    });
    for _ in 0..300 {
        leaf().await;
        done.set(done.get() + 1);
    }
    other.abort();
    seen.take()
}

/// A task whose awaits are all ready yields after 128 of them: joined handles, sleeps, waits and the
/// budget itself.
#[test]
#[cfg_attr(miri, ignore = "takes half a minute there")]
fn after_128_ready_operations_another_task_is_polled() {
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

/// 128 operations fit into one poll, the next one takes another, and each poll begins with the whole
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
            // A second task in the same batch has a budget of its own.
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

/// A pending operation spends no budget: a task may poll a thousand sleeps that are not ready, and the handle of
/// a task that is not done.
#[test]
#[cfg_attr(miri, ignore = "takes half a minute there")]
fn an_operation_that_is_not_ready_spends_no_budget() {
    virtual_loop().block_on(async {
        let (future, polls) = counted(async {
            let mut task = spawn(pending::<()>());
            for _ in 0..200 {
                assert!(poll_once(&mut task).await.is_none());
            }
            consume_budget().await; // which would yield if nothing were left
            for _ in 0..1000 {
                assert_eq!(poll_once(sleep(SECOND)).await, None);
            }
        });
        spawn(future).await.unwrap();
        assert_eq!(polls.get(), 1);
    });
}

/// Sleeps that find no budget left bring the poll no nearer to a new budget, which comes after 128 refusals of
/// other leaves.
#[test]
fn refused_sleeps_do_not_refill_the_budget() {
    virtual_loop().block_on(async {
        for _ in 0..128 {
            assert!(poll_once(consume_budget()).await.is_some());
        }
        for _ in 0..128 {
            assert_eq!(poll_once(sleep(Duration::ZERO)).await, None);
        }
        for _ in 0..128 {
            assert_eq!(poll_once(consume_budget()).await, None);
        }
        assert_eq!(poll_once(consume_budget()).await, Some(()));
    });
}

/// Outside of polls there is no budget, also on a thread where a loop has spent one.
#[test]
fn the_budget_is_unlimited_outside_of_polls() {
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
    assert_eq!(block_on(poll_once(many)), Some(()));
}

/// Spends the whole budget of each poll, and is never ready.
async fn busy() {
    loop {
        consume_budget().await;
    }
}

/// A timeout reads the clock although its future has spent the budget; otherwise a future that is always
/// ready would never be timed out. (Real time: a virtual clock stands still while a task is ready.)
#[test]
fn a_timeout_ends_a_future_that_spends_the_whole_budget() {
    boucle::run(async { assert_eq!(timeout(ms(1), busy()).await, Err(Elapsed)) });
}

/// A timeout around an endless loop of timeouts that have passed is over at its second poll: in the first one
/// the loop spends the whole budget.
#[test]
fn a_timeout_ends_a_loop_of_timeouts_that_have_passed() {
    virtual_loop().block_on(async {
        let rounds = Cell::new(0);
        let endless = async {
            loop {
                let _ = timeout(Duration::ZERO, pending::<()>()).await;
                rounds.set(rounds.get() + 1);
                assert!(rounds.get() < MANY, "the loop is never ended");
            }
        };
        let (ended, polls) = counted(timeout(Duration::ZERO, endless));
        assert_eq!(ended.await, Err::<(), _>(Elapsed));
        assert_eq!((polls.get(), rounds.get()), (2, 2 * 128));
    });
}

/// A future whose deadline has passed is ready at its second poll, even if a future before it spends the
/// whole budget of every poll.
#[test]
fn a_deadline_is_seen_behind_a_busy_future() {
    /// Returns after how many polls the future is ready.
    async fn polls_behind_a_busy_one<F: Future>(future: F) -> usize {
        let past = async move { drop(future.await) };
        let (ended, polls) = counted(timeout(HOUR, or(busy(), past)));
        let mut ended = Box::pin(ended);
        poll_fn(|cx| match ended.as_mut().poll(cx) {
            Poll::Pending if polls.get() > 9 => panic!("it is never ready"),
            polled => polled,
        })
        .await
        .expect("an hour has not passed");
        polls.get()
    }
    virtual_loop().block_on(async {
        assert_eq!(polls_behind_a_busy_one(sleep(Duration::ZERO)).await, 2);
        let in_vain = timeout(Duration::ZERO, pending::<()>());
        assert_eq!(polls_behind_a_busy_one(in_vain).await, 2);
        let mut ticks = interval(HOUR);
        assert_eq!(polls_behind_a_busy_one(ticks.tick()).await, 2);
        let tasks = [spawn(pending::<()>())];
        let in_vain = wait(tasks, ALL_COMPLETED).timeout(Duration::ZERO);
        assert_eq!(polls_behind_a_busy_one(in_vain).await, 2);
    });
}

/// Waiting needs no budget: a task that has spent all of it arms its timer in the same poll, and is
/// polled again when that fires.
#[test]
fn a_sleep_is_armed_without_budget() {
    for late in [0, 128, 129] {
        virtual_loop().block_on(async {
            let (task, polls) = counted(async move {
                for _ in 0..late {
                    consume_budget().await;
                }
                sleep(SECOND).await;
                assert_eq!(timeout(SECOND, pending::<()>()).await, Err(Elapsed));
            });
            let start = now();
            task.await;
            assert_eq!(now() - start, 2 * SECOND);
            assert_eq!(polls.get(), if late > 128 { 4 } else { 3 });
        });
    }
}

/// Another executor that blocks inside a poll completes any number of ready operations: it cannot yield to the
/// loop, so it must not run out of budget.
#[test]
#[cfg_attr(miri, ignore = "takes half a minute there")]
fn an_executor_inside_of_a_poll_is_not_blocked_by_the_budget() {
    virtual_loop().block_on(async {
        let operations = async {
            for _ in 0..MANY {
                sleep(Duration::ZERO).await;
                let _ = timeout(Duration::ZERO, pending::<()>()).await;
                interval(HOUR).tick().await;
                assert!(gather([] as [Ready<()>; 0]).await.is_empty());
            }
        };
        futures::executor::block_on(operations);
    });
}

/// Only a poll of a task has a budget. A foreign waker that polls a leaf when the loop wakes it gets its
/// value, although a task has spent its own budget before.
#[test]
fn a_wake_between_two_batches_has_no_budget() {
    thread_local!(static POLLED: Cell<Option<bool>> = const { Cell::new(None) });
    let polls_in_its_wake = || {
        let leaf = pin!(consume_budget());
        let cx = &mut Context::from_waker(Waker::noop());
        POLLED.set(Some(leaf.poll(cx).is_ready()));
    };
    let event_loop = virtual_loop();
    event_loop.block_on(async {
        let waker = waker_of(polls_in_its_wake, || ());
        let mut nap = sleep(SECOND);
        let polled = pin!(&mut nap).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let mut late = sleep(2 * SECOND);
        assert_eq!(poll_once(&mut late).await, None);
        for _ in 0..128 {
            consume_budget().await;
        }
        late.await;
        drop(nap);
    });
    assert_eq!(POLLED.get(), Some(true));
}
