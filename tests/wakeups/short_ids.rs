//! The short number of a loop, which its wakers carry, is used again after 4,096 loops, and a stale waker
//! may then look like a live one. So each of these tests runs in a process of its own.

use std::future::ready;
use std::sync::mpsc;
use std::task::Waker;
use std::thread;

use boucle::EventLoop;

use crate::common::{OnDrop, own_binary, passes_alone, turn, virtual_loop, waiting_on};

/// Short numbers are used again after 4,096 loops. A waker from before may then at worst cause one
/// spurious poll.
#[test]
fn a_waker_of_a_dead_loop_does_not_disturb_a_later_one() {
    if passes_alone(own_binary(), "short_ids::a_waker_of_a_dead_loop_does_not_disturb_a_later_one") {
        return;
    }
    let event_loop = virtual_loop();
    let stale = waiting_on(&event_loop).waker();
    drop(event_loop);
    for _ in 0..4_200 {
        let event_loop = virtual_loop();
        let gate = waiting_on(&event_loop);
        stale.wake_by_ref();
        inbox_wake(&stale);
        assert!(turn(&event_loop).polled <= 1);
        assert!(turn(&event_loop).polled <= 1);
        assert_eq!(turn(&event_loop).polled, 0);
        gate.open();
        assert_eq!(turn(&event_loop).left, 0);
    }
}

/// Wakes from a thread that has no loop.
fn inbox_wake(waker: &Waker) {
    thread::scope(|scope| {
        scope.spawn(|| waker.wake_by_ref());
    });
}

/// The number of a loop is not used again before the loop has left its thread. (The race: a destructor
/// that the closing loop runs last lets another thread make loops until one has the same short number,
/// and wakes a task of it. If that number were given out already, the wake would go to the dying loop of
/// this thread, and be lost.)
#[test]
fn a_wake_reaches_a_loop_that_was_made_while_another_one_closed() {
    /// Returns how many loops were made before this one.
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
            .find(|it| sequence(it) % 4096 == short)
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
