//! A hundred thousand loops, made and dropped.

use std::fs;
use std::future::{pending, ready};
use std::mem;
use std::task::Waker;
use std::thread;

use boucle::net::UdpSocket;
use boucle::{EventLoop, JoinHandle, LoopGone, LoopHandle, Sleep, now, sleep, spawn};
use futures_lite::future::poll_once;

use crate::common::{HOUR, ms, own_binary, passes_alone, turn, virtual_loop, waiting_on};
use crate::open_descriptors;

/// What is kept of a loop that is gone.
struct Old {
    waker: Waker,
    task: JoinHandle<()>,
    nap: Sleep,
    handle: LoopHandle,
}

const LOOPS: usize = 100_000;

/// Every so many loops there is a real one, one with a socket, and one of which something is kept.
const REAL: usize = 5;
const SOCKET: usize = 50;
const KEPT: usize = 1_000;

/// 100,000 loops are made and dropped, and their descriptors and threads are given back.
/// (`tests/allocator.rs` counts their memory.) Wakers and handles of a hundred of them are kept. Later loops
/// have the same short ids again and again, and there such a waker causes at worst a spurious poll.
#[test]
fn a_hundred_thousand_loops_leave_nothing() {
    if passes_alone(own_binary(), "loops::a_hundred_thousand_loops_leave_nothing") {
        return;
    }
    let mut old: Vec<Old> = Vec::new();
    let mut before = Default::default();
    let (mut real, mut sockets) = (0, 0);
    let mut name = String::new();
    for number in 0..LOOPS {
        // More than there are short ids: from here on no new inbox is made.
        if number == 5_000 {
            before = (open_descriptors(), threads());
        }
        let is_real = number % REAL == 0;
        let event_loop = if is_real { EventLoop::new().unwrap() } else { virtual_loop() };
        real += usize::from(is_real);
        let last = mem::replace(&mut name, format!("{event_loop:?}"));
        assert_ne!(name, last);
        let gate = waiting_on(&event_loop);
        if number % SOCKET == 0 {
            sockets += 1;
            let receives = async { UdpSocket::bind("127.0.0.1:0").await.unwrap().recv(&mut [0]).await };
            drop(event_loop.spawn(async { drop(receives.await) }));
        }
        if let Some(old) = old.get(number % old.len().max(1)) {
            old.waker.wake_by_ref();
            old.task.abort();
            assert!(old.task.is_finished() && !old.nap.is_elapsed());
            assert_eq!(old.handle.spawn(|| ready(())), Err(LoopGone));
            old.handle.stop();
        }
        if number % SOCKET == 1 && !old.is_empty() {
            // On a thread without a loop nothing tells the wakers of one short id apart.
            thread::scope(|scope| {
                scope.spawn(|| old.iter().for_each(|old| old.waker.wake_by_ref()));
            });
        }
        turn(&event_loop);
        turn(&event_loop);
        assert!(gate.polls() <= 3, "{}", gate.polls());
        assert_eq!(turn(&event_loop).polled, 0);
        gate.open();
        assert_eq!(turn(&event_loop).polled, 1);
        if number % KEPT == KEPT - 1 {
            old.push(keep(&event_loop));
        }
    }
    assert_eq!((LOOPS, real, sockets, old.len()), (100_000, 20_000, 2_000, 100));
    assert_eq!(open_descriptors(), before.0);
    // A thread that has ended may be counted for a moment.
    assert!(threads() < before.1 + 10);
    // The drop of a sleep whose loop is gone does not cancel a timer that has the same key.
    virtual_loop().block_on(async {
        let start = now();
        let mut nap = sleep(ms(5));
        assert!(poll_once(&mut nap).await.is_none());
        drop(old);
        nap.await;
        assert_eq!(now() - start, ms(5));
    });
}

fn keep(event_loop: &EventLoop) -> Old {
    let waker = waiting_on(event_loop).waker();
    let (task, nap) = event_loop.block_on(async {
        let mut nap = sleep(HOUR);
        assert!(poll_once(&mut nap).await.is_none());
        (spawn(pending()), nap)
    });
    Old { waker, task, nap, handle: event_loop.handle() }
}

/// Returns how many threads this process has; none where the system does not say.
fn threads() -> usize {
    if cfg!(target_os = "linux") { fs::read_dir("/proc/self/task").unwrap().count() } else { 0 }
}
