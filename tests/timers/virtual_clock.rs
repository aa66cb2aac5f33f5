//! The virtual clock: when it jumps, how far, and what it waits for. (Jobs are in `tests/executor`.)

use std::future::{Future, pending, poll_fn};
use std::io::Write;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use boucle::net::TcpListener;
use boucle::{LoopHandle, gather, interval, now, sleep, spawn, timeout, yield_now};
use futures_lite::future::poll_once;

use super::Log;
use crate::common::{HOUR, listen, ms, panic_of, passes_at_once, secs, virtual_loop, virtually};
#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
use crate::common::{own_binary, passes_alone};

/// A loop with a virtual clock opens no descriptor for tasks and timers; with its first socket it opens its own
/// three.
#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
#[cfg_attr(miri, ignore = "it starts a process")]
#[test]
fn a_virtual_loop_opens_its_descriptors_with_the_first_socket() {
    if passes_alone(own_binary(), "virtual_clock::a_virtual_loop_opens_its_descriptors_with_the_first_socket")
    {
        return;
    }
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    virtually(async move {
        spawn(sleep(HOUR)).await.unwrap();
        assert_eq!(open(), before);
        let _listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert_eq!(open(), before + 4);
    });
}

/// Time stands still while tasks run and jumps exactly to the next deadline, a year away if need be.
#[test]
fn a_virtual_clock_jumps_to_the_next_deadline() {
    virtually(async {
        let start = now();
        for _ in 0..1_000 {
            yield_now().await;
        }
        assert_eq!(now(), start);
        sleep(Duration::from_micros(1)).await;
        assert_eq!(now() - start, Duration::from_micros(1));
        sleep(10_000 * HOUR).await;
        assert_eq!(now() - start, 10_000 * HOUR + Duration::from_micros(1));
    });
}

/// A virtual clock jumps exactly to a deadline between two milliseconds; a real park may last longer.
#[test]
fn a_virtual_clock_jumps_by_less_than_a_millisecond() {
    virtually(async {
        let start = now();
        let sleeps = [1_000, 1_500, 1_501].map(|micros| async move {
            sleep(Duration::from_micros(micros)).await;
            (now() - start).as_micros()
        });
        assert_eq!(gather(sleeps).await, [1_000, 1_500, 1_501]);
    });
}

/// A turn lets no more time pass than its limit, and then reports it.
#[test]
fn a_turn_jumps_as_far_as_its_limit() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(sleep(secs(10)));
    let first = event_loop.turn(Some(secs(4))).unwrap();
    assert_eq!((first.woken_by_timers, first.time), (0, secs(4)));
    let second = event_loop.turn(Some(secs(60))).unwrap();
    // The sleep was made outside, so it counts from its first poll, in the first turn.
    assert_eq!((second.woken_by_timers, second.time), (1, secs(10)));
    let third = event_loop.turn(None).unwrap();
    assert_eq!((third.polled, third.left, third.time), (1, 0, secs(10)));
    assert!(task.is_finished());
}

/// A turn whose limit is longer than the clock can go lets no time pass.
#[test]
fn a_turn_of_the_longest_limit_lets_no_time_pass() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(pending::<()>());
    event_loop.turn(Some(secs(1))).unwrap();
    let turn = event_loop.turn(Some(Duration::MAX)).unwrap();
    assert_eq!((turn.time, turn.left), (secs(1), 1));
    task.abort();
    event_loop.block_on(sleep(secs(1)));
    assert_eq!(event_loop.turn(Some(ms(0))).unwrap().time, secs(2));
}

/// A virtual clock does not stop at the deadline of a cancelled timer, even with another one soon after.
#[test]
fn a_virtual_clock_jumps_over_a_cancelled_deadline() {
    let event_loop = virtual_loop();
    let _task = event_loop.spawn(async {
        let mut cancelled = sleep(Duration::from_micros(1_000));
        assert!(poll_once(&mut cancelled).await.is_none());
        let mut due = sleep(Duration::from_micros(1_020));
        assert!(poll_once(&mut due).await.is_none());
        drop(cancelled);
        due.await;
    });
    let turn = event_loop.turn(None).unwrap();
    assert_eq!(turn.woken_by_timers, 1);
    assert_eq!(turn.time, Duration::from_micros(1_020));
}

