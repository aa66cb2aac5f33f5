//! `shared_state`: control passes at an `await` only.

use std::rc::Rc;
use std::time::Duration;

use stage::testing::{documented, expect_usage, lines, run, virtual_loop, virtually};

#[path = "../../shared_state/state.rs"]
mod state;

use state::{Mailbox, count, count_badly, exchange};

#[test]
fn without_an_await_between_reading_and_writing_no_count_is_lost() {
    assert_eq!(virtually(count()).0, 1000);
}

#[test]
fn an_await_between_reading_and_writing_loses_nine_counts_of_ten() {
    assert_eq!(virtually(count_badly()).0, 100);
}

#[test]
fn messages_are_received_in_the_order_of_the_turns() {
    let ((), printed, _) = virtually(exchange());
    assert_eq!(printed, documented("shared_state/main.rs")[3..]);
}

/// A message wakes the task that waits at an empty mailbox; a later reader finds its message.
#[test]
fn a_mailbox_wakes_its_reader() {
    let (received, ..) = virtually(async {
        let mailbox = Rc::new(Mailbox::default());
        let reading = Rc::clone(&mailbox);
        let reader = boucle::spawn(async move { reading.receive().await });
        boucle::yield_now().await;
        mailbox.send("first".to_owned());
        mailbox.send("second".to_owned());
        (reader.await.unwrap(), mailbox.receive().await)
    });
    assert_eq!(received, ("first".to_owned(), "second".to_owned()));
}

/// A task that waits at an empty mailbox is polled once, and again when there is a message.
#[test]
fn a_reader_of_an_empty_mailbox_is_not_polled() {
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
    assert_eq!(lines(&example), documented("shared_state/main.rs"));
    assert!(example.status.success());
}

#[test]
fn shared_state_answers_help_and_refuses_unknown_options() {
    expect_usage("shared_state", "usage: shared_state");
}
