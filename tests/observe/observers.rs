//! Observers: what they may do and may not, their panics, and the live state and the recorder.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;
use std::{process, thread};

use boucle::observe::{Event, EventKind, Live, Observer, TaskState, WaitsFor};
use boucle::trace::Recorder;
use boucle::{EventLoop, JoinHandle};
use futures::task::LocalSpawnExt;
use futures_lite::future;

use crate::common::{Bomb, Log, Observing, child, holds, is_child, observed_by, panic_of, secs, turn};

/// An observer that uses a loop gets a panic with the reason; the loop can be used afterwards.
#[test]
fn an_observer_may_not_use_the_loop() {
    type Uses = fn(&EventLoop);
    let uses: [(&str, Uses); 7] = [
        ("spawn", |_| drop(boucle::spawn(async {}))),
        ("stop", |_| boucle::stop()),
        ("boucle::run", |_| boucle::run(async {})),
        ("spawn", |other| drop(other.spawn(async {}))),
        ("spawn", |other| drop(other.spawn_local(async {}))),
        ("block_on", |other| other.block_on(async {})),
        ("LoopHandle::dump", |other| drop(other.handle().dump(Duration::MAX))),
    ];
    for (what, uses) in uses {
        let other = EventLoop::new().unwrap();
        let event_loop = observed_by(move |event| {
            if let EventKind::Spawned { .. } = event.kind {
                uses(&other);
            }
        });
        let message = panic_of(|| {
            event_loop.block_on(async { boucle::spawn(async {}).await.unwrap() });
        });
        let expected = format!("{what} was used by an observer: it sees the loop, and may not use it");
        assert_eq!(message, expected);
        assert_eq!(event_loop.block_on(async { 6 * 7 }), 42);
    }
}

/// A panic of an observer comes out of `block_on`, not into a task, and the observer gets no more events.
#[test]
fn a_panic_of_an_observer_comes_out() {
    let count = Rc::new(RefCell::new(0));
    let counts = Rc::clone(&count);
    let event_loop = observed_by(move |event| {
        *counts.borrow_mut() += 1;
        assert!(!matches!(event.kind, EventKind::PollBegins { task: 2 }), "enough");
    });
    let task = event_loop.spawn(async { 1 });
    let message = panic_of(|| {
        event_loop.block_on(future::pending::<()>());
    });
    assert_eq!(message, "enough");
    let before = *count.borrow();
    assert_eq!(event_loop.block_on(task).unwrap(), 1);
    assert_eq!(*count.borrow(), before);
}

