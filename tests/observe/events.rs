//! Events: which ones a loop gives, and in which order.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use boucle::observe::{Event, EventKind};
use boucle::trace::Recorder;
use boucle::{EventLoop, JoinHandle, spawn};
use futures_lite::future;

use crate::common::{OnDrop, holds, secs, turn};

/// Returns the events of a virtual loop that runs a future, a line each, without the first and the last, which
/// are always the same.
pub(super) fn events_of<F: Future>(main: F) -> Vec<String> {
    events_by(EventLoop::builder().virtual_clock(), main)
}

/// The same for a loop of another kind.
pub(super) fn events_by<F: Future>(builder: boucle::Builder, main: F) -> Vec<String> {
    let recorder = Recorder::new();
    let event_loop = builder.observe(recorder.clone()).build().unwrap();
    event_loop.block_on(main);
    drop(event_loop);
    let trace = recorder.trace();
    let events = &trace.loops[0].events;
    assert!(matches!(events[0].kind, EventKind::Opened { .. }));
    assert_eq!(events.back().unwrap().kind, EventKind::Closed);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.sequence, index as u64 + 1);
    }
    let inner = events.range(1..events.len() - 1);
    inner.map(line).collect()
}

/// Returns an event as a line: its turn, then mostly the number of its task or timer, and what has happened.
pub(super) fn line(event: &Event) -> String {
    let what = match &event.kind {
        EventKind::TurnBegins => "turn".to_owned(),
        EventKind::Parked { slept, sources, .. } => {
            format!("parked {} s, {sources} sources", slept.as_secs())
        }
        EventKind::Spawned { task, parent, .. } => format!("{task} spawned by {parent:?}"),
        EventKind::MainEntered { task, .. } => format!("{task} main"),
        EventKind::Named { task, name } => format!("{task} named {name}"),
        EventKind::Woken { task, by, already } => {
            format!("{task} woken by {by:?}{}", if *already { " again" } else { "" })
        }
        EventKind::PollBegins { task } => format!("{task} poll"),
        EventKind::PollEnds { task, outcome, .. } => format!("{task} {outcome:?}"),
        EventKind::Waits { task, on } => format!("{task} waits for {on:?}"),
        EventKind::TimerArmed { timer, deadline, .. } => {
            format!("timer {timer} armed until {} s", deadline.as_secs())
        }
        EventKind::TimerFired { timer } => format!("timer {timer} fired"),
        EventKind::TimerDropped { timer, cancelled: true } => format!("timer {timer} cancelled"),
        EventKind::TimerDropped { timer, .. } => format!("timer {timer} freed"),
        EventKind::Aborted { task, by } => format!("{task} aborted by {by:?}"),
        EventKind::Finished { task, how } => format!("{task} {how:?}"),
        other => format!("{other:?}"),
    };
    format!("{} {what}", event.turn)
}

/// Two sleepers, from spawn to end: which task is polled in which turn, what it waits for, and what wakes
/// it.
#[test]
fn two_sleepers_from_spawn_to_end() {
    let events = events_of(async {
        let one = boucle::spawn(boucle::sleep(secs(2)));
        let two = boucle::spawn_named("two", boucle::sleep(secs(1)));
        one.await.unwrap();
        two.await.unwrap();
    });
    let expected = "\
0 1 main
1 turn
1 1 poll
1 2 spawned by Some(1)
1 3 spawned by Some(1)
1 3 named two
1 1 waits for Task(2)
1 1 Pending
2 turn
2 2 poll
2 timer 0 armed until 2 s
2 2 waits for Timer { timer: 0, deadline: 2s }
2 2 Pending
2 3 poll
2 timer 1 armed until 1 s
2 3 waits for Timer { timer: 1, deadline: 1s }
2 3 Pending
2 parked 1 s, 0 sources
2 timer 1 fired
2 3 woken by Timer(1)
3 turn
3 3 poll
3 timer 1 freed
3 3 Ready
3 3 Returned
3 parked 1 s, 0 sources
3 timer 0 fired
3 2 woken by Timer(0)
4 turn
4 2 poll
4 timer 0 freed
4 2 Ready
4 2 Returned
4 1 woken by Task(2)
5 turn
5 1 poll
5 1 Ready
5 1 Returned";
    assert_eq!(events.join("\n"), expected);
}

