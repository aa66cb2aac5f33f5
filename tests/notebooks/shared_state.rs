//! `shared_state`: control passes at an `await` only.

use std::rc::Rc;
use std::time::Duration;

use stage::testing::{documented, expect_manners, lines, run, virtual_loop, virtually};

#[path = "../../examples/shared_state/state.rs"]
mod state;

use state::{Mailbox, count, count_badly, exchange};

#[test]
fn nothing_is_lost_without_an_await_in_between() {
    assert_eq!(virtually(count()).0, 1000);
}

#[test]
fn an_await_in_between_loses_nine_of_ten() {
    assert_eq!(virtually(count_badly()).0, 100);
}

#[test]
fn messages_are_heard_in_the_order_of_the_turns() {
    let ((), printed, _) = virtually(exchange());
    assert_eq!(printed, documented("examples/shared_state/main.rs")[3..]);
}

/// Who waits at an empty mailbox is woken by the message; who comes later finds it.
#[test]
fn a_mailbox_wakes_its_reader() {
    let (heard, ..) = virtually(async {
        let mailbox = Rc::new(Mailbox::default());
        let reading = Rc::clone(&mailbox);
        let reader = boucle::spawn(async move { reading.receive().await });
        boucle::yield_now().await;
        mailbox.send("first".to_owned());
        mailbox.send("second".to_owned());
        (reader.await.unwrap(), mailbox.receive().await)
    });
    assert_eq!(heard, ("first".to_owned(), "second".to_owned()));
}

/// Who waits at an empty mailbox is polled once, and again when there is a message.
#[test]
fn an_empty_mailbox_keeps_nobody_busy() {
    let event_loop = virtual_loop();
    let mailbox = Rc::new(Mailbox::default());
    let reading = Rc::clone(&mailbox);
    drop(event_loop.spawn(async move { drop(reading.receive().await) }));
    let polls = || event_loop.turn(Some(Duration::ZERO)).unwrap().polled;
    assert_eq!([polls(), polls()], [1, 0]);
    mailbox.send("here it is".to_owned());
    assert_eq!(polls(), 1);
}

#[test]
fn shared_state_prints_what_its_header_says() {
    let example = run("shared_state", &[]);
    assert_eq!(lines(&example), documented("examples/shared_state/main.rs"));
    assert!(example.status.success());
}

#[test]
fn shared_state_has_manners() {
    expect_manners("shared_state", "usage: shared_state");
}
