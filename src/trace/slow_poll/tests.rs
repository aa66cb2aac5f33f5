//! Which polls are reported, and how. No poll here is slow: events say how long it took.

use super::*;
use crate::observe::{Ending, Outcome};
use crate::trace::Recorder;
use crate::trace::story::Story;

/// A main future and two tasks, and their polls: which task, how many milliseconds, and how it ended.
fn story(polls: &[(u64, u64, Outcome)]) -> Story {
    let mut story = Story::of(7, &Recorder::new(), false);
    story.enter(1).spawn(2, "future").spawn(3, "future");
    story.name(3, "parser");
    for &(task, millis, outcome) in polls {
        let took = Duration::from_millis(millis);
        story.turn().poll(task);
        story.record(EventKind::PollEnds { task, outcome, took });
        if outcome != Outcome::Pending {
            story.finish(task, Ending::Returned);
        }
    }
    story
}

/// Returns the lines for a limit of 100 ms.
fn lines(story: &Story) -> Vec<String> {
    let mut lines = Vec::new();
    let report = |line: &str| lines.push(line.to_owned());
    let mut slow = SlowPolls { limit: Duration::from_millis(100), live: Live::default(), report };
    story.events.iter().for_each(|event| slow.observe(event));
    lines
}

/// A line says which task it was, where it comes from, how long the poll took, and in which turn; also for a
/// task's last poll.
#[test]
fn a_slow_poll_is_reported_with_its_task() {
    let story = story(&[(1, 101, Outcome::Pending), (2, 2_500, Outcome::Pending), (3, 150, Outcome::Ready)]);
    let places = story.events.iter().filter_map(|event| match event.kind {
        EventKind::MainEntered { location, .. } | EventKind::Spawned { location, .. } => Some(location),
        _ => None,
    });
    let places: Vec<_> = places.collect();
    let [main, second, third] = places[..] else {
        panic!("{places:?}");
    };
    let begin = "boucle: slow poll in loop 7";
    assert_eq!(
        lines(&story),
        [
            format!("{begin}: the main future, run at {main}, took 101 ms in turn 1"),
            format!("{begin}: task 2 (future), spawned at {second}, took 2.5 s in turn 2"),
            format!("{begin}: task 3 \"parser\", spawned at {third}, took 150 ms in turn 3"),
        ]
    );
}

/// A name is quoted as Rust would write it, so the report is one line.
#[test]
fn a_name_does_not_break_the_line() {
    let mut story = story(&[]);
    story.name(3, "two\nlines").turn().poll(3);
    let took = Duration::from_secs(1);
    story.record(EventKind::PollEnds { task: 3, outcome: Outcome::Pending, took });
    let [line] = &lines(&story)[..] else { panic!("one poll is slow") };
    assert!(line.contains(r#": task 3 "two\nlines", spawned at "#), "{line}");
}

/// A poll that takes exactly the limit is not slow.
#[test]
fn a_poll_within_the_limit_is_not_reported() {
    let story = story(&[(2, 100, Outcome::Pending), (3, 0, Outcome::Ready)]);
    assert_eq!(lines(&story), [] as [&str; 0]);
}
