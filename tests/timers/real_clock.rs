//! Sleeps and turns under the real clock.

use std::thread;
use std::time::{Duration, Instant};

use boucle::{EventLoop, sleep, sleep_until};
use futures_lite::future::poll_once;

use crate::common::{ms, secs};

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

/// Under the real clock an otherwise idle loop parks once for each sleep, until its deadline. (Sleeps for a
/// few milliseconds. If the deadline has passed before the park, the task is finished without one.)
#[test]
fn a_real_sleep_is_one_park() {
    let event_loop = EventLoop::new().unwrap();
    for micros in [1, 50, 100, 500, 999, 1_000, 1_001, 2_500, 5_000] {
        let task = event_loop.spawn(sleep(Duration::from_micros(micros)));
        let turn = event_loop.turn(None).unwrap();
        assert!(turn.woken_by_timers == 1 || task.is_finished(), "{micros} µs");
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

/// Under the real clock a turn waits no longer than its limit. (Else it would fire a timer of half a minute.)
#[test]
fn a_real_turn_ends_with_its_limit() {
    let event_loop = EventLoop::new().unwrap();
    let _task = event_loop.spawn(sleep(secs(30)));
    for limit in [Duration::ZERO, Duration::from_micros(100), ms(2)] {
        assert_eq!(event_loop.turn(Some(limit)).unwrap().woken_by_timers, 0);
    }
}