/// Other observers go on when one has panicked. Of two panics at one event, the first comes out.
#[test]
fn the_other_observers_go_on() {
    struct Panics(&'static str);

    impl Observer for Panics {
        fn observe(&mut self, event: &Event) {
            assert!(!matches!(event.kind, EventKind::PollBegins { .. }), "{}", self.0);
        }
    }

    let recorder = Recorder::new();
    let builder = EventLoop::builder().virtual_clock().observe(Panics("one")).observe(recorder.clone());
    let event_loop = builder.observe(Panics("other")).build().unwrap();
    assert_eq!(panic_of(|| event_loop.block_on(future::pending::<()>())), "one");
    assert_eq!(event_loop.block_on(async { 7 }), 7);
    drop(event_loop);
    let trace = recorder.trace();
    let sequence = trace.loops[0].events.iter().map(|event| event.sequence);
    assert!(sequence.eq(1..=trace.loops[0].events.len() as u64), "none is missing");
    assert_eq!(trace.loops[0].events.back().unwrap().kind, EventKind::Closed);
}

/// When a destructor runs, all that came before has been observed: here the end of the task before.
#[test]
fn a_destructor_runs_after_the_observer() {
    let log = Log::default();
    let observed = log.clone();
    let event_loop = observed_by(move |event| {
        if let EventKind::Finished { task, .. } = event.kind {
            observed.add(format!("end of {task}"));
        }
    });
    let tasks = ["drop of 1", "drop of 2"].map(|line| event_loop.spawn(holds(log.on_drop(line))));
    turn(&event_loop);
    tasks.iter().for_each(JoinHandle::abort);
    turn(&event_loop);
    assert_eq!(log.take(), ["drop of 1", "end of 1", "drop of 2", "end of 2"]);
}

/// An observer may wake a task: here it sends into a channel.
#[test]
fn an_observer_may_wake() {
    let (send, receive) = async_channel::unbounded();
    let event_loop = observed_by(move |event| {
        if let EventKind::TimerFired { .. } = event.kind {
            send.try_send(()).unwrap();
        }
    });
    event_loop.block_on(async move {
        let sleeper = boucle::spawn(boucle::sleep(secs(1)));
        receive.recv().await.unwrap();
        sleeper.await.unwrap();
    });
}

/// An observer may abort a task and drop several things at once, even while it panics, when a second panic
/// would end the process.
#[test]
fn an_observer_may_drop_and_abort() {
    for panics in [false, true] {
        let kept = Rc::new(RefCell::new(Vec::<Box<dyn Any>>::new()));
        let aborted = Rc::new(RefCell::new(None::<JoinHandle<()>>));
        let (drops, aborts) = (Rc::clone(&kept), Rc::clone(&aborted));
        let event_loop = observed_by(move |event| {
            if let EventKind::TimerFired { .. } = event.kind {
                aborts.borrow().as_ref().unwrap().abort();
                let _dropped = drops.take();
                assert!(!panics, "while it drops");
            }
        });
        let main = async {
            aborted.replace(Some(boucle::spawn(future::pending())));
            let mut sleep = Box::pin(boucle::sleep(secs(9)));
            assert!(future::poll_once(&mut sleep).await.is_none());
            let listener = boucle::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut gather = Box::pin(boucle::gather([future::pending::<()>()]));
            assert!(future::poll_once(&mut gather).await.is_none());
            let detached = boucle::spawn(boucle::sleep(secs(2)));
            let any: [Box<dyn Any>; 4] =
                [Box::new(sleep), Box::new(listener), Box::new(gather), Box::new(detached)];
            kept.borrow_mut().extend(any);
            boucle::sleep(secs(1)).await;
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
        event_loop.block_on(boucle::sleep(secs(3)));
        assert_eq!(turn(&event_loop).left, 0);
    }
}

/// An observer may drop another loop, even an observed one, and may not use its own afterwards either.
#[test]
fn an_observer_may_drop_a_loop() {
    let closed = Rc::new(RefCell::new(0));
    let closes = Rc::clone(&closed);
    let other = observed_by(move |event| {
        *closes.borrow_mut() += usize::from(event.kind == EventKind::Closed);
    });
    let mut other = Some(other);
    let event_loop = observed_by(move |event| {
        if let EventKind::MainEntered { .. } = event.kind {
            drop(other.take());
            boucle::run(async {});
        }
    });
    let message = panic_of(|| event_loop.block_on(async {}));
    assert!(message.contains("was used by an observer"), "{message}");
    assert_eq!(*closed.borrow(), 1);
}

/// An observer may make a loop, observed or not, and drop it.
#[test]
fn an_observer_may_make_a_loop() {
    let event_loop = observed_by(|event| {
        if let EventKind::MainEntered { .. } = event.kind {
            drop(EventLoop::new().unwrap());
            drop(observed_by(|_| ()));
        }
    });
    assert_eq!(event_loop.block_on(async { 7 }), 7);
}

/// A panic of an observer's destructor, or of its panic's payload, is caught at the end of the loop.
#[test]
fn an_observer_that_panics_when_it_drops_ends_quietly() {
    for panics in [false, true] {
        let bomb = Bomb("dropped");
        let event_loop = observed_by(move |event| {
            let _kept = &bomb;
            if panics && event.kind == EventKind::Closed {
                std::panic::panic_any(Bomb("dropped"));
            }
        });
        event_loop.block_on(async {});
        assert!(catch_unwind(AssertUnwindSafe(|| drop(event_loop))).is_ok());
    }
}

/// Two observers get the same events, in the order in which they were added; and a live state that
/// follows the events agrees with the loop.
#[test]
fn a_live_state_follows() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (one, two) = (Rc::clone(&seen), Rc::clone(&seen));
    let live = Rc::new(RefCell::new(Live::default()));
    let follows = Rc::clone(&live);
    let builder = EventLoop::builder().virtual_clock();
    let event_loop = builder
        .observe(Observing(move |event: &Event| one.borrow_mut().push((1, event.sequence))))
        .observe(Observing(move |event: &Event| two.borrow_mut().push((2, event.sequence))))
        .observe(Observing(move |event: &Event| follows.borrow_mut().apply(event)))
        .build()
        .unwrap();
    event_loop.block_on(async {
        let sleeper = boucle::spawn(boucle::sleep(secs(9)));
        let waiter = boucle::spawn(async move { sleeper.await.unwrap() });
        boucle::sleep(secs(1)).await;
        waiter.abort();
    });
    let seen = seen.borrow();
    assert!(seen.chunks(2).all(|pair| pair[0].0 == 1 && pair[1] == (2, pair[0].1)));

    let live = live.borrow();
    let left: Vec<_> = live.tasks.values().map(|task| (task.id, task.state, &task.waits[..])).collect();
    let timer = WaitsFor::Timer { timer: 1, deadline: secs(9) };
    assert_eq!(
        left,
        [(2, TaskState::Idle, &[timer][..]), (3, TaskState::Aborted, &[WaitsFor::Task(2)][..]),]
    );
    assert_eq!(live.ready, [3]);
    assert_eq!(live.timers.keys().collect::<Vec<_>>(), [&1]);
}

/// A recorder does not hold its lock while it is formatted: the writer may take its trace.
#[test]
fn a_recorder_may_be_used_while_it_is_formatted() {
    struct Traces(Recorder);
    impl fmt::Write for Traces {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            let (recorder, (sender, receiver)) = (self.0.clone(), mpsc::channel());
            // On a thread of its own, so that a deadlock is a failure and no hang.
            thread::spawn(move || sender.send(recorder.trace().loops.len()));
            let loops = receiver.recv_timeout(Duration::from_secs(10));
            assert_eq!(loops, Ok(1), "the recorder answers meanwhile");
            Ok(())
        }
    }
    let recorder = Recorder::new();
    let builder = EventLoop::builder().observe(recorder.clone());
    drop(builder.build().unwrap());
    write!(Traces(recorder.clone()), "{recorder:?}").unwrap();
    assert_eq!(format!("{recorder:?}"), "Recorder(2 events)");
}