/// A task ends by its value, by a panic, by an abort before its first poll, while it is idle or by
/// itself, and with its loop.
#[test]
fn the_ends_of_tasks() {
    let events = events_of(async {
        let panics: JoinHandle<()> = boucle::spawn(async { panic!("no") });
        let unpolled = boucle::spawn(future::pending::<()>());
        unpolled.abort();
        let idle = boucle::spawn(future::pending::<()>());
        let handle = Rc::new(RefCell::new(None::<JoinHandle<()>>));
        let own = Rc::clone(&handle);
        let itself = boucle::spawn(async move { own.borrow().as_ref().unwrap().abort() });
        handle.replace(Some(itself));
        let left = boucle::spawn(future::pending::<()>());
        boucle::yield_now().await;
        idle.abort();
        boucle::yield_now().await;
        drop((panics, left));
    });
    let expected = "\
0 1 main
1 turn
1 1 poll
1 2 spawned by Some(1)
1 3 spawned by Some(1)
1 3 aborted by Task(1)
1 4 spawned by Some(1)
1 5 spawned by Some(1)
1 6 spawned by Some(1)
1 1 woken by Task(1)
1 1 waits for Turn
1 1 Pending
2 turn
2 2 poll
2 2 Panicked
2 2 Panicked
2 3 Cancelled
2 4 poll
2 4 waits for Foreign
2 4 Pending
2 5 poll
2 5 aborted by Task(5)
2 5 Ready
2 5 Cancelled
2 6 poll
2 6 waits for Foreign
2 6 Pending
2 1 poll
2 4 aborted by Task(1)
2 1 woken by Task(1)
2 1 waits for Turn
2 1 Pending
3 turn
3 4 Cancelled
3 1 poll
3 1 Ready
3 1 Returned
3 6 Cancelled";
    assert_eq!(events.join("\n"), expected);
}

/// A wait for a group has the number of tasks that are left, a wake of a queued task says so, and a timer
/// that is dropped before its deadline is cancelled.
#[test]
fn groups_cancelled_timers_and_second_wakes() {
    let events = events_of(async {
        boucle::gather([(); 2].map(|()| boucle::yield_now())).await;
        let _ = boucle::timeout(secs(5), boucle::yield_now()).await;
        future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            std::task::Poll::Ready(())
        })
        .await;
    });
    for line in [
        "1 1 waits for Tasks { what: \"gather\", left: 2 }",
        "3 1 woken by Task(3)",
        "4 timer 0 armed until 5 s",
        "5 timer 0 cancelled",
        "5 1 woken by Task(1)",
        "5 1 woken by Task(1) again",
    ] {
        assert!(events.contains(&line.to_owned()), "{line}\n{}", events.join("\n"));
    }
}

/// An observed loop does the same as one that is not, turn by turn.
#[test]
fn an_observed_loop_does_the_same() {
    let turns = |builder: boucle::Builder| {
        let event_loop = builder.virtual_clock().build().unwrap();
        let (send, receive) = async_channel::bounded::<u32>(2);
        for n in 0..3 {
            let send = send.clone();
            drop(event_loop.spawn(async move {
                for round in 0..4 {
                    boucle::sleep(secs(u64::from(n + round % 2))).await;
                    send.send(n).await.unwrap();
                    boucle::yield_now().await;
                }
            }));
        }
        drop(send);
        drop(event_loop.spawn(async move { while receive.recv().await.is_ok() {} }));
        let mut turns = Vec::new();
        while turns.last().is_none_or(|turn: &boucle::Turn| turn.left > 0) {
            turns.push(event_loop.turn(None).unwrap());
        }
        turns
    };
    let seen = turns(EventLoop::builder().observe(Recorder::new()));
    assert_eq!(seen, turns(EventLoop::builder()));
    assert!(seen.len() > 10);
}