/// A turn does not wait for a cancelled timer, even if the loop has nothing else.
#[test]
fn a_turn_does_not_wait_for_a_cancelled_timer() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(async {
        let mut asleep = sleep(HOUR);
        assert!(poll_once(&mut asleep).await.is_none());
        let mut next = sleep(ms(1));
        assert!(poll_once(&mut next).await.is_none());
        drop(asleep);
        next.await;
    });
    assert_eq!(event_loop.turn(None).unwrap().time, ms(1));
    let last = event_loop.turn(None).unwrap();
    assert_eq!((last.polled, last.left, last.time), (1, 0, ms(1)));
    assert!(task.is_finished());
    // With a task left that nothing can wake, that is a deadlock.
    drop(event_loop.spawn(pending::<()>()));
    let message = panic_of(|| event_loop.turn(None));
    assert!(message.starts_with("deadlock"), "{message}");
}

/// A loop handle does not hold up a loop that has a deadline: time jumps.
#[test]
fn a_loop_handle_does_not_hold_up_time() {
    virtually(async {
        let _handle = LoopHandle::current();
        let start = now();
        sleep(1_000 * HOUR).await;
        assert_eq!(now() - start, 1_000 * HOUR);
    });
}

/// While a task waits for a socket, the park is real: the peer has time to answer before an hour is over.
/// (The peer takes 20 ms.)
#[test]
fn a_virtual_clock_waits_for_a_socket() {
    virtually(async {
        let (listener, address) = listen().await;
        let peer = thread::spawn(move || {
            thread::sleep(ms(20));
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"x").unwrap();
        });
        let start = now();
        let hour = spawn(sleep(HOUR));
        let (stream, _) = listener.accept().await.unwrap();
        assert_eq!(stream.peek(&mut [0; 8]).await.unwrap(), 1);
        assert!(!hour.is_finished());
        drop((stream, listener));
        // The time of the park has passed, and no more.
        assert!(now() - start < HOUR);
        hour.await.unwrap();
        assert_eq!(now() - start, HOUR);
        peer.join().unwrap();
    });
}

/// A socket for which no task waits holds up nothing: an hour passes at once.
#[test]
fn an_idle_socket_does_not_hold_up_a_virtual_clock() {
    virtually(async {
        let _listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let start = now();
        sleep(HOUR).await;
        assert_eq!(now() - start, HOUR);
    });
}

/// A socket for which a task has waited does not hold up a virtual clock once it is dropped, on the thread of
/// the loop or on another one: then an hour passes at once.
#[test]
fn a_dropped_socket_does_not_hold_up_a_virtual_clock() {
    for (is_elsewhere, has_parked) in [(false, false), (false, true), (true, false), (true, true)] {
        virtually(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            if has_parked {
                assert!(timeout(ms(5), listener.accept()).await.is_err());
            } else {
                assert!(poll_once(pin!(listener.accept())).await.is_none());
            }
            if is_elsewhere {
                thread::spawn(move || drop(listener)).join().unwrap();
            } else {
                drop(listener);
            }
            assert!(passes_at_once(HOUR).await);
        });
    }
}

/// The loop reads its inbox before the clock jumps: a wake that came during the last poll takes no time,
/// although a timer is set.
#[test]
fn a_virtual_clock_does_not_jump_over_a_wake() {
    virtually(async {
        let start = now();
        let (sender, receiver) = async_channel::bounded(1);
        let mut received = pin!(receiver.recv());
        let mut hour = sleep(HOUR);
        let mut other = None;
        let value = poll_fn(|cx| {
            if let Poll::Ready(value) = received.as_mut().poll(cx) {
                return Poll::Ready(value);
            }
            assert!(Pin::new(&mut hour).poll(cx).is_pending());
            if other.is_none() {
                let sender = sender.clone();
                other = Some(thread::spawn(move || sender.try_send(7).unwrap()).join());
            }
            Poll::Pending
        })
        .await;
        assert_eq!(value, Ok(7));
        assert_eq!(now(), start);
    });
}

