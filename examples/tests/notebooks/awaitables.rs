//! `awaitables`: a coroutine that is only called, and three things that are awaited.

use std::pin::Pin;
use std::time::Duration;

use stage::stdout::capture;
use stage::testing::{documented, expect_usage, lines, run, virtual_loop, virtually};

#[path = "../../awaitables/awaitables.rs"]
mod coroutines;

use coroutines::{a_coroutine, a_future, a_task, only_called};

const SECOND: Duration = Duration::from_secs(1);

/// The body does not run: only the size of the object is printed.
#[test]
fn calling_a_coroutine_only_makes_an_object() {
    let ((), printed) = capture(|| only_called(SECOND));
    assert_eq!(printed.len(), 1);
    assert!(printed[0].starts_with("<coroutine object say_after: "));
}

/// Each of the three gives its value after a second.
#[test]
fn a_coroutine_a_task_and_a_future_can_be_awaited() {
    let coroutine = virtually(a_coroutine(SECOND));
    let task = virtually(a_task(SECOND));
    let future = virtually(a_future(SECOND));
    for ((value, printed, time), what) in [(coroutine, "a coroutine"), (task, "a task"), (future, "a future")]
    {
        assert_eq!(value, what);
        assert_eq!(printed, [what]);
        assert_eq!(time, SECOND);
    }
}

/// The coroutine runs in the task that awaits it, the others in a task of their own.
#[test]
fn a_task_and_a_future_need_another_task() {
    type Awaitable = Pin<Box<dyn Future<Output = &'static str>>>;
    let awaitables: [Awaitable; 3] =
        [Box::pin(a_coroutine(SECOND)), Box::pin(a_task(SECOND)), Box::pin(a_future(SECOND))];
    let tasks = awaitables.map(|awaitable| {
        let event_loop = virtual_loop();
        drop(event_loop.spawn(awaitable));
        event_loop.turn(Some(Duration::ZERO)).unwrap().left
    });
    assert_eq!(tasks, [1, 2, 2]);
}

#[test]
fn awaitables_prints_what_its_header_says() {
    let awaitables = run("awaitables", &["--scale", "0.1"]);
    let documented = documented("awaitables/main.rs");
    assert_eq!(lines(&awaitables)[1..], documented[1..]);
    assert!(awaitables.status.success());
}

#[test]
fn awaitables_answers_help_and_refuses_unknown_options() {
    expect_usage("awaitables", "--scale");
}
