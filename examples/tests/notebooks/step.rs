//! `step`: the loop, one turn at a time.

use stage::testing::{documented, expect_usage, lines, run};

#[test]
fn step_prints_what_its_header_says() {
    let step = run("step", &[]);
    assert_eq!(lines(&step), documented("step.rs"));
    assert!(step.status.success());
}

/// Under the real clock the coroutines print the same. (There may be a turn more, and the times differ.)
#[test]
fn step_does_the_same_under_the_real_clock() {
    let step = run("step", &["--real"]);
    let mut printed = lines(&step);
    printed.retain(|line| !line.starts_with("turn ") && !line.starts_with("  "));
    assert_eq!(printed, documented("sleep/main.rs"));
}

#[test]
fn step_answers_help_and_refuses_unknown_options() {
    expect_usage("step", "--real");
}
