//! Stepping: at each step the page shows the state that the recording has there.

use boucle::EventLoop;
use boucle::observe::{Event, EventKind, Live, LiveTask, TaskState};
use boucle::trace::{LoopTrace, Recorder};
use boucle_browser::Browser;

use serde_json::Value;

use crate::{data, medley, open, recorded, two_loops};

fn label(task: &LiveTask) -> String {
    match &task.name {
        Some(name) => format!("{} {name}", task.id),
        None if task.is_main => format!("{} main", task.id),
        None => format!("{} ", task.id),
    }
}

/// Asserts that each shown text begins with the expected one. The words that follow are the page's own.
fn assert_shown(shown: &[String], expected: &[String], at: &str) {
    let shown: Vec<&String> =
        shown.iter().filter(|text| text.starts_with(|first: char| first.is_ascii_digit())).collect();
    assert_eq!(shown.len(), expected.len(), "{at}: {shown:?}, not {expected:?}");
    for (shown, expected) in shown.iter().zip(expected) {
        assert!(shown.starts_with(expected), "{at}: {shown:?}, not {expected:?}");
    }
}

/// Compares the page with the state after so many events.
fn compare(browser: &mut Browser, live: &Live, at: &str) {
    let ready: Vec<String> = live.ready.iter().map(|id| label(&live.tasks[id])).collect();
    assert_shown(&browser.texts("#ready li"), &ready, at);

    let slab: Vec<String> = live.tasks.values().map(label).collect();
    assert_shown(&browser.texts("#slab td:first-child"), &slab, at);
    let states: Vec<String> = browser.texts("#slab td:nth-child(2)");
    let expected = live.tasks.values().map(|task| match task.state {
        TaskState::Ready => "ready",
        TaskState::Polled => "polled",
        TaskState::Idle => "idle",
        _ => "aborted",
    });
    assert_eq!(states, expected.collect::<Vec<_>>(), "{at}");
    let polls: Vec<String> = live.tasks.values().map(|task| task.polls.to_string()).collect();
    assert_eq!(browser.texts("#slab td:nth-child(4)"), polls, "{at}");

    let mut timers: Vec<_> = live.timers.iter().map(|(timer, (deadline, _))| (*deadline, *timer)).collect();
    timers.sort();
    let wheel = browser.texts("#wheel li:not(.empty)");
    assert_eq!(wheel.len(), timers.len(), "{at}");
    for (shown, (_, timer)) in wheel.iter().zip(&timers) {
        assert!(shown.starts_with(&format!("timer {timer}, at ")), "{at}: {shown}");
    }
    let sources = browser.texts("#sources li:not(.empty)");
    assert_eq!(sources.len(), live.sources.len(), "{at}");
}

fn state_after(recording: &LoopTrace, events: usize) -> Live {
    let mut live = recording.before.clone();
    recording.events.iter().take(events).for_each(|event| live.apply(event));
    live
}

/// Returns the steps of a loop: the number of events up to the beginning of each turn, then that of all.
fn steps(recording: &LoopTrace) -> Vec<usize> {
    let begins = |(_, event): &(usize, &Event)| event.kind == EventKind::TurnBegins;
    let turns = recording.events.iter().enumerate().filter(begins);
    turns.map(|(index, _)| index + 1).chain([recording.events.len()]).collect()
}

/// The keys step through the turns, there and back. At each the page shows the state of the recording.
#[test]
fn the_stepper_shows_the_recording() {
    let trace = recorded(medley());
    let recording = &trace.loops[0];
    let Some(mut browser) = open(&trace) else {
        return;
    };
    let steps = steps(recording);
    assert!(steps.len() > 8);
    for (index, &step) in steps.iter().enumerate() {
        compare(&mut browser, &state_after(recording, step), &format!("step {index}"));
        browser.press("ArrowRight");
    }
    browser.press("ArrowRight");
    for (index, &step) in steps.iter().enumerate().rev() {
        compare(&mut browser, &state_after(recording, step), &format!("step {index}, on the way back"));
        browser.press("ArrowLeft");
    }
    compare(&mut browser, &recording.before, "before the first event");
    assert_eq!(browser.thrown(), [""; 0]);
}

/// A recording whose oldest events were dropped begins with the state that they have left.
#[test]
fn the_stepper_begins_where_the_recording_does() {
    let recorder = Recorder::with_limit(60);
    let builder = EventLoop::builder().virtual_clock();
    let event_loop = builder.observe(recorder.clone()).build().unwrap();
    event_loop.block_on(medley());
    drop(event_loop);
    let trace = recorder.trace();
    let recording = &trace.loops[0];
    assert!(recording.dropped > 0 && !recording.before.tasks.is_empty());
    let Some(mut browser) = open(&trace) else {
        return;
    };
    browser.press("Home");
    for step in 0..=recording.events.len() {
        let state = state_after(recording, step);
        compare(&mut browser, &state, &format!("event {step}"));
        assert!(browser.text("#turn-title").contains(&format!("Turn {}", state.turn)));
        browser.press("Shift+ArrowRight");
    }
    assert!(browser.text("#about").contains(&format!("{} events before", recording.dropped)));
    assert_eq!(browser.thrown(), [""; 0]);
}

