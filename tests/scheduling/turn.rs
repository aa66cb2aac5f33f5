//! One turn: what it polls, when it parks, and what it reports.

use std::future::ready;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use boucle::{EventLoop, LoopHandle, sleep, spawn, yield_now};
use futures_lite::AsyncReadExt;

use crate::common::{Log, SECOND, ms, pair_with_std, turn, virtual_loop};

/// Each number of a `Turn` counts what its name says.
#[test]
fn a_turn_reports_what_it_did() {
    let event_loop = virtual_loop();
    for _ in 0..2 {
        event_loop.spawn(sleep(2 * SECOND));
    }
    event_loop.spawn(yield_now());
    event_loop.spawn(ready(()));
    event_loop.handle().spawn(|| ready(())).unwrap();

    let first = event_loop.turn(None).unwrap();
    assert_eq!(first.polled, 4);
    assert_eq!((first.woken_by_inbox, first.woken_by_timers), (1, 0));
    assert_eq!((first.ready, first.left), (2, 4));
    assert_eq!((first.time, first.stopped), (Duration::ZERO, false));

    let second = event_loop.turn(None).unwrap();
    assert_eq!(second.polled, 2);
    assert_eq!((second.woken_by_inbox, second.woken_by_timers), (0, 2));
    assert_eq!((second.ready, second.left), (2, 2));
    assert_eq!(second.time, 2 * SECOND);
    assert_eq!(
        second.to_string(),
        "polled 2; woken by sources 0, inbox 0, timers 2; ready 2, left 2; 2.000 s"
    );

    event_loop.stop();
    let third = event_loop.turn(None).unwrap();
    assert_eq!((third.polled, third.ready, third.left), (2, 0, 0));
    assert!(third.stopped);
    assert!(!event_loop.turn(None).unwrap().stopped);
}

/// What one turn wakes is polled in the order of its third step: sources, inbox, timers. (Real time: a task
/// blocks until its loop has all three to wake.)
#[test]
fn a_turn_wakes_sources_then_the_inbox_then_timers() {
    let event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let (mut stream, mut peer) = event_loop.block_on(pair_with_std());
    let (sender, receiver) = async_channel::bounded(1);
    let [timer, inbox, source] = [(); 3].map(|()| log.clone());
    event_loop.spawn(async move {
        sleep(ms(100)).await; // so long that even a slow machine arms it in time
        timer.add("timer");
    });
    event_loop.spawn(async move {
        receiver.recv().await.unwrap();
        inbox.add("inbox");
    });
    event_loop.spawn(async move {
        stream.read_exact(&mut [0]).await.unwrap();
        source.add("source");
    });
    event_loop.spawn(async move {
        peer.write_all(b"x").unwrap();
        thread::spawn(move || sender.try_send(()).unwrap()).join().unwrap();
        thread::sleep(ms(120));
    });
    let woken = turn(&event_loop);
    assert_eq!((woken.woken_by_sources, woken.woken_by_inbox, woken.woken_by_timers), (1, 1, 1));
    assert_eq!(turn(&event_loop).left, 0);
    assert_eq!(log.take(), ["source", "inbox", "timer"]);
}

/// A turn with a timeout lets no more time pass than that; without one it goes to the next deadline.
#[test]
fn a_turn_ends_at_its_timeout_or_at_the_next_deadline() {
    let event_loop = virtual_loop();
    event_loop.spawn(sleep(3 * SECOND));
    assert_eq!(event_loop.turn(Some(SECOND)).unwrap().time, SECOND);
    assert_eq!(event_loop.turn(Some(SECOND)).unwrap().time, 2 * SECOND);
    let last = event_loop.turn(Some(60 * SECOND)).unwrap();
    assert_eq!((last.time, last.woken_by_timers), (3 * SECOND, 1));
}

