//! The events that are written, against the documented format.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use serde_json::{Value, json};

use super::*;
use crate::net::{TcpListener, TcpStream};
use crate::observe::WaitsFor;
use crate::trace::Recorder;
use crate::trace::story::{self, Story};
use crate::{Builder, EventLoop, JoinHandle, sleep, spawn, yield_now};

/// Returns the events of a trace, and checks the fields of each.
fn events(trace: &Trace) -> Vec<Value> {
    let json: Value = serde_json::from_str(&trace.to_chrome_json()).expect("it is JSON");
    let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["displayTimeUnit", "traceEvents"]);
    assert!(["ms", "ns"].contains(&json["displayTimeUnit"].as_str().unwrap()));
    let events = json["traceEvents"].as_array().expect("a list").clone();
    for event in &events {
        expect_form(event);
    }
    events
}

/// Checks which fields an event has, and their types: the format says them for each phase.
fn expect_form(event: &Value) {
    let fields = event.as_object().expect("an object");
    let phase = fields["ph"].as_str().expect("a phase");
    let more: &[&str] = match phase {
        "X" => &["args", "cat", "dur"],
        "s" => &["cat", "id"],
        "f" => &["bp", "cat", "id"],
        "C" | "M" => &["args"],
        "i" => &["cat", "s"],
        other => panic!("no phase of ours: {other}"),
    };
    let known = ["name", "ph", "pid", "tid", "ts"].iter().chain(more);
    let known: BTreeSet<&str> = known.copied().collect();
    assert_eq!(fields.keys().map(String::as_str).collect::<BTreeSet<_>>(), known, "{event}");

    assert!(fields["name"].is_string(), "{event}");
    assert!(fields["pid"].is_u64() && fields["tid"].is_u64(), "{event}");
    assert!(fields["ts"].as_f64().is_some_and(|ts| ts >= 0.0), "{event}");
    assert!(fields.get("cat").is_none_or(Value::is_string), "{event}");
    assert!(fields.get("id").is_none_or(Value::is_u64), "{event}");
    assert!(fields.get("args").is_none_or(Value::is_object), "{event}");
    match phase {
        "X" => assert!(fields["dur"].as_f64().is_some_and(|dur| dur > 0.0), "{event}"),
        "f" => assert_eq!(fields["bp"], "e"),
        "i" => assert_eq!(fields["s"], "t"),
        "C" => {
            let values: Vec<&Value> = fields["args"].as_object().unwrap().values().collect();
            assert!(values.len() == 1 && values[0].is_u64(), "{event}");
        }
        "M" => match fields["name"].as_str().unwrap() {
            "process_name" | "thread_name" => assert!(fields["args"]["name"].is_string()),
            "thread_sort_index" => assert!(fields["args"]["sort_index"].is_u64()),
            other => panic!("no metadata of the format: {other}"),
        },
        _ => {}
    }
}

fn of_phase<'a>(events: &'a [Value], phase: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["ph"] == phase).collect()
}

fn lane_of(event: &Value) -> (u64, u64) {
    (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap())
}

/// Returns a time of an event, in nanoseconds.
fn place(event: &Value, field: &str) -> u64 {
    (event[field].as_f64().unwrap() * 1e3).round() as u64
}

