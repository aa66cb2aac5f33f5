//! Events: which ones a loop gives, and in which order.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use boucle::observe::{Event, EventKind, Origin};
use boucle::trace::Recorder;
use boucle::{EventLoop, JoinHandle};
use futures_lite::{StreamExt, future};

use crate::common::{Observing, OnDrop, holds, look, observed_by, secs, waiting_on, waker_of};

/// Returns the events of a virtual loop that runs a future, a line each, without the first and the last, which
/// are always the same.
fn events_of<F: Future>(main: F) -> Vec<String> {
    events_by(EventLoop::builder().virtual_clock(), main)
}

/// The same for a loop of another kind.
fn events_by<F: Future>(builder: boucle::Builder, main: F) -> Vec<String> {
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

fn line(event: &Event) -> String {
    let what = match &event.kind {
        EventKind::TurnBegins => "turn".to_owned(),
        EventKind::Parked { slept, sources, .. } => {
            format!("parked {} s, {sources} sources", slept.as_secs())
        }
        EventKind::Spawned { task, parent, .. } => format!("{task} spawned by {parent:?}"),
        EventKind::MainEntered { task, .. } => format!("{task} main"),
        EventKind::Named { task, name } => format!("{task} named {name}"),
        EventKind::Woken { task, by, already } => {
            format!(
                "{task} woken by {by:?}{}",
                if *already { " again" } else { "" }
            )
        }
        EventKind::PollBegins { task } => format!("{task} poll"),
        EventKind::PollEnds { task, outcome, .. } => format!("{task} {outcome:?}"),
        EventKind::Waits { task, on } => format!("{task} waits for {on:?}"),
        EventKind::TimerArmed {
            timer, deadline, ..
        } => {
            format!("timer {timer} armed until {} s", deadline.as_secs())
        }
        EventKind::TimerFired { timer } => format!("timer {timer} fired"),
        EventKind::TimerDropped {
            timer,
            cancelled: true,
        } => format!("timer {timer} cancelled"),
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
fn the_story_of_two_sleepers() {
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
fn the_ways_to_end() {
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

/// A waiting group shows how many tasks are left, a wake of a queued task shows that it was queued, and a
/// timer that is dropped was cancelled.
#[test]
fn groups_timers_and_wakes_that_do_nothing() {
    let events = events_of(async {
        let children = [1, 1].map(|turns| async move {
            for _ in 0..turns {
                boucle::yield_now().await;
            }
        });
        boucle::gather(children).await;
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
        assert!(
            events.contains(&line.to_owned()),
            "{line}\n{}",
            events.join("\n")
        );
    }
}

/// Wakes by sockets, by executor jobs and by other threads show their cause.
#[cfg(feature = "blocking")]
#[test]
fn wakes_from_outside_have_names() {
    let events = events_by(EventLoop::builder(), async {
        let (listener, address) = crate::common::listen().await;
        let connected = std::thread::spawn(move || std::net::TcpStream::connect(address).unwrap());
        let (_stream, _) = listener.accept().await.unwrap();
        drop(connected.join().unwrap());
        boucle::run_in_executor(|| std::thread::sleep(Duration::from_millis(5))).await;
        let (send, receive) = async_channel::bounded(1);
        let sender = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            send.send_blocking(()).unwrap();
        });
        receive.recv().await.unwrap();
        sender.join().unwrap();
    });
    let find = |what: &str| events.iter().position(|line| line.contains(what));
    let order = [
        "SourceAdded { source: 0 }",
        "1 waits for Readable(0)",
        "1 woken by Source(0)",
        "SourceAdded { source: 1 }",
        "1 waits for Job",
        "1 woken by Job",
        "1 waits for Foreign",
        "1 woken by Thread",
    ];
    let places: Vec<_> = order.iter().map(|what| find(what)).collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{places:?}\n{}",
        events.join("\n")
    );
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

/// The location of a spawn is in the caller: at the `spawn`, or at the `gather` or `as_completed` whose
/// child the task is.
#[test]
fn where_a_task_was_spawned() {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let hears = Rc::clone(&lines);
    let event_loop = observed_by(move |event| {
        if let EventKind::Spawned { location, .. } = event.kind {
            assert_eq!(location.file(), file!());
            hears.borrow_mut().push(location.line());
        }
    });
    let here = line!();
    event_loop.block_on(async {
        boucle::spawn(async {}).await.unwrap();
        boucle::gather([async {}]).await;
        boucle::gather!(async {}, async {}).await;
        boucle::try_gather([async { Ok::<_, ()>(()) }])
            .await
            .unwrap();
        let mut each = boucle::as_completed([async {}]);
        each.next().await.unwrap().unwrap();
        let handle = boucle::LoopHandle::current();
        handle.spawn(|| async {}).unwrap();
        boucle::yield_now().await;
        boucle::sleep(secs(1)).await;
    });
    drop(event_loop.spawn(async {}));
    drop(event_loop);
    let lines: Vec<u32> = lines.borrow().iter().map(|line| line - here).collect();
    assert_eq!(lines, [2, 3, 4, 4, 5, 8, 11, 15]);
}

/// After `block_on` has returned, events have no task as their cause; nor does what an observer does.
#[test]
fn what_happens_outside_of_polls_has_no_task() {
    let recorder = Recorder::new();
    let waker = Rc::new(RefCell::new(None::<std::task::Waker>));
    let wakes = Rc::clone(&waker);
    let builder = EventLoop::builder().virtual_clock();
    let event_loop = builder
        .observe(recorder.clone())
        .observe(Observing(move |event: &Event| {
            if let EventKind::PollBegins { task: 2 } = event.kind {
                wakes.borrow().as_ref().unwrap().wake_by_ref();
            }
        }))
        .build()
        .unwrap();
    event_loop.block_on(async {
        future::poll_fn(|cx| {
            waker.replace(Some(cx.waker().clone()));
            std::task::Poll::Ready(())
        })
        .await;
        boucle::spawn(async {}).await.unwrap();
    });
    drop(event_loop.spawn(async {}));
    event_loop.turn(None).unwrap();
    drop(event_loop);
    let trace = recorder.trace();
    let lines: Vec<_> = trace.loops[0].events.iter().map(line).collect();
    for expected in [
        "2 1 woken by Outside",
        "3 3 spawned by None",
        "4 turn",
        "4 3 Returned",
    ] {
        assert!(lines.contains(&expected.to_owned()), "{lines:#?}");
    }
}

/// The first of two due timers wakes a foreign waker, which drops the second timer, also fired, and arms
/// a new one in its slot: the events come in that order.
#[test]
fn a_fired_timer_is_reported_before_it_is_dropped() {
    thread_local! {
        static SLEEP: RefCell<Option<boucle::Sleep>> = const { RefCell::new(None) };
    }
    let rearm = || {
        drop(SLEEP.take());
        let mut next = boucle::sleep(secs(1));
        assert!(look(&mut next).is_pending());
        SLEEP.set(Some(next));
    };
    let events = events_of(async {
        let mut first = boucle::sleep(secs(1));
        let mut second = boucle::sleep(secs(1));
        let foreign = waker_of(rearm, || ());
        let mut cx = std::task::Context::from_waker(&foreign);
        assert!(std::pin::Pin::new(&mut first).poll(&mut cx).is_pending());
        assert!(future::poll_once(&mut second).await.is_none());
        SLEEP.set(Some(second));
        boucle::sleep(secs(2)).await;
        drop(SLEEP.take());
    });
    let timer: Vec<_> = events
        .iter()
        .filter(|line| line.contains("timer 1 "))
        .collect();
    let expected = [
        "1 timer 1 armed until 1 s",
        "1 timer 1 fired",
        "1 timer 1 freed",
        "1 timer 1 armed until 2 s",
        "2 timer 1 fired",
        "3 timer 1 freed",
    ];
    let timer: Vec<_> = timer.iter().map(|line| line.as_str()).collect();
    assert_eq!(timer, expected, "{events:#?}");
}

/// A waker of one loop waits in the tables of another, for a socket, a timer and a task. It is woken
/// whichever of the two is observed, and if its own loop is, that one reports the wake.
#[test]
fn loops_wake_each_other_observed_or_not() {
    use std::pin::Pin;
    use std::task::Context;

    for (sees_one, sees_other) in [(false, true), (true, false), (true, true)] {
        let recorder = Recorder::new();
        let build = |sees: bool| match sees {
            true => EventLoop::builder()
                .observe(recorder.clone())
                .build()
                .unwrap(),
            false => EventLoop::new().unwrap(),
        };
        let (one, other) = (build(sees_one), build(sees_other));
        let gate = waiting_on(&one);
        let polls = || one.turn(Some(Duration::ZERO)).unwrap().polled;
        assert_eq!((gate.polls(), polls()), (1, 0));
        let waker = gate.waker();
        let mut cx = Context::from_waker(&waker);

        other.block_on(async {
            let listener = boucle::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut accept = Box::pin(listener.accept());
            assert!(accept.as_mut().poll(&mut cx).is_pending());
            let address = listener.local_addr().unwrap();
            let _client = std::net::TcpStream::connect(address).unwrap();
            boucle::sleep(Duration::from_millis(5)).await;
            assert!(accept.as_mut().poll(&mut cx).is_ready());
        });
        assert_eq!((polls(), polls()), (1, 0), "the socket");

        let mut sleep = boucle::sleep(Duration::from_millis(1));
        other.block_on(async {
            assert!(Pin::new(&mut sleep).poll(&mut cx).is_pending());
            boucle::sleep(Duration::from_millis(5)).await;
        });
        assert_eq!((polls(), polls()), (1, 0), "the timer");

        other.block_on(async {
            let mut pending = boucle::spawn(boucle::yield_now());
            assert!(Pin::new(&mut pending).poll(&mut cx).is_pending());
            boucle::sleep(Duration::from_millis(1)).await;
        });
        assert_eq!((polls(), polls()), (1, 0), "the task");

        let number = one.handle().dump(Duration::ZERO).unwrap().event_loop;
        let trace = recorder.trace();
        let recorded = trace.loops.iter().filter(|it| it.number == number);
        let woken = recorded
            .flat_map(|it| &it.events)
            .filter(|event| match event.kind {
                EventKind::Woken { by, already, .. } => by == Origin::Outside && !already,
                _ => false,
            });
        assert_eq!(woken.count(), if sees_one { 3 } else { 0 });
    }
}

/// The time of a loop begins when it is made, however late it runs.
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
    let event_loop = EventLoop::builder()
        .virtual_clock()
        .observe(recorder.clone());
    let event_loop = event_loop.build().unwrap();
    let late = OnDrop(|| drop(boucle::spawn_named("late", async {})));
    drop(event_loop.spawn(holds(late)));
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    drop(event_loop);
    let trace = recorder.trace();
    let named = |event: &Event| matches!(event.kind, EventKind::Named { .. });
    assert!(!trace.loops[0].events.iter().any(named));
}
