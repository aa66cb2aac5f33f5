//! `run_forever`: loops that end by themselves, that are stopped, and one that is stopped too early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use boucle::EventLoop;
use stage::stdout::capture;
use stage::testing::{documented, expect_usage, lines, run, virtual_loop};

#[path = "../../run_forever/coroutines.rs"]
mod coroutines;
#[path = "../../run_forever/loops.rs"]
mod loops;

const WAIT: Duration = Duration::from_secs(2);
const ONE: &str = "Exécution de la coroutine";
const TWO: [&str; 4] = [
    "Exécution de la coroutine 1",
    "Exécution de la coroutine 2",
    "Fin de l'exécution de la coroutine 1",
    "Fin de l'exécution de la coroutine 2",
];

#[test]
fn a_loop_runs_until_a_coroutine_is_complete() {
    let ((), printed) = capture(|| loops::until_complete(&virtual_loop()));
    assert_eq!(printed, [ONE]);
}

#[test]
fn a_coroutine_stops_its_loop() {
    let ((), printed) = capture(|| loops::forever(&virtual_loop()));
    assert_eq!(printed, [ONE]);
}

/// A loop that no coroutine stops returns when another thread stops it, and not before.
#[test]
fn without_stop_a_loop_runs_until_it_is_stopped_from_outside() {
    let enough = Arc::new(AtomicBool::new(false));
    let reached = Arc::clone(&enough);
    let ((), printed) = capture(|| {
        loops::forever_without_stop(&EventLoop::new().unwrap(), move || {
            std::thread::sleep(Duration::from_millis(20));
            reached.store(true, Relaxed);
        });
    });
    assert!(enough.load(Relaxed));
    assert_eq!(printed, [ONE]);
}

/// The second of two coroutines stops their loop when both are done.
#[test]
fn the_second_of_two_coroutines_stops_their_loop() {
    let ((), printed) = capture(|| loops::two_forever(&virtual_loop(), WAIT));
    assert_eq!(printed, TWO);
}

/// A gather whose loop is stopped is an error, as in CPython: both coroutines have printed all their
/// lines, but the gather does not return. The loop can be used afterwards.
#[test]
fn a_gather_whose_loop_is_stopped_is_an_error() {
    let event_loop = virtual_loop();
    let (message, printed) = capture(|| loops::two_gathered_with_stop(&event_loop, WAIT));
    assert_eq!(printed, TWO);
    assert_eq!(message.as_deref(), Some("event loop stopped before the future completed"));
    let ((), printed) = capture(|| loops::two_gathered(&event_loop, WAIT));
    assert_eq!(printed, TWO);
}

#[test]
fn run_forever_prints_what_its_header_says() {
    let example = run("run_forever", &["--scale", "0.01"]);
    let mut printed = lines(&example);
    let bound = printed.iter().position(|line| line.ends_with("0.02 s)"));
    let bound = bound.expect("the bound is printed");
    printed[bound] = printed[bound].replace("0.02 s", "0.5 s");
    assert_eq!(printed, documented("run_forever/main.rs"));
    assert_eq!(String::from_utf8_lossy(&example.stderr), "");
    assert!(example.status.success());
}

#[test]
fn run_forever_answers_help_and_refuses_unknown_options() {
    expect_usage("run_forever", "--scale 1");
}