/// Checks what holds between the events of any trace: two slices of a lane are apart, or one encloses the
/// other; an arrow begins in a slice, and ends where one begins, not before; each lane has one name.
fn expect_coherence(events: &[Value]) {
    let mut slices: BTreeMap<(u64, u64), Vec<(u64, u64)>> = BTreeMap::new();
    for slice in of_phase(events, "X") {
        let begin = place(slice, "ts");
        let end = begin + place(slice, "dur");
        slices.entry(lane_of(slice)).or_default().push((begin, end));
    }
    for (lane, slices) in &slices {
        for (index, one) in slices.iter().enumerate() {
            for other in &slices[index + 1..] {
                let apart = one.1 <= other.0 || other.1 <= one.0;
                let within = |one: &(u64, u64), other: &(u64, u64)| other.0 <= one.0 && one.1 <= other.1;
                let nested = within(one, other) || within(other, one);
                assert!(apart || nested, "{lane:?}: {one:?} {other:?}");
            }
        }
    }
    let (begins, ends) = (of_phase(events, "s"), of_phase(events, "f"));
    assert_eq!(begins.len(), ends.len());
    let mut ids = BTreeSet::new();
    for (begin, end) in begins.into_iter().zip(ends) {
        assert_eq!((&begin["id"], &begin["cat"], &begin["name"]), (&end["id"], &end["cat"], &end["name"]));
        assert!(ids.insert(begin["id"].as_u64().unwrap()), "{begin}");
        let (from, to) = (place(begin, "ts"), place(end, "ts"));
        assert!(from <= to, "{begin} {end}");
        let of = &slices[&lane_of(begin)];
        assert!(of.iter().any(|it| it.0 <= from && from < it.1), "{begin}");
        let of = &slices[&lane_of(end)];
        assert!(of.iter().any(|it| it.0 == to), "{end}");
    }
    let named = of_phase(events, "M").into_iter().filter(|it| it["name"] == "thread_name");
    let named: Vec<(u64, u64)> = named.map(lane_of).collect();
    assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len());
    assert!(slices.keys().all(|lane| named.contains(lane)));
}

/// Runs a future on a loop, and records it.
fn run(recorder: &Recorder, builder: Builder, main: impl Future) {
    let event_loop = builder.observe(recorder.clone()).build().unwrap();
    event_loop.block_on(main);
}

/// A task that yields, one that sleeps, one that is aborted and one that panics.
fn virtual_run() -> Trace {
    let recorder = Recorder::new();
    run(&recorder, EventLoop::builder().virtual_clock(), async {
        let sleeper = spawn(sleep(Duration::from_secs(1)));
        let unborn = spawn(sleep(Duration::from_secs(1)));
        unborn.abort();
        let bomb: JoinHandle<()> = spawn(async { panic!("on purpose") });
        assert!(bomb.await.is_err());
        for _ in 0..200 {
            yield_now().await;
        }
        sleeper.await.unwrap();
    });
    recorder.trace()
}

/// A server and its client, each on a loop and a thread of its own.
fn real_run() -> Trace {
    let recorder = Recorder::new();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let of_client = recorder.clone();
    let client = thread::spawn(move || {
        run(&of_client, EventLoop::builder(), async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"ping").await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"pong");
        });
    });
    run(&recorder, EventLoop::builder(), async move {
        let server = TcpListener::from_std(server).unwrap();
        let (mut stream, _) = server.accept().await.unwrap();
        let mut asked = [0; 4];
        stream.read_exact(&mut asked).await.unwrap();
        sleep(Duration::from_millis(2)).await;
        stream.write_all(b"pong").await.unwrap();
    });
    client.join().unwrap();
    recorder.trace()
}

/// In the traces of loops that have run, each event has the fields of its phase, and the events fit together.
#[test]
fn the_format_is_the_documented_one() {
    for (trace, loops) in [(story::gather().trace(), 1), (virtual_run(), 1), (real_run(), 2)] {
        let events = events(&trace);
        expect_coherence(&events);
        for phase in ["X", "s", "f", "C", "M"] {
            assert!(!of_phase(&events, phase).is_empty(), "{phase}");
        }
        let of_loops = events.iter().map(|event| lane_of(event).0);
        assert_eq!(of_loops.collect::<BTreeSet<_>>().len(), loops);
        let polled = trace.loops.iter().flat_map(|it| &it.events);
        let polled = polled.filter(|it| matches!(it.kind, EventKind::PollBegins { .. }));
        let slices = of_phase(&events, "X").into_iter();
        let polls = slices.filter(|it| it["cat"] == "poll");
        assert_eq!(polls.count(), polled.count());
    }
}