/// The clock does not jump to the deadline of a sleep that was dropped on another thread during the last
/// poll.
#[test]
fn a_virtual_clock_does_not_jump_to_a_timer_that_was_dropped_elsewhere() {
    let event_loop = virtual_loop();
    let (start, mut asleep) = event_loop.block_on(async { (now(), Some(sleep(HOUR))) });
    let message = panic_of(|| {
        event_loop.block_on(poll_fn(|cx| {
            if let Some(mut asleep) = asleep.take() {
                assert!(Pin::new(&mut asleep).poll(cx).is_pending());
                thread::spawn(move || drop(asleep)).join().unwrap();
            }
            Poll::<()>::Pending
        }))
    });
    assert!(message.starts_with("deadlock"), "{message}");
    assert_eq!(event_loop.block_on(async { now() }), start);
}

/// A clock that is held does not jump, however soon the next deadline is: here another thread answers before
/// a virtual hour is over. When the hold is dropped, the clock jumps. (The thread takes 20 ms.)
#[test]
fn a_held_clock_does_not_jump() {
    virtually(async {
        let start = now();
        let hold = LoopHandle::current().hold_clock();
        let (answer, answered) = async_channel::bounded(1);
        let thread = thread::spawn(move || {
            thread::sleep(ms(20));
            answer.try_send(7).unwrap();
            drop(hold);
        });
        assert_eq!(timeout(HOUR, answered.recv()).await, Ok(Ok(7)));
        assert!(now() - start < HOUR);
        thread.join().unwrap();
        assert!(passes_at_once(HOUR).await);
    });
}

/// Each hold counts, on whichever thread it was made and is dropped: also one of another thread that is
/// dropped before the loop has read that it was made. (The thread takes 20 ms.)
#[test]
fn a_clock_is_held_until_the_last_hold_is_dropped() {
    virtually(async {
        let handle = LoopHandle::current();
        let elsewhere = || {
            let handle = handle.clone();
            thread::spawn(move || handle.hold_clock()).join().unwrap()
        };
        drop(elsewhere());
        assert!(passes_at_once(HOUR).await);

        let (first, second) = (handle.hold_clock(), elsewhere());
        thread::spawn(move || drop(first)).join().unwrap();
        let (answer, answered) = async_channel::bounded(1);
        let thread = thread::spawn(move || {
            thread::sleep(ms(20));
            answer.try_send(7).unwrap();
            drop(second);
        });
        assert_eq!(timeout(HOUR, answered.recv()).await, Ok(Ok(7)));
        thread.join().unwrap();
        assert!(passes_at_once(HOUR).await);
    });
}

/// Two runs of one program have the same schedule, to the nanosecond.
#[test]
fn two_virtual_runs_are_the_same() {
    let run = || {
        virtually(async {
            let log = Log::new();
            let workers = (1..20u64).map(|number| {
                let log = log.clone();
                async move {
                    let mut ticks = interval(Duration::from_micros(7 * number + 3));
                    for _ in 0..20 {
                        ticks.tick().await;
                        log.add(number);
                        if timeout(Duration::from_micros(number), ticks.tick()).await.is_err() {
                            yield_now().await;
                        }
                    }
                }
            });
            gather(workers.collect::<Vec<_>>()).await;
            log.lines.take()
        })
    };
    let first = run();
    assert_eq!(first.len(), 19 * 20);
    assert_eq!(first, run());
}

/// The first park that has to wait opens the poller, and waits in the same turn.
#[test]
fn the_park_that_opens_the_poller_waits() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle(); // it lives on, since its end is a message
    let _hold = handle.hold_clock();
    drop(event_loop.spawn(sleep(ms(2))));
    assert_eq!(event_loop.turn(None).unwrap().woken_by_timers, 1);
}
