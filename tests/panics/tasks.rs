//! A panic of a task: that it reaches the handle, and the error that shows it.

use std::error::Error;
use std::fmt::{self, Write};
use std::future::pending;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use boucle::{JoinError, JoinHandle, LoopGone, LoopHandle, sleep, spawn, spawn_named, yield_now};

use super::{Custom, message_of};
use crate::common::{Bomb, Log, OnDrop, SECOND, panic_of, turn, virtual_loop};

/// Runs a future as a task, and returns its error.
fn error_of(task: impl Future<Output = ()> + 'static) -> JoinError {
    virtual_loop().block_on(async { spawn(task).await.unwrap_err() })
}

/// A panic ends its task alone, and reaches the handle.
#[test]
fn a_panic_in_a_task_reaches_its_handle_only() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let other = log.clone();
        spawn(async move {
            other.add("other");
            yield_now().await;
            other.add("other again");
        });
        let task = spawn(async { panic!("mine") });
        yield_now().await;
        assert!(task.is_finished());
        assert_eq!(message_of(task).await, "task 3 panicked: mine");
        yield_now().await;
    });
    assert_eq!(log.take(), ["other", "other again"]);
}

/// A panic in a detached task is dropped, and the loop goes on.
#[test]
fn a_panic_in_a_detached_task_harms_nothing() {
    virtual_loop().block_on(async {
        drop(spawn(async { panic!("unseen") }));
        sleep(SECOND).await;
    });
}

/// A name goes with its task, also if no handle is left: the next task in the slot has none.
#[test]
fn a_name_is_not_passed_on() {
    virtual_loop().block_on(async {
        drop(spawn_named("gone", async {}));
        drop(spawn_named("stays", pending::<()>())); // so that there are names
        yield_now().await;
        let error = spawn(async { panic!("unnamed") }).await.unwrap_err();
        assert_eq!((error.id(), error.name()), (4, None));
    });
}

/// A message that is a `&str` or a `String` is shown; any other payload can be taken.
#[test]
fn the_error_shows_the_message() {
    virtual_loop().block_on(async {
        let literal = spawn(async { panic!("a literal") });
        let formatted = spawn_named("named", async {
            let number = std::hint::black_box(1);
            panic!("formatted {number}")
        });
        let custom = spawn(async { panic_any(Custom(7)) });

        let error = literal.await.unwrap_err();
        assert_eq!(error.to_string(), "task 2 panicked: a literal");
        assert_eq!(format!("{error:?}"), "JoinError(task 2 panicked: a literal)");
        assert_eq!((error.id(), error.name()), (2, None));

        let error = formatted.await.unwrap_err();
        assert_eq!(error.to_string(), "task 3 \"named\" panicked: formatted 1");
        assert_eq!((error.id(), error.name()), (3, Some("named")));
        let payload = error.try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<String>().unwrap(), "formatted 1");

        let error = custom.await.unwrap_err();
        assert_eq!(error.to_string(), "task 4 panicked");
        let payload = error.try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<Custom>().unwrap(), Custom(7));
    });
}

/// `resume` resumes the panic with its payload; for a cancelled task it panics with the reason.
#[test]
fn a_panic_can_be_resumed() {
    virtual_loop().block_on(async {
        let error = spawn(async { panic_any(Custom(7)) }).await.unwrap_err();
        let resumed = catch_unwind(AssertUnwindSafe(|| error.resume())).unwrap_err();
        assert_eq!(*resumed.downcast::<Custom>().unwrap(), Custom(7));

        let task = spawn(pending::<()>());
        task.abort();
        let error = task.await.unwrap_err();
        let expected = "task 3 was cancelled, so there is no panic to resume";
        assert_eq!(panic_of(|| error.resume()), expected);
    });
}

