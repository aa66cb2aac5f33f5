//! Timers: `sleep`, `timeout` and `interval`, and the clock that they go by.
//!
//! Time is virtual here and every instant is asserted exactly. The few tests that need the real
//! clock say so in their first sentence; they assert what must not happen too early, and never how
//! long something took.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use boucle::net::TcpListener;
use boucle::{
    Elapsed, EventLoop, Interval, LoopHandle, MissedTickBehavior, Sleep, Timeout, gather, interval,
    now, sleep, sleep_until, spawn, spawn_named, timeout, yield_now,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn virtual_loop() -> EventLoop {
    EventLoop::builder().virtual_clock().build().unwrap()
}

fn virtually<F: Future>(main: F) -> F::Output {
    virtual_loop().block_on(main)
}

/// The message that a closure panics with.
fn panic_of<R>(closure: impl FnOnce() -> R) -> String {
    let payload = match catch_unwind(AssertUnwindSafe(closure)) {
        Ok(_) => panic!("there was no panic"),
        Err(payload) => payload,
    };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast_ref::<&str>().unwrap().to_string(),
    }
}

/// Polls a future once, wherever it is.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// What happened, in order, and when, counted from the first line.
#[derive(Clone)]
struct Log {
    start: Instant,
    lines: Rc<RefCell<Vec<(String, Duration)>>>,
}

impl Log {
    fn new() -> Log {
        Log {
            start: now(),
            lines: Rc::default(),
        }
    }

    fn add(&self, what: impl ToString) {
        let line = (what.to_string(), now() - self.start);
        self.lines.borrow_mut().push(line);
    }

    fn assert(&self, expected: &[(&str, Duration)]) {
        let lines = self.lines.borrow();
        let lines: Vec<_> = lines.iter().map(|(what, at)| (&**what, *at)).collect();
        assert_eq!(lines, expected);
    }
}

// Sleep.

/// Tasks wake in the order of their deadlines, each exactly at its own.
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

/// Of timers with one deadline, the one that was armed first fires first: not the one that was made
/// first, and whatever the distance from which each was armed.
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

/// A deadline that lies between two microseconds is rounded up to a tick, never down.
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

/// What is over already is ready at the first poll, and does not even give way: the other task has
/// not run.
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

/// The longest durations overflow nothing and can be waited for, timed out and cancelled.
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

/// A sleep tells its deadline, and whether it has come, without being awaited.
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

/// Whether a sleep is over is asked of its own loop's clock, also while that does not run: for one that
/// was never polled, one that waits, one that was reset and one that was awaited.
#[test]
fn a_sleep_is_over_by_the_clock_of_its_loop() {
    let event_loop = virtual_loop();
    let (sleeps, mut reset) = event_loop.block_on(async {
        let mut waits = sleep(HOUR);
        assert!(poll_once(&mut waits).await.is_pending());
        let mut reset = sleep(2 * HOUR);
        reset.reset(now() + HOUR);
        ([sleep(HOUR), waits, sleep_until(now() + HOUR)], reset)
    });
    assert!(sleeps.iter().all(|asleep| !asleep.is_elapsed()));
    assert!(!reset.is_elapsed());
    event_loop.block_on(sleep(HOUR));
    assert!(sleeps.iter().all(|asleep| asleep.is_elapsed()));
    assert!(reset.is_elapsed());
    // Nor does another loop's time matter, when that one runs.
    assert!(virtually(async { reset.is_elapsed() }));
    event_loop.block_on(&mut reset);
    assert!(reset.is_elapsed());
    reset.reset(reset.deadline().unwrap() + HOUR);
    assert!(!reset.is_elapsed());
    event_loop.block_on(sleep(HOUR));
    assert!(reset.is_elapsed());
}

/// The time counts from the call to `sleep`, not from the first poll.
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

/// Where no loop runs there is no time to count from, so the first poll begins to count.
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
        assert!(poll_once(&mut asleep).await.is_pending());
        assert_eq!(asleep.deadline(), Some(before + secs(5)));
        sleep(secs(2)).await;
        asleep.await;
        assert_eq!(now() - before, secs(5));
        of_zero.await;
        assert_eq!(now() - before, secs(5));
    });
}

/// A sleep needs a loop only when it is polled, and then says so.
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