/// A gather on the axis of its events: each line is a slice, where it begins and how long it is.
#[test]
fn polls_turns_and_parks_are_slices() {
    let events = events(&story::gather().trace());
    let slices = of_phase(&events, "X").into_iter().map(|it| {
        let (name, cat) = (it["name"].as_str().unwrap(), it["cat"].as_str().unwrap());
        format!("{} {cat} {name:?} {} {}", it["tid"], it["ts"], it["dur"])
    });
    assert_eq!(
        slices.collect::<Vec<_>>(),
        [
            r#"1 poll "1 main" 4.0 6.0"#,
            r#"0 turn "turn 1" 3.0 7.0"#,
            r#"2 poll "2 mysleep" 11.0 4.0"#,
            r#"3 poll "3 mysleep" 15.0 4.0"#,
            r#"4 poll "4 mysleep" 19.0 4.0"#,
            r#"0 park "park" 22.0 1.0"#,
            r#"0 turn "turn 2" 10.0 16.0"#,
            r#"3 poll "3 mysleep" 27.0 3.0"#,
            r#"0 park "park" 29.0 1.0"#,
            r#"0 turn "turn 3" 26.0 7.0"#,
            r#"2 poll "2 mysleep" 34.0 3.0"#,
            r#"0 park "park" 36.0 1.0"#,
            r#"0 turn "turn 4" 33.0 7.0"#,
            r#"4 poll "4 mysleep" 41.0 4.0"#,
            r#"0 turn "turn 5" 40.0 5.0"#,
            r#"1 poll "1 main" 46.0 3.0"#,
            r#"0 turn "turn 6" 45.0 5.0"#
        ]
    );
    let first = of_phase(&events, "X")[0];
    assert_eq!(
        first["args"],
        json!({ "turn": 1, "outcome": "pending", "waits for": "gather: 3 tasks left" })
    );
}

/// An arrow leads to each poll, from what has woken the task.
#[test]
fn wakes_are_arrows() {
    let events = events(&story::gather().trace());
    let begins = of_phase(&events, "s").into_iter();
    let arrows = begins
        .zip(of_phase(&events, "f"))
        .map(|(begin, end)| format!("{}@{} -> {}@{}", begin["tid"], begin["ts"], end["tid"], end["ts"]));
    assert_eq!(
        arrows.collect::<Vec<_>>(),
        [
            "1@5.0 -> 2@11.0",
            "1@6.0 -> 3@15.0",
            "1@7.0 -> 4@19.0",
            "0@25.0 -> 3@27.0",
            "0@32.0 -> 2@34.0",
            "0@39.0 -> 4@41.0",
            "4@44.0 -> 1@46.0"
        ]
    );
}

/// The arrow to a task that was woken twice comes from the first wake.
#[test]
fn the_first_wake_is_the_cause() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "a").waits(&[]);
    story.turn().poll(2).wake(1, Origin::Task(2));
    story.record(EventKind::Woken { task: 1, by: Origin::Task(2), already: true });
    story.waits(&[]).turn().poll(1);
    let events = events(&story.trace());
    let arrow = *of_phase(&events, "s").last().unwrap();
    assert_eq!((lane_of(arrow), place(arrow, "ts")), ((1, 2), 9_000));
    let slices = of_phase(&events, "X");
    let poll = slices.iter().rfind(|it| it["cat"] == "poll").unwrap();
    assert_eq!(poll["args"], json!({ "turn": 3, "queued by": "task 2" }));
}

