//! Observers: what a loop tells, in which order, and what an observer may not do.

mod common;

use std::any::Any;
use std::cell::RefCell;
use std::env;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{self, Command};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use boucle::observe::{Event, EventKind, Live, Observer, Origin, TaskState, WaitsFor};
use boucle::trace::Recorder;
use boucle::{EventLoop, JoinHandle};
use futures_lite::{StreamExt, future};

/// The events of a virtual loop that runs a future, a line each; the first and the last, which are always
/// the same, apart.
fn told<F: Future>(main: F) -> Vec<String> {
    told_by(EventLoop::builder().virtual_clock(), main)
}

fn told_by<F: Future>(builder: boucle::Builder, main: F) -> Vec<String> {
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
    let told = events.range(1..events.len() - 1);
    told.map(line).collect()
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

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Two sleepers, the whole story: who is polled in which turn, who waits for what, who wakes whom.
#[test]
fn the_story_of_two_sleepers() {
    let told = told(async {
        let one = boucle::spawn(boucle::sleep(seconds(2)));
        let two = boucle::spawn_named("two", boucle::sleep(seconds(1)));
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
    assert_eq!(told.join("\n"), expected);
}

/// The ends of tasks: a value, a panic, an abort before the first poll, one of an idle task, one of
/// itself, and the end of the loop.
#[test]
fn the_ways_to_end() {
    let told = told(async {
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
    assert_eq!(told.join("\n"), expected);
}

/// A group tells how many are left, a wake of who is queued already says so, and a timer that is dropped
/// was cancelled.
#[test]
fn groups_timers_and_wakes_that_do_nothing() {
    let told = told(async {
        let children = [1, 1].map(|turns| async move {
            for _ in 0..turns {
                boucle::yield_now().await;
            }
        });
        boucle::gather(children).await;
        let _ = boucle::timeout(seconds(5), boucle::yield_now()).await;
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
            told.contains(&line.to_owned()),
            "{line}\n{}",
            told.join("\n")
        );
    }
}

/// Sockets, the executor and other threads wake in their own names.
#[cfg(feature = "blocking")]
#[test]
fn wakes_from_outside_have_names() {
    let told = told_by(EventLoop::builder(), async {
        let listener = boucle::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
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
    let find = |what: &str| told.iter().position(|line| line.contains(what));
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
        told.join("\n")
    );
}

/// To be observed changes nothing: the turns do the same, one by one.
#[test]
fn an_observed_loop_does_the_same() {
    let turns = |builder: boucle::Builder| {
        let event_loop = builder.virtual_clock().build().unwrap();
        let (send, receive) = async_channel::bounded::<u32>(2);
        for n in 0..3 {
            let send = send.clone();
            drop(event_loop.spawn(async move {
                for round in 0..4 {
                    boucle::sleep(seconds(u64::from(n + round % 2))).await;
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

/// An observer that is a closure.
struct Told<F>(F);

impl<F: FnMut(&Event)> Observer for Told<F> {
    fn observe(&mut self, event: &Event) {
        self.0(event);
    }
}

fn observed(by: impl FnMut(&Event) + 'static) -> EventLoop {
    let builder = EventLoop::builder().virtual_clock();
    builder.observe(Told(by)).build().unwrap()
}

fn panics_with(what: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(what)).unwrap_err();
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
    }
}

/// Whatever of the loop an observer uses, it is told that it may not; and the loop is whole afterwards.
#[test]
fn an_observer_may_not_use_the_loop() {
    type Uses = fn(&EventLoop);
    let uses: [(&str, Uses); 6] = [
        ("spawn", |_| drop(boucle::spawn(async {}))),
        ("stop", |_| boucle::stop()),
        ("boucle::run", |_| boucle::run(async {})),
        ("spawn", |it| drop(it.spawn(async {}))),
        ("block_on", |it| it.block_on(async {})),
        ("LoopHandle::dump", |it| {
            drop(it.handle().dump(Duration::MAX))
        }),
    ];
    for (what, uses) in uses {
        let other = EventLoop::new().unwrap();
        let event_loop = observed(move |event| {
            if let EventKind::Spawned { .. } = event.kind {
                uses(&other);
            }
        });
        let message = panics_with(|| {
            event_loop.block_on(async { boucle::spawn(async {}).await.unwrap() });
        });
        let expected =
            format!("{what} was used by an observer: it sees the loop, and may not use it");
        assert_eq!(message, expected);
        assert_eq!(event_loop.block_on(async { 6 * 7 }), 42);
    }
}

/// A task was spawned where the program has asked for it: at the `spawn`, or at the `gather` or
/// `as_completed` whose child it is.
#[test]
fn where_a_task_was_spawned() {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let hears = Rc::clone(&lines);
    let event_loop = observed(move |event| {
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
        boucle::sleep(seconds(1)).await;
    });
    drop(event_loop.spawn(async {}));
    drop(event_loop);
    let lines: Vec<u32> = lines.borrow().iter().map(|line| line - here).collect();
    assert_eq!(lines, [2, 3, 4, 4, 5, 8, 11, 15]);
}

/// A panic of an observer comes out of `block_on`, not into a task, and the observer hears no more.
#[test]
fn a_panic_of_an_observer_comes_out() {
    let heard = Rc::new(RefCell::new(0));
    let hears = Rc::clone(&heard);
    let event_loop = observed(move |event| {
        *hears.borrow_mut() += 1;
        assert!(
            !matches!(event.kind, EventKind::PollBegins { task: 2 }),
            "enough"
        );
    });
    let task = event_loop.spawn(async { 1 });
    let message = panics_with(|| {
        event_loop.block_on(future::pending::<()>());
    });
    assert_eq!(message, "enough");
    let before = *heard.borrow();
    assert_eq!(event_loop.block_on(task).unwrap(), 1);
    assert_eq!(*heard.borrow(), before);
}

/// An observer may wake: a task that waits for a channel that the observer sends into.
#[test]
fn an_observer_may_wake() {
    let (send, receive) = async_channel::unbounded();
    let event_loop = observed(move |event| {
        if let EventKind::TimerFired { .. } = event.kind {
            send.try_send(()).unwrap();
        }
    });
    event_loop.block_on(async move {
        let sleeper = boucle::spawn(boucle::sleep(seconds(1)));
        receive.recv().await.unwrap();
        sleeper.await.unwrap();
    });
}

/// What an observer drops or aborts, it may: also several things, also while it panics, where a second
/// panic would end the process. The loop is told by its inbox.
#[test]
fn an_observer_may_drop_and_abort() {
    for panics in [false, true] {
        let kept = Rc::new(RefCell::new(Vec::<Box<dyn Any>>::new()));
        let aborted = Rc::new(RefCell::new(None::<JoinHandle<()>>));
        let (drops, aborts) = (Rc::clone(&kept), Rc::clone(&aborted));
        let event_loop = observed(move |event| {
            if let EventKind::TimerFired { .. } = event.kind {
                aborts.borrow().as_ref().unwrap().abort();
                let _dropped = drops.take();
                assert!(!panics, "while it drops");
            }
        });
        let main = async {
            aborted.replace(Some(boucle::spawn(future::pending())));
            let mut sleep = Box::pin(boucle::sleep(seconds(9)));
            assert!(future::poll_once(&mut sleep).await.is_none());
            let listener = boucle::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut gather = Box::pin(boucle::gather([future::pending::<()>()]));
            assert!(future::poll_once(&mut gather).await.is_none());
            let detached = boucle::spawn(boucle::sleep(seconds(2)));
            let any: [Box<dyn Any>; 4] = [
                Box::new(sleep),
                Box::new(listener),
                Box::new(gather),
                Box::new(detached),
            ];
            kept.borrow_mut().extend(any);
            boucle::sleep(seconds(1)).await;
        };
        let ended = catch_unwind(AssertUnwindSafe(|| event_loop.block_on(main)));
        assert_eq!(ended.is_err(), panics);
        // The detached sleeper is all that is left, and its timer.
        let dump = event_loop.block_on(async {
            boucle::sleep(Duration::from_millis(1)).await;
            boucle::yield_now().await;
            boucle::dump()
        });
        assert_eq!(dump.tasks.len(), 2, "{dump}");
        event_loop.block_on(boucle::sleep(seconds(3)));
        assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().left, 0);
    }
}

/// An observer may drop another loop, an observed one too, and is an observer still.
#[test]
fn an_observer_may_drop_a_loop() {
    let closed = Rc::new(RefCell::new(0));
    let closes = Rc::clone(&closed);
    let other = observed(move |event| {
        *closes.borrow_mut() += usize::from(event.kind == EventKind::Closed);
    });
    let mut other = Some(other);
    let event_loop = observed(move |event| {
        if let EventKind::MainEntered { .. } = event.kind {
            drop(other.take());
            boucle::run(async {});
        }
    });
    let message = panics_with(|| event_loop.block_on(async {}));
    assert!(message.contains("was used by an observer"), "{message}");
    assert_eq!(*closed.borrow(), 1);
}

/// Once `block_on` has returned, it is nobody's doing what happens; nor is what an observer does a task's.
#[test]
fn what_happens_outside_is_nobodys() {
    let recorder = Recorder::new();
    let waker = Rc::new(RefCell::new(None::<std::task::Waker>));
    let wakes = Rc::clone(&waker);
    let builder = EventLoop::builder().virtual_clock();
    let event_loop = builder
        .observe(recorder.clone())
        .observe(Told(move |event: &Event| {
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

/// A panic of an observer's destructor, or of what it has panicked with, stops at the end of the loop.
#[test]
fn an_observer_that_panics_when_it_drops_ends_quietly() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    for panics in [false, true] {
        let bomb = Bomb;
        let event_loop = observed(move |event| {
            let _kept = &bomb;
            if panics && event.kind == EventKind::Closed {
                std::panic::panic_any(Bomb);
            }
        });
        event_loop.block_on(async {});
        assert!(catch_unwind(AssertUnwindSafe(|| drop(event_loop))).is_ok());
    }
}

/// When the first of two timers wakes another runtime's waker, that may drop the second, which has fired
/// too, and arm a new one in its slot.
#[test]
fn a_timer_that_has_fired_is_told_before_it_is_dropped() {
    struct Foreign;
    thread_local! {
        static SLEEP: RefCell<Option<boucle::Sleep>> = const { RefCell::new(None) };
    }
    impl std::task::Wake for Foreign {
        fn wake(self: std::sync::Arc<Self>) {
            drop(SLEEP.take());
            let mut next = boucle::sleep(seconds(1));
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(std::pin::Pin::new(&mut next).poll(&mut cx).is_pending());
            SLEEP.set(Some(next));
        }
    }
    let told = told(async {
        let mut first = boucle::sleep(seconds(1));
        let mut second = boucle::sleep(seconds(1));
        let foreign = std::task::Waker::from(std::sync::Arc::new(Foreign));
        let mut cx = std::task::Context::from_waker(&foreign);
        assert!(std::pin::Pin::new(&mut first).poll(&mut cx).is_pending());
        assert!(future::poll_once(&mut second).await.is_none());
        SLEEP.set(Some(second));
        boucle::sleep(seconds(2)).await;
        drop(SLEEP.take());
    });
    let timer: Vec<_> = told
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
    assert_eq!(timer, expected, "{told:#?}");
}

/// A waker of one loop waits in another's tables, for a socket, a timer and a task: it is woken whichever of
/// them is observed, and if its own is, it is told of that.
#[test]
fn loops_wake_each_other_observed_or_not() {
    use std::pin::Pin;
    use std::task::{Context, Waker};

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
        let waker = Rc::new(RefCell::new(None::<Waker>));
        let leaves = Rc::clone(&waker);
        let waiting = one.spawn(future::poll_fn(move |cx| {
            leaves.replace(Some(cx.waker().clone()));
            std::task::Poll::<()>::Pending
        }));
        let polls = || one.turn(Some(Duration::ZERO)).unwrap().polled;
        assert_eq!((polls(), polls()), (1, 0));
        let waker = waker.take().unwrap();
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
        let told = trace.loops.iter().filter(|it| it.number == number);
        let woken = told
            .flat_map(|it| &it.events)
            .filter(|event| match event.kind {
                EventKind::Woken { by, already, .. } => by == Origin::Outside && !already,
                _ => false,
            });
        assert_eq!(woken.count(), if sees_one { 3 } else { 0 });
        drop(waiting);
    }
}

/// A loop is told of when it is made, however late it runs: that is when its time began.
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

/// Two observers are told the same, in the order in which they were given; and what a live state follows
/// is what is there.
#[test]
fn a_live_state_follows() {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let (one, two) = (Rc::clone(&heard), Rc::clone(&heard));
    let live = Rc::new(RefCell::new(Live::default()));
    let follows = Rc::clone(&live);
    let builder = EventLoop::builder().virtual_clock();
    let event_loop = builder
        .observe(Told(move |event: &Event| {
            one.borrow_mut().push((1, event.sequence))
        }))
        .observe(Told(move |event: &Event| {
            two.borrow_mut().push((2, event.sequence))
        }))
        .observe(Told(move |event: &Event| follows.borrow_mut().apply(event)))
        .build()
        .unwrap();
    event_loop.block_on(async {
        let sleeper = boucle::spawn(boucle::sleep(seconds(9)));
        let waiter = boucle::spawn(async move { sleeper.await.unwrap() });
        boucle::sleep(seconds(1)).await;
        waiter.abort();
    });
    let heard = heard.borrow();
    assert!(
        heard
            .chunks(2)
            .all(|pair| pair[0].0 == 1 && pair[1] == (2, pair[0].1))
    );

    let live = live.borrow();
    let left: Vec<_> = live
        .tasks
        .values()
        .map(|task| (task.id, task.state, &task.waits[..]))
        .collect();
    let timer = WaitsFor::Timer {
        timer: 1,
        deadline: seconds(9),
    };
    assert_eq!(
        left,
        [
            (2, TaskState::Idle, &[timer][..]),
            (3, TaskState::Aborted, &[WaitsFor::Task(2)][..]),
        ]
    );
    assert_eq!(live.ready, [3]);
    assert_eq!(live.timers.keys().collect::<Vec<_>>(), [&1]);
}

/// A recorder shows itself without holding its lock: a writer may ask it for what it has recorded.
#[test]
fn a_recorder_may_be_asked_while_it_is_shown() {
    struct Asks(Recorder);
    impl fmt::Write for Asks {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            let (recorder, (tell, told)) = (self.0.clone(), mpsc::channel());
            // On a thread of its own, so that a deadlock is a failure and no hang.
            thread::spawn(move || tell.send(recorder.trace().loops.len()));
            let loops = told.recv_timeout(Duration::from_secs(10));
            assert_eq!(loops, Ok(1), "the recorder answers meanwhile");
            Ok(())
        }
    }
    let recorder = Recorder::new();
    let builder = EventLoop::builder().observe(recorder.clone());
    drop(builder.build().unwrap());
    write!(Asks(recorder.clone()), "{recorder:?}").unwrap();
    assert_eq!(format!("{recorder:?}"), "Recorder(2 events)");
}

/// An observer may end the process. That drops the loop, if it belongs to a thread-local, while the observer
/// is being called; it is not called again.
#[test]
fn an_observer_may_end_the_process() {
    const TEST: &str = "an_observer_may_end_the_process";
    thread_local! {
        static LOOP: EventLoop = observed(|event| {
            if let EventKind::PollBegins { .. } = event.kind {
                println!("exits");
                process::exit(0);
            }
        });
    }
    if env::var_os("BOUCLE_TEST_CHILD").is_some() {
        return LOOP.with(|event_loop| event_loop.block_on(async {}));
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", TEST, "--nocapture", "--test-threads=1"]);
    let child = child.env("BOUCLE_TEST_CHILD", TEST).output().unwrap();
    let [out, err] = [child.stdout, child.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(child.status.success(), "{out}{err}");
    assert_eq!(out.matches("exits").count(), 1, "{out}{err}");
}

/// What is spawned while its loop closes is refused, and the name that it was to have is not told.
#[test]
fn a_task_that_was_refused_has_no_name() {
    let recorder = Recorder::new();
    let event_loop = EventLoop::builder()
        .virtual_clock()
        .observe(recorder.clone());
    let event_loop = event_loop.build().unwrap();
    let late = common::OnDrop(|| drop(boucle::spawn_named("late", async {})));
    drop(event_loop.spawn(async move {
        let _late = late;
        std::future::pending::<()>().await;
    }));
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    drop(event_loop);
    let trace = recorder.trace();
    let named = |event: &Event| matches!(event.kind, EventKind::Named { .. });
    assert!(!trace.loops[0].events.iter().any(named));
}

/// An observer that panics over what a park has brought ends the run there: no task that was woken is
/// polled before.
#[test]
fn a_panic_over_a_wake_leaves_before_the_next_poll() {
    struct Panics;
    impl Observer for Panics {
        fn observe(&mut self, event: &Event) {
            assert!(
                !matches!(event.kind, EventKind::TimerFired { .. }),
                "an observer"
            );
        }
    }
    let event_loop = EventLoop::builder().virtual_clock().observe(Panics);
    let event_loop = event_loop.build().unwrap();
    let polled = Rc::new(std::cell::Cell::new(false));
    let sets = polled.clone();
    let run = catch_unwind(AssertUnwindSafe(|| {
        event_loop.block_on(async move {
            boucle::sleep(Duration::from_secs(1)).await;
            sets.set(true);
        });
    }));
    assert!(run.is_err() && !polled.get());
}
