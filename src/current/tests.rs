use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::event_loop::EventLoop;
use crate::lifecycle;
use crate::observe::observers::Observers;
use crate::wake::waker::waker;

fn open() -> LoopNumber {
    lifecycle::open(false, None, Observers::default(), None).unwrap()
}

fn is_here(number: LoopNumber) -> bool {
    find(number).is_some()
}

/// A loop may leave the list of its thread from any place in it. Those that stay are found, and no others.
#[test]
fn a_loop_leaves_the_list_from_any_place() {
    for place in 0..4 {
        let mut loops: Vec<_> = (0..4).map(|_| open()).collect();
        let gone = loops.remove(place);
        lifecycle::close(gone);
        assert!(!is_here(gone));
        assert!(loops.iter().all(|number| is_here(*number)));
        loops.into_iter().for_each(lifecycle::close);
    }
}

/// An allocator's hook that calls back while a table grows does not reach the state: its wake goes through
/// the inbox, and any other use panics with a message.
#[test]
fn a_use_within_a_use_is_refused() {
    let number = open();
    let task = TaskNumber::new(number, 1, 0);
    let running_loop = Running::enter(number);
    running(|state| {
        assert!(!is_here(number));
        waker(task).wake_by_ref();
        let refused = catch_unwind(|| running(|_| ())).unwrap_err();
        let message = refused.downcast_ref::<String>().unwrap();
        assert!(message.contains("tables of loop"), "{message}");
        state.holds = 7;
    });
    drop(running_loop);
    let state = expect(number);
    assert_eq!(state.holds, 7);
    let mut messages = VecDeque::new();
    state.inbox.drain(&mut messages);
    assert!(matches!(messages.pop_front(), Some(Message::Wake(0))));
    drop(state);
    lifecycle::close(number);
}

/// A loop that such a hook drops while its state is in use is not found afterwards, and has no owner. Its
/// state leaks, as it has to, so Miri does not run this.
#[test]
#[cfg_attr(miri, ignore = "leaks on purpose")]
fn a_loop_that_is_dropped_while_it_is_in_use_does_not_come_back() {
    let event_loop = EventLoop::new().unwrap();
    let number = event_loop.handle().loop_number;
    let state = expect(number);
    drop(event_loop);
    drop(state);
    assert!(!is_here(number) && !inbox::has_owner(number));
}

/// The messages that such a loop has not read are dropped, and a panic of one of them stops there.
#[test]
#[cfg_attr(miri, ignore = "leaks on purpose")]
fn what_a_loop_that_is_in_use_has_not_read_is_dropped_quietly() {
    static IS_DROPPED: AtomicBool = AtomicBool::new(false);
    struct Unread;
    impl Drop for Unread {
        fn drop(&mut self) {
            IS_DROPPED.store(true, Ordering::Relaxed);
            panic!("on purpose");
        }
    }
    let event_loop = EventLoop::new().unwrap();
    let (handle, unread) = (event_loop.handle(), Unread);
    handle.spawn(move || async { drop(unread) }).unwrap();
    let state = expect(handle.loop_number);
    drop(event_loop);
    drop(state);
    assert!(IS_DROPPED.load(Ordering::Relaxed));
}

/// Two runs may end in the order in which they began, in a program with stackful coroutines. A loop that is
/// gone is not the running one afterwards.
#[test]
fn a_loop_that_is_gone_does_not_run_again_when_runs_do_not_nest() {
    let (one, other) = (open(), open());
    let first = Running::enter(one);
    let second = Running::enter(other);
    assert_eq!(running_number(), Some(other));
    drop(first);
    assert_eq!(running_number(), None);
    lifecycle::close(one);
    drop(second);
    assert_eq!(running_number(), None);
    assert!(is_here(other) && !is_here(one));
    lifecycle::close(other);
}

/// The turn of a loop takes its own state, even if another loop has become the running one.
#[test]
fn a_turn_takes_the_state_of_its_own_loop() {
    let (one, other) = (open(), open());
    let first = Running::enter(one);
    let second = Running::enter(other);
    let state = take(one);
    assert_eq!((state.number, running_number()), (one, Some(one)));
    release(state);
    assert!(is_here(one) && is_here(other));
    drop(second);
    drop(first);
    [one, other].into_iter().for_each(lifecycle::close);
}

/// A loop that one stackful coroutine runs cannot be run by another, even if no loop is the running one: a
/// run that began before has ended meanwhile.
#[test]
fn a_loop_is_run_once_at_a_time() {
    let event_loop = EventLoop::new().unwrap();
    event_loop.block_on(async {
        let _none = Running::enter(LoopNumber::NONE);
        let refused = catch_unwind(AssertUnwindSafe(|| event_loop.turn(None))).unwrap_err();
        let message = refused.downcast_ref::<String>().unwrap();
        assert!(message.contains("cannot be called while loop"), "{message}");
    });
    event_loop.turn(None).unwrap();
}
