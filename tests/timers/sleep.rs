//! `sleep` and `sleep_until`: deadlines, their order, and resets.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use boucle::{Elapsed, Interval, Sleep, Timeout, gather, now, sleep, sleep_until, spawn, timeout, yield_now};
use futures::stream::FuturesUnordered;
use futures_lite::StreamExt;
use futures_lite::future::poll_once;

use super::Log;
use crate::common::{HOUR, ms, secs, virtually};

/// One poll completes 128 sleeps that are over, however many are refused after them: refusals do not refill
/// the budget. A refused sleep is ready at its next poll, whatever is left of the budget then.
#[test]
fn sleeps_that_are_over_do_not_refill_the_budget() {
    virtually(async {
        let mut sleeps: Vec<_> = (0..2_000).map(|_| Some(sleep(Duration::ZERO))).collect();
        let mut polls = Vec::new();
        poll_fn(|cx| {
            let is_over = |sleep: &mut Option<Sleep>| {
                let polled = sleep.as_mut().map(|sleep| Pin::new(sleep).poll(cx));
                polled.is_some_and(|polled| polled.is_ready()) && sleep.take().is_some()
            };
            polls.push(sleeps.iter_mut().map(is_over).filter(|is_over| *is_over).count());
            if sleeps.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert_eq!(polls, [128, 1_872]);
    });
}

/// Tasks whose sleeps have one deadline are polled in the order of arming, also one that the waker of a
/// combinator wakes.
#[test]
fn sleeps_with_one_deadline_end_in_the_order_of_arming() {
    virtually(async {
        let log = Log::new();
        let tasks = [("own", false), ("wrapped", true), ("last", false)].map(|(name, wrapped)| {
            let log = log.clone();
            async move {
                if wrapped {
                    // Polls its children with wakers of its own.
                    FuturesUnordered::from_iter([sleep(ms(5))]).next().await;
                } else {
                    sleep(ms(5)).await;
                }
                log.add(name);
            }
        });
        gather(tasks).await;
        log.assert(&[("own", ms(5)), ("wrapped", ms(5)), ("last", ms(5))]);
    });
}

/// Sleeps end in the order of their deadlines, each exactly at its own.
#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    virtually(async {
        let log = Log::new();
        let sleeps = [300, 100, 200, 70_000, 64, 1].map(|count| {
            let log = log.clone();
            async move {
                sleep(ms(count)).await;
                log.add(count);
            }
        });
        gather(sleeps).await;
        log.assert(&[
            ("1", ms(1)),
            ("64", ms(64)),
            ("100", ms(100)),
            ("200", ms(200)),
            ("300", ms(300)),
            ("70000", ms(70_000)),
        ]);
    });
}

/// Of timers with one deadline, the one that was armed first fires first, not the one that was made
/// first. They are armed a hundred seconds before it, and less.
#[test]
fn equal_deadlines_fire_in_arming_order() {
    virtually(async {
        let log = Log::new();
        let deadline = now() + secs(100);
        let mut handles = Vec::new();
        // `made_first` is made here and armed last.
        let made_first = sleep_until(deadline);
        for number in 0..4 {
            let task_log = log.clone();
            handles.push(spawn(async move {
                sleep_until(deadline).await;
                task_log.add(number);
            }));
            sleep(secs(24)).await;
        }
        let task_log = log.clone();
        handles.push(spawn(async move {
            made_first.await;
            task_log.add("made first");
        }));
        for handle in handles {
            handle.await.unwrap();
        }
        log.assert(&[
            ("0", secs(100)),
            ("1", secs(100)),
            ("2", secs(100)),
            ("3", secs(100)),
            ("made first", secs(100)),
        ]);
    });
}

/// A deadline between two microseconds is rounded up to a tick, never down.
#[test]
fn a_deadline_between_two_ticks_is_rounded_up() {
    virtually(async {
        let start = now();
        sleep(Duration::from_nanos(1_001)).await;
        assert_eq!(now() - start, Duration::from_micros(2));
        sleep(Duration::from_nanos(1)).await;
        assert_eq!(now() - start, Duration::from_micros(3));
        sleep(Duration::from_micros(7)).await;
        assert_eq!(now() - start, Duration::from_micros(10));
    });
}

/// A sleep of zero and a past deadline are ready at the first poll and do not yield: the other task
/// has not run.
#[test]
fn a_sleep_of_zero_and_a_past_deadline_are_ready_at_once() {
    virtually(async {
        let ran = Rc::new(Cell::new(false));
        let flag = ran.clone();
        let other = spawn(async move { flag.set(true) });
        sleep(Duration::ZERO).await;
        sleep_until(now()).await;
        if let Some(past) = now().checked_sub(ms(1)) {
            sleep_until(past).await;
        }
        assert!(!ran.get());
        yield_now().await;
        assert!(ran.get());
        other.await.unwrap();
    });
}