/// An observer may end the process. That drops a loop in a thread-local while the observer is being
/// called; it is not called again.
#[test]
fn an_observer_may_end_the_process() {
    const TEST: &str = "observers::an_observer_may_end_the_process";
    thread_local! {
        static LOOP: EventLoop = observed_by(|event| {
            if let EventKind::PollBegins { .. } = event.kind {
                println!("exits");
                process::exit(0);
            }
        });
    }
    if is_child(TEST) {
        return LOOP.with(|event_loop| event_loop.block_on(async {}));
    }
    let output = child(TEST, TEST).arg("--test-threads=1").output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(out.matches("exits").count(), 1, "{out}{err}");
}

/// An observer that panics when a timer fires ends the run there: the woken task is not polled first.
#[test]
fn a_panic_at_a_wake_ends_the_run_before_the_next_poll() {
    let event_loop = observed_by(|event| {
        assert!(!matches!(event.kind, EventKind::TimerFired { .. }), "an observer");
    });
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

/// When a panic of an observer has left the loop, what the program spawns is not put down to the task that was
/// polled last.
#[test]
fn what_follows_a_panic_of_an_observer_is_done_by_no_task() {
    let panics = Observing(|event: &Event| assert!(!matches!(event.kind, EventKind::PollEnds { .. })));
    let recorder = Recorder::new();
    let event_loop = EventLoop::builder().observe(panics).observe(recorder.clone()).build().unwrap();
    drop(event_loop.spawn(async {}));
    assert!(catch_unwind(AssertUnwindSafe(|| event_loop.turn(None))).is_err());
    drop(event_loop.spawn(async {}));
    drop(event_loop);
    let trace = recorder.trace();
    let parents = trace.loops[0].events.iter().filter_map(|event| match event.kind {
        EventKind::Spawned { parent, .. } => Some(parent),
        _ => None,
    });
    assert_eq!(parents.collect::<Vec<_>>(), [None, None]);
}
