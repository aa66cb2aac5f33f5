//! `await_another`: one coroutine within another.

use std::time::Duration;

use stage::testing::{documented, expect_usage, lines, run, virtual_loop, virtually};

#[path = "../../await_another/coroutines.rs"]
mod coroutines;

use coroutines::coroutine_1;

#[test]
fn a_coroutine_goes_on_when_the_other_has_returned() {
    let (value, printed, time) = virtually(coroutine_1(Duration::from_secs(2)));
    assert_eq!(value, "1");
    assert_eq!(printed, documented("await_another/main.rs")[..4]);
    assert_eq!(time, Duration::from_secs(2));
}

/// The loop has one task, not two.
#[test]
fn a_coroutine_that_is_awaited_is_no_task() {
    let event_loop = virtual_loop();
    drop(event_loop.spawn(coroutine_1(Duration::from_secs(2))));
    assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().left, 1);
}

#[test]
fn await_another_prints_what_its_header_says() {
    let example = run("await_another", &["--scale", "0.01"]);
    assert_eq!(lines(&example), documented("await_another/main.rs"));
    assert!(example.status.success());
}

#[test]
fn await_another_answers_help_and_refuses_unknown_options() {
    expect_usage("await_another", "--scale 1");
}
