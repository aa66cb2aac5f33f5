//! `timeout`: whether the value or the deadline wins, and when the future is dropped.

use std::cell::Cell;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use boucle::{Elapsed, now, sleep, spawn, timeout};
use futures_lite::future::poll_once;

use super::Log;
use crate::common::{HOUR, OnDrop, holds, ms, panic_of, virtual_loop, virtually};

/// A timeout polls its future first: if that is ready, its value wins, at the deadline, after it, and
/// with no time at all.
#[test]
fn a_value_wins_over_a_timeout() {
    virtually(async {
        assert_eq!(timeout(Duration::ZERO, async { 1 }).await, Ok(1));
        let same = timeout(ms(10), async {
            sleep(ms(10)).await;
            2
        });
        assert_eq!(same.await, Ok(2));
        let late = timeout(ms(10), async {
            sleep(ms(5)).await;
            3
        });
        sleep(ms(50)).await;
        // Both are over by now, and the future needs one poll to find out.
        let start = now();
        assert_eq!(late.await, Err(Elapsed));
        assert_eq!(now(), start);
        let (sender, receiver) = async_channel::bounded(1);
        let late = timeout(ms(10), async move { receiver.recv().await.unwrap() });
        sleep(ms(50)).await;
        sender.try_send(4).unwrap();
        assert_eq!(late.await, Ok(4));
    });
}

/// When the time is over, the timeout is ready. Its future is dropped with it, neither before nor after.
#[test]
fn a_timeout_ends_at_its_deadline() {
    virtually(async {
        let start = now();
        let dropped = Rc::new(Cell::new(false));
        let sets = dropped.clone();
        let guard = OnDrop(move || sets.set(true));
        let mut ended = pin!(timeout(ms(10), holds(guard)));
        assert_eq!(ended.as_mut().await, Err(Elapsed));
        assert_eq!(now() - start, ms(10));
        assert!(!dropped.get());
        let sets = dropped.clone();
        let guard = OnDrop(move || sets.set(true));
        let result = timeout(ms(10), holds(guard)).await;
        assert_eq!(result, Err(Elapsed));
        assert!(dropped.get());
        assert_eq!(Elapsed.to_string(), "the deadline has passed");
        let error = io::Error::from(Elapsed);
        assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::TimedOut, Elapsed.to_string()));
    });
}

/// Of two nested timeouts the shorter one elapses; of equal ones, the inner.
#[test]
fn timeouts_nest() {
    virtually(async {
        let start = now();
        let inner = timeout(ms(20), timeout(ms(10), pending::<()>())).await;
        assert_eq!((inner, now() - start), (Ok(Err(Elapsed)), ms(10)));
        let outer = timeout(ms(10), timeout(ms(20), pending::<()>())).await;
        assert_eq!((outer, now() - start), (Err(Elapsed), ms(20)));
        let equal = timeout(ms(10), timeout(ms(10), pending::<()>())).await;
        assert_eq!((equal, now() - start), (Ok(Err(Elapsed)), ms(30)));
    });
}

/// A timeout of a handle leaves its task running.
#[test]
fn a_timeout_of_a_handle_does_not_end_the_task() {
    virtually(async {
        let log = Log::new();
        let task_log = log.clone();
        let mut handle = spawn(async move {
            sleep(ms(100)).await;
            task_log.add("task");
            7
        });
        assert!(timeout(ms(10), &mut handle).await.is_err());
        log.add("timeout");
        assert_eq!(handle.await.unwrap(), 7);
        log.assert(&[("timeout", ms(10)), ("task", ms(100))]);
    });
}

/// Dropping a waiting timeout cancels its timer and drops its future.
#[test]
fn a_dropped_timeout_leaves_nothing_behind() {
    let event_loop = virtual_loop();
    let start = event_loop.block_on(async { now() });
    let message = panic_of(|| {
        event_loop.block_on(async {
            let shared = Rc::new(());
            let held = shared.clone();
            let mut waiting = Box::pin(timeout(HOUR, async move {
                let _held = held;
                sleep(2 * HOUR).await;
            }));
            assert!(poll_once(&mut waiting).await.is_none());
            assert_eq!(Rc::strong_count(&shared), 2);
            drop(waiting);
            assert_eq!(Rc::strong_count(&shared), 1);
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock"), "{message}");
    assert_eq!(event_loop.block_on(async { now() }), start);
}