/// A poll says what has put its task in the queue, a spawn or a wake, and all that the task waits for.
#[test]
fn a_poll_has_its_cause_and_its_waits() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "a").waits(&[]);
    story.turn().poll(2).waits(&[WaitsFor::Readable(3), WaitsFor::Task(1)]);
    let events = events(&story.trace());
    let slices = of_phase(&events, "X");
    let poll = slices.iter().rfind(|it| it["cat"] == "poll").unwrap();
    let waits = "source 3 to be readable or task 1";
    let args = json!({ "turn": 2, "queued by": "task 1", "outcome": "pending", "waits for": waits });
    assert_eq!(poll["args"], args);
}

/// A task that is dropped without being polled has no slice: what that causes comes from the turn.
#[test]
fn a_drop_is_no_poll() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "a").spawn(3, "b");
    let by = Origin::Task(1);
    story.record(EventKind::Aborted { task: 3, by }).waits(&[]);
    story.turn().poll(2).waits(&[]);
    story.finish(3, Ending::Cancelled).wake(1, Origin::Task(3));
    let events = events(&story.turn().poll(1).trace());
    expect_coherence(&events);
    let arrow = *of_phase(&events, "s").last().unwrap();
    assert_eq!(lane_of(arrow), (1, THE_LOOP));
}

/// A counter is written when what it counts has changed, and only then.
#[test]
fn counters_are_written_when_they_change() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).record(EventKind::SourceAdded { source: 3 });
    story.spawn(2, "a").spawn(3, "b").sleeps(10);
    story.turn().poll(2).waits(&[]).poll(3).waits(&[]);
    let events = events(&story.trace());
    let counters = of_phase(&events, "C").into_iter();
    let counters = counters.map(|it| format!("{} {}", it["ts"], it["args"]));
    assert_eq!(
        counters.collect::<Vec<_>>(),
        [
            r#"2.0 {"ready":1}"#,
            r#"4.0 {"ready":0}"#,
            r#"5.0 {"sources":1}"#,
            r#"6.0 {"ready":1}"#,
            r#"7.0 {"ready":2}"#,
            r#"8.0 {"timers":1}"#,
            r#"12.0 {"ready":1}"#,
            r#"14.0 {"ready":0}"#
        ]
    );
}

/// Processes are loops, and threads are tasks. A task has the last name that it was given, without the
/// characters that are not printable.
#[test]
fn lanes_have_names() {
    let recorder = Recorder::new();
    let mut one = Story::of(1, &recorder, true);
    one.enter(1).spawn(2, "demo::worker::{{closure}}").name(2, "la\u{202e}te");
    Story::of(5, &recorder, false);
    let events = events(&recorder.trace());
    let names = of_phase(&events, "M").into_iter();
    let names = names.filter(|it| it["name"] != "thread_sort_index");
    let names = names.map(|it| format!("{} {} {}", it["pid"], it["tid"], it["args"]["name"]));
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            r#"1 0 "loop 1, virtual clock""#,
            r#"1 0 "the loop""#,
            r#"1 1 "1 main""#,
            "1 2 \"2 la\u{fffd}te\"",
            r#"5 0 "loop 5""#,
            r#"5 0 "the loop""#
        ]
    );
}