/// A sleep whose loop is gone keeps its deadline and can be waited for on the next loop.
#[test]
fn a_sleep_outlives_its_loop() {
    let first = virtual_loop();
    let (asleep, deadline) = first.block_on(async {
        let mut asleep = sleep(secs(5));
        assert!(poll_once(&mut asleep).await.is_pending());
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

/// A sleep whose loop is gone can be dropped, with and without another loop running.
#[test]
fn a_sleep_is_dropped_after_its_loop() {
    let polled = || {
        virtually(async {
            let mut asleep = sleep(secs(5));
            assert!(poll_once(&mut asleep).await.is_pending());
            Some(asleep)
        })
    };
    drop(polled());
    let asleep = polled();
    virtually(async move {
        // The same key of another wheel is not the one that is cancelled.
        let mut own = sleep(secs(1));
        assert!(poll_once(&mut own).await.is_pending());
        drop(asleep);
        own.await;
    });
}

/// A sleep that waits on one loop is not to be polled on another, and the panic names both.
#[test]
fn a_sleep_that_is_polled_on_another_loop_panics() {
    let first = virtual_loop();
    let mut asleep = sleep(secs(5));
    first.block_on(async { assert!(poll_once(&mut asleep).await.is_pending()) });
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

/// A sleep that is dropped on another thread is cancelled through the inbox: then nothing is left
/// to wait for.
#[test]
fn a_sleep_that_is_dropped_on_another_thread_is_cancelled() {
    let event_loop = virtual_loop();
    let start = event_loop.block_on(async { now() });
    let message = panic_of(|| {
        event_loop.block_on(async {
            let mut asleep = sleep(HOUR);
            assert!(poll_once(&mut asleep).await.is_pending());
            thread::spawn(move || drop(asleep)).join().unwrap();
            // The inbox is read by the time this is over.
            sleep(ms(1)).await;
            assert_eq!(now() - start, ms(1));
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock"), "{message}");
    // It was a deadlock there and then, not an hour later.
    assert_eq!(event_loop.block_on(async { now() }) - start, ms(1));
}

/// `reset` moves the deadline nearer or farther, before the first poll and after it.
#[test]
fn a_reset_sleep_ends_at_its_new_deadline() {
    for is_polled in [false, true] {
        for (new, end) in [(5, 5), (50, 50), (0, 0)] {
            virtually(async {
                let start = now();
                let mut asleep = sleep(ms(10));
                if is_polled {
                    assert!(poll_once(&mut asleep).await.is_pending());
                }
                asleep.reset(start + ms(new));
                assert_eq!(asleep.deadline(), Some(start + ms(new)));
                asleep.await;
                assert_eq!(now() - start, ms(end));
            });
        }
    }
}

/// A sleep that is over can be used again, fetched or not.
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
        // It fires, and nobody fetches it.
        asleep.reset(start + ms(40));
        assert!(poll_once(&mut asleep).await.is_pending());
        sleep(ms(20)).await;
        assert!(asleep.is_elapsed());
        asleep.reset(start + ms(60));
        (&mut asleep).await;
        assert_eq!(now() - start, ms(60));
        // Over is over, however often it is asked.
        (&mut asleep).await;
        assert_eq!(now() - start, ms(60));
    });
}

/// A reset gives a sleep that was made without a loop its deadline.
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

/// Who polls last is woken: a sleep that moves from one task to another wakes the second.
#[test]
fn a_sleep_wakes_whoever_polled_it_last() {
    virtually(async {
        let mut asleep = sleep(ms(10));
        assert!(poll_once(&mut asleep).await.is_pending());
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

/// Under the real clock, a timer is never early. (Sleeps for a few milliseconds.)
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

/// Under the real clock, a loop that has nothing else to do sleeps once for each sleep: it wakes
/// neither before the deadline nor for a part of the way. (Sleeps for a few milliseconds; a task that
/// was held up beyond its deadline by the machine has nothing to sleep for.)
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

/// A sleep that is made after a long poll counts from then, not from the start of the turn. (Holds
/// the real loop for 50 ms.)
#[test]
fn a_sleep_after_a_long_poll_is_not_over_at_once() {
    boucle::run(async {
        let early = sleep(ms(20));
        thread::sleep(ms(50));
        let made = Instant::now();
        let mut asleep = sleep(ms(10));
        assert!(poll_once(&mut asleep).await.is_pending());
        early.await;
        asleep.await;
        assert!(made.elapsed() >= ms(10));
    });
}

/// A sleep that is polled again looks at the clock, though the loop has not looked at its timers
/// yet. (Holds the real loop for 10 ms.)
#[test]
fn a_sleep_that_is_polled_again_looks_at_the_clock() {
    boucle::run(async {
        let mut asleep = sleep(ms(5));
        assert!(poll_once(&mut asleep).await.is_pending());
        thread::sleep(ms(10));
        assert!(poll_once(&mut asleep).await.is_ready());
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

/// hyper's timer asks for both, and a `Sleep` is only numbers.
#[test]
fn timers_are_send_and_sync() {
    fn is_send_and_sync<T: Send + Sync + Unpin>() {}
    is_send_and_sync::<Sleep>();
    is_send_and_sync::<Interval>();
    is_send_and_sync::<Timeout<std::future::Ready<()>>>();
}

// Timeout.

/// The future is polled first: if it is ready when it is polled, its value wins, at the deadline,
/// behind it, and when there was no time at all.
#[test]
fn a_value_wins_over_a_timeout() {
    virtually(async {
        assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        let same = timeout(ms(10), async {
            sleep(ms(10)).await;
            2
        });
        assert_eq!(same.await, Ok(2));
        let late = timeout(ms(10), async {
            sleep(ms(5)).await;
            3
        });
        sleep(ms(50)).await;
        // Both are over by now, and the future needs one poll to find out.
        let start = now();
        assert_eq!(late.await, Err(Elapsed));
        assert_eq!(now(), start);
        let (sender, receiver) = async_channel::bounded(1);
        let late = timeout(ms(10), async move { receiver.recv().await.unwrap() });
        sleep(ms(50)).await;
        sender.try_send(4).unwrap();
        assert_eq!(late.await, Ok(4));
    });
}

/// When the time is over, the future is dropped with the timeout, not before and not later.
#[test]
fn a_timeout_ends_at_its_deadline() {
    struct Dropped(Rc<Cell<bool>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    virtually(async {
        let start = now();
        let dropped = Rc::new(Cell::new(false));
        let guard = Dropped(dropped.clone());
        let mut ended = pin!(timeout(ms(10), async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        assert_eq!(ended.as_mut().await, Err(Elapsed));
        assert_eq!(now() - start, ms(10));
        assert!(!dropped.get());
        let guard = Dropped(dropped.clone());
        let result = timeout(ms(10), async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .await;
        assert_eq!(result, Err(Elapsed));
        assert!(dropped.get());
        assert_eq!(Elapsed.to_string(), "the deadline has passed");
    });
}

/// Of two nested timeouts, the shorter one ends the wait; if they are equal, the inner one.
#[test]
fn timeouts_nest() {
    virtually(async {
        let start = now();
        let inner = timeout(ms(20), timeout(ms(10), pending::<()>())).await;
        assert_eq!((inner, now() - start), (Ok(Err(Elapsed)), ms(10)));
        let outer = timeout(ms(10), timeout(ms(20), pending::<()>())).await;
        assert_eq!((outer, now() - start), (Err(Elapsed), ms(20)));
        let equal = timeout(ms(10), timeout(ms(10), pending::<()>())).await;
        assert_eq!((equal, now() - start), (Ok(Err(Elapsed)), ms(30)));
    });
}

/// A task whose handle was waited for in vain goes on.
#[test]
fn a_timeout_of_a_handle_does_not_end_the_task() {
    virtually(async {
        let log = Log::new();
        let task_log = log.clone();
        let mut handle = spawn(async move {
            sleep(ms(100)).await;
            task_log.add("task");
            7
        });
        assert!(timeout(ms(10), &mut handle).await.is_err());
        log.add("timeout");
        assert_eq!(handle.await.unwrap(), 7);
        log.assert(&[("timeout", ms(10)), ("task", ms(100))]);
    });
}

/// Dropping a timeout that waits cancels its timer and drops its future.
#[test]
fn a_dropped_timeout_leaves_nothing_behind() {
    let event_loop = virtual_loop();
    let start = event_loop.block_on(async { now() });
    let message = panic_of(|| {
        event_loop.block_on(async {
            let shared = Rc::new(());
            let held = shared.clone();
            let mut waiting = Box::pin(timeout(HOUR, async move {
                let _held = held;
                sleep(2 * HOUR).await;
            }));
            assert!(poll_once(&mut waiting).await.is_pending());
            assert_eq!(Rc::strong_count(&shared), 2);
            drop(waiting);
            assert_eq!(Rc::strong_count(&shared), 1);
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock"), "{message}");
    assert_eq!(event_loop.block_on(async { now() }), start);
}

/// A future that is ready again and again spends the budget of its poll, and is ended all the same:
/// the timeout does not count. (Takes 5 ms on the real clock, as only that one moves while tasks
/// run.)
#[test]
fn a_timeout_ends_a_future_that_spends_the_budget() {
    boucle::run(async {
        let busy = async {
            loop {
                boucle::consume_budget().await;
            }
        };
        assert_eq!(timeout(ms(5), busy).await, Err(Elapsed));
    });
}

// Interval.

/// The first tick comes at once, the others a period apart, and each says when it was due.
#[test]
fn an_interval_ticks_at_once_and_then_every_period() {
    virtually(async {
        let start = now();
        let mut ticks = interval(ms(10));
        assert_eq!(ticks.period(), ms(10));
        assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Burst);
        for number in 0..5 {
            assert_eq!(ticks.tick().await, start + ms(10) * number);
            assert_eq!(now() - start, ms(10) * number);
            // A body that takes less than a period changes nothing.
            sleep(ms(7)).await;
        }
    });
}

/// When each of the next ticks comes, and when it says that it was due, if the second one is
/// fetched at 34 ms instead of 10.
fn ticks_after_a_delay(behavior: MissedTickBehavior) -> Vec<(u128, u128)> {
    virtually(async {
        let start = now();
        let mut ticks = interval(ms(10));
        ticks.set_missed_tick_behavior(behavior);
        assert_eq!(ticks.missed_tick_behavior(), behavior);
        ticks.tick().await;
        sleep(ms(34)).await;
        let mut seen = Vec::new();
        for _ in 0..5 {
            let due = (ticks.tick().await - start).as_millis();
            seen.push(((now() - start).as_millis(), due));
        }
        seen
    })
}

/// Missed ticks are made up for at once, and the grid is kept.
#[test]
fn an_interval_bursts() {
    let seen = ticks_after_a_delay(MissedTickBehavior::Burst);
    assert_eq!(seen, [(34, 10), (34, 20), (34, 30), (40, 40), (50, 50)]);
}

/// The next tick comes a period after the late one, and a new grid begins.
#[test]
fn an_interval_delays() {
    let seen = ticks_after_a_delay(MissedTickBehavior::Delay);
    assert_eq!(seen, [(34, 10), (44, 44), (54, 54), (64, 64), (74, 74)]);
}

/// Missed ticks are left out, and the grid is kept.
#[test]
fn an_interval_skips() {
    let seen = ticks_after_a_delay(MissedTickBehavior::Skip);
    assert_eq!(seen, [(34, 10), (40, 40), (50, 50), (60, 60), (70, 70)]);
}

/// A tick that is late by less than a period misses no other, and the grid is kept; but one that
/// delays begins a new grid once it is late by more than 5 ms.
#[test]
fn a_tick_that_is_a_little_late_misses_nothing() {
    for (behavior, late, next) in [
        (MissedTickBehavior::Burst, 9, 20),
        (MissedTickBehavior::Skip, 9, 20),
        (MissedTickBehavior::Delay, 5, 20),
        (MissedTickBehavior::Delay, 6, 26),
    ] {
        virtually(async move {
            let start = now();
            let mut ticks = interval(ms(10));
            ticks.set_missed_tick_behavior(behavior);
            ticks.tick().await;
            sleep(ms(10 + late)).await;
            assert_eq!(ticks.tick().await - start, ms(10));
            assert_eq!(ticks.tick().await - start, ms(next));
            assert_eq!(now() - start, ms(next));
        });
    }
}

/// A tick that is late by exactly so many periods is followed by the first one on the grid after now,
/// if ticks are skipped: the one that falls on now is left out, as the others are.
#[test]
fn a_tick_on_the_grid_is_skipped() {
    for periods in 1..5 {
        virtually(async move {
            let start = now();
            let mut ticks = interval(ms(10));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            ticks.tick().await;
            sleep(ms(10 + 10 * periods)).await;
            assert_eq!(ticks.tick().await - start, ms(10));
            for next in 2..4 {
                let due = ms(10 * (periods + next));
                assert_eq!(ticks.tick().await - start, due);
                assert_eq!(now() - start, due);
            }
        });
    }
}

/// A tick that is late by exactly a period is late, if that is no longer than 5 ms: a new grid begins,
/// and no two ticks come at once.
#[test]
fn a_tick_that_is_late_by_a_period_begins_a_new_grid() {
    for period in [1, 4, 5] {
        virtually(async move {
            let start = now();
            let mut ticks = interval(ms(period));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks.tick().await;
            sleep(ms(2 * period)).await;
            assert_eq!(ticks.tick().await - start, ms(period));
            assert_eq!(ticks.tick().await - start, ms(3 * period));
            assert_eq!(now() - start, ms(3 * period));
        });
    }
}

/// An interval that is made where no loop runs counts from its first poll, which ticks at once.
/// (Holds the real clock for 5 ms, of which the loop's knows nothing.)
#[test]
fn an_interval_that_was_made_outside_counts_from_its_first_poll() {
    let event_loop = virtual_loop();
    thread::sleep(ms(5));
    let mut ticks = interval(ms(10));
    event_loop.block_on(async {
        sleep(secs(100)).await;
        let start = now();
        for number in 0..3 {
            assert_eq!(ticks.tick().await, start + ms(10) * number);
            assert_eq!(now() - start, ms(10) * number);
        }
    });
}

/// One that is reset where no loop runs counts from its next poll, and ticks a period after that:
/// before its first tick, after one, and while a timer is armed for the next.
#[test]
fn an_interval_that_was_reset_outside_counts_from_its_next_poll() {
    for ticked in 0..3 {
        let event_loop = virtual_loop();
        let mut ticks = event_loop.block_on(async {
            sleep(secs(100)).await;
            let mut ticks = interval(ms(10));
            if ticked > 0 {
                ticks.tick().await;
            }
            if ticked > 1 {
                assert_eq!(timeout(ms(4), ticks.tick()).await, Err(Elapsed));
            }
            ticks
        });
        ticks.reset();
        event_loop.block_on(async {
            sleep(secs(100)).await;
            let start = now();
            for number in 1..4 {
                assert_eq!(ticks.tick().await, start + ms(10) * number);
                assert_eq!(now() - start, ms(10) * number);
            }
        });
    }
}

/// A tick that is fetched where its loop does not run goes by the clock of that loop all the same: a
/// year later it is skipped to the year's end, not to the real present.
#[test]
fn a_tick_that_is_fetched_outside_goes_by_its_own_clock() {
    let event_loop = virtual_loop();
    let (mut ticks, start) = event_loop.block_on(async {
        let mut ticks = interval(secs(10));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        let start = now();
        assert_eq!(timeout(secs(1), ticks.tick()).await, Err(Elapsed));
        sleep(1_000 * HOUR).await;
        (ticks, start)
    });
    let cx = &mut Context::from_waker(std::task::Waker::noop());
    assert_eq!(ticks.poll_tick(cx), Poll::Ready(start + secs(10)));
    event_loop.block_on(async {
        let late = now() - start;
        assert_eq!(late, 1_000 * HOUR + secs(1));
        assert_eq!(ticks.tick().await - start, 1_000 * HOUR + secs(10));
    });
}

/// A grid finer than 5 ms is not coarser for that: the lateness of a period is late enough.
#[test]
fn a_fine_grid_delays_too() {
    virtually(async {
        let start = now();
        let mut ticks = interval(ms(2));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        sleep(ms(5)).await;
        assert_eq!(ticks.tick().await - start, ms(2));
        assert_eq!(ticks.tick().await - start, ms(7));
    });
}

/// `reset` begins a new grid, whose first tick comes a period later and not at once.
#[test]
fn a_reset_interval_ticks_after_a_period() {
    virtually(async {
        let start = now();
        let mut ticks = interval(ms(10));
        ticks.tick().await;
        sleep(ms(7)).await;
        ticks.reset();
        assert_eq!(ticks.tick().await - start, ms(17));
        assert_eq!(ticks.tick().await - start, ms(27));
        // Before its first tick, too.
        let mut fresh = interval(ms(10));
        fresh.reset();
        assert_eq!(fresh.tick().await - start, ms(37));
    });
}

/// A period of zero would tick for ever in one instant.
#[test]
fn a_period_of_zero_panics() {
    let message = panic_of(|| virtually(async { interval(Duration::ZERO) }));
    assert!(message.contains("must not be zero"), "{message}");
}

/// A tick that is given up is not lost: the next one that is awaited says the same instant.
#[test]
fn a_tick_that_is_given_up_is_not_lost() {
    virtually(async {
        let start = now();
        let mut ticks = interval(ms(10));
        ticks.tick().await;
        assert_eq!(timeout(ms(4), ticks.tick()).await, Err(Elapsed));
        assert_eq!(timeout(ms(4), ticks.tick()).await, Err(Elapsed));
        assert_eq!(now() - start, ms(8));
        assert_eq!(ticks.tick().await, start + ms(10));
        assert_eq!(now() - start, ms(10));
    });
}

/// The longest period overflows nothing.
#[test]
fn an_interval_of_the_longest_period_ticks_once() {
    virtually(async {
        let mut ticks = interval(Duration::MAX);
        ticks.tick().await;
        assert_eq!(timeout(HOUR, ticks.tick()).await, Err(Elapsed));
    });
}

// The virtual clock.

/// Time stands still while tasks run and jumps exactly to the next deadline, years away if need be.
#[test]
fn a_virtual_clock_jumps_to_the_next_deadline() {
    virtually(async {
        let start = now();
        for _ in 0..1_000 {
            yield_now().await;
        }
        assert_eq!(now(), start);
        sleep(Duration::from_micros(1)).await;
        assert_eq!(now() - start, Duration::from_micros(1));
        sleep(10_000 * HOUR).await;
        assert_eq!(now() - start, 10_000 * HOUR + Duration::from_micros(1));
    });
}

/// It jumps as far as that, and no further: a deadline that is half a millisecond behind another is
/// not rounded, though a real clock would wait for a whole one.
#[test]
fn a_virtual_clock_jumps_by_less_than_a_millisecond() {
    virtually(async {
        let start = now();
        let sleeps = [1_000, 1_500, 1_501].map(|micros| async move {
            sleep(Duration::from_micros(micros)).await;
            (now() - start).as_micros()
        });
        assert_eq!(gather(sleeps).await, [1_000, 1_500, 1_501]);
    });
}

/// A turn lets the time of its limit pass, no more, and then tells of it.
#[test]
fn a_turn_jumps_as_far_as_its_limit() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(sleep(secs(10)));
    let first = event_loop.turn(Some(secs(4))).unwrap();
    assert_eq!((first.woken_by_timers, first.time), (0, secs(4)));
    let second = event_loop.turn(Some(secs(60))).unwrap();
    // The sleep was made outside, so it counts from its first poll, in the first turn.
    assert_eq!((second.woken_by_timers, second.time), (1, secs(10)));
    let third = event_loop.turn(None).unwrap();
    assert_eq!((third.polled, third.left, third.time), (1, 0, secs(10)));
    assert!(task.is_finished());
}

/// A limit that no clock can reach lets no time pass.
#[test]
fn a_turn_of_the_longest_limit_stays_where_it_is() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(pending::<()>());
    event_loop.turn(Some(secs(1))).unwrap();
    let turn = event_loop.turn(Some(Duration::MAX)).unwrap();
    assert_eq!((turn.time, turn.left), (secs(1), 1));
    task.abort();
    event_loop.block_on(sleep(secs(1)));
    assert_eq!(event_loop.turn(Some(ms(0))).unwrap().time, secs(2));
}

/// Under the real clock, too, a turn waits no longer than its limit. (A timer that would end a longer
/// wait is due after half a minute.)
#[test]
fn a_real_turn_ends_with_its_limit() {
    let event_loop = EventLoop::new().unwrap();
    let _task = event_loop.spawn(sleep(secs(30)));
    for limit in [Duration::ZERO, Duration::from_micros(100), ms(2)] {
        assert_eq!(event_loop.turn(Some(limit)).unwrap().woken_by_timers, 0);
    }
}

/// A virtual clock does not stop where a timer was cancelled, though the wheel looks there: the next
/// one is due a few ticks later.
#[test]
fn a_virtual_clock_jumps_over_a_cancelled_deadline() {
    let event_loop = virtual_loop();
    let _task = event_loop.spawn(async {
        let mut cancelled = sleep(Duration::from_micros(1_000));
        assert!(poll_once(&mut cancelled).await.is_pending());
        let mut due = sleep(Duration::from_micros(1_020));
        assert!(poll_once(&mut due).await.is_pending());
        drop(cancelled);
        due.await;
    });
    let turn = event_loop.turn(None).unwrap();
    assert_eq!(turn.woken_by_timers, 1);
    assert_eq!(turn.time, Duration::from_micros(1_020));
}

/// A timer that was cancelled holds nothing up: a turn of a loop that has nothing else does not
/// wait for it.
#[test]
fn a_turn_does_not_wait_for_a_cancelled_timer() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(async {
        let mut asleep = sleep(HOUR);
        assert!(poll_once(&mut asleep).await.is_pending());
        let mut next = sleep(ms(1));
        assert!(poll_once(&mut next).await.is_pending());
        drop(asleep);
        next.await;
    });
    assert_eq!(event_loop.turn(None).unwrap().time, ms(1));
    let last = event_loop.turn(None).unwrap();
    assert_eq!((last.polled, last.left, last.time), (1, 0, ms(1)));
    // And with a task left that nothing can wake, it is a deadlock.
    assert!(task.is_finished());
    drop(event_loop.spawn(pending::<()>()));
    let message = panic_of(|| event_loop.turn(None));
    assert!(message.starts_with("deadlock"), "{message}");
}

/// A loop whose only timer was cancelled can never go on, and says so, with the tasks that wait.
#[test]
fn a_deadlock_is_told_with_the_tasks_that_wait() {
    let event_loop = virtual_loop();
    let message = panic_of(|| {
        event_loop.block_on(async {
            drop(spawn_named("waiter", pending::<()>()));
            assert_eq!(timeout(ms(1), sleep(HOUR)).await, Err(Elapsed));
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock"), "{message}");
    assert!(
        message.contains("the main future and 1 task\n"),
        "{message}"
    );
    assert!(message.contains("\"waiter\""), "{message}");
    assert!(message.contains("Pending"), "{message}");
    // The loop can be used again.
    assert_eq!(event_loop.block_on(async { 5 }), 5);
}

/// While a `LoopHandle` exists somebody may still speak, so the loop waits where it would report a
/// deadlock.
#[test]
fn a_loop_handle_holds_off_the_deadlock() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let (sender, receiver) = async_channel::bounded(1);
    let other = thread::spawn(move || {
        handle
            .spawn(move || async move { sender.send(7).await.unwrap() })
            .unwrap();
    });
    assert_eq!(event_loop.block_on(receiver.recv()), Ok(7));
    other.join().unwrap();
}

/// When the last handle is dropped, on another thread and while the loop sleeps, the wait ends with
/// the deadlock. (The other thread waits until the loop has announced its sleep, as far as can be
/// seen from outside.)
#[test]
fn dropping_the_last_loop_handle_ends_the_wait() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let second = handle.clone();
    let (started, has_started) = mpsc::channel();
    let other = thread::spawn(move || {
        has_started.recv().unwrap();
        drop(handle);
        thread::sleep(ms(20));
        drop(second);
    });
    let message = panic_of(|| {
        event_loop.block_on(async {
            started.send(()).unwrap();
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock"), "{message}");
    other.join().unwrap();
}

/// The last handle may go at any moment of the loop's way into its sleep, also between its look at
/// the handles and its sleep. The race is run many times, the drop a little later each time; if the
/// loop misses one, a waker that the test has kept for the purpose wakes it after a while, and the
/// test fails.
#[test]
fn the_drop_of_the_last_loop_handle_is_never_missed() {
    for round in 0..3_000u32 {
        let event_loop = virtual_loop();
        let handle = event_loop.handle();
        let go = Arc::new(AtomicBool::new(false));
        let is_missed = Arc::new(AtomicBool::new(false));
        let (kept, waker) = mpsc::channel::<std::task::Waker>();
        let (over, is_over) = mpsc::channel::<()>();
        let other = thread::spawn({
            let (go, is_missed) = (go.clone(), is_missed.clone());
            move || {
                let waker = waker.recv().unwrap();
                while !go.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
                for _ in 0..round % 300 {
                    std::hint::spin_loop();
                }
                drop(handle);
                if is_over.recv_timeout(secs(10)).is_err() {
                    is_missed.store(true, Ordering::Release);
                    waker.wake();
                }
            }
        });
        let message = panic_of(|| {
            event_loop.block_on(async {
                poll_fn(|cx| {
                    kept.send(cx.waker().clone()).ok();
                    Poll::Ready(())
                })
                .await;
                go.store(true, Ordering::Release);
                pending::<()>().await;
            })
        });
        over.send(()).ok();
        other.join().unwrap();
        assert!(message.starts_with("deadlock"), "{message}");
        assert!(!is_missed.load(Ordering::Acquire), "round {round}");
    }
}

/// A handle matters to a loop with a deadline no more than to any other: time jumps.
#[test]
fn a_loop_handle_does_not_hold_up_time() {
    virtually(async {
        let _handle = LoopHandle::current();
        let start = now();
        sleep(1_000 * HOUR).await;
        assert_eq!(now() - start, 1_000 * HOUR);
    });
}

/// While a socket is waited for, the park is real: a peer has time to answer before an hour is
/// over. (The peer takes 20 ms.)
#[test]
fn a_virtual_clock_waits_for_a_socket() {
    virtually(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let peer = thread::spawn(move || {
            thread::sleep(ms(20));
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"x").unwrap();
        });
        let start = now();
        let hour = spawn(sleep(HOUR));
        let (stream, _) = listener.accept().await.unwrap();
        assert_eq!(stream.peek(&mut [0; 8]).await.unwrap(), 1);
        assert!(!hour.is_finished());
        drop((stream, listener));
        // Time that was spent in the kernel has passed here, too, and no more.
        assert!(now() - start < HOUR);
        hour.await.unwrap();
        assert_eq!(now() - start, HOUR);
        peer.join().unwrap();
    });
}

/// A socket that nobody waits for holds up nothing: an hour passes at once.
#[test]
fn an_idle_socket_does_not_hold_up_a_virtual_clock() {
    virtually(async {
        let _listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let start = now();
        sleep(HOUR).await;
        assert_eq!(now() - start, HOUR);
    });
}

/// A socket for which a task waited holds up the clock until its next event, or until it is
/// dropped: then an hour passes at once. (If the loop parks for real nevertheless, a thread ends
/// the test after five seconds, and the test fails.)
#[test]
fn a_socket_that_was_dropped_does_not_hold_up_a_virtual_clock() {
    virtually(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(timeout(ms(5), listener.accept()).await.is_err());
        drop(listener);
        assert!(passes_at_once(HOUR).await);
    });
}

/// A socket that was waited for and is gone holds up nothing, whether it was dropped here or on another thread.
#[test]
fn a_closed_socket_does_not_hold_up_a_virtual_clock() {
    for is_elsewhere in [false, true] {
        virtually(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            {
                let mut accepted = Box::pin(listener.accept());
                assert!(poll_once(&mut accepted).await.is_pending());
            }
            if is_elsewhere {
                thread::spawn(move || drop(listener)).join().unwrap();
            } else {
                drop(listener);
            }
            assert!(passes_at_once(HOUR).await);
        });
    }
}

/// Whether a virtual clock jumps over so much time, where a real park would have to be broken off.
async fn passes_at_once(time: Duration) -> bool {
    let (breaking_off, broken_off) = async_channel::bounded(1);
    let (over, is_over) = mpsc::channel::<()>();
    let other = thread::spawn(move || {
        if is_over.recv_timeout(secs(5)).is_err() {
            breaking_off.try_send(()).unwrap();
        }
        // The channel stays open until the wait is over.
        let _ = is_over.recv();
    });
    let start = now();
    let mut asleep = sleep(time);
    let mut broken = pin!(broken_off.recv());
    let passed = poll_fn(|cx| {
        if Pin::new(&mut asleep).poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        broken.as_mut().poll(cx).map(|_| false)
    })
    .await;
    drop(over);
    other.join().unwrap();
    // A park that was real may have left the clock between two ticks, and a deadline is rounded up.
    assert!(!passed || now() - start - time < Duration::from_micros(1));
    passed
}

/// What other threads have left is read before the clock jumps: a wake that came during the last
/// poll takes no time, though a timer is set.
#[test]
fn a_virtual_clock_does_not_jump_over_a_wake() {
    virtually(async {
        let start = now();
        let (sender, receiver) = async_channel::bounded(1);
        let mut received = pin!(receiver.recv());
        let mut hour = sleep(HOUR);
        let mut other = None;
        let value = poll_fn(|cx| {
            if let Poll::Ready(value) = received.as_mut().poll(cx) {
                return Poll::Ready(value);
            }
            assert!(Pin::new(&mut hour).poll(cx).is_pending());
            if other.is_none() {
                let sender = sender.clone();
                other = Some(thread::spawn(move || sender.try_send(7).unwrap()).join());
            }
            Poll::Pending
        })
        .await;
        assert_eq!(value, Ok(7));
        assert_eq!(now(), start);
    });
}

/// The same for a sleep that was dropped on another thread: nobody waits for it, so the clock does
/// not go there.
#[test]
fn a_virtual_clock_does_not_jump_to_a_timer_that_was_dropped_elsewhere() {
    let event_loop = virtual_loop();
    let (start, mut asleep) = event_loop.block_on(async { (now(), Some(sleep(HOUR))) });
    let message = panic_of(|| {
        event_loop.block_on(poll_fn(|cx| {
            if let Some(mut asleep) = asleep.take() {
                assert!(Pin::new(&mut asleep).poll(cx).is_pending());
                thread::spawn(move || drop(asleep)).join().unwrap();
            }
            Poll::<()>::Pending
        }))
    });
    assert!(message.starts_with("deadlock"), "{message}");
    assert_eq!(event_loop.block_on(async { now() }), start);
}

/// While an executor job runs, the loop waits for the job and not for the clock. (The job takes 20
/// ms.)
#[cfg(feature = "blocking")]
#[test]
fn a_virtual_clock_waits_for_an_executor_job() {
    virtually(async {
        let start = now();
        let hour = spawn(sleep(HOUR));
        let job = boucle::run_in_executor(|| {
            thread::sleep(ms(20));
            7
        });
        assert_eq!(job.await, 7);
        assert!(!hour.is_finished());
        hour.await.unwrap();
        assert_eq!(now() - start, HOUR);
    });
}

/// What waits for nothing but itself is a deadlock under a virtual clock, `run_forever` included.
#[test]
fn run_forever_reports_a_deadlock() {
    let event_loop = virtual_loop();
    drop(event_loop.spawn(pending::<()>()));
    let message = panic_of(|| event_loop.run_forever());
    assert!(message.starts_with("deadlock"), "{message}");
}

/// Two runs of one program have the same schedule, to the nanosecond.
#[test]
fn two_virtual_runs_are_the_same() {
    let run = || {
        virtually(async {
            let log = Log::new();
            let workers = (1..20u64).map(|number| {
                let log = log.clone();
                async move {
                    let mut ticks = interval(Duration::from_micros(7 * number + 3));
                    for _ in 0..20 {
                        ticks.tick().await;
                        log.add(number);
                        if timeout(Duration::from_micros(number), ticks.tick())
                            .await
                            .is_err()
                        {
                            yield_now().await;
                        }
                    }
                }
            });
            gather(workers.collect::<Vec<_>>()).await;
            log.lines.take()
        })
    };
    let first = run();
    assert_eq!(first.len(), 19 * 20);
    assert_eq!(first, run());
}
