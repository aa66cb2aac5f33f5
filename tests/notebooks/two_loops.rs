//! `two_loops`: one coroutine at a time on a loop, and parallel loops.

use std::time::Duration;

use stage::testing::{documented, expect_manners, lines, run};

#[path = "../../examples/two_loops/loops.rs"]
mod loops;
#[path = "../../examples/two_loops/messages.rs"]
mod messages;

/// However long the first one keeps its place, the second one cannot come.
#[test]
fn a_loop_runs_one_coroutine_at_a_time() {
    assert_eq!(loops::on_one_loop(Duration::from_millis(20)), 1);
}

/// Each waits for the other without an `await`: that ends well only if both run at the same instant.
#[test]
fn two_loops_run_two_coroutines_at_once() {
    assert_eq!(loops::on_two_loops(Duration::from_secs(60)), 2);
}

#[test]
fn one_loop_asks_another() {
    assert_eq!(boucle::run(messages::ask_another_loop(6, 7)), 42);
}

#[test]
fn two_loops_prints_what_its_header_says() {
    let two_loops = run("two_loops", &["--scale", "0.1"]);
    assert_eq!(lines(&two_loops), documented("examples/two_loops/main.rs"));
    assert!(two_loops.status.success());
}

#[test]
fn two_loops_has_manners() {
    expect_manners("two_loops", "--scale");
}
