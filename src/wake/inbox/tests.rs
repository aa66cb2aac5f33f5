use std::future::pending;
use std::time::Duration;

use super::*;
use crate::event_loop::EventLoop;
use crate::lifecycle::open_poller;
use crate::net::poller::Poller;
use crate::time::sleep::sleep;

/// Many wakes are one message for each slot, and many handles that are made and dropped are one in all.
#[test]
fn many_wakes_of_a_slot_are_one_message() {
    const MANY: usize = if cfg!(miri) { 10 } else { 1_000 };
    let (number, inbox) = claim().unwrap();
    let task = |slot| TaskNumber::new(number, 1, slot);
    for _ in 0..MANY {
        wake(task(3));
        wake(task(200));
    }
    assert_eq!(inbox.lock().messages.len(), 2);
    for _ in 0..MANY {
        add_loop_handle(number);
        remove_loop_handle(number);
    }
    assert_eq!(inbox.lock().messages.len(), 3);

    // Once it is drained, a slot gets a message again.
    let mut drained = VecDeque::new();
    inbox.drain(&mut drained);
    assert_eq!(drained.len(), 3);
    wake(task(200));
    assert_eq!(inbox.lock().messages.len(), 1);
    drop(inbox.close());
    wake(task(3));
    assert!(inbox.lock().messages.is_empty());
    unclaim(number);
}

/// A loop passes its inbox on empty to the next one with its short id: no flag is set in it, whether the wake
/// came before the end or after it, and no handle counts. A message for the first does not reach the second.
#[test]
fn an_inbox_is_empty_for_the_next_loop() {
    let (number, inbox) = claim().unwrap();
    let task = |slot| TaskNumber::new(number, 1, slot);
    add_loop_handle(number);
    wake(task(3));
    drop(inbox.close());
    wake(task(4));
    assert!(send(number, Message::Stop).is_err());
    assert!(inbox.lock().messages.is_empty());
    unclaim(number);
    wake(task(5));

    let next = LoopNumber::new(LoopNumber::next_sequence(), number.short_id());
    inbox.lock().owner = Some(next);
    inbox.lock().reader = Some(next);
    assert_eq!(inbox.outlook(1_024), Outlook::Nothing);
    assert!(send(number, Message::Stop).is_err());
    assert!(inbox.lock().messages.is_empty());
    (3..6).for_each(|slot| wake(task(slot)));
    assert_eq!(inbox.lock().messages.len(), 3);
    drop(inbox.close());
    unclaim(next);
}

/// A handle that outlives its loop does not count for the next one with its short id: a clone of it does not
/// prevent a deadlock there, and its drop does not cause one.
#[test]
fn a_handle_counts_for_its_own_loop_alone() {
    let (number, inbox) = claim().unwrap();
    unclaim(number);
    let next = LoopNumber::new(LoopNumber::next_sequence(), number.short_id());
    inbox.lock().owner = Some(next);
    inbox.lock().reader = Some(next);
    add_loop_handle(number);
    assert_eq!(inbox.outlook(0), Outlook::Nothing);
    add_loop_handle(next);
    remove_loop_handle(number);
    assert_eq!(inbox.outlook(0), Outlook::LoopHandle);
    unclaim(next);
}

/// A wake that is under way (its flag is set, its message not left yet) is still to come, whether or not a
/// handle exists: a virtual clock must not jump.
#[test]
fn a_wake_that_is_under_way_is_still_to_come() {
    let (number, inbox) = claim().unwrap();
    assert!(!inbox.woken.set(70));
    assert_eq!((inbox.outlook(128), inbox.outlook(0)), (Outlook::Message, Outlook::Nothing));
    add_loop_handle(number);
    assert_eq!((inbox.outlook(128), inbox.outlook(0)), (Outlook::Message, Outlook::LoopHandle));
    inbox.woken.clear(70);
    assert_eq!(inbox.outlook(128), Outlook::LoopHandle);
    drop(inbox.close());
    unclaim(number);
}

/// A loop is rung once while it sleeps, and not before or after.
#[test]
fn a_loop_that_is_awake_is_not_rung() {
    let (number, inbox) = claim().unwrap();
    let (mut poller, bell, registry) = Poller::new().unwrap();
    inbox.connect(bell, registry);
    let mut is_rung_by_a_message = || {
        assert!(send(number, Message::Stop).is_ok());
        poller.park(Some(Duration::ZERO)).unwrap();
        !poller.events.is_empty()
    };
    let drain = || inbox.drain(&mut VecDeque::new());
    assert!(!is_rung_by_a_message());
    assert!(!inbox.fall_asleep(), "a message waits");
    drain();
    assert!(inbox.fall_asleep());
    drain(); // ends the sleep
    assert!(!is_rung_by_a_message());
    drain();
    assert!(inbox.fall_asleep());
    assert!(is_rung_by_a_message());
    assert!(!is_rung_by_a_message());
    drop(inbox.close());
    unclaim(number);
}

/// A virtual clock does not jump while a wake is on its way: its flag is set, and another thread is about to
/// leave the message. (The bell ends the real park.)
#[test]
fn a_virtual_clock_waits_for_a_wake_on_its_way() {
    const SLOT: u32 = 1;
    let event_loop = EventLoop::builder().virtual_clock().build().unwrap();
    drop(event_loop.spawn(sleep(Duration::from_secs(3_600))));
    drop(event_loop.spawn(pending::<()>()));
    event_loop.turn(Some(Duration::ZERO)).unwrap();

    open_poller(event_loop.handle().loop_number).unwrap();
    let inbox = inbox(event_loop.handle().loop_number.short_id());
    let mut read = VecDeque::new();
    inbox.drain(&mut read);
    inbox.woken.set(SLOT);
    inbox.lock().bell.as_ref().unwrap().wake().unwrap();
    assert_eq!(event_loop.turn(None).unwrap().woken_by_timers, 0);
    inbox.push_wake(SLOT);
    assert_eq!(event_loop.turn(None).unwrap().woken_by_inbox, 1);
}
