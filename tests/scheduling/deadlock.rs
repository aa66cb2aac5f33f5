//! Deadlocks under a virtual clock.

use std::future::{pending, ready};

use boucle::{sleep, spawn, spawn_named};

use crate::common::{SECOND, observed_by, panic_of, turn, virtual_loop};

/// Under a virtual clock, when nothing can ever run again, the loop panics and lists the waiting tasks,
/// in spawn order, with their names. It says how to learn more.
#[test]
fn a_deadlock_is_a_panic_that_lists_the_tasks() {
    async fn waits_for_ever() {
        pending::<()>().await;
    }
    async fn spawns_three() {
        spawn_named("reader", waits_for_ever());
        spawn(ready(()));
        spawn(waits_for_ever());
        sleep(SECOND).await;
        pending::<()>().await;
    }
    let event_loop = virtual_loop();
    let message = panic_of(|| event_loop.block_on(spawns_three()));
    let mut lines: Vec<&str> = message.lines().collect();
    if cfg!(all(unix, feature = "trace")) {
        let hint = lines.remove(1);
        assert!(hint.starts_with("(With BOUCLE_DUMP=1 this shows what each waits for. "), "{hint}");
        assert!(hint.contains("`LoopHandle::hold_clock`"), "{hint}");
    }
    assert!(lines[0].starts_with("deadlock: "), "{message}");
    assert!(lines[1].ends_with(" at 1 s: the main future and 2 tasks"), "{message}");
    assert_eq!(
        lines[2..],
        [
            "  task        state  future",
            "  1 main      idle   spawns_three",
            "  2 \"reader\"  idle   waits_for_ever",
            "  4           idle   waits_for_ever",
        ]
    );

    // The loop survives, and so do the tasks.
    assert_eq!(event_loop.block_on(ready(1)), 1);
    assert_eq!(turn(&event_loop).left, 2);
}

/// Of a loop that is observed the message says all there is to say.
#[test]
fn the_deadlock_of_an_observed_loop_has_no_hint() {
    let message = panic_of(|| observed_by(|_| ()).block_on(pending::<()>()));
    assert!(message.starts_with("deadlock") && !message.contains("BOUCLE_DUMP"), "{message}");
}

/// Every way to run a loop finds a deadlock; a turn with a timeout lets that time pass.
#[test]
fn run_forever_and_turn_find_deadlocks_too() {
    let event_loop = virtual_loop();
    event_loop.spawn(pending::<()>());
    assert!(panic_of(|| event_loop.run_forever()).starts_with("deadlock"));
    assert!(panic_of(|| event_loop.turn(None)).starts_with("deadlock"));
    assert_eq!(event_loop.turn(Some(SECOND)).unwrap().time, SECOND);
}
