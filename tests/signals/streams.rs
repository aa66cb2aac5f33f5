//! What a stream receives, and which waker it keeps.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;

use boucle::signal::{SignalKind, stream};
use boucle::{Elapsed, dump, now, spawn, timeout, yield_now};
use futures_core::Stream;
use futures_lite::future::{block_on, poll_once};

use crate::common::{HOUR, LONG, ms, observed_by, panic_of, passes_at_once, run, virtually, waker_of};
use crate::{poll, raise};

/// Each signal is received once, by `recv` or as an item of the stream, and by no stream of another signal.
#[test]
fn a_stream_receives_each_signal_once() {
    run(async {
        let mut signals = stream(SignalKind::UserDefined1).unwrap();
        let mut others = stream(SignalKind::Quit).unwrap();
        for _ in 0..50 {
            assert_eq!(poll(&mut signals), Poll::Pending);
            raise(SignalKind::UserDefined1);
            signals.recv().await;
            assert_eq!(poll(&mut signals), Poll::Pending);
            raise(SignalKind::UserDefined1);
            assert_eq!(poll_fn(|cx| Pin::new(&mut signals).poll_next(cx)).await, Some(()));
        }
        assert_eq!(poll(&mut others), Poll::Pending);
    });
}

/// Signals that come between two polls of a stream count as one. (The other stream waits for each of them.)
#[test]
fn signals_between_two_polls_are_one() {
    run(async {
        let mut seldom = stream(SignalKind::UserDefined2).unwrap();
        let mut often = stream(SignalKind::UserDefined2).unwrap();
        for _ in 0..3 {
            raise(SignalKind::UserDefined2);
            often.recv().await;
        }
        assert_eq!(poll(&mut seldom), Poll::Ready(()));
        assert_eq!(poll(&mut seldom), Poll::Pending);
    });
}

/// A signal reaches all that wait for it: tasks of loops on several threads, and a future that no loop runs.
#[test]
fn a_signal_reaches_every_loop() {
    const KIND: SignalKind = SignalKind::Hangup;
    let mut own = stream(KIND).unwrap();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let [mut one, mut other] = [(), ()].map(|()| stream(KIND).unwrap());
            thread::spawn(move || {
                run(async {
                    let task = spawn(async move { one.recv().await });
                    other.recv().await;
                    task.await.unwrap();
                });
            })
        })
        .collect();
    raise(KIND);
    for thread in threads {
        thread.join().unwrap();
    }
    block_on(own.recv());
}

/// A stream wakes the task of its last poll alone. It drops a waker when another one replaces it, when the
/// signal has come, and with itself.
#[test]
fn a_stream_wakes_the_task_of_its_last_poll() {
    let (log, lines) = mpsc::channel();
    let waker = |number| {
        let [woken, dropped] = [log.clone(), log.clone()];
        let wake = move || woken.send((number, "woken")).unwrap();
        waker_of(wake, move || dropped.send((number, "dropped")).unwrap())
    };
    let mut signals = stream(SignalKind::Alarm).unwrap();
    let mut is_pending = |number| signals.poll_recv(&mut Context::from_waker(&waker(number))).is_pending();
    assert!(is_pending(0) && is_pending(1));
    assert_eq!(lines.recv(), Ok((0, "dropped")));
    raise(SignalKind::Alarm);
    assert_eq!(lines.recv_timeout(LONG), Ok((1, "woken")));
    assert_eq!(lines.recv_timeout(LONG), Ok((1, "dropped")));
    assert!(!is_pending(2));
    assert_eq!(lines.recv(), Ok((2, "dropped")));
    assert!(is_pending(3));
    drop(signals);
    assert_eq!(lines.recv(), Ok((3, "dropped")));
    assert!(lines.try_recv().is_err());
}

/// A `recv` that is dropped drops its waker at once. The stream still receives, and does not wake it.
#[test]
fn a_recv_that_is_dropped_leaves_no_waker() {
    const KIND: SignalKind = SignalKind::Terminate;
    let (log, lines) = mpsc::channel();
    let [woken, dropped] = [log.clone(), log];
    let wake = move || woken.send("woken").unwrap();
    let waker = waker_of(wake, move || dropped.send("dropped").unwrap());
    let mut signals = stream(KIND).unwrap();
    let mut wait = Box::pin(signals.recv());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop((wait, waker));
    assert_eq!(lines.try_recv(), Ok("dropped"));
    raise(KIND);
    block_on(signals.recv());
    assert!(lines.try_recv().is_err());
}

/// When its only wait for a signal was dropped, a loop is in a deadlock, although the stream still exists.
#[test]
fn a_recv_that_is_dropped_holds_no_loop() {
    let (report, reported) = mpsc::channel();
    thread::spawn(move || {
        let message = panic_of(|| {
            virtually(async {
                let mut signals = stream(SignalKind::Pipe).unwrap();
                assert_eq!(timeout(HOUR, signals.recv()).await, Err(Elapsed));
                pending::<()>().await;
                drop(signals);
            })
        });
        report.send(message).unwrap();
    });
    let message = reported.recv_timeout(LONG).unwrap();
    assert!(message.starts_with("deadlock"), "{message}");
}

/// A wait for a signal does not hold a virtual clock. A loop that only waits for a signal parks until it
/// comes; once the stream is dropped, the loop is in a deadlock.
#[test]
fn a_virtual_loop_waits_for_a_signal() {
    const KIND: SignalKind = SignalKind::Continue;
    virtually(async {
        let start = now();
        let mut signals = stream(KIND).unwrap();
        assert_eq!(timeout(HOUR, signals.recv()).await, Err(Elapsed));
        assert_eq!(now() - start, HOUR);
        let mut wait = pin!(signals.recv());
        assert!(poll_once(&mut wait).await.is_none());
        assert!(passes_at_once(HOUR).await);
        yield_now().await;
        let other = thread::spawn(|| {
            thread::sleep(ms(20));
            raise(KIND);
        });
        wait.await;
        other.join().unwrap();
    });
    let message = panic_of(|| {
        virtually(async {
            let mut signals = stream(KIND).unwrap();
            assert!(poll_once(signals.recv()).await.is_none());
            drop(signals);
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock"), "{message}");
}

/// A dump says which signal a task waits for.
#[test]
fn a_dump_names_the_signal() {
    observed_by(|_| ()).block_on(async {
        let _waits = spawn(async { stream(SignalKind::WindowChange).unwrap().recv().await });
        yield_now().await;
        let dump = dump().to_string();
        assert!(dump.contains("SIGWINCH"), "{dump}");
    });
}
