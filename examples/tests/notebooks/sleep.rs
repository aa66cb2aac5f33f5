//! `sleep`: three sleeps overlap.

use std::time::Duration;

use stage::testing::{documented, expect_usage, lines, program, run, virtually};

#[path = "../../sleep/mysleep.rs"]
mod mysleep;

use mysleep::mysleep;
use stage::python::list;

/// The sleeps print the lines of the course page, in order, and give its result, after exactly 1.5 s of
/// virtual time.
#[test]
fn sleeps_overlap_and_their_results_keep_their_order() {
    let sleeps = [1.0, 0.5, 1.5].map(|duration| mysleep(duration, 1.0));
    let (results, printed, time) = virtually(boucle::gather(sleeps));
    assert_eq!(printed, &documented("sleep/main.rs")[..6]);
    assert_eq!(list(&results), "[1, 0.25, 2.25]");
    assert_eq!(time, Duration::from_millis(1500));
}

#[test]
fn sleep_prints_what_its_header_says() {
    let sleep = run("sleep", &["--scale", "0.1"]);
    assert_eq!(lines(&sleep), documented("sleep/main.rs"));
    assert!(sleep.status.success());
}

/// With a scale of zero no coroutine waits, so each leaves before the next one enters.
#[test]
fn sleep_multiplies_its_waits_by_the_scale() {
    let printed = lines(&run("sleep", &["--scale", "0"]));
    assert_eq!(printed[1], "Sortie de 1");
}

#[test]
fn sleep_answers_help_and_refuses_unknown_options() {
    expect_usage("sleep", "--scale");
    for wrong in ["-1", "abc", "NaN", "inf", "1e9"] {
        let output = run("sleep", &["--scale", wrong]);
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            format!("sleep: --scale: {wrong:?} is not a factor from 0 to 1000 (try --help)\n")
        );
        assert_eq!(output.status.code(), Some(2));
    }
}

/// A value that is not text is named too; and an error that cannot be printed is one all the same.
#[cfg(target_os = "linux")]
#[test]
fn what_is_wrong_need_be_neither_text_nor_printed() {
    use std::os::unix::ffi::OsStrExt;

    let mut sleep = std::process::Command::new(program("sleep"));
    sleep.args([std::ffi::OsStr::new("--scale"), std::ffi::OsStr::from_bytes(b"\xff")]);
    let output = sleep.output().unwrap();
    let refusal = "sleep: --scale: \"\\xFF\" is not a factor from 0 to 1000 (try --help)\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), refusal);
    assert_eq!(output.status.code(), Some(2));
    let full = std::fs::File::create("/dev/full").unwrap();
    assert_eq!(sleep.stderr(full).output().unwrap().status.code(), Some(2));
}
