use std::cell::Cell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use boucle::explore::{Explore, Explored, Strategy};
use boucle::{sleep, spawn, yield_now};

/// Returns the report of an exploration that fails.
fn failure(explore: impl FnOnce() -> Explored) -> String {
    let payload = catch_unwind(AssertUnwindSafe(explore)).expect_err("the program should fail");
    *payload.downcast().expect("the message is a String")
}

/// A failure under FIFO is found by the first schedule.
#[test]
fn a_failure_of_fifo_is_the_first() {
    let report =
        failure(|| boucle::explore(|| async { spawn(async { panic!("always") }).await.unwrap_err() }));
    assert!(report.starts_with("schedule 1 fails: panicked at "), "{report}");
    assert!(report.contains(": always\n\nIt is the first, FIFO:\n\n"), "{report}");
    assert!(
        report.contains("BOUCLE_SCHEDULE=fifo cargo test failures::a_failure_of_fifo_is_the_first"),
        "{report}"
    );
}

/// A race that FIFO hides is found by each strategy, shortened to one deviation, and drawn beside FIFO.
#[test]
fn a_race_is_found_and_drawn() {
    async fn race() {
        let count = Rc::new(Cell::new(0));
        let writer = spawn({
            let count = count.clone();
            async move { count.set(1) }
        });
        let reader = spawn(async move { assert_eq!(count.get(), 1, "read before it was written") });
        let noise: Vec<_> = (0..3).map(|_| spawn(yield_now())).collect();
        writer.await.unwrap();
        reader.await.unwrap();
        for task in noise {
            task.await.unwrap();
        }
    }
    for strategy in [Strategy::Mixed, Strategy::Exhaustive, Strategy::Random] {
        let report = failure(|| Explore::new().strategy(strategy).run(race));
        assert!(report.contains("read before it was written"), "{report}");
        assert!(report.contains("leaves FIFO at 1 of "), "{report}");
        assert!(report.contains("\n\nFIFO, which passes:\n\n"), "{report}");
    }
    let random = |threads| failure(|| Explore::new().strategy(Strategy::Random).threads(threads).run(race));
    assert_eq!(random(1), random(3));
}

/// A deadlock under one order is a failure. A program that does not end is stopped.
#[test]
fn what_hangs_is_a_failure() {
    let deadlock = failure(|| {
        boucle::explore(|| async {
            let late = Rc::new(Cell::new(false));
            let flag = late.clone();
            let task = spawn(async move {
                if flag.get() {
                    pending::<()>().await;
                }
            });
            let other = spawn(async move { late.set(true) });
            other.await.unwrap();
            task.await.unwrap();
        })
    });
    assert!(deadlock.contains("deadlock: nothing is ready"), "{deadlock}");
    assert!(deadlock.contains("leaves FIFO at 1 of "), "{deadlock}");
    let endless = failure(|| {
        Explore::new().polls(500).run(|| async {
            loop {
                yield_now().await;
            }
        })
    });
    assert!(endless.starts_with("schedule 1 fails: the program has not ended after 500 polls"), "{endless}");
}

/// A program that does something else under the same schedule is a failure that says so.
#[test]
fn a_program_that_does_not_repeat_itself_is_refused() {
    let runs = std::sync::atomic::AtomicU32::new(0);
    let report = failure(|| {
        boucle::explore(|| {
            let run = runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async move {
                let tasks: Vec<_> = (0..if run == 0 { 5 } else { 2 }).map(|_| spawn(yield_now())).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        })
    });
    assert!(report.contains("the schedule does not fit the program"), "{report}");
}

/// Under any order, a timer fires only when no task is ready.
#[test]
fn time_does_not_pass_while_tasks_run() {
    let explored = boucle::explore(|| async {
        let slow = spawn(async {
            for _ in 0..3 {
                yield_now().await;
            }
        });
        sleep(Duration::from_micros(1)).await;
        assert!(slow.is_finished());
    });
    assert!(explored.complete);
}
