use std::cell::Cell;
use std::sync::Mutex;

use boucle::explore::{Explore, cancel};
use boucle::{spawn, yield_now};

/// A future of three awaits is dropped at each of them, and once it completes.
#[test]
fn an_operation_is_dropped_at_each_await() {
    let seen = Mutex::new(Vec::new());
    let explored = cancel(
        || 0,
        async |reached| {
            for n in 1..=3 {
                *reached = n;
                yield_now().await;
            }
            "done"
        },
        async |reached, output| seen.lock().unwrap().push((reached, output)),
    );
    assert_eq!((explored.schedules, explored.complete), (4, true));
    assert_eq!(*seen.lock().unwrap(), [(3, Some("done")), (1, None), (2, None), (3, None)]);
}

/// With another task, each place is tried under each order of the tasks.
#[test]
fn places_and_orders_are_combined() {
    let other = || {
        spawn(async {
            yield_now().await;
            yield_now().await;
        })
    };
    let explored =
        Explore::new().cancel(other, async |_| yield_now().await, async |other, _| other.await.unwrap());
    assert!(explored.complete && explored.schedules > 4, "{explored}");
}

/// An operation that loses something when it is dropped halfway is found.
#[test]
#[should_panic(expected = "a message is lost")]
fn what_is_not_safe_to_cancel_is_found() {
    cancel(
        || Some("message"),
        async |queue| {
            let message = queue.take();
            yield_now().await;
            message
        },
        async |queue, received| assert!(received.flatten().or(queue).is_some(), "a message is lost"),
    );
}

/// The report says where the operation was dropped.
#[test]
fn the_report_names_the_poll_after_which_the_operation_is_dropped() {
    let failure = Explore::new().orders(false).try_cancel(
        || Cell::new(0),
        async |yields| {
            for _ in 0..3 {
                yield_now().await;
                yields.set(yields.get() + 1);
            }
        },
        async |yields, _| assert_ne!(yields.get(), 1),
    );
    let report = failure.unwrap_err().to_string();
    let expected =
        "leaves FIFO at 1 of 2 choices:\n  choice 1: the operation is dropped after pending poll 2\n";
    assert!(report.contains(expected), "{report}");
}
