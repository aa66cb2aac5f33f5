//! Spawning by the traits of `futures-task`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use boucle::{EventLoop, LoopHandle, spawn, yield_now};
use futures::task::{LocalSpawn, LocalSpawnExt, Spawn, SpawnExt};

use crate::common::{Bomb, OnDrop, holds, run, virtual_loop};

/// An `EventLoop` and a `LoopHandle` are spawners of the `futures` crate, with and without `Send`; the
/// tasks run in spawn order.
#[test]
fn the_spawn_traits_spawn() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let log = Rc::new(RefCell::new(Vec::new()));
    let add = |name| {
        let log = log.clone();
        async move { log.borrow_mut().push(name) }
    };
    event_loop.spawn_local(add("loop, local")).unwrap();
    handle.spawn_local(add("handle, local")).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let add_one = || {
        let count = count.clone();
        async move {
            count.fetch_add(1, Ordering::Relaxed);
        }
    };
    SpawnExt::spawn(&event_loop, add_one()).unwrap();
    SpawnExt::spawn(&handle, add_one()).unwrap();
    event_loop.status().unwrap();
    event_loop.status_local().unwrap();
    handle.status_local().unwrap();
    handle.status().unwrap();
    let value = event_loop.spawn_local_with_handle(async { Rc::new(5) });
    assert_eq!(*event_loop.block_on(value.unwrap()), 5);
    assert_eq!(*log.borrow(), ["loop, local", "handle, local"]);
    assert_eq!(count.load(Ordering::Relaxed), 2);
    drop(handle);
}

/// From another thread a `LoopHandle` spawns a future that is `Send`, and refuses any other.
#[test]
fn the_spawn_traits_spawn_from_another_thread() {
    run(async {
        let handle = LoopHandle::current();
        let (sender, receiver) = async_channel::bounded(1);
        let owner = thread::current().id();
        let other = thread::spawn(move || {
            assert!(handle.spawn_local(async {}).unwrap_err().is_shutdown());
            assert!(handle.status_local().is_err());
            let future = async move { sender.send(thread::current().id()).await.unwrap() };
            SpawnExt::spawn(&handle, future).unwrap();
        });
        assert_eq!(receiver.recv().await, Ok(owner));
        other.join().unwrap();
    });
}

/// A spawner whose loop is gone returns an error, and drops the future; a panic of that drop is caught.
#[test]
fn a_spawner_whose_loop_is_gone_returns_an_error() {
    let event_loop = EventLoop::new().unwrap();
    let handle = event_loop.handle();
    drop(event_loop);
    let guard = Arc::new(());
    let held = guard.clone();
    let future = holds(held);
    assert!(SpawnExt::spawn(&handle, future).unwrap_err().is_shutdown());
    assert_eq!(Arc::strong_count(&guard), 1);
    let panics = holds(Bomb("a refused future's drop"));
    assert!(handle.spawn_local(panics).unwrap_err().is_shutdown());
    assert!(handle.status_local().unwrap_err().is_shutdown());
    assert!(handle.status().unwrap_err().is_shutdown());
    thread::spawn(move || {
        assert!(SpawnExt::spawn(&handle, async {}).unwrap_err().is_shutdown());
    })
    .join()
    .unwrap();
}

/// A spawner whose loop is closing returns an error, here to a destructor.
#[test]
fn a_spawner_whose_loop_is_closing_returns_an_error() {
    let refused = Rc::new(Cell::new(None));
    let sets = refused.clone();
    let guard = OnDrop(move || {
        let handle = LoopHandle::current();
        let spawned = [handle.spawn_local(async {}), SpawnExt::spawn(&handle, async {})];
        let is_refused =
            spawned.iter().all(|spawned| spawned.as_ref().is_err_and(|error| error.is_shutdown()));
        sets.set(Some(is_refused && handle.status_local().is_err() && handle.status().is_err()));
    });
    boucle::run(async move {
        drop(spawn(holds(guard)));
        yield_now().await;
    });
    assert_eq!(refused.get(), Some(true));
}
