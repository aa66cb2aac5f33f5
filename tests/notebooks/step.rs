//! `step`: the loop, one turn at a time.

use stage::testing::{documented, expect_manners, lines, run};

/// Under the virtual clock the loop does the same on every run.
#[test]
fn step_prints_what_its_header_says() {
    let step = run("step", &[]);
    assert_eq!(lines(&step), documented("examples/step.rs"));
    assert!(step.status.success());
}

/// Under the real clock there may be a turn more, and the times differ; the coroutines do not.
#[test]
fn step_does_the_same_under_the_real_clock() {
    let step = run("step", &["--real"]);
    let mut printed = lines(&step);
    printed.retain(|line| !line.starts_with("turn ") && !line.starts_with("  "));
    assert_eq!(printed, documented("examples/sleep/main.rs"));
}

#[test]
fn step_has_manners() {
    expect_manners("step", "--real");
}
