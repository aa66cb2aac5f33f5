//! Timers whose clock jumps while nothing runs: the process was stopped, or its machine, between two parks.
//! Here a virtual clock is set forward, over a deadline at which it would have stopped by itself.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::combine::gather::gather;
use crate::current;
use crate::event_loop::EventLoop;
use crate::time::interval::{MissedTickBehavior, interval};
use crate::time::sleep::{now, sleep, sleep_until};
use crate::time::timeout::timeout;
use crate::wake::order::Random;

/// A million sleeping tasks hold a million of these: the size is a promise.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_sleep_takes_thirty_two_bytes() {
    assert_eq!(size_of::<super::Sleep>(), 32);
}

const TEN_YEARS: u64 = 10 * 365 * 24 * 3_600 * 1_000_000;

/// In ticks: a millisecond, ten years, and on either side of each level of the wheel in between.
fn jumps() -> Vec<u64> {
    let levels = (1..=8).map(|level| 64u64.pow(level)).flat_map(|ticks| [ticks - 1, ticks, ticks + 1]);
    levels.chain([1_000, TEN_YEARS]).collect()
}

fn virtual_loop() -> EventLoop {
    EventLoop::builder().virtual_clock().build().unwrap()
}

fn jump(event_loop: &EventLoop, time: Duration) {
    current::expect(event_loop.handle().loop_number).clock.pass(time);
}

fn since(start: Instant) -> u64 {
    (now() - start).as_micros() as u64
}

/// After a jump all timers that are due fire in one turn, in (deadline, arming) order; the others, in time.
#[test]
fn all_that_a_jump_has_passed_fires_once_and_in_order() {
    const TIMERS: usize = 200;
    let mut fired = 0;
    let mut numbers = Random::new(7);
    let mut random = |below: u64| numbers.next() % below;
    for ticks in jumps() {
        let event_loop = virtual_loop();
        let start = event_loop.block_on(async { now() });
        let log = Rc::new(RefCell::new(Vec::new()));
        let mut deadlines: Vec<_> = (0..TIMERS)
            .map(|number| {
                let deadline = match number % 4 {
                    0 => ticks - 1 + random(3),
                    1 => 1 + random(ticks),
                    2 => ticks + 1 + random(ticks),
                    _ => 1 + random(2 * TEN_YEARS),
                };
                (deadline, number)
            })
            .collect();
        for (deadline, number) in deadlines.clone() {
            let log = log.clone();
            let _detached = event_loop.spawn(async move {
                sleep_until(start + Duration::from_micros(deadline)).await;
                log.borrow_mut().push((deadline, number, since(start)));
            });
        }
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        jump(&event_loop, Duration::from_micros(ticks));
        let due = deadlines.iter().filter(|(deadline, _)| *deadline <= ticks).count();
        assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().woken_by_timers, due);
        while event_loop.turn(None).unwrap().left > 0 {}
        deadlines.sort_unstable();
        let expected = deadlines.iter().map(|(deadline, number)| (*deadline, *number, ticks.max(*deadline)));
        assert_eq!(*log.borrow(), expected.collect::<Vec<_>>());
        fired += log.borrow().len();
    }
    assert_eq!(fired, 5_200);
}

/// An interval does after a jump what it does after any delay, however many ticks were missed.
#[test]
fn an_interval_catches_up_after_a_jump() {
    use MissedTickBehavior::{Burst, Delay, Skip};
    let mut seen = 0;
    for behavior in [Burst, Delay, Skip] {
        for period in [1_000, 7_000, 1_000_000, 3_600_000_000] {
            for ticks in jumps() {
                let event_loop = virtual_loop();
                let task = event_loop.spawn(async move {
                    let start = now();
                    let mut all = interval(Duration::from_micros(period));
                    all.set_missed_tick_behavior(behavior);
                    all.tick().await;
                    let mut seen = Vec::new();
                    for _ in 0..5 {
                        let due = (all.tick().await - start).as_micros() as u64;
                        seen.push((due, since(start)));
                    }
                    seen
                });
                event_loop.turn(Some(Duration::ZERO)).unwrap();
                jump(&event_loop, Duration::from_micros(ticks));
                let (mut due, mut time) = (period, ticks);
                for tick in event_loop.block_on(task).unwrap() {
                    time = time.max(due);
                    assert_eq!(tick, (due, time), "{behavior:?}, {period}, {ticks}");
                    let late = time - due;
                    due = match behavior {
                        Delay if late > 5_000 || late >= period => time + period,
                        Skip if late >= period => (time / period + 1) * period,
                        _ => due + period,
                    };
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, 1_560);
}

/// While the clock stands still nothing fires, however often the loop looks. A jump that leads beyond the
/// last `Instant` does not move the clock.
#[test]
fn a_clock_that_stands_still_fires_nothing() {
    const TIMERS: usize = 1_000;
    let event_loop = virtual_loop();
    let naps: Vec<_> =
        (1..=TIMERS as u64).map(|n| event_loop.spawn(sleep(Duration::from_micros(n)))).collect();
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    for _ in 0..TIMERS {
        jump(&event_loop, Duration::ZERO);
        jump(&event_loop, Duration::MAX);
        let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!((turn.woken_by_timers, turn.left, turn.time), (0, TIMERS, Duration::ZERO));
    }
    event_loop.block_on(gather(naps));
    assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().time, Duration::from_micros(TIMERS as u64));
}

/// A sleep until the last possible `Instant` is pending, on either clock, also after ten years.
#[test]
fn a_sleep_until_the_last_instant_is_pending() {
    let mut last = Instant::now();
    let mut step = Duration::from_secs(1 << 62);
    while !step.is_zero() {
        match last.checked_add(step) {
            Some(later) => last = later,
            None => step /= 2,
        }
    }
    for event_loop in [virtual_loop(), EventLoop::new().unwrap()] {
        event_loop.block_on(async {
            assert!(timeout(Duration::from_millis(1), sleep_until(last)).await.is_err());
            let mut ticks = interval(Duration::from_secs(1));
            ticks.reset_at(last);
            assert!(timeout(Duration::from_millis(1), ticks.tick()).await.is_err());
        });
    }
    let event_loop = virtual_loop();
    let task = event_loop.spawn(sleep_until(last));
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    jump(&event_loop, Duration::from_micros(TEN_YEARS));
    assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().woken_by_timers, 0);
    assert!(!task.is_finished());
}
