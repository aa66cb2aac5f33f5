//! `generators`: frozen frames, and a scheduler for them.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use boucle::gather;
use stage::stdout::capture;
use stage::testing::{documented, expect_usage, lines, run, virtually};

#[path = "../../generators/coroutines.rs"]
mod coroutines;
#[path = "../../generators/scheduler.rs"]
mod scheduler;
#[path = "../../generators/talk.rs"]
mod talk;

use coroutines::count;
use talk::{Generator, NotStarted, Talk, dwarfs, started};

/// A talk prints what is sent to it, until "stop".
#[test]
fn a_talk_prints_what_it_is_sent_until_stop() {
    let mut talk = Talk::Start;
    let (ends, printed) = capture(|| {
        let started = talk.next();
        let surprise = talk.send("Surprise!");
        let stop = talk.send("stop");
        (started, surprise, stop, talk.send("more"))
    });
    assert_eq!(ends, (Some(()), Ok(Some(())), Ok(None), Ok(None)));
    assert_eq!(printed, ["Get ready for this", "Surprise!", "stop"]);
}

/// A value sent before the start is refused, and the talk can still be started.
#[test]
fn nothing_can_be_sent_before_the_start() {
    let mut talk = Talk::Start;
    let (error, printed) = capture(|| talk.send("Surprise!"));
    assert_eq!(error, Err(NotStarted));
    assert!(printed.is_empty());
    let ((), printed) = capture(|| {
        let _ = started(talk);
    });
    assert_eq!(printed, ["Get ready for this"]);
}

/// After the names, `yield from` yields what the talk yields, and passes on what is sent.
#[test]
fn yield_from_yields_and_passes_on() {
    let mut dwarfs = dwarfs();
    let ((), printed) = capture(|| {
        let names: Vec<_> = (0..7).filter_map(|_| dwarfs.next().flatten()).collect();
        assert_eq!((names[0], names[6]), ("Grumpy", "Doc"));
        assert_eq!(dwarfs.send("too early"), Err(NotStarted));
        assert_eq!(dwarfs.next(), Some(None));
        assert_eq!(dwarfs.send("Surprise!"), Ok(Some(None)));
        assert_eq!(dwarfs.send("stop"), Ok(None));
    });
    assert_eq!(printed, ["Get ready for this", "Surprise!", "stop"]);
}

#[test]
fn the_scheduler_by_hand_and_boucle_poll_in_the_same_order() {
    let names = ["a", "b", "c", "d"];
    let coroutine = |name| -> scheduler::Coroutine { Box::pin(count(name)) };
    let ((), by_hand) = capture(|| scheduler::run(names.map(coroutine).into()));
    let (_, on_boucle, _) = virtually(gather(names.map(count)));
    assert_eq!(by_hand.len(), 12);
    assert_eq!(by_hand[..5], ["a 1", "b 1", "c 1", "d 1", "a 2"]);
    assert_eq!(by_hand, on_boucle);
}

/// A coroutine that another thread wakes is polled twice, and not again and again meanwhile.
#[test]
fn the_scheduler_sleeps_until_it_is_woken() {
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&polls);
    let due = Arc::new(AtomicBool::new(false));
    let woken = poll_fn(move |cx| {
        if due.load(SeqCst) {
            return Poll::Ready(());
        }
        if counted.fetch_add(1, SeqCst) == 0 {
            let (due, waker) = (Arc::clone(&due), cx.waker().clone());
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                due.store(true, SeqCst);
                waker.wake();
            });
        }
        Poll::Pending
    });
    scheduler::run(vec![Box::pin(woken)]);
    assert_eq!(polls.load(SeqCst), 1, "polls in vain");
}

#[cfg(target_os = "linux")]
#[test]
fn the_scheduler_takes_no_cpu_while_none_is_ready() {
    let cpu = || {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
    };
    let mut woken = false;
    let waits = poll_fn(move |cx| {
        if woken {
            return Poll::Ready(());
        }
        woken = true;
        let waker = cx.waker().clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            waker.wake();
        });
        Poll::Pending
    });
    let before = cpu();
    scheduler::run(vec![Box::pin(waits)]);
    assert!(cpu() - before < Duration::from_millis(50));
}

#[test]
fn generators_prints_what_its_header_says() {
    let generators = run("generators", &[]);
    assert_eq!(lines(&generators), documented("generators/main.rs"));
    assert!(generators.status.success());
}

#[test]
fn generators_answers_help_and_refuses_unknown_options() {
    expect_usage("generators", "usage: generators");
}
