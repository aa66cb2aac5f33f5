//! Sleeps and their loops: made where none runs, polled on another one, and dropped after their loop.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use boucle::{now, sleep, sleep_until};
use futures_lite::future::poll_once;

use crate::common::{HOUR, PolledByWakes, look, ms, name_of, panic_of, secs, virtual_loop, virtually};

/// Whether a sleep has elapsed depends on its own loop's clock, also while that loop is not running: for a
/// sleep that was never polled, one that waits, one that was reset and one that was awaited.
#[test]
fn a_sleep_elapses_by_the_clock_of_its_loop() {
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
    // A sleep belongs to the loop on which it was last reset.
    let other = virtual_loop();
    other.block_on(async { reset.reset(now() + HOUR) });
    event_loop.block_on(sleep(10 * HOUR));
    assert!(!reset.is_elapsed());
    other.block_on(sleep(HOUR));
    assert!(reset.is_elapsed());
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
    let message = panic_of(|| look(&mut asleep));
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
        // The timer of this loop that has the key of the other's is not cancelled.
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
    let both = format!("of {} was polled on {}:", name_of(&first), name_of(&second));
    assert!(message.contains(&both), "{message}");
    // Its own loop goes on.
    first.block_on(asleep);
}

/// A sleep whose loop ends is not over before its deadline, even if it is polled by the wake that this brings.
#[test]
fn a_sleep_is_not_over_when_its_loop_ends() {
    let event_loop = virtual_loop();
    let is_over = Arc::new(AtomicBool::new(false));
    let sets = is_over.clone();
    event_loop.block_on(async {
        let asleep = sleep(HOUR);
        PolledByWakes::poll(async move {
            asleep.await;
            sets.store(true, Relaxed);
        });
    });
    drop(event_loop);
    assert!(!is_over.load(Relaxed));
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
