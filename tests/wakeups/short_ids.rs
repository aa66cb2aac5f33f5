//! A waker has its loop's short id, which is used again after at most 4,096 loops: a stale waker may then
//! look like a live one. So each of these tests runs in a process of its own.

use std::future::{pending, ready};
use std::sync::mpsc;
use std::task::Waker;
use std::thread;

use boucle::EventLoop;

use crate::common::{OnDrop, own_binary, passes_alone, turn, virtual_loop, waiting_on};

/// A stale waker causes at worst one spurious poll in a later loop with the same short id.
#[test]
fn a_stale_waker_does_not_disturb_a_later_loop() {
    if passes_alone(own_binary(), "short_ids::a_stale_waker_does_not_disturb_a_later_loop") {
        return;
    }
    let event_loop = virtual_loop();
    let stale = waiting_on(&event_loop).waker();
    drop(event_loop);
    for _ in 0..4_200 {
        let event_loop = virtual_loop();
        let gate = waiting_on(&event_loop);
        stale.wake_by_ref();
        wake_from_a_thread(&stale);
        assert!(turn(&event_loop).polled <= 1);
        assert!(turn(&event_loop).polled <= 1);
        assert_eq!(turn(&event_loop).polled, 0);
        gate.open();
        assert_eq!(turn(&event_loop).left, 0);
    }
}

/// The handle of a task whose loop is gone takes no later loop for its own, not even one with the same short id.
#[test]
fn a_stale_handle_belongs_to_no_later_loop() {
    if passes_alone(own_binary(), "short_ids::a_stale_handle_belongs_to_no_later_loop") {
        return;
    }
    let stale = virtual_loop().spawn(pending::<()>());
    for _ in 0..4_200 {
        let _later = virtual_loop();
        assert!(stale.is_finished());
    }
}

/// Wakes from a thread that has no loop.
fn wake_from_a_thread(waker: &Waker) {
    thread::scope(|scope| {
        scope.spawn(|| waker.wake_by_ref());
    });
}

/// The short id of a loop is not used again before the loop is gone. (The race: a destructor that the
/// closing loop runs last lets another thread make loops until one would have the same short id, and
/// wakes a task of that loop. If both had that id, the wake would go to the closing loop, and be lost.)
#[test]
fn a_wake_reaches_a_loop_that_was_made_while_another_one_closed() {
    /// Returns the loop's number.
    fn sequence(event_loop: &EventLoop) -> usize {
        let debug = format!("{event_loop:?}");
        let digits = debug.trim_matches(|c: char| !c.is_ascii_digit());
        digits.parse().unwrap()
    }
    if passes_alone(own_binary(), "short_ids::a_wake_reaches_a_loop_that_was_made_while_another_one_closed") {
        return;
    }
    let closing = virtual_loop();
    let short = sequence(&closing) % 4096;
    let (ask, asked) = mpsc::channel::<()>();
    let (give, given) = mpsc::channel::<Waker>();
    let (woke, has_woken) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        asked.recv().unwrap();
        let later = (0..16 * 4096)
            .map(|_| virtual_loop())
            .find(|event_loop| sequence(event_loop) % 4096 == short)
            .expect("the numbers go round");
        let gate = waiting_on(&later);
        give.send(gate.waker()).unwrap();
        has_woken.recv().unwrap();
        turn(&later).woken_by_inbox
    });
    let guard = OnDrop(move || {
        ask.send(()).unwrap();
        given.recv().unwrap().wake();
        woke.send(()).unwrap();
    });
    let unread = move || {
        drop(guard);
        ready(())
    };
    closing.handle().spawn(unread).unwrap();
    drop(closing);
    assert_eq!(thread.join().unwrap(), 1);
}