/// The time of a loop's events counts from when it was made, however late it runs.
#[test]
fn a_loop_began_when_it_was_made() {
    let recorder = Recorder::new();
    let builder = EventLoop::builder().observe(recorder.clone());
    let event_loop = builder.build().unwrap();
    let made = std::time::Instant::now();
    std::thread::sleep(Duration::from_millis(2));
    event_loop.block_on(async {});
    assert!(recorder.trace().loops[0].began <= made);
}

/// A spawn on a closing loop is refused, and the name of the task is not reported.
#[test]
fn a_task_that_was_refused_has_no_name() {
    let recorder = Recorder::new();
    let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone());
    let event_loop = event_loop.build().unwrap();
    let late = OnDrop(|| drop(boucle::spawn_named("late", async {})));
    drop(event_loop.spawn(holds(late)));
    turn(&event_loop);
    drop(event_loop);
    let trace = recorder.trace();
    let named = |event: &Event| matches!(event.kind, EventKind::Named { .. });
    assert!(!trace.loops[0].events.iter().any(named));
}

/// A main future that is done is woken no more, though a timer of its is due in the park that follows it.
#[test]
fn a_main_future_that_is_done_is_woken_no_more() {
    let recorder = Recorder::new();
    let event_loop = EventLoop::builder().observe(recorder.clone()).build().unwrap();
    let mut sleep = Box::pin(boucle::sleep(Duration::from_millis(1))); // it outlives the main future
    event_loop.block_on(async {
        (0..70).for_each(|_| drop(boucle::spawn(async {})));
        boucle::yield_now().await; // after it 61 polls have passed: the run ends with a park
        assert!(future::poll_once(&mut sleep).await.is_none());
        std::thread::sleep(Duration::from_millis(5));
    });
    let trace = recorder.trace();
    let kinds = trace.loops[0].events.iter().map(|event| &event.kind);
    let after: Vec<_> =
        kinds.skip_while(|kind| !matches!(kind, EventKind::Finished { task: 1, .. })).collect();
    assert!(after.iter().any(|kind| matches!(kind, EventKind::TimerFired { .. })), "{after:?}");
    assert!(!after.iter().any(|kind| matches!(kind, EventKind::Woken { task: 1, .. })), "{after:?}");
}

/// A timer belongs to the task that waits for it, whichever has armed it.
#[test]
fn a_timer_moves_with_its_sleep() {
    let recorder = Recorder::new();
    let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build().unwrap();
    event_loop.block_on(async {
        let mut sleep = Box::pin(boucle::sleep(secs(1)));
        assert!(future::poll_once(&mut sleep).await.is_none());
        boucle::spawn(sleep).await.unwrap();
    });
    let trace = recorder.trace();
    let mut live = trace.loops[0].before.clone();
    let mut owners = Vec::new();
    for event in &trace.loops[0].events {
        if let EventKind::TimerFired { timer } = event.kind {
            owners.push(live.timers[&timer].1);
        }
        live.apply(event);
    }
    assert_eq!(owners, [Some(2)]);
}

/// A task that `block_on` has left in its batch is polled in a turn of its own, also if nothing else was queued.
#[test]
fn what_is_left_of_a_batch_is_another_turn() {
    let recorder = Recorder::new();
    let event_loop = EventLoop::builder().virtual_clock().observe(recorder.clone()).build().unwrap();
    let mut is_woken = false;
    event_loop.block_on(poll_fn(|cx| {
        if is_woken {
            return Poll::Ready(());
        }
        is_woken = true;
        cx.waker().wake_by_ref(); // so it is polled before the task
        drop(spawn(async {}));
        Poll::Pending
    }));
    turn(&event_loop);
    let trace = recorder.trace();
    let polls = trace.loops[0].events.iter().filter_map(|event| match event.kind {
        EventKind::PollBegins { task } => Some((event.turn, task)),
        _ => None,
    });
    assert_eq!(polls.collect::<Vec<_>>(), [(1, 1), (2, 1), (3, 2)]);
}
