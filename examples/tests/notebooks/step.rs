//! `step`: the loop, one turn at a time.

#[cfg(target_os = "linux")]
use std::process::Command;

#[cfg(target_os = "linux")]
use stage::testing::program;
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

/// Without a descriptor for its loop, the program says so in a line. (Four are for the three streams, and for
/// the libraries that the program is linked to.)
#[cfg(target_os = "linux")]
#[test]
fn step_says_why_it_has_no_loop() {
    let mut shell = Command::new("sh");
    let script = "exec 3<&-; ulimit -n 4; exec \"$0\" --real";
    let step = shell.args(["-c", script]).arg(program("step")).output().unwrap();
    let stderr = String::from_utf8_lossy(&step.stderr);
    assert!(stderr.starts_with("step: Too many open files"), "{stderr}");
    assert_eq!(step.status.code(), Some(1));
}

#[test]
fn step_answers_help_and_refuses_unknown_options() {
    expect_usage("step", "--real");
}
