//! `exemple`: a first coroutine, and the figure of two that take turns.

use stage::stdout::capture;
use stage::testing::{documented, expect_usage, lines, run, virtually};

#[path = "../../exemple/exemple.rs"]
mod coroutines;

use coroutines::{concurrently, exemple, run_inside_of_run};

#[test]
fn a_coroutine_prints_when_it_is_run_and_not_when_it_is_called() {
    let (coroutine, printed) = capture(exemple);
    assert!(printed.is_empty());
    let ((), printed, _) = virtually(coroutine);
    assert_eq!(printed, ["Nous essayons les coroutines."]);
}

/// The message has the reason and what to do instead, and the outer loop goes on.
#[test]
fn a_loop_inside_a_loop_is_refused() {
    let (message, printed, _) = virtually(async {
        let message = run_inside_of_run();
        exemple().await;
        message.expect("it is refused")
    });
    assert!(message.starts_with("boucle::run cannot be called while loop "));
    assert!(message.ends_with("await the future instead, or spawn it"));
    assert_eq!(printed, ["Nous essayons les coroutines."]);
}

/// The schedule is exactly that of the figure.
#[test]
fn two_coroutines_take_turns_at_the_await() {
    let ((), printed, _) = virtually(concurrently());
    assert_eq!(printed, documented("exemple/main.rs")[5..]);
    assert_eq!(printed.len(), 6);
}

#[test]
fn exemple_prints_what_its_header_says() {
    let exemple = run("exemple", &[]);
    assert_eq!(lines(&exemple), documented("exemple/main.rs"));
    assert_eq!(String::from_utf8_lossy(&exemple.stderr), "");
    assert!(exemple.status.success());
}

#[test]
fn exemple_answers_help_and_refuses_unknown_options() {
    expect_usage("exemple", "two coroutines");
}
