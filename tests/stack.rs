//! How often a large future stands on the stack: no more often than under tokio 1.54.
//!
//! Each program of the table runs in a process of its own, on a thread whose stack has room for the table's
//! number of copies of the future and little else. One copy more would overflow it, which ends the process.
//! Without optimization each function that a future is passed to may have a copy of it, so a release build
//! has other numbers.

mod common;

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use boucle::{
    EventLoop, as_completed, gather, run, sleep, spawn, spawn_named, timeout, try_gather, yield_now,
};
use futures_lite::StreamExt;

use common::{HOUR, child, part_of_child};

const SIZE: usize = 100 * 1_024;

/// What a thread needs besides the copies.
const REST: usize = 48 * 1_024;

async fn large() -> u8 {
    let bytes = black_box([1; SIZE]);
    yield_now().await;
    black_box(&bytes)[SIZE - 1]
}

async fn fallible() -> Result<u8, ()> {
    Ok(large().await)
}

/// A program, and how many copies of the future may stand on the stack, without optimization and with it.
/// Where tokio has the same program, these are its numbers. `gather` of an array is compared with the
/// `join_all` of `futures`, and `gather!` with `join!`, whose ten copies it does not need.
type Row = (&'static str, usize, usize, fn());

const TABLE: &[Row] = &[
    ("EventLoop::new", 0, 0, || drop(EventLoop::new())),
    ("run", 3, 1, || {
        run(large());
    }),
    ("block_on", 3, 1, || {
        let event_loop = EventLoop::new().unwrap();
        event_loop.block_on(large());
    }),
    ("timeout in run", 7, 2, || {
        run(async { timeout(HOUR, large()).await.unwrap() });
    }),
    ("run of a timeout", 4, 2, || {
        run(timeout(HOUR, large())).unwrap();
    }),
    ("spawn", 4, 1, || {
        run(async { spawn(large()).await.unwrap() });
    }),
    ("spawn_named", 4, 1, || {
        run(async { spawn_named("large", large()).await.unwrap() });
    }),
    ("EventLoop::spawn", 4, 1, || {
        let event_loop = EventLoop::new().unwrap();
        let task = event_loop.spawn(large());
        event_loop.block_on(task).unwrap();
    }),
    ("LoopHandle::spawn", 4, 1, || {
        let event_loop = EventLoop::new().unwrap();
        event_loop.handle().spawn(large).unwrap();
        let turns = [(); 4].map(|()| event_loop.turn(Some(Duration::ZERO)).unwrap());
        assert_eq!(turns.map(|turn| turn.left), [1, 1, 0, 0]);
    }),
    ("gather!", 5, 1, || {
        run(async { boucle::gather!(large(), sleep(Duration::ZERO)).await });
    }),
    ("gather! of three", 7, 1, || {
        run(async { boucle::gather!(large(), large(), large()).await });
    }),
    ("run of a gather!", 5, 1, || {
        run(boucle::gather!(large(), async {}));
    }),
    ("gather", 13, 1, || {
        run(async { gather([large()]).await });
    }),
    ("gather of an iterator", 6, 1, || {
        run(async { gather((0..3).map(|_| large())).await });
    }),
    ("run of a gather", 13, 1, || drop(run(gather([large()])))),
    ("try_gather", 13, 1, || {
        run(async { try_gather([fallible()]).await }).unwrap();
    }),
    ("as_completed", 13, 1, || {
        run(async { as_completed([large()]).next().await });
    }),
];

/// A main future or a child, however large, is moved to the heap before it is handed on.
#[test]
fn a_large_future_stands_on_the_stack_no_more_often_than_under_tokio() {
    let test = "a_large_future_stands_on_the_stack_no_more_often_than_under_tokio";
    let asked = part_of_child();
    let mut overflows = Vec::new();
    for &(name, debug, release, program) in TABLE {
        let copies = if cfg!(debug_assertions) { debug } else { release };
        if asked.as_deref() == Some(name) {
            let thread = thread::Builder::new().stack_size(copies * SIZE + REST);
            return thread.spawn(program).unwrap().join().unwrap();
        }
        if asked.is_none() && !child(test, name).output().unwrap().status.success() {
            overflows.push(format!("{name}: more than {copies} copies"));
        }
    }
    assert!(overflows.is_empty(), "{overflows:#?}");
    assert_eq!(asked, None, "there is no such program");
}