/// With Shift, each event is a step.
#[test]
fn the_stepper_shows_every_event() {
    let trace = recorded(medley());
    let recording = &trace.loops[0];
    let Some(mut browser) = open(&trace) else {
        return;
    };
    browser.press("Home");
    for step in 0..=recording.events.len() {
        compare(&mut browser, &state_after(recording, step), &format!("event {step}"));
        let current = browser.texts("#events li[aria-current]");
        assert_eq!(current.len(), usize::from(step > 0), "event {step}");
        browser.press("Shift+ArrowRight");
    }
    assert_eq!(browser.thrown(), [""; 0]);
}

/// The axis of time has the rows of both loops. Each loop can be chosen, and is shown.
#[test]
fn two_loops_share_the_axis_of_time() {
    let trace = two_loops();
    assert_eq!(trace.loops.len(), 2);
    let Some(mut browser) = open(&trace) else {
        return;
    };
    browser.value("get('turns').click()");
    assert_eq!(browser.value("document.querySelector('#loop').options.length"), 2);
    let rows = |browser: &mut Browser| {
        let label = browser.value("document.querySelector('#canvas').getAttribute('aria-label')");
        label.as_str().unwrap().split(' ').next().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(rows(&mut browser), 1);
    browser.value("document.querySelector('#time').click()");
    // A lane for each loop, and one for its task.
    assert_eq!(rows(&mut browser), 4);
    // A step is the next turn of either.
    let mut seen = Vec::new();
    for _ in 0..trace.loops.iter().map(|recording| steps(recording).len()).sum() {
        seen.push(browser.value("document.querySelector('#loop').value"));
        browser.press("ArrowRight");
    }
    let changes = seen.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > 1, "{seen:?}");

    for (index, recording) in trace.loops.iter().enumerate() {
        browser.value(&format!(
            "(() => {{ const loop = document.querySelector('#loop'); loop.value = {index}; \
             loop.dispatchEvent(new Event('change')); }})()"
        ));
        browser.press("End");
        compare(&mut browser, &state_after(recording, recording.events.len()), &format!("loop {index}"));
        assert!(browser.text("#status").ends_with("; closed"));
    }
    assert_eq!(browser.thrown(), [""; 0]);
}

/// At each step the lists of the page are those of the data, word for word.
#[test]
fn the_lists_are_those_of_the_data() {
    let trace = recorded(medley());
    let data = data(&trace);
    let recording = &data["loops"][0];
    let text = |index: &Value| data["texts"][index.as_u64().unwrap() as usize].as_str().unwrap();
    let texts = |list: &Value, step: u64| -> Vec<String> {
        let entries = list.as_array().unwrap().iter();
        let entries = entries.filter(|entry| {
            entry[1].as_u64().unwrap() <= step && entry[2].as_u64().is_none_or(|to| step < to)
        });
        entries.map(|entry| text(&entry[0]).to_owned()).collect()
    };
    let Some(mut browser) = open(&trace) else {
        return;
    };
    let turns = recording["turns"].as_array().unwrap();
    let begins: Vec<usize> = turns.iter().map(|turn| turn[1].as_u64().unwrap() as usize).collect();
    let events = recording["events"].as_array().unwrap();
    for (index, &begin) in begins.iter().enumerate() {
        let step = begin as u64;
        for (id, list) in [("ready", &recording["ready"]), ("wheel", &recording["wheel"])] {
            let shown = browser.texts(&format!("#{id} li:not(.empty)"));
            assert_eq!(shown, texts(list, step), "{id} at {step}");
        }
        let end = begins.get(index + 1).map_or(events.len(), |next| next - 1);
        let said: Vec<&str> = events[begin - 1..end].iter().map(text).collect();
        assert_eq!(browser.texts("#events li"), said);
        let mut waits = Vec::new();
        for task in recording["tasks"].as_array().unwrap() {
            let spans = task["spans"].as_array().unwrap();
            let span = spans.iter().rev().find(|span| span[0].as_u64().unwrap() <= step);
            let has_ended = task["end"][0].as_u64().is_some_and(|end| end <= step);
            if let Some(span) = span.filter(|_| !has_ended) {
                let state = &data["states"][span[1].as_u64().unwrap() as usize];
                let is_idle = text(&state[0]) == "idle";
                waits.push(if is_idle { text(&span[3]) } else { "" });
            }
        }
        assert_eq!(browser.texts("#slab td:nth-child(3)"), waits);
        browser.press("ArrowRight");
    }
}
