use std::thread;

use super::*;
use crate::trace::story::{self, Story, after};

/// Returns of each loop its number, and how many events were kept and dropped.
fn kept(recorder: &Recorder) -> Vec<(u64, usize, u64)> {
    let loops = recorder.trace().loops;
    loops.iter().map(|kept| (kept.number, kept.events.len(), kept.dropped)).collect()
}

/// Events are kept, in order.
#[test]
fn all_is_kept_if_there_is_room() {
    let story = story::gather();
    let trace = story.trace();
    assert_eq!(trace.loops.len(), 1);
    let loop_trace = &trace.loops[0];
    assert_eq!((loop_trace.number, loop_trace.dropped), (1, 0));
    assert_eq!(loop_trace.events, story.events);
    assert!(loop_trace.before.tasks.is_empty());
}

/// With any limit, the newest events are kept and the others counted, and the state before is the one that
/// the dropped events lead to.
#[test]
fn the_state_after_the_dropped_events_is_kept() {
    let events = story::gather().events;
    for limit in 1..events.len() + 2 {
        let mut recorder = Recorder::with_limit(limit);
        for event in &events {
            recorder.observe(event);
        }
        let loop_trace = &recorder.trace().loops[0];
        let cut = events.len().saturating_sub(limit);
        assert_eq!(loop_trace.dropped, cut as u64);
        assert_eq!(loop_trace.events, &events[cut..]);
        let (before, expected) = (&loop_trace.before, after(&events[..cut]));
        assert_eq!(format!("{before:?}"), format!("{expected:?}"));
        let mut last = loop_trace.before.clone();
        for event in &loop_trace.events {
            last.apply(event);
        }
        assert_eq!(format!("{last:?}"), format!("{:?}", after(&events)));
    }
}

/// The limit is for all loops together. While all live, a loop drops its own events first; for one that has
/// none, the loop with most events drops one.
#[test]
fn loops_share_the_limit() {
    let recorder = Recorder::with_limit(10);
    let mut one = Story::of(1, &recorder, true);
    for _ in 0..8 {
        one.turn();
    }
    let mut two = Story::of(2, &recorder, true);
    assert_eq!(kept(&recorder), [(1, 9, 0), (2, 1, 0)]);
    two.turn();
    assert_eq!(kept(&recorder), [(1, 9, 0), (2, 1, 1)]);
    one.turn();
    assert_eq!(kept(&recorder), [(1, 9, 1), (2, 1, 1)]);
    let mut three = Story::of(3, &recorder, true);
    assert_eq!(kept(&recorder), [(1, 8, 2), (2, 1, 1), (3, 1, 0)]);
    three.turn();
    assert_eq!(kept(&recorder), [(1, 8, 2), (2, 1, 1), (3, 1, 1)]);
    for loop_trace in recorder.trace().loops {
        let first = loop_trace.events[0].sequence;
        assert_eq!(first, loop_trace.dropped + 1);
    }
}

/// A loop that has no event left to drop makes another one drop.
#[test]
fn the_limit_holds_for_a_loop_without_events() {
    let recorder = Recorder::with_limit(1);
    let mut one = Story::of(1, &recorder, true);
    Story::of(2, &recorder, true);
    one.turn();
    assert_eq!(kept(&recorder), [(1, 1, 1), (2, 0, 1)]);
}

/// A recorder that sees loop after loop keeps none of which nothing is left.
#[test]
fn a_loop_is_forgotten_when_its_end_is_dropped() {
    let recorder = Recorder::with_limit(3);
    for number in 1..=100 {
        Story::of(number, &recorder, true).turn().close();
    }
    assert_eq!(kept(&recorder), [(100, 3, 0)]);
}

/// What has ended makes room for what goes on: the first loop that has ended is dropped first.
#[test]
fn loops_that_have_ended_are_dropped_first() {
    let recorder = Recorder::with_limit(10);
    let mut lives = Story::of(1, &recorder, true);
    for number in [2, 3] {
        Story::of(number, &recorder, true).turn().close();
    }
    assert_eq!(kept(&recorder), [(1, 1, 0), (2, 3, 0), (3, 3, 0)]);
    for _ in 0..5 {
        lives.turn();
    }
    assert_eq!(kept(&recorder), [(1, 6, 0), (2, 1, 2), (3, 3, 0)]);
    for _ in 0..5 {
        lives.turn();
    }
    assert_eq!(kept(&recorder), [(1, 10, 1)]);
}

/// A trace does not change after it was returned; any clone returns it, on any thread.
#[test]
fn clones_record_the_same() {
    let recorder = Recorder::new();
    let clone = recorder.clone();
    let mut story = Story::of(7, &recorder, false);
    let early = clone.trace();
    story.turn();
    let late = thread::spawn(move || clone.trace()).join().unwrap();
    assert_eq!(early.loops[0].events.len(), 1);
    assert_eq!(late.loops[0].events.len(), 2);
    assert_eq!(late.loops[0].number, 7);
}

/// A loop that is taken is removed, and its events no longer count for the limit.
#[test]
fn a_loop_may_be_taken() {
    let recorder = Recorder::with_limit(3);
    let mut one = Story::of(1, &recorder, true);
    let mut two = Story::of(2, &recorder, true);
    one.turn();
    let taken = recorder.take_loop(1).loops;
    assert_eq!((taken.len(), taken[0].number, taken[0].events.len()), (1, 1, 2));
    two.turn();
    two.turn();
    assert_eq!(kept(&recorder), [(2, 3, 0)]);
    assert!(recorder.take_loop(1).loops.is_empty());
}

#[test]
#[should_panic(expected = "a recorder keeps one event at least")]
fn a_limit_of_zero_is_refused() {
    Recorder::with_limit(0);
}
