//! `stop`, from inside the loop, from outside, and by a handle.

use std::cell::Cell;
use std::future::pending;

use boucle::{sleep, spawn, yield_now};

use crate::common::{Log, OnDrop, SECOND, counted, panic_of, virtual_loop};

/// `stop` lets the current batch finish; tasks that it wakes stay for the next run.
#[test]
fn stop_finishes_the_batch_and_the_loop_can_run_again() {
    let log = Log::default();
    let event_loop = virtual_loop();
    let (first, second) = (log.clone(), log.clone());
    event_loop.spawn(async move {
        first.add("first stops");
        boucle::stop();
        spawn(async move {
            first.add("third");
            boucle::stop();
        });
    });
    event_loop.spawn(async move {
        second.add("second");
        yield_now().await;
        second.add("second again");
    });
    event_loop.run_forever();
    assert_eq!(log.take(), ["first stops", "second"]);
    event_loop.run_forever();
    assert_eq!(log.take(), ["third", "second again"]);
}

/// A stop before `run_forever` lets it run exactly one turn, and counts for one run only.
#[test]
fn stop_before_run_forever_gives_one_turn() {
    let event_loop = virtual_loop();
    let (restless, polls) = counted(async {
        for _ in 0..5 {
            yield_now().await;
        }
        boucle::stop();
        pending::<()>().await;
    });
    event_loop.spawn(restless);
    event_loop.stop();
    event_loop.stop();
    event_loop.run_forever();
    assert_eq!(polls.get(), 1);
    event_loop.run_forever();
    assert_eq!(polls.get(), 6);
}

/// A stop counts for the next run of any kind: a turn made by hand says so, and a `block_on` has one turn.
#[test]
fn a_stop_is_for_the_next_run_of_any_kind() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(async {
        yield_now().await;
        yield_now().await;
        boucle::stop();
    });
    event_loop.stop();
    assert!(event_loop.turn(None).unwrap().stopped);
    event_loop.run_forever(); // until the task stops it
    assert!(task.is_finished());

    event_loop.stop();
    let message = panic_of(|| event_loop.block_on(yield_now()));
    assert_eq!(message, "event loop stopped before the future completed");
    event_loop.block_on(sleep(SECOND)); // it parks, and does not stop there
}

/// A stop by a handle takes effect when the inbox is read, here after 61 polls.
#[test]
fn stop_by_a_handle_waits_for_the_park() {
    let event_loop = virtual_loop();
    let (restless, polls) = counted(async {
        loop {
            yield_now().await;
        }
    });
    event_loop.spawn(restless);
    event_loop.handle().stop();
    event_loop.run_forever();
    assert_eq!(polls.get(), 61);
}

/// A `block_on` that is stopped has no value to return: it panics. The loop and its tasks survive.
#[test]
fn stop_during_block_on_is_a_panic_that_the_loop_survives() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(async {
        sleep(SECOND).await;
        7
    });
    let message = panic_of(|| {
        event_loop.block_on(async {
            boucle::stop();
            pending::<()>().await;
        });
    });
    assert_eq!(message, "event loop stopped before the future completed");
    assert_eq!(event_loop.block_on(task).unwrap(), 7);
}

/// A main future that was stopped is dropped while its loop is the running one.
#[test]
fn a_stopped_main_future_is_dropped_inside_of_its_loop() {
    let spawned = Cell::new(None);
    let event_loop = virtual_loop();
    let spawns = OnDrop(|| spawned.set(Some(spawn(async { 7 }))));
    let main = async move {
        boucle::stop();
        pending::<()>().await;
        drop(spawns);
    };
    panic_of(|| event_loop.block_on(main));
    assert_eq!(event_loop.block_on(spawned.take().unwrap()).unwrap(), 7);
}

/// A `run` that is stopped panics.
#[test]
fn stop_during_run_is_a_panic() {
    let message = panic_of(|| {
        boucle::run(async {
            spawn(async { boucle::stop() });
            pending::<()>().await;
        });
    });
    assert_eq!(message, "event loop stopped before the future completed");
}

/// If main is ready in the turn that was to be the last, its value wins, and no stop is left over.
#[test]
fn a_main_that_is_ready_in_time_wins_over_stop() {
    let event_loop = virtual_loop();
    let value = event_loop.block_on(async {
        spawn(async { boucle::stop() });
        yield_now().await;
        5
    });
    assert_eq!(value, 5);
    event_loop.block_on(yield_now());
}

/// `stop` panics where no loop runs.
#[test]
fn stop_without_a_loop_panics() {
    assert!(panic_of(boucle::stop).contains("boucle::run"));
}