/// The longest durations overflow nothing, and can be awaited, timed out and cancelled.
#[test]
fn the_longest_sleep_is_a_century() {
    virtually(async {
        let start = now();
        assert_eq!(timeout(HOUR, sleep(Duration::MAX)).await, Err(Elapsed));
        assert_eq!(timeout(Duration::MAX, sleep(HOUR)).await, Ok(()));
        assert_eq!(now() - start, 2 * HOUR);
        let far = sleep(Duration::MAX);
        let deadline = far.deadline().unwrap();
        assert!(deadline - now() >= 99 * 365 * 24 * HOUR);
        far.await;
        assert_eq!(now(), deadline);
        // The clock goes on from there.
        sleep(ms(5)).await;
        assert_eq!(now() - deadline, ms(5));
    });
}

/// A sleep gives its deadline, and whether it has passed, without being awaited.
#[test]
fn a_sleep_knows_its_deadline() {
    virtually(async {
        let start = now();
        let asleep = sleep(ms(10));
        assert_eq!(asleep.deadline(), Some(start + ms(10)));
        assert!(!asleep.is_elapsed());
        sleep(ms(9)).await;
        assert!(!asleep.is_elapsed());
        sleep(ms(1)).await;
        assert!(asleep.is_elapsed());
        asleep.await;
        assert_eq!(now() - start, ms(10));
    });
}

/// A sleep counts from the call, not from its first poll.
#[test]
fn a_sleep_counts_from_when_it_was_made() {
    virtually(async {
        let start = now();
        let asleep = sleep(ms(30));
        sleep(ms(20)).await;
        asleep.await;
        assert_eq!(now() - start, ms(30));
    });
}

/// `reset` makes the deadline earlier or later, before the first poll and after it.
#[test]
fn a_reset_sleep_ends_at_its_new_deadline() {
    for is_polled in [false, true] {
        for (new, end) in [(5, 5), (50, 50), (0, 0)] {
            virtually(async {
                let start = now();
                let mut asleep = sleep(ms(10));
                if is_polled {
                    assert!(poll_once(&mut asleep).await.is_none());
                }
                asleep.reset(start + ms(new));
                assert_eq!(asleep.deadline(), Some(start + ms(new)));
                asleep.await;
                assert_eq!(now() - start, ms(end));
            });
        }
    }
}

/// A sleep that has fired can be reset, whether it was polled since or not.
#[test]
fn a_sleep_that_has_fired_can_be_reset() {
    virtually(async {
        let start = now();
        let mut asleep = sleep(ms(10));
        (&mut asleep).await;
        asleep.reset(start + ms(30));
        assert!(!asleep.is_elapsed());
        (&mut asleep).await;
        assert_eq!(now() - start, ms(30));
        // It fires, and is not polled.
        asleep.reset(start + ms(40));
        assert!(poll_once(&mut asleep).await.is_none());
        sleep(ms(20)).await;
        assert!(asleep.is_elapsed());
        asleep.reset(start + ms(60));
        (&mut asleep).await;
        assert_eq!(now() - start, ms(60));
        // It stays ready, however often it is polled.
        (&mut asleep).await;
        assert_eq!(now() - start, ms(60));
        // It is armed, and its new deadline is past.
        asleep.reset(start + ms(90));
        assert!(poll_once(&mut asleep).await.is_none());
        asleep.reset(start + ms(30));
        (&mut asleep).await;
        assert_eq!(now() - start, ms(60));
    });
}

/// A sleep wakes the task that polled it last: here it moves from one task to another.
#[test]
fn a_sleep_wakes_the_task_that_polled_it_last() {
    virtually(async {
        let mut asleep = sleep(ms(10));
        assert!(poll_once(&mut asleep).await.is_none());
        let polls = Rc::new(Cell::new(0));
        let count = polls.clone();
        let task = spawn(async move {
            poll_fn(|cx| {
                count.set(count.get() + 1);
                Pin::new(&mut asleep).poll(cx)
            })
            .await;
        });
        task.await.unwrap();
        assert_eq!(polls.get(), 2);
    });
}

/// A hundred thousand sleeping tasks wake in order, at nine different times.
#[test]
fn a_hundred_thousand_tasks_sleep() {
    const TASKS: u64 = 100_000;
    virtually(async {
        let start = now();
        let woken = Rc::new(RefCell::new(Vec::new()));
        for number in 0..TASKS {
            let woken = woken.clone();
            drop(spawn(async move {
                let wait = secs(1 + number % 9);
                sleep(wait).await;
                assert_eq!(now() - start, wait);
                woken.borrow_mut().push(number);
            }));
        }
        sleep(secs(10)).await;
        let mut expected: Vec<u64> = (0..TASKS).collect();
        expected.sort_by_key(|number| number % 9);
        assert_eq!(*woken.borrow(), expected);
    });
}

/// Timers are `Send` and `Sync`, as hyper's timer trait requires.
#[test]
fn timers_are_send_and_sync() {
    fn is_send_and_sync<T: Send + Sync + Unpin>() {}
    is_send_and_sync::<Sleep>();
    is_send_and_sync::<Interval>();
    is_send_and_sync::<Timeout<std::future::Ready<()>>>();
}
