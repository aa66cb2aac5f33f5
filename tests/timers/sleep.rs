//! `sleep` and `sleep_until`: deadlines, their order, resets, and the loop that a sleep belongs to.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::thread;
use std::time::{Duration, Instant};

use boucle::{
    Elapsed, EventLoop, Interval, Sleep, Timeout, gather, now, sleep, sleep_until, spawn, timeout,
    yield_now,
};
use futures_lite::future::poll_once;

use super::Log;
use crate::common::{HOUR, ms, panic_of, secs, virtual_loop, virtually};

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
/// first, however far ahead each was armed.
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

/// A sleep of zero and a past deadline are ready at the first poll and do not even yield: the other task
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
        assert_eq!(now().max(deadline) - now().min(deadline), Duration::ZERO);
        // From there, too.
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

/// Whether a sleep is over depends on its own loop's clock, also while that loop is not running: for a
/// sleep that was never polled, one that waits, one that was reset and one that was awaited.
#[test]
fn a_sleep_is_over_by_the_clock_of_its_loop() {
    let event_loop = virtual_loop();
    let (sleeps, mut reset) = event_loop.block_on(async {
        let mut waits = sleep(HOUR);
        assert!(poll_once(&mut waits).await.is_none());
        let mut reset = sleep(2 * HOUR);
        reset.reset(now() + HOUR);
        ([sleep(HOUR), waits, sleep_until(now() + HOUR)], reset)
    });
    assert!(sleeps.iter().all(|asleep| !asleep.is_elapsed()));
    assert!(!reset.is_elapsed());
    event_loop.block_on(sleep(HOUR));
    assert!(sleeps.iter().all(|asleep| asleep.is_elapsed()));
    assert!(reset.is_elapsed());
    // Another loop's time does not matter, even while that loop runs.
    assert!(virtually(async { reset.is_elapsed() }));
    event_loop.block_on(&mut reset);
    assert!(reset.is_elapsed());
    reset.reset(reset.deadline().unwrap() + HOUR);
    assert!(!reset.is_elapsed());
    event_loop.block_on(sleep(HOUR));
    assert!(reset.is_elapsed());
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

/// A sleep that was made where no loop runs counts from its first poll.
#[test]
fn a_sleep_that_was_made_outside_counts_from_its_first_poll() {
    let asleep = sleep(secs(5));
    assert_eq!(asleep.deadline(), None);
    assert!(!asleep.is_elapsed());
    let of_zero = sleep(Duration::ZERO);
    assert!(!of_zero.is_elapsed());
    virtually(async {
        sleep(secs(10)).await;
        let before = now();
        let mut asleep = asleep;
        assert!(poll_once(&mut asleep).await.is_none());
        assert_eq!(asleep.deadline(), Some(before + secs(5)));
        sleep(secs(2)).await;
        asleep.await;
        assert_eq!(now() - before, secs(5));
        of_zero.await;
        assert_eq!(now() - before, secs(5));
    });
}

/// A sleep needs a loop only when it is polled, and then panics with the reason.
#[test]
fn a_sleep_without_a_loop_panics_when_it_is_polled() {
    let mut asleep = sleep(secs(1));
    let message = panic_of(|| {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        Pin::new(&mut asleep).poll(&mut cx)
    });
    assert!(message.contains("a sleep needs an event loop"), "{message}");
    assert!(message.contains("boucle::run"), "{message}");
}

/// A sleep whose loop is gone keeps its deadline and can be awaited on the next loop.
#[test]
fn a_sleep_outlives_its_loop() {
    let first = virtual_loop();
    let (asleep, deadline) = first.block_on(async {
        let mut asleep = sleep(secs(5));
        assert!(poll_once(&mut asleep).await.is_none());
        let deadline = asleep.deadline().unwrap();
        (asleep, deadline)
    });
    drop(first);
    virtually(async move {
        assert_eq!(asleep.deadline(), Some(deadline));
        assert!(!asleep.is_elapsed());
        let mut asleep = asleep;
        (&mut asleep).await;
        assert!(asleep.is_elapsed());
        assert!(now() - deadline < Duration::from_micros(1), "one tick");
    });
}

/// A sleep whose loop is gone can be dropped, with or without another loop running.
#[test]
fn a_sleep_is_dropped_after_its_loop() {
    let polled = || {
        virtually(async {
            let mut asleep = sleep(secs(5));
            assert!(poll_once(&mut asleep).await.is_none());
            Some(asleep)
        })
    };
    drop(polled());
    let asleep = polled();
    virtually(async move {
        // The timer with the same key in another wheel is not cancelled.
        let mut own = sleep(secs(1));
        assert!(poll_once(&mut own).await.is_none());
        drop(asleep);
        own.await;
    });
}

/// A sleep that waits on one loop panics when it is polled on another, and names both.
#[test]
fn a_sleep_that_is_polled_on_another_loop_panics() {
    let first = virtual_loop();
    let mut asleep = sleep(secs(5));
    first.block_on(async { assert!(poll_once(&mut asleep).await.is_none()) });
    let second = virtual_loop();
    let message = panic_of(|| second.block_on(&mut asleep));
    let number = |it: &EventLoop| {
        let shown = format!("{it:?}");
        shown["EventLoop(".len()..shown.len() - 1].to_owned()
    };
    let both = format!("of {} was polled on {}:", number(&first), number(&second));
    assert!(message.contains(&both), "{message}");
    // Its own loop is unharmed.
    first.block_on(asleep);
}

/// A sleep that is dropped on another thread is cancelled through the inbox: then nothing is left to wait
/// for.
#[test]
fn a_sleep_that_is_dropped_on_another_thread_is_cancelled() {
    let event_loop = virtual_loop();
    let start = event_loop.block_on(async { now() });
    let message = panic_of(|| {
        event_loop.block_on(async {
            let mut asleep = sleep(HOUR);
            assert!(poll_once(&mut asleep).await.is_none());
            thread::spawn(move || drop(asleep)).join().unwrap();
            // The inbox has been read when this is over.
            sleep(ms(1)).await;
            assert_eq!(now() - start, ms(1));
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock"), "{message}");
    // The deadlock came at once, not an hour later.
    assert_eq!(event_loop.block_on(async { now() }) - start, ms(1));
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
    });
}

/// A reset gives a deadline to a sleep that was made where no loop runs.
#[test]
fn a_reset_replaces_the_duration_of_a_sleep_made_outside() {
    let mut asleep = sleep(HOUR);
    virtually(async move {
        let start = now();
        asleep.reset(start + ms(3));
        asleep.await;
        assert_eq!(now() - start, ms(3));
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

/// Under the real clock a timer is never early. (Sleeps for a few milliseconds.)
#[test]
fn a_real_sleep_is_never_early() {
    boucle::run(async {
        for micros in [1, 50, 100, 500, 999, 1_000, 1_001, 2_500, 5_000] {
            let wait = Duration::from_micros(micros);
            let start = Instant::now();
            sleep(wait).await;
            assert!(start.elapsed() >= wait, "{micros} µs");
            let deadline = Instant::now() + wait;
            sleep_until(deadline).await;
            assert!(Instant::now() >= deadline, "{micros} µs");
        }
    });
}

/// Under the real clock an otherwise idle loop parks once for each sleep: it wakes neither before the
/// deadline nor on the way. (Sleeps for a few milliseconds. If the machine holds the task up beyond its
/// deadline, there is nothing to sleep for.)
#[test]
fn a_real_sleep_is_one_park() {
    let event_loop = EventLoop::new().unwrap();
    for micros in [1, 50, 100, 500, 999, 1_000, 1_001, 2_500, 5_000] {
        let task = event_loop.spawn(sleep(Duration::from_micros(micros)));
        let turn = event_loop.turn(None).unwrap();
        assert!(
            turn.woken_by_timers == 1 || task.is_finished(),
            "{micros} µs"
        );
        while !task.is_finished() {
            event_loop.turn(None).unwrap();
        }
    }
}

/// Under the real clock, a sleep that is made after a long poll counts from its making, not from the
/// start of the turn. (Holds the loop for 50 ms.)
#[test]
fn a_sleep_after_a_long_poll_is_not_over_at_once() {
    boucle::run(async {
        let early = sleep(ms(20));
        thread::sleep(ms(50));
        let made = Instant::now();
        let mut asleep = sleep(ms(10));
        assert!(poll_once(&mut asleep).await.is_none());
        early.await;
        asleep.await;
        assert!(made.elapsed() >= ms(10));
    });
}

/// Under the real clock, a sleep that is polled again reads the clock, even if the loop has not looked at
/// its timers yet. (Holds the loop for 10 ms.)
#[test]
fn a_sleep_that_is_polled_again_looks_at_the_clock() {
    boucle::run(async {
        let mut asleep = sleep(ms(5));
        assert!(poll_once(&mut asleep).await.is_none());
        thread::sleep(ms(10));
        assert!(poll_once(&mut asleep).await.is_some());
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
