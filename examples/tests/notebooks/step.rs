//! `step`: the loop, one turn at a time.

use stage::testing::{documented, expect_manners, lines, run};

/// The program prints what its header documents: under the virtual clock every run is the same.
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

/// The program answers `--help`, and refuses arguments that it does not know.
#[test]
fn step_has_manners() {
    expect_manners("step", "--real");
}
