//! Causes of events: what has woken a task, spawned it or freed a timer, and where.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use boucle::EventLoop;
use boucle::observe::{Event, EventKind, Origin};
use boucle::trace::Recorder;
use futures_lite::{StreamExt, future};

use super::events::{events_of, line};
use crate::common::{Observing, OnDrop, foreign, look, observed_by, secs, turn, waiting_on, waker_of};

/// Wakes by sockets, by executor jobs and by other threads show their cause.
#[cfg(feature = "blocking")]
#[test]
fn wakes_from_outside_have_names() {
    let events = super::events::events_by(EventLoop::builder(), async {
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
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{}", events.join("\n"));
}

/// The location of a spawn is in the caller: at the `spawn`, or at the `gather` or `as_completed` whose
/// child the task is.
#[test]
fn where_a_task_was_spawned() {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let adds = Rc::clone(&lines);
    let event_loop = observed_by(move |event| {
        if let EventKind::Spawned { location, .. } = event.kind {
            assert_eq!(location.file(), file!());
            adds.borrow_mut().push(location.line());
        }
    });
    let here = line!();
    event_loop.block_on(async {
        boucle::spawn(async {}).await.unwrap();
        boucle::gather([async {}]).await;
        boucle::gather!(async {}, async {}).await;
        boucle::try_gather([async { Ok::<_, ()>(()) }]).await.unwrap();
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
    assert_eq!(lines, [2, 3, 4, 4, 5, 6, 9, 13]);
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
    for expected in ["2 1 woken by Outside", "3 3 spawned by None", "4 turn", "4 3 Returned"] {
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
        let mut cx = Context::from_waker(&foreign);
        assert!(Pin::new(&mut first).poll(&mut cx).is_pending());
        assert!(future::poll_once(&mut second).await.is_none());
        SLEEP.set(Some(second));
        boucle::sleep(secs(2)).await;
        drop(SLEEP.take());
    });
    let timer: Vec<_> = events.iter().filter(|line| line.contains("timer 1 ")).collect();
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

/// Two timers that are due together wake tasks by foreign wakers: each wake of a task names its own timer.
#[test]
fn a_wake_by_way_of_a_foreign_waker_names_its_timer() {
    let sleeps = || async {
        let mut nap = boucle::sleep(secs(1));
        future::poll_fn(|cx| {
            let waker = foreign(cx.waker());
            Pin::new(&mut nap).poll(&mut Context::from_waker(&waker))
        })
        .await;
    };
    let events = events_of(async {
        boucle::gather([sleeps(), sleeps()]).await;
    });
    let woken: Vec<_> = events.iter().filter(|line| line.contains("woken by Timer")).collect();
    assert_eq!(woken, ["2 2 woken by Timer(0)", "2 3 woken by Timer(1)"]);
}

/// A task of one loop waits on another loop, for a socket, a timer and a task. It is woken whichever of the
/// two loops is observed. If its own loop is, that one reports the wake.
#[test]
fn loops_wake_each_other_observed_or_not() {
    for (sees_one, sees_other) in [(false, true), (true, false), (true, true)] {
        let recorder = Recorder::new();
        let build = |sees: bool| match sees {
            true => EventLoop::builder().observe(recorder.clone()).build().unwrap(),
            false => EventLoop::new().unwrap(),
        };
        let (one, other) = (build(sees_one), build(sees_other));
        let gate = waiting_on(&one);
        let polls = || turn(&one).polled;
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
        let recorded = trace.loops.iter().filter(|traced| traced.number == number);
        let woken = recorded.flat_map(|traced| &traced.events).filter(|event| match event.kind {
            EventKind::Woken { by, already, .. } => by == Origin::Outside && !already,
            _ => false,
        });
        assert_eq!(woken.count(), if sees_one { 3 } else { 0 });
    }
}

/// Only the first abort of a task is an event, whether the task is idle, queued or being polled.
#[test]
fn a_second_abort_is_no_event() {
    let events = events_of(async {
        let idle = boucle::spawn(future::pending::<()>());
        boucle::yield_now().await;
        let queued = boucle::spawn(future::pending::<()>());
        for task in [&idle, &idle, &queued, &queued] {
            task.abort();
        }
        let of_polled = Rc::new(RefCell::new(None::<boucle::AbortHandle>));
        let itself = of_polled.clone();
        let polled = boucle::spawn(async move {
            itself.borrow().iter().for_each(|itself| (0..2).for_each(|_| itself.abort()));
        });
        of_polled.replace(Some(polled.abort_handle()));
        assert!(polled.await.unwrap_err().is_cancelled());
    });
    let aborts: Vec<_> = events.iter().filter(|line| line.contains("aborted by")).collect();
    let expected = ["2 2 aborted by Task(1)", "2 3 aborted by Task(1)", "3 4 aborted by Task(4)"];
    assert_eq!(aborts, expected, "{events:#?}");
}

/// A task that has aborted itself waits for nothing, and its wake is no event: it is dropped after its poll.
#[test]
fn a_task_that_has_aborted_itself_is_woken_no_more() {
    let events = events_of(async {
        let abort = Rc::new(RefCell::new(None::<boucle::AbortHandle>));
        let itself = abort.clone();
        let task = boucle::spawn(async move {
            itself.borrow().iter().for_each(boucle::AbortHandle::abort);
            boucle::yield_now().await;
        });
        abort.replace(Some(task.abort_handle()));
        assert!(task.await.unwrap_err().is_cancelled());
    });
    let of_task: Vec<_> = events.iter().filter(|line| line.starts_with("2 2 ")).collect();
    assert_eq!(
        of_task,
        ["2 2 poll", "2 2 aborted by Task(2)", "2 2 Pending", "2 2 Cancelled"],
        "{events:#?}"
    );
}

/// At the end of a loop, the cause of a wake is the task whose future or output is dropped.
#[test]
fn a_wake_at_the_end_names_the_task_that_is_dropped() {
    let kept = Rc::new(RefCell::new(None));
    let keeps = kept.clone();
    let events = events_of(async move {
        drop(boucle::spawn(future::pending::<()>()));
        let waker = Rc::new(RefCell::new(None::<std::task::Waker>));
        let wakes = waker.clone();
        let output = OnDrop(move || wakes.take().unwrap().wake());
        keeps.replace(Some(boucle::spawn(future::ready(output))));
        drop(boucle::spawn(future::poll_fn(move |cx| {
            waker.replace(Some(cx.waker().clone()));
            std::task::Poll::<()>::Pending
        })));
        boucle::yield_now().await;
    });
    let woken: Vec<_> = events.iter().filter(|line| line.contains("4 woken")).collect();
    assert_eq!(woken, ["2 4 woken by Task(3)"], "{events:#?}");
    drop(kept);
}
