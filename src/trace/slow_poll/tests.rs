//! Which polls are reported, and how. The times are made up: nothing here is slow.

use std::panic::Location;
use std::sync::Arc;

use super::*;
use crate::observe::Outcome;

/// The lines for a main future and two tasks, whose polls take so many milliseconds.
fn lines(limit: u64, polls: &[(u64, u64, Outcome)]) -> (Vec<String>, &'static Location<'static>) {
    let mut lines = Vec::new();
    let location = Location::caller();
    let future = "future";
    let mut slow = SlowPolls::new(Duration::from_millis(limit), |line| {
        lines.push(line.to_owned());
    });
    let mut observe = |turn, kind| {
        slow.observe(&Event {
            sequence: 0,
            event_loop: 7,
            turn,
            time: Duration::ZERO,
            kind,
        });
    };
    let task = 1;
    observe(
        0,
        EventKind::MainEntered {
            task,
            future,
            location,
        },
    );
    for task in [2, 3] {
        let parent = Some(1);
        observe(
            0,
            EventKind::Spawned {
                task,
                parent,
                future,
                location,
            },
        );
    }
    let name = Arc::from("parser");
    observe(0, EventKind::Named { task: 3, name });
    for (turn, &(task, millis, outcome)) in (1..).zip(polls) {
        let took = Duration::from_millis(millis);
        observe(turn, EventKind::PollBegins { task });
        observe(
            turn,
            EventKind::PollEnds {
                task,
                outcome,
                took,
            },
        );
        if outcome != Outcome::Pending {
            let how = crate::observe::Ending::Returned;
            observe(turn, EventKind::Finished { task, how });
        }
    }
    drop(slow);
    (lines, location)
}

/// Which task it was, where it comes from, how long it took and when; also of a poll that is a task's
/// last.
#[test]
fn a_slow_poll_is_told_with_its_task() {
    let polls = [
        (1, 101, Outcome::Pending),
        (2, 2_500, Outcome::Pending),
        (3, 150, Outcome::Ready),
    ];
    let (lines, at) = lines(100, &polls);
    let begin = "boucle: slow poll in loop 7";
    assert_eq!(
        lines,
        [
            format!("{begin}: the main future, run at {at}, took 101 ms in turn 1"),
            format!("{begin}: task 2, spawned at {at}, took 2.5 s in turn 2"),
            format!("{begin}: task 3 \"parser\", spawned at {at}, took 150 ms in turn 3"),
        ]
    );
}

/// A poll that takes no longer than it may is no news.
#[test]
fn a_poll_within_the_limit_is_not_told() {
    let polls = [(2, 100, Outcome::Pending), (3, 0, Outcome::Ready)];
    assert_eq!(lines(100, &polls).0, [] as [&str; 0]);
}