/// A turn of a loop without tasks does not wait, under either clock.
#[test]
fn a_turn_with_nothing_left_does_not_sleep() {
    assert_eq!(virtual_loop().turn(None).unwrap().polled, 0);
    assert_eq!(EventLoop::new().unwrap().turn(None).unwrap().polled, 0);
}

/// While a task is always ready, the inbox is read after 61 polls, and again after 61 more.
#[test]
fn the_loop_parks_after_61_polls() {
    let (polls, first) = counters();
    let second = Arc::default();
    virtual_loop().block_on(async {
        leave_in_inbox(&polls, &first);
        for _ in 0..200 {
            if polls.fetch_add(1, Relaxed) == 70 {
                leave_in_inbox(&polls, &second);
            }
            yield_now().await;
        }
    });
    // The task came from the inbox after the 61st poll of main, and was queued behind main.
    assert_eq!(first.load(Relaxed), 62);
    // Of the next 61 polls one was the first such task's.
    assert_eq!(second.load(Relaxed), 122);
}

/// A stop does not outlast the run that it stopped: in the next run, too, the first park comes after 61 polls.
#[test]
fn a_stop_forces_no_park_in_the_next_run() {
    let event_loop = virtual_loop();
    event_loop.handle().stop();
    event_loop.run_forever();
    let (polls, first) = counters();
    event_loop.block_on(async {
        leave_in_inbox(&polls, &first);
        for _ in 0..100 {
            polls.fetch_add(1, Relaxed);
            yield_now().await;
        }
    });
    assert_eq!(first.load(Relaxed), 62);
}

/// Also after parks at which nothing was ready, the next park comes after 61 polls.
#[test]
fn idle_parks_grant_no_further_polls() {
    let (polls, first) = counters();
    virtual_loop().block_on(async {
        for _ in 0..100 {
            sleep(SECOND).await;
        }
        leave_in_inbox(&polls, &first);
        for _ in 0..200 {
            polls.fetch_add(1, Relaxed);
            yield_now().await;
        }
    });
    assert_eq!(first.load(Relaxed), 62);
}

/// A main future that is ready at once, run again and again, does not keep the loop from its inbox.
#[test]
fn ready_main_futures_do_not_starve_the_inbox() {
    let event_loop = virtual_loop();
    let read = Arc::new(AtomicBool::new(false));
    let sets = read.clone();
    event_loop.handle().spawn(move || async move { sets.store(true, Relaxed) }).unwrap();
    let mut runs = 0;
    while !read.load(Relaxed) {
        event_loop.block_on(async {});
        runs += 1;
        assert!(runs <= 62, "{runs} runs, and the inbox is unread");
    }
}

/// A batch of more than 61 tasks is polled to its end, and the park comes before it. So what is in the inbox
/// by then is polled at the end of that batch, not of the next.
#[test]
fn a_park_does_not_interrupt_a_batch() {
    let (polls, seen) = counters();
    virtual_loop().block_on(async {
        for _ in 0..100 {
            let polls = polls.clone();
            spawn(async move {
                for _ in 0..10 {
                    polls.fetch_add(1, Relaxed);
                    yield_now().await;
                }
            });
        }
        leave_in_inbox(&polls, &seen);
        for _ in 0..10 {
            yield_now().await;
        }
    });
    // Main spawns 100 tasks; the park reads the inbox; the next batch is the tasks, main, and the message.
    assert_eq!(seen.load(Relaxed), 100);
}

/// Returns two counters that threads can share.
fn counters() -> (Arc<AtomicUsize>, Arc<AtomicUsize>) {
    Default::default()
}

/// Spawns a task that stores the number of polls so far. The spawn goes through the inbox, so it waits for
/// the park, although this is the loop's own thread.
fn leave_in_inbox(polls: &Arc<AtomicUsize>, seen: &Arc<AtomicUsize>) {
    let (polls, seen) = (polls.clone(), seen.clone());
    let message = move || {
        seen.store(polls.load(Relaxed), Relaxed);
        ready(())
    };
    LoopHandle::current().spawn(message).unwrap();
}
