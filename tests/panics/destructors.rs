//! Destructors that panic: of futures, values and payloads.

use std::cell::RefCell;
use std::panic::panic_any;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use boucle::{JoinHandle, TaskGroup, gather, sleep, spawn, yield_now};

use super::{explosive, message_of};
use crate::common::{Bomb, Log, OnDrop, SECOND, panic_of, virtual_loop};

/// A task whose future is ready and panics while it is dropped has panicked. Its value is dropped.
#[test]
fn a_panic_in_the_destructor_of_a_ready_future_is_the_tasks() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let value = log.on_drop("value dropped");
        let task = spawn(explosive(Poll::Ready(value)));
        assert_eq!(message_of(task).await, "task 2 panicked: in the destructor");
        // Without a handle.
        drop(spawn(explosive(Poll::Ready(()))));
        yield_now().await;
    });
    assert_eq!(log.take(), ["value dropped"]);
}

/// If the conversion of a name panics, the future is dropped quietly: here its destructor panics, too. (Two
/// panics at once would end the process.)
#[test]
fn a_name_that_panics_ends_no_process() {
    struct Name;
    impl From<Name> for String {
        fn from(_: Name) -> String {
            panic!("in the name")
        }
    }
    let future = || {
        let bomb = Bomb("in the future");
        async move { drop(bomb) }
    };
    let panicked = panic_of(|| {
        virtual_loop().block_on(async { drop(boucle::spawn_named(Name, future())) });
    });
    assert_eq!(panicked, "in the name");
    virtual_loop().block_on(async {
        let group = TaskGroup::new();
        let panicked = panic_of(|| group.spawn_named(Name, future()));
        assert_eq!((panicked.as_str(), group.len()), ("in the name", 0));
        group.close();
        let refused = panic_of(|| group.spawn(future()));
        assert_eq!(refused, "the TaskGroup is closed: it takes no more tasks");
    });
}

/// Where no loop runs, a group drops its first future quietly, and panics once.
#[test]
fn a_group_without_a_loop_ends_no_process() {
    let group = TaskGroup::new();
    let bomb = Bomb("in the future");
    let panicked = panic_of(|| group.spawn(async move { drop(bomb) }));
    assert!(panicked.starts_with("TaskGroup needs an event loop"), "{panicked}");
    assert!(group.is_empty());
}

/// Of a task whose poll and whose destructor panic, the handle gives the panic of the poll.
#[test]
fn the_first_panic_of_a_task_is_reported() {
    struct Both(Bomb);
    impl Future for Both {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            let _ = &self.0;
            panic!("in the poll");
        }
    }
    virtual_loop().block_on(async {
        let task = spawn(Both(Bomb("in the destructor")));
        assert_eq!(message_of(task).await, "task 2 panicked: in the poll");
    });
}

/// An aborted task whose destructor panics has panicked.
#[test]
fn a_panic_in_the_destructor_of_an_aborted_task_is_the_tasks() {
    virtual_loop().block_on(async {
        let polled = spawn(explosive::<()>(Poll::Pending));
        let fresh = spawn(explosive::<()>(Poll::Pending));
        fresh.abort();
        yield_now().await;
        polled.abort();
        assert_eq!(message_of(polled).await, "task 2 panicked: in the destructor");
        assert_eq!(message_of(fresh).await, "task 3 panicked: in the destructor");
        // Without a handle.
        let detached = spawn(explosive::<()>(Poll::Pending));
        detached.abort();
        drop(detached);
        yield_now().await;
    });
}

/// A value that is not taken may panic when it is dropped, with the handle or without one: the panic is
/// caught.
#[test]
fn a_panic_in_the_destructor_of_a_value_stops_at_the_loop() {
    virtual_loop().block_on(async {
        let done = spawn(async { Bomb("value") });
        drop(spawn(async { Bomb("detached value") }));
        yield_now().await;
        drop(done);

        let gathered = gather([0, 9].map(|count| async move {
            sleep(count * SECOND).await;
            Bomb("value of a child")
        }));
        assert!(boucle::timeout(SECOND, gathered).await.is_err());
        yield_now().await;
    });
}

/// A task that aborts itself and returns a value whose destructor panics has panicked.
#[test]
fn a_panic_in_a_value_that_is_dropped_by_an_abort_is_the_tasks() {
    virtual_loop().block_on(async {
        let own: Rc<RefCell<Option<JoinHandle<Bomb>>>> = Rc::default();
        let handle = own.clone();
        own.replace(Some(spawn(async move {
            handle.borrow().as_ref().unwrap().abort();
            Bomb("value")
        })));
        yield_now().await;
        let task = own.take().unwrap();
        assert_eq!(message_of(task).await, "task 2 panicked: value");
    });
}

/// A payload may panic when it is dropped, and the payload of that panic may do so again.
#[test]
fn a_payload_that_panics_when_it_is_dropped_harms_nothing() {
    struct Endless;
    impl Drop for Endless {
        fn drop(&mut self) {
            panic_any(Endless);
        }
    }
    let event_loop = virtual_loop();
    event_loop.block_on(async {
        drop(spawn(async { panic_any(Bomb("payload")) }));
        drop(spawn(async { panic_any(Endless) }));
        let done = [spawn(async { panic_any(Bomb("payload")) }), spawn(async { panic_any(Endless) })];
        yield_now().await;
        drop(done);
    });
    event_loop.spawn(async { panic_any(Endless) });
    let kept = event_loop.spawn(async { panic_any(Endless) });
    event_loop.turn(None).unwrap();
    drop(event_loop);
    drop(kept);
}

/// A poll or a destructor that panics in the middle of a batch keeps no other task from its poll.
#[test]
fn a_panic_in_the_middle_of_a_batch_loses_nothing() {
    let count = Arc::new(());
    let event_loop = virtual_loop();
    for number in 0..10 {
        let guard = Arc::clone(&count);
        let task = event_loop.spawn(async move {
            let _guard = guard;
            let _bomb = OnDrop(move || assert_ne!(number % 3, 0, "destructor"));
            yield_now().await;
            assert_ne!(number % 3, 1, "poll");
        });
        if number % 5 == 0 {
            task.abort();
        }
    }
    let first = event_loop.turn(None).unwrap();
    assert_eq!((first.polled, first.left), (8, 8));
    let second = event_loop.turn(None).unwrap();
    assert_eq!((second.polled, second.left), (8, 0));
    assert_eq!(Arc::strong_count(&count), 1);
}
