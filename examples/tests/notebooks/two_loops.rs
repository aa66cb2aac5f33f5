//! `two_loops`: coroutines of one loop run one at a time, those of two loops in parallel.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use stage::testing::{documented, expect_usage, lines, run};

#[path = "../../two_loops/loops.rs"]
mod loops;
#[path = "../../two_loops/messages.rs"]
mod messages;

/// While one coroutine keeps control, no other of its loop runs.
#[test]
fn a_loop_runs_one_coroutine_at_a_time() {
    assert_eq!(loops::on_one_loop(Duration::from_millis(20)), 1);
}

/// Each of the two coroutines waits for the other without an `await`, and they meet.
#[test]
fn two_loops_run_two_coroutines_at_once() {
    assert_eq!(loops::on_two_loops(Duration::from_secs(20)), 2);
}

/// The answer comes from another thread, which has ended by then, with its loop and its thread-locals.
#[test]
fn one_loop_asks_another() {
    thread_local! {
        static KEPT: RefCell<Option<Arc<()>>> = const { RefCell::new(None) };
    }
    let guard = Arc::new(());
    let kept = Arc::clone(&guard);
    let answered_by = boucle::run(messages::ask_another_loop(move || {
        KEPT.set(Some(kept));
        thread::current().id()
    }));
    assert_ne!(answered_by, thread::current().id());
    assert_eq!(Arc::strong_count(&guard), 1);
}

#[test]
fn two_loops_prints_what_its_header_says() {
    let two_loops = run("two_loops", &["--scale", "0.1"]);
    assert_eq!(lines(&two_loops), documented("two_loops/main.rs"));
    assert!(two_loops.status.success());
}

#[test]
fn two_loops_answers_help_and_refuses_unknown_options() {
    expect_usage("two_loops", "--scale");
}
