//! Storms: threads that wake while the loop polls and parks. No wake is lost.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use boucle::{ALL_COMPLETED, spawn, timeout, wait, yield_now};

use crate::common::{LONG, rounds, turn, virtual_loop, waiting_on};

/// Four threads wake one task 100,000 times each, and count before each wake: the task sees the last count.
/// (The race: a count and its wake may fall anywhere in the poll, the read of the inbox and the park.)
#[test]
fn a_storm_of_wakes_of_one_task_loses_none() {
    const THREADS: usize = 4;
    const WAKES: usize = rounds(100_000);
    boucle::run(async {
        let count = Arc::new(AtomicUsize::new(0));
        let mut threads = Vec::new();
        let storm = poll_fn(|cx| {
            if threads.is_empty() {
                for _ in 0..THREADS {
                    let (waker, count) = (cx.waker().clone(), count.clone());
                    threads.push(thread::spawn(move || {
                        for _ in 0..WAKES {
                            count.fetch_add(1, SeqCst);
                            waker.wake_by_ref();
                        }
                    }));
                }
            }
            if count.load(SeqCst) == THREADS * WAKES { Poll::Ready(()) } else { Poll::Pending }
        });
        timeout(LONG, storm).await.expect("no wake is lost");
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Four threads wake a thousand tasks, round after round, while the loop polls them: each task sees its
/// last count.
#[test]
fn a_storm_of_wakes_of_many_tasks_loses_none() {
    const TASKS: usize = rounds(1_000);
    const ROUNDS: usize = rounds(100);
    type Places = Arc<Vec<(AtomicUsize, Mutex<Option<Waker>>)>>;
    let places: Places = Arc::new((0..TASKS).map(|_| Default::default()).collect());
    boucle::run(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|index| {
                let places = places.clone();
                spawn(poll_fn(move |cx| {
                    let (count, waker) = &places[index];
                    waker.lock().unwrap().get_or_insert_with(|| cx.waker().clone());
                    if count.load(SeqCst) == 4 * ROUNDS { Poll::Ready(()) } else { Poll::Pending }
                }))
            })
            .collect();
        yield_now().await;
        for _ in 0..4 {
            let places = places.clone();
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    for (count, waker) in places.iter() {
                        let waker = waker.lock().unwrap().clone().unwrap();
                        count.fetch_add(1, SeqCst);
                        waker.wake();
                    }
                }
            });
        }
        let all = wait(tasks, ALL_COMPLETED).timeout(LONG).await;
        assert_eq!((all.0.len(), all.1.len()), (TASKS, 0));
    });
}

/// A storm of wakes of one task into an unread inbox is one message, and one poll.
#[test]
fn a_storm_into_an_unread_inbox_is_one_wake() {
    let event_loop = virtual_loop();
    let gate = waiting_on(&event_loop);
    let waker = gate.waker();
    let storm = || {
        for _ in 0..rounds(10_000) {
            waker.wake_by_ref();
        }
    };
    thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(storm)));
    });
    let woken = turn(&event_loop);
    assert_eq!((woken.polled, woken.woken_by_inbox, woken.ready), (0, 1, 1));
    assert_eq!(turn(&event_loop).polled, 1);
    assert_eq!(turn(&event_loop).polled, 0);
}