/// An abort, and a task that is dropped, are marks in the lane of the task.
#[test]
fn aborts_are_instants() {
    let mut story = Story::new();
    let by = Origin::Task(1);
    story.enter(1).turn().poll(1).spawn(2, "a");
    story.record(EventKind::Aborted { task: 2, by }).waits(&[]);
    story.turn().finish(2, Ending::Cancelled);
    let events = events(&story.trace());
    expect_coherence(&events);
    let instants = of_phase(&events, "i").into_iter();
    let instants = instants.map(|it| format!("{} {} {}", it["tid"], it["ts"], it["name"]));
    assert_eq!(instants.collect::<Vec<_>>(), [r#"2 6.0 "aborted""#, r#"2 9.0 "cancelled""#]);
}

/// Under a real clock the axis is time. All loops have the same one, which begins when the first of them
/// does.
#[test]
fn real_time_is_the_axis() {
    let recorder = Recorder::new();
    for event_loop in [1, 2] {
        let mut story = Story::of(event_loop, &recorder, false);
        story.enter(1).turn().poll(1).waits(&[WaitsFor::Readable(0)]);
        story.park(20).wake(1, Origin::Source(0)).turn().poll(1);
        story.later(5).returns();
    }
    let mut trace = recorder.trace();
    trace.loops[1].began = trace.loops[0].began + Duration::from_millis(3);
    let events = events(&trace);
    expect_coherence(&events);
    let slices = of_phase(&events, "X")
        .into_iter()
        .map(|it| format!("{} {} {} {} {}", it["pid"], it["tid"], it["name"], it["ts"], it["dur"]));
    assert_eq!(
        slices.collect::<Vec<_>>(),
        [
            r#"1 1 "1 main" 0.0 0.001"#,
            r#"1 0 "park" 0.0 20000.0"#,
            r#"1 0 "turn 1" 0.0 20000.0"#,
            r#"1 1 "1 main" 20000.0 5000.001"#,
            r#"1 0 "turn 2" 20000.0 5000.001"#,
            r#"2 1 "1 main" 3000.0 0.001"#,
            r#"2 0 "park" 3000.0 20000.0"#,
            r#"2 0 "turn 1" 3000.0 20000.0"#,
            r#"2 1 "1 main" 23000.0 5000.001"#,
            r#"2 0 "turn 2" 23000.0 5000.001"#
        ]
    );
}

/// What comes after a poll is no part of it: the destructor of another task, the time between two runs, and its
/// own task's drop at the end of the loop. The destructor of a task that has aborted itself is.
#[test]
fn a_poll_ends_where_it_ends() {
    let mut story = Story::of(1, &Recorder::new(), false);
    story.enter(1).turn().poll(1).later(5).returns();
    story.later(200).finish(2, Ending::Cancelled).later(300);
    story.enter(3).turn().poll(3).spawn(4, "a").spawn(5, "b").returns();
    story.turn().poll(4).record(EventKind::Aborted { task: 4, by: Origin::Task(4) }).waits(&[]);
    story.later(20).finish(4, Ending::Cancelled).poll(5).waits(&[]);
    story.later(300).finish(5, Ending::Cancelled).close();
    let events = events(&story.trace());
    expect_coherence(&events);
    let polls = of_phase(&events, "X").into_iter().filter(|it| it["cat"] == "poll");
    let polls = polls.map(|it| format!("{} {} {}", it["name"], it["ts"], it["dur"]));
    assert_eq!(
        polls.collect::<Vec<_>>(),
        [
            r#""1 main" 0.0 5000.001"#,
            r#""3 main" 505000.0 0.001"#,
            r#""4 a" 505000.0 20000.001"#,
            r#""5 b" 525000.0 0.001"#
        ]
    );
}

/// A recording that begins or ends within a poll is coherent too, and has the part of the poll that was kept.
#[test]
fn a_poll_that_was_cut_is_drawn() {
    let all = story::gather().events;
    for limit in 1..all.len() {
        for until in [all.len(), all.len() - 3] {
            let recorder = Recorder::with_limit(limit);
            let mut story = Story::of(1, &recorder, true);
            for event in &all[1..until] {
                story.replay(event);
            }
            expect_coherence(&events(&story.trace()));
        }
    }
    let recorder = Recorder::with_limit(2);
    let mut story = Story::of(1, &recorder, true);
    story.enter(1).turn().poll(1).spawn(2, "a").spawn(3, "b");
    let events = events(&recorder.trace());
    let slices = of_phase(&events, "X").into_iter();
    let slices = slices.map(|it| format!("{} {} {}", it["name"], it["ts"], it["dur"]));
    assert_eq!(slices.collect::<Vec<_>>(), [r#""1 main" 5.0 2.0"#, r#""turn 1" 5.0 2.0"#]);
}