/// The message is written without a lock: a writer may show the same error, on any thread.
#[test]
fn a_writer_may_show_the_error_that_it_is_given() {
    struct Shows(JoinError, Vec<String>);
    impl Write for Shows {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            let (error, (sender, receiver)) = (self.0.clone(), mpsc::channel());
            // On a thread of its own, so that a deadlock is a failure and no hang.
            thread::spawn(move || sender.send(error.to_string()));
            let shown = receiver.recv_timeout(Duration::from_secs(10));
            self.1.push(shown.expect("the error can be shown meanwhile"));
            Ok(())
        }
    }
    let number = std::hint::black_box(1);
    let error = error_of(async move { panic!("formatted {number}") });
    let mut writer = Shows(error.clone(), Vec::new());
    write!(writer, "{error}").unwrap();
    assert!(!writer.1.is_empty() && writer.1.iter().all(|shown| shown == "task 2 panicked: formatted 1"));
}

/// Clones share the payload, and the first one to take it gets it. The others still show the message.
#[test]
fn the_payload_is_taken_once_from_all_clones() {
    virtual_loop().block_on(async {
        let error = spawn(async { panic!("message") }).await.unwrap_err();
        let clones = [error.clone(), error.clone()];
        let payload = error.try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "message");
        let [first, second] = clones;
        assert!(first.is_panic() && !first.is_cancelled());
        let first = first.try_into_panic().unwrap_err();
        assert_eq!(first.to_string(), "task 2 panicked: message");
        let expected = "task 2 panicked: message (its payload was taken)";
        assert_eq!(panic_of(|| second.resume()), expected);

        let task = spawn_named("named", pending::<()>());
        task.abort();
        let error = task.await.unwrap_err();
        let clone = error.clone().try_into_panic().unwrap_err();
        assert!(clone.is_cancelled() && error.is_cancelled());
        assert_eq!((clone.id(), clone.name()), (3, Some("named")));
    });
}

/// A payload that was not taken is dropped with the last clone. If it panics then, the panic is caught.
#[test]
fn the_payload_is_dropped_with_the_last_clone() {
    let drops = Arc::new(AtomicUsize::new(0));
    let counts = drops.clone();
    let count = OnDrop(move || _ = counts.fetch_add(1, SeqCst));
    let payload = (count, Bomb("payload"));
    let error = error_of(async { panic_any(payload) });
    drop(error.clone());
    assert_eq!(drops.load(SeqCst), 0);
    thread::spawn(move || drop(error)).join().unwrap();
    assert_eq!(drops.load(SeqCst), 1);
}

/// An error is one word, and so is the result of a handle without a value.
#[test]
fn a_join_error_is_one_word() {
    assert_eq!(size_of::<JoinError>(), size_of::<usize>());
    assert_eq!(size_of::<Result<(), JoinError>>(), size_of::<usize>());
}

/// Errors and handles may go to other threads, whatever the value is.
#[test]
fn a_join_error_is_send_and_sync() {
    fn is_error<T: Error + Send + Sync + 'static>() {}
    is_error::<JoinError>();
    is_error::<LoopGone>();
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<JoinHandle<Rc<()>>>();
    is_send_and_sync::<LoopHandle>();
}

/// A closure that a loop handle sends runs in the task that it makes, so its panic ends that task alone.
#[test]
fn a_panic_in_what_a_loop_handle_spawns_is_the_tasks() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let make = || -> std::future::Ready<()> { panic!("in the closure") };
    handle.spawn(make).unwrap();
    handle.spawn(|| async { panic!("in the future") }).unwrap();
    turn(&event_loop);
    let turn = turn(&event_loop);
    assert_eq!((turn.polled, turn.left), (2, 0));
}

/// A `JoinError` becomes an `io::Error` that keeps it.
#[test]
fn a_join_error_becomes_an_error_of_io() {
    let error = io::Error::from(error_of(async { panic!("no idea") }));
    assert_eq!(error.kind(), io::ErrorKind::Other);
    assert!(error.downcast::<JoinError>().unwrap().is_panic());
}
