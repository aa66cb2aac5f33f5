//! The legend has the signs that the timeline has.

use super::*;
use crate::trace::cause::Action;
use crate::trace::timeline::chart::{Mark, Meanwhile};
use crate::trace::timeline::legend::{SIGNS, Sign};

/// The picture in the documentation of `explore` has signs of the legend.
#[test]
fn the_documentation_has_the_legend() {
    let lines = include_str!("../../../explore.rs").lines().map(|line| line.trim_start_matches("//! "));
    let legend = lines.skip_while(|line| !line.starts_with(SIGNS[0].0)).take_while(|line| *line != "//!");
    let documented: Vec<&str> = legend.flat_map(|line| line.split("   ")).collect();
    assert_eq!(documented.len(), 6);
    for sign in documented {
        assert!(SIGNS.iter().any(|(known, _)| *known == sign), "{sign}");
    }
}

/// Where nothing has happened there is nothing to explain.
#[test]
fn an_empty_timeline_has_no_legend() {
    assert_eq!(Recorder::new().trace().to_string(), "");
    assert_eq!(Recorder::new().trace().timeline().signs(), "");
}

/// Each sign is what its mark is drawn as, and each mark has a sign.
#[test]
fn the_legend_knows_each_mark() {
    let origins =
        [Origin::Task(1), Origin::Timer(1), Origin::Source(1), Origin::Job, Origin::Thread, Origin::Outside];
    let aborts = [Origin::Task(1), Origin::Timer(1), Origin::Source(1), Origin::Thread, Origin::Outside];
    let mut marks = vec![Mark::Entered, Mark::Polled(Some(1)), Mark::Polled(None), Mark::Dropped];
    marks.push(Mark::Again(Meanwhile::Nothing));
    marks.extend([Origin::Task(1), Origin::Outside].map(|by| Mark::Caused(Action::Spawn, by)));
    marks.extend(origins.map(|by| Mark::Caused(Action::Wake, by)));
    marks.extend(aborts.map(|by| Mark::Caused(Action::Abort, by)));
    marks.push(Mark::Pending(Meanwhile::Waits(FOREIGN.to_vec())));
    for mark in &marks {
        let (drawn, _) = mark.drawn();
        let has = |(sign, is_its): &&Sign| is_its(mark) && sign.starts_with(&drawn);
        assert_eq!(SIGNS.iter().filter(has).count(), 1, "{drawn}");
    }
    for (sign, is_its) in SIGNS {
        assert!(marks.iter().any(is_its), "{sign}");
    }
}

/// Returns the legend alone.
fn legend(story: &Story) -> String {
    story.trace().timeline().signs()
}

/// What a row begins with is explained too, if the events before were not kept.
#[test]
fn the_legend_has_what_rows_begin_with() {
    let with_limit = |events| {
        let mut story = Story::of(1, &Recorder::with_limit(events), true);
        story.enter(1).turn().poll(1).waits(FOREIGN);
        story.park(5).wake(1, Origin::Thread).turn().poll(1).returns().close();
        legend(&story)
    };
    for sign in ["~~~ waits for what it says", "~unknown~ say, a channel or a lock"] {
        assert!(with_limit(6).contains(sign) && !with_limit(5).contains(sign), "{sign}");
    }
    assert_eq!(with_limit(5), "[1] polled, first in its turn   === ready, waits for the thread\n");
}

/// An unknown wait that is not named is not explained.
#[test]
fn the_legend_has_the_waits_that_are_named() {
    let mut story = Story::new();
    let waits: Vec<_> = (2..12).map(WaitsFor::Task).chain([WaitsFor::Foreign]).collect();
    story.enter(1).turn().poll(1).waits(&waits);
    assert!(!legend(&story).contains("unknown"));
}
