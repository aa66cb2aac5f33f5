//! `LoopHandle`: spawning and stopping from other threads.

use std::future::{pending, ready};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread;

use boucle::{EventLoop, LoopGone, LoopHandle, timeout, yield_now};

use crate::common::{LONG, ms, panic_of, rounds, turn, virtual_loop};

/// A loop handle spawns from any thread. The closure runs on the loop's thread, in the first poll of the new
/// task, and the future that it makes need not be `Send`.
#[test]
fn a_loop_handle_spawns_from_another_thread() {
    let event_loop = virtual_loop();
    let here = thread::current().id();
    let (sender, receiver) = mpsc::channel();
    let handle = event_loop.handle();
    let thread = thread::spawn(move || {
        for number in 0..3 {
            let sender = sender.clone();
            let make = move || {
                let not_send = Rc::new(number);
                let made = (thread::current().id(), *not_send);
                async move {
                    yield_now().await;
                    sender.send((made, *not_send)).unwrap();
                }
            };
            handle.spawn(make).unwrap();
        }
    });
    thread.join().unwrap();

    let arrived = turn(&event_loop);
    assert_eq!((arrived.polled, arrived.woken_by_inbox, arrived.left), (0, 3, 3));
    assert_eq!(turn(&event_loop).polled, 3);
    assert_eq!(turn(&event_loop).left, 0);
    let seen: Vec<_> = receiver.iter().collect();
    let expected = [0, 1, 2].map(|number| ((here, number), number));
    assert_eq!(seen, expected);
}

/// Nothing that four threads spawn on a busy loop is lost. (The race: the loop reads its inbox while they
/// write.)
#[test]
fn nothing_that_is_spawned_from_other_threads_is_lost() {
    const EACH: usize = rounds(2_000);
    let (sender, receiver) = async_channel::unbounded();
    boucle::run(async {
        for _ in 0..4 {
            let (handle, sender) = (LoopHandle::current(), sender.clone());
            thread::spawn(move || {
                for number in 0..EACH {
                    let sender = sender.clone();
                    let send = move || async move { sender.send(number).await.unwrap() };
                    handle.spawn(send).unwrap();
                }
            });
        }
        let mut sum = 0;
        for _ in 0..4 * EACH {
            sum += timeout(LONG, receiver.recv()).await.unwrap().unwrap();
        }
        assert_eq!(sum, 4 * (0..EACH).sum::<usize>());
    });
}

/// A turn of a loop without tasks parks until a message comes by a loop handle, under either clock. (Real
/// time: the other thread gives the loop a moment to park.)
#[test]
fn a_turn_without_tasks_waits_for_a_loop_handle() {
    for event_loop in [EventLoop::new().unwrap(), virtual_loop()] {
        let handle = event_loop.handle();
        let thread = thread::spawn(move || {
            thread::sleep(ms(20));
            handle.spawn(|| ready(())).unwrap();
        });
        assert_eq!(event_loop.turn(None).unwrap().woken_by_inbox, 1);
        thread.join().unwrap();
    }
}

/// A handle whose loop is gone returns `LoopGone`, and drops the closure on the caller's thread.
#[test]
fn a_loop_handle_knows_that_its_loop_is_gone() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let name = format!("{event_loop:?}").replace("EventLoop", "LoopHandle");
    assert_eq!(format!("{handle:?}"), name);
    drop(event_loop);
    let closure = Arc::new(());
    let inside = closure.clone();
    let spawned = handle.clone().spawn(move || {
        drop(inside);
        ready(())
    });
    assert_eq!(spawned, Err(LoopGone));
    assert_eq!(Arc::strong_count(&closure), 1);
    handle.stop();
    thread::spawn(move || {
        assert_eq!(handle.spawn(|| ready(())), Err(LoopGone));
        handle.stop();
    })
    .join()
    .unwrap();
}

/// While a loop handle exists, another thread may spawn, so a loop with a virtual clock waits. Once the last
/// handle is dropped, it reports a deadlock. (Real time: the loop parks until the other thread is done.)
#[test]
fn a_virtual_loop_waits_for_its_loop_handles() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    drop(handle.clone());
    let (sender, receiver) = async_channel::bounded(1);
    let thread = thread::spawn(move || {
        thread::sleep(ms(20));
        handle.spawn(move || async move { sender.send(7).await.unwrap() }).unwrap();
        thread::sleep(ms(20));
        drop(handle);
    });
    assert_eq!(event_loop.block_on(receiver.recv()), Ok(7));
    let message = panic_of(|| event_loop.block_on(pending::<()>()));
    assert!(message.starts_with("deadlock"), "{message}");
    thread.join().unwrap();
}
