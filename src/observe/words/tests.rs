use std::panic::Location;
use std::time::Duration;

use super::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns a state in which timer 7 is armed for task 2, at 1 s.
fn before() -> Live {
    let mut live = Live::default();
    live.timers.insert(7, (millis(1000), Some(2)));
    live
}

/// Returns the sentence of an event that happens at 1.5 s.
fn said(kind: EventKind) -> String {
    let event = Event { sequence: 1, event_loop: 1, turn: 3, time: millis(1500), kind };
    sentence(&event, &before(), |task| format!("{task} a"))
}

/// A time has three digits, also where it is rounded up to the next unit; of seconds, three decimals. Half a
/// digit is rounded up, if it is half a digit in floating point too.
#[test]
fn a_time_is_written_in_the_unit_to_which_it_is_rounded() {
    let times = [
        (0, "0", "0"),
        (999, "999 ns", "999ns"),
        (1_234, "1.23 µs", "1.234us"),
        (12_250, "12.3 µs", "12.25us"),
        (100_500, "101 µs", "100.5us"),
        (999_499, "999 µs", "999.499us"),
        (999_500, "1 ms", "999.5us"),
        (1_000_000, "1 ms", "1ms"),
        (99_960_000, "100 ms", "99.96ms"),
        (999_499_999, "999 ms", "999.5ms"),
        (999_500_000, "1 s", "999.5ms"),
        (999_999_499, "1 s", "999.999ms"),
        (999_999_500, "1 s", "1s"),
        (59_999_600_000, "60 s", "60s"),
    ];
    for (nanos, long, short) in times {
        let time = Duration::from_nanos(nanos);
        assert_eq!((&*duration(time), &*short_duration(time)), (long, short));
    }
}

/// Every kind of event is described, and each part of it that the sentence depends on.
#[test]
fn each_event_has_a_sentence() {
    let location = Location::caller();
    let future = "a";
    let wakes = |by, already| said(EventKind::Woken { task: 2, by, already });
    let parks = |timeout, slept, sources| said(EventKind::Parked { timeout, slept, sources });
    let dropped = |timer, cancelled| said(EventKind::TimerDropped { timer, cancelled });
    let sentences = [
        said(EventKind::Opened { is_virtual: true }),
        said(EventKind::Opened { is_virtual: false }),
        said(EventKind::TurnBegins),
        parks(None, Duration::ZERO, 0),
        parks(Some(Duration::ZERO), millis(3), 1),
        parks(None, millis(20), 1),
        parks(Some(millis(30)), millis(20), 2),
        said(EventKind::Spawned { task: 2, parent: Some(1), future, location }),
        said(EventKind::MainEntered { task: 1, future, location }),
        said(EventKind::Named { task: 2, name: "a".into() }),
        wakes(Origin::Task(1), false),
        wakes(Origin::Source(4), true),
        wakes(Origin::Task(2), false),
        said(EventKind::PollBegins { task: 2 }),
        said(EventKind::PollEnds { task: 2, outcome: Outcome::Pending, took: millis(3) }),
        said(EventKind::PollEnds { task: 2, outcome: Outcome::Ready, took: Duration::ZERO }),
        said(EventKind::PollEnds { task: 2, outcome: Outcome::Panicked, took: millis(3) }),
        said(EventKind::Waits { task: 2, on: WaitsFor::Task(1) }),
        said(EventKind::TimerArmed { timer: 7, task: Some(2), deadline: millis(1000) }),
        said(EventKind::TimerFired { timer: 7 }),
        said(EventKind::TimerFired { timer: 8 }),
        dropped(7, true),
        dropped(7, false),
        said(EventKind::SourceAdded { source: 4 }),
        said(EventKind::SourceDropped { source: 4 }),
        said(EventKind::Aborted { task: 2, by: Origin::Outside }),
        said(EventKind::Finished { task: 2, how: Ending::Cancelled }),
        said(EventKind::Closed),
    ];
    let expected = [
        "the loop is made; its clock is virtual",
        "the loop is made; its clock is real",
        "the turn begins: it polls what is ready now",
        "parks without sleeping",
        "parks without sleeping; 1 source ready",
        "parks and sleeps 20 ms; 1 source ready",
        "parks and sleeps 20 ms; 2 sources ready",
        "2 a is spawned",
        "1 a is entered",
        "2 is named \"a\"",
        "1 a wakes 2 a",
        "source 4 wakes 2 a, which was ready",
        "2 a wakes itself",
        "polls 2 a",
        "2 a is pending after 3 ms",
        "2 a is ready",
        "2 a panicked after 3 ms",
        "waits for 1 a",
        "timer 7 is armed, until 1 s",
        "timer 7 fires for 2 a, 500 ms late",
        "timer 8 fires",
        "timer 7 is cancelled",
        "timer 7 has fired, and is dropped",
        "source 4 is registered",
        "source 4 is dropped",
        "code outside of any task aborts 2 a",
        "2 a ends: cancelled",
        "the loop is closed",
    ];
    assert_eq!(sentences, expected);
}
