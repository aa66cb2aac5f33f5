//! What a signal does to a process. Each test runs in a process of its own.

use std::pin::pin;
use std::thread;

use boucle::signal::{SignalKind, ctrl_c, stream};
use boucle::{sleep, timeout};
use futures_lite::future::poll_once;

use crate::common::{HOUR, LONG, child, is_child, ms, run};
use crate::running::{DEFAULT, Running, say};

/// Waits for Ctrl-C, and then hangs: it never polls again.
fn hangs_after(pressed: impl Future) -> ! {
    run(async {
        let mut pressed = pin!(pressed);
        assert!(poll_once(&mut pressed).await.is_none());
        say("ready");
        pressed.await;
        say("cleaning up");
        thread::sleep(LONG);
    });
    unreachable!("it was ended");
}

/// The first Ctrl-C completes the future. The second one ends the process, as the signal does by default, even
/// while the loop's thread hangs.
#[test]
fn a_second_ctrl_c_ends_a_program_that_hangs() {
    const TEST: &str = "processes::a_second_ctrl_c_ends_a_program_that_hangs";
    if is_child(TEST) {
        hangs_after(ctrl_c());
    }
    let mut running = Running::start(&DEFAULT, child(TEST, TEST));
    running.kill("INT");
    running.read_until("cleaning up");
    running.kill("INT");
    assert_eq!(running.ended_by(), Some(2));
}

/// A `ctrl_c` that was given up leaves the interrupt as it was.
#[test]
fn ctrl_c_that_is_dropped_gives_the_default_action_back() {
    const TEST: &str = "processes::ctrl_c_that_is_dropped_gives_the_default_action_back";
    if is_child(TEST) {
        return run(async {
            assert!(timeout(ms(1), ctrl_c()).await.is_err());
            say("ready");
            sleep(HOUR).await;
        });
    }
    let running = Running::start(&DEFAULT, child(TEST, TEST));
    running.kill("INT");
    assert_eq!(running.ended_by(), Some(2));
}

/// As long as a stream exists, no interrupt ends the process, however often it comes and whatever else has waited.
#[test]
fn a_stream_goes_on_receiving() {
    const TEST: &str = "processes::a_stream_goes_on_receiving";
    if is_child(TEST) {
        return run(async {
            let mut presses = stream(SignalKind::Interrupt).unwrap();
            let mut first = pin!(ctrl_c());
            assert!(poll_once(&mut first).await.is_none());
            say("ready");
            for _ in 0..3 {
                presses.recv().await;
                say("pressed");
            }
            first.await.unwrap();
        });
    }
    let mut running = Running::start(&DEFAULT, child(TEST, TEST));
    for _ in 0..3 {
        running.kill("INT");
        running.read_until("pressed");
    }
    assert_eq!(running.ended_by(), None);
}

/// A process that was started to ignore interrupts, as by `nohup`, receives them while it waits for them, and
/// ignores them again afterwards.
#[test]
#[cfg(target_os = "linux")]
fn what_was_ignored_is_ignored_again() {
    const TEST: &str = "processes::what_was_ignored_is_ignored_again";
    if is_child(TEST) {
        return run(async {
            let mut alive = stream(SignalKind::UserDefined1).unwrap();
            let mut pressed = pin!(ctrl_c());
            assert!(poll_once(&mut pressed).await.is_none());
            say("ready");
            pressed.await.unwrap();
            say("pressed");
            for _ in 0..2 {
                alive.recv().await;
                say("alive");
            }
        });
    }
    let ignoring = ["sh", "-c", r#"trap "" INT; exec "$0" "$@""#];
    let mut running = Running::start(&ignoring, child(TEST, TEST));
    running.kill("INT");
    running.read_until("pressed");
    for _ in 0..2 {
        running.kill("INT");
        running.kill("USR1");
        running.read_until("alive");
    }
    assert_eq!(running.ended_by(), None);
}

/// A program that waits for Ctrl-C is not ended by it while it is recorded; and the one that ends it shows the
/// recording first. The wait begins before the recording, or after it.
#[test]
#[cfg(feature = "trace")]
fn a_recorded_program_waits_for_ctrl_c() {
    const TEST: &str = "processes::a_recorded_program_waits_for_ctrl_c";
    if is_child("before") {
        // No loop exists yet, and so no recording.
        let mut presses = stream(SignalKind::Interrupt).unwrap();
        hangs_after(async move { presses.recv().await });
    }
    if is_child("after") {
        hangs_after(ctrl_c());
    }
    for part in ["before", "after"] {
        let file = std::env::temp_dir().join(format!("boucle-{}-{part}.json", std::process::id()));
        let mut command = child(TEST, part);
        command.env("BOUCLE_TRACE", &file);
        let mut running = Running::start(&DEFAULT, command);
        running.kill("INT");
        running.read_until("cleaning up");
        assert!(!file.exists());
        running.kill("INT");
        assert_eq!(running.ended_by(), Some(2));
        let recorded = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(recorded.contains("1 main"), "{recorded}");
    }
}

/// With `BOUCLE_DUMP`, SIGUSR1 shows the loops and never ends the process: while the program waits for it, and
/// when it has waited for it. The wait begins before the first loop, or after it.
#[test]
#[cfg(feature = "trace")]
fn a_dumped_program_may_wait_for_the_same_signal() {
    const TEST: &str = "processes::a_dumped_program_may_wait_for_the_same_signal";
    let waits = |part: &str| is_child(part).then(|| stream(SignalKind::UserDefined1).unwrap());
    let before = waits("before");
    if before.is_some() || is_child("after") {
        return run(async {
            let mut signals = before.or_else(|| waits("after")).unwrap();
            say("ready");
            signals.recv().await;
            say("received");
            drop(signals);
            say("dropped");
            sleep(HOUR).await;
        });
    }
    let merged = ["sh", "-c", r#"exec "$0" "$@" 2>&1"#];
    for part in ["before", "after"] {
        let mut command = child(TEST, part);
        command.env("BOUCLE_DUMP", "1");
        let mut running = Running::start(&merged, command);
        running.kill("USR1");
        for line in ["received", "dropped"] {
            running.read_until(line);
        }
        for _ in 0..2 {
            running.kill("USR1");
            running.read_until("task    state  future");
        }
    }
}
