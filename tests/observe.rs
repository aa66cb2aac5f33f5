//! Observers: what a loop tells, in which order, and what an observer may not do.

use std::time::Duration;

use boucle::EventLoop;
use boucle::observe::{Event, EventKind, Origin, WaitsFor};
use boucle::trace::Recorder;

/// The events of a virtual loop that runs a future, a line each.
fn told<F: Future>(main: F) -> Vec<String> {
    let recorder = Recorder::new();
    let event_loop = EventLoop::builder()
        .virtual_clock()
        .observe(recorder.clone())
        .build()
        .unwrap();
    event_loop.block_on(main);
    drop(event_loop);
    let trace = recorder.trace();
    trace.loops[0].events.iter().map(line).collect()
}

fn line(event: &Event) -> String {
    let seconds = event.time.as_secs_f64();
    let what = match &event.kind {
        EventKind::Opened { .. } => "opened".to_owned(),
        EventKind::TurnBegins => "turn".to_owned(),
        EventKind::Parked {
            timeout,
            slept,
            sources,
        } => format!("parked {timeout:?} {slept:?} {sources}"),
        EventKind::Spawned { task, parent, .. } => format!("{task} spawned by {parent:?}"),
        EventKind::MainEntered { task, .. } => format!("{task} main"),
        EventKind::Named { task, name } => format!("{task} named {name}"),
        EventKind::Woken { task, by, already } => format!(
            "{task} woken by {by:?}{}",
            if *already { " again" } else { "" }
        ),
        EventKind::PollBegins { task } => format!("{task} poll"),
        EventKind::PollEnds { task, outcome, .. } => format!("{task} {outcome:?}"),
        EventKind::Waits { task, on } => format!("{task} waits for {on:?}"),
        EventKind::Finished { task, how } => format!("{task} {how:?}"),
        other => format!("{other:?}"),
    };
    format!("{} {seconds}s {what}", event.turn)
}

#[test]
fn two_sleepers() {
    let told = told(async {
        let one = boucle::spawn(boucle::sleep(Duration::from_secs(2)));
        let two = boucle::spawn_named("two", boucle::sleep(Duration::from_secs(1)));
        one.await.unwrap();
        two.await.unwrap();
    });
    println!("{}", told.join("\n"));
    let _ = (Origin::Job, WaitsFor::Job);
}

#[test]
fn more() {
    let told = told(async {
        boucle::spawn(async { panic!("no") });
        boucle::spawn(std::future::pending::<()>()).abort();
        let three = boucle::spawn(std::future::pending::<()>());
        boucle::yield_now().await;
        three.abort();
        let r = boucle::gather([1, 2].map(|n| async move {
            boucle::sleep(Duration::from_secs(n)).await;
            n
        }))
        .await;
        boucle::spawn(std::future::pending::<()>());
        r
    });
    println!("{}", told.join("\n"));
}
