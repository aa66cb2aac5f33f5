//! `interval`: its grid, which is the times at which ticks are due, and ticks that are late.

use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use boucle::{Elapsed, Interval, MissedTickBehavior, interval, now, sleep, sleep_until, timeout};

use crate::common::{HOUR, ms, panic_of, secs, virtual_loop, virtually};

/// The first tick comes at once, the others a period apart, and each returns the instant it was due.
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

/// `Skip` keeps the grid also if the period is longer than 64 bits of nanoseconds.
#[test]
fn a_grid_of_centuries() {
    let year = 365 * 24 * HOUR;
    virtually(async move {
        let start = now();
        let mut ticks = interval(700 * year);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        sleep(2_090 * year).await;
        assert_eq!(ticks.tick().await - start, 700 * year);
        assert_eq!(ticks.tick().await - start, 2_100 * year);
    });
}

/// Awaits the second tick at 34 ms instead of 10. Returns when it and the next ones came and were due.
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

/// `Burst`: missed ticks come at once, and the grid is kept.
#[test]
fn an_interval_bursts() {
    let seen = ticks_after_a_delay(MissedTickBehavior::Burst);
    assert_eq!(seen, [(34, 10), (34, 20), (34, 30), (40, 40), (50, 50)]);
}

/// `Delay`: the next tick comes a period after the late one, and a new grid begins.
#[test]
fn an_interval_delays() {
    let seen = ticks_after_a_delay(MissedTickBehavior::Delay);
    assert_eq!(seen, [(34, 10), (44, 44), (54, 54), (64, 64), (74, 74)]);
}

/// `Skip`: missed ticks are left out, and the grid is kept.
#[test]
fn an_interval_skips() {
    let seen = ticks_after_a_delay(MissedTickBehavior::Skip);
    assert_eq!(seen, [(34, 10), (40, 40), (50, 50), (60, 60), (70, 70)]);
}

/// A tick that is late by less than a period misses no other, and the grid is kept; but `Delay` begins a
/// new grid when a tick is late by more than 5 ms.
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

/// With `Skip`, a tick that is late by exactly some periods is followed by the first one on the grid after
/// now: the one that is due now is left out like the others.
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

/// With `Delay`, a tick that is late by a period or more begins a new grid, even if that is not more than 5
/// ms: no two ticks come at once.
#[test]
fn a_tick_that_is_late_by_a_period_begins_a_new_grid() {
    for (period, late) in [(1, 1), (2, 3), (4, 4), (5, 5)] {
        virtually(async move {
            let start = now();
            let mut ticks = interval(ms(period));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks.tick().await;
            sleep(ms(period + late)).await;
            assert_eq!(ticks.tick().await - start, ms(period));
            assert_eq!(ticks.tick().await - start, ms(2 * period + late));
            assert_eq!(now() - start, ms(2 * period + late));
        });
    }
}

/// An interval that was made where no loop runs counts from its first poll, which ticks at once. (The loop's
/// clock stands still during the real sleep of 5 ms.)
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

/// An interval that was reset where no loop runs counts from its next poll and ticks a period later, whether
/// it was reset before its first tick, after one, or while a timer is armed for the next.
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

/// An interval that is polled while its loop is not running goes by the clock of that loop: `Skip` skips a
/// thousand virtual hours, and not to the real time.
#[test]
fn an_interval_that_is_polled_outside_goes_by_the_clock_of_its_loop() {
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
    let cx = &mut Context::from_waker(Waker::noop());
    assert_eq!(ticks.poll_tick(cx), Poll::Ready(start + secs(10)));
    event_loop.block_on(async {
        let late = now() - start;
        assert_eq!(late, 1_000 * HOUR + secs(1));
        assert_eq!(ticks.tick().await - start, 1_000 * HOUR + secs(10));
    });
}

/// `reset` begins a new grid, whose first tick comes a period later, not at once.
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

/// The next tick can be set to any time, and the others follow a period apart: before the first tick, after
/// one, and while a timer is armed for the next.
#[test]
fn the_next_tick_can_be_set() {
    type Reset = fn(&mut Interval, Instant);
    let table: [(Reset, u64); 6] = [
        (|ticks, _| ticks.reset(), 17),
        (|ticks, _| ticks.reset_immediately(), 7),
        (|ticks, _| ticks.reset_after(ms(3)), 10),
        (|ticks, _| ticks.reset_after(Duration::from_secs(1)), 1_007),
        (|ticks, start| ticks.reset_at(start + ms(42)), 42),
        (|ticks, start| ticks.reset_at(start + ms(7)), 7),
    ];
    for (reset, due) in table {
        for begun in 0..3 {
            virtually(async move {
                let start = now();
                let mut ticks = interval(ms(10));
                if begun > 0 {
                    ticks.tick().await;
                }
                if begun > 1 {
                    assert_eq!(timeout(ms(1), ticks.tick()).await, Err(Elapsed));
                }
                sleep_until(start + ms(7)).await;
                reset(&mut ticks, start);
                for number in 0..3 {
                    assert_eq!(ticks.tick().await - start, ms(due + 10 * number));
                    assert_eq!(now() - start, ms(due + 10 * number));
                }
            });
        }
    }
}

/// A reset to a past time begins a grid there. Its missed ticks are treated like any others.
#[test]
fn an_interval_that_is_reset_to_the_past_has_missed_ticks() {
    for (missed, expected) in [
        (MissedTickBehavior::Burst, [5, 15, 25, 35]),
        (MissedTickBehavior::Skip, [5, 35, 45, 55]),
        (MissedTickBehavior::Delay, [5, 40, 50, 60]),
    ] {
        virtually(async move {
            let start = now();
            let mut ticks = interval(ms(10));
            ticks.set_missed_tick_behavior(missed);
            sleep(ms(30)).await;
            ticks.reset_at(start + ms(5));
            for due in expected {
                assert_eq!(ticks.tick().await - start, ms(due));
                assert_eq!(now() - start, ms(due.max(30)));
            }
        });
    }
}

/// Where no loop runs, `reset_after` counts from the next poll, and `reset_at` sets the time.
#[test]
fn an_interval_can_be_reset_outside() {
    let event_loop = virtual_loop();
    let (mut after, mut at, start) = event_loop.block_on(async {
        let mut all = [interval(ms(10)), interval(ms(10))];
        for ticks in &mut all {
            ticks.tick().await;
        }
        let [after, at] = all;
        (after, at, now())
    });
    after.reset_after(ms(3));
    at.reset_at(start + secs(100) + ms(2));
    event_loop.block_on(async {
        sleep(secs(100)).await;
        let all = boucle::gather!(async move { after.tick().await }, async move { at.tick().await }).await;
        assert_eq!(all, (start + secs(100) + ms(3), start + secs(100) + ms(2)));
        assert_eq!(now(), start + secs(100) + ms(3));
    });
}

/// A period of zero panics: it would tick for ever in one instant.
#[test]
fn a_period_of_zero_panics() {
    let message = panic_of(|| virtually(async { interval(Duration::ZERO) }));
    assert!(message.contains("must not be zero"), "{message}");
}

/// A `tick` that is dropped while it waits loses no tick: the next call returns the same instant.
#[test]
fn a_tick_that_is_dropped_is_not_lost() {
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
