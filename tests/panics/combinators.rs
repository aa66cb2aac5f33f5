//! A panic of a child is resumed in its parent.

use std::future::ready;
use std::panic::panic_any;

use boucle::{
    ALL_COMPLETED, FIRST_COMPLETED, JoinHandle, gather, now, sleep, spawn, try_gather, wait, yield_now,
};

use super::{Custom, message_of};
use crate::common::{Log, SECOND, holds, panic_of, virtual_loop};

/// When a child of a gather panics, its payload is resumed in the parent at once, and the other children
/// are aborted.
#[test]
fn a_panic_of_a_child_is_resumed_by_gather() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let start = now();
        let children = [3, 1, 2].map(|count: u32| {
            let guard = log.on_drop(["", "child 1", "child 2", "child 3"][count as usize]);
            async move {
                let _guard = guard;
                sleep(count * SECOND).await;
                panic_any(Custom(count as i32))
            }
        });
        let parent = spawn(async move {
            let _: Vec<()> = gather(children).await;
        });
        let payload = parent.await.unwrap_err().try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<Custom>().unwrap(), Custom(1));
        assert_eq!(now() - start, SECOND);
        yield_now().await;
        assert_eq!(log.take(), ["child 1", "child 3", "child 2"]);
    });
}

/// When a child of a `gather!` panics, its payload is resumed in the parent, and the others are aborted.
#[test]
fn a_panic_of_a_child_is_resumed_by_the_gather_macro() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let guard = log.on_drop("other dropped");
        let parent = spawn(async {
            let other = holds(guard);
            let fails = async {
                sleep(SECOND).await;
                panic!("child");
            };
            boucle::gather!(other, ready(1), fails).await;
        });
        assert_eq!(message_of(parent).await, "task 2 panicked: child");
        yield_now().await;
    });
    assert_eq!(log.take(), ["other dropped"]);
}

/// When a child of a `try_gather` panics, which is no `Err`, its payload is resumed in the parent, and the
/// others are aborted.
#[test]
fn a_panic_of_a_child_is_resumed_by_try_gather() {
    let log = Log::default();
    virtual_loop().block_on(async {
        let children = [1, 2].map(|count: u32| {
            let guard = log.on_drop(["", "child 1", "child 2"][count as usize]);
            async move {
                let _guard = guard;
                sleep(count * SECOND).await;
                assert_ne!(count, 1, "child");
                Ok::<_, ()>(())
            }
        });
        let parent = spawn(try_gather(children));
        assert!(message_of(parent).await.contains("child"));
        yield_now().await;
        assert_eq!(log.take(), ["child 1", "child 2"]);
    });
}

/// Of two children that panic in one turn, the first panic is resumed, and the loop goes on.
#[test]
fn the_first_of_two_panics_is_resumed() {
    virtual_loop().block_on(async {
        let children = [1, 2].map(|number| async move {
            sleep(SECOND).await;
            panic_any(Custom(number))
        });
        let parent = spawn(async move {
            let _: Vec<()> = gather(children).await;
        });
        let payload = parent.await.unwrap_err().try_into_panic().unwrap();
        assert_eq!(*payload.downcast::<Custom>().unwrap(), Custom(1));
    });
}

/// A panic in main's own gather comes out of `run`.
#[test]
fn a_panic_of_a_child_comes_out_of_run() {
    let message = panic_of(|| boucle::run(gather([async { panic!("child") }])));
    assert_eq!(message, "child");
}

/// A `wait` for an empty set panics with the reason, since it would never end.
#[test]
fn wait_of_none_panics() {
    let none = Vec::<JoinHandle<()>>::new;
    let message = panic_of(|| drop(wait(none(), ALL_COMPLETED)));
    assert!(message.contains("empty"), "{message}");
    virtual_loop().block_on(async {
        let task = spawn(async move { wait(none(), FIRST_COMPLETED).await.0.len() });
        assert!(message_of(task).await.contains("empty"));
    });
}
