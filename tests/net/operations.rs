//! The operations of an `AsyncFd`: when they are tried, and what they may do.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use boucle::net::AsyncFd;
use boucle::{EventLoop, spawn, yield_now};
use futures_lite::future::poll_once;

use super::descriptors::{readiness, watched_pair};
use crate::common::{Counting, run, turn};

/// The first try of an operation waits for no event: it finds what came before the descriptor was watched.
#[test]
fn the_first_try_waits_for_no_event() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        one.set_nonblocking(true).unwrap();
        other.send(b"early").unwrap();
        let one = AsyncFd::new(one).unwrap();
        let tried = poll_once(pin!(one.read_with(|socket| socket.recv(&mut [0; 8])))).await;
        assert_eq!(tried.expect("it is there").unwrap(), 5);
        assert_eq!(readiness(&one), [false, true]);
        other.send(b"x").unwrap();
        assert_eq!(readiness(&AsyncFd::new(one.into_inner().unwrap()).unwrap()), [true, true]);
    });
}

/// The first operation of a new descriptor may begin what it waits for: here it sends a request.
#[test]
fn the_first_operation_may_begin_what_it_waits_for() {
    run(async {
        let (one, other) = watched_pair();
        let mut buffer = [0; 8];
        let mut requests = 0;
        let mut answer = pin!(one.read_with(|socket| {
            if requests == 0 {
                requests += socket.send(b"request")?;
            }
            socket.recv(&mut buffer)
        }));
        assert!(poll_once(answer.as_mut()).await.is_none());
        assert_eq!(other.recv(&mut [0; 8]).unwrap(), 7);
        other.send(b"answer").unwrap();
        assert_eq!(answer.await.unwrap(), 6);
    });
}

/// An operation is tried again when it need not block, and not in between. One that a signal interrupts is
/// repeated. Any other error is returned, and the side is still ready after it.
#[test]
fn an_operation_is_tried_until_it_need_not_block() {
    run(async {
        let (one, other) = watched_pair();
        let tries = Rc::new(Cell::new(0));
        let mut buffer = [0; 8];
        for round in 1..=3 {
            let count = tries.clone();
            let mut wait = pin!(one.read_with(|socket| {
                count.set(count.get() + 1);
                socket.recv(&mut buffer)
            }));
            assert!(poll_once(wait.as_mut()).await.is_none());
            other.send(&[1, 2, 3]).unwrap();
            assert_eq!(wait.await.unwrap(), 3);
            assert_eq!(tries.get(), 2 * round, "the first of each round finds nothing");
        }
        assert_eq!(one.write_with(|socket| socket.send(b"there")).await.unwrap(), 5);
        assert_eq!(other.recv(&mut [0; 8]).unwrap(), 5);

        other.send(b"x").unwrap();
        one.readable().await.unwrap();
        let mut kinds = vec![ErrorKind::Other, ErrorKind::Interrupted, ErrorKind::Interrupted];
        let error = one.read_with(|_| Err::<(), _>(kinds.pop().unwrap().into())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(poll_once(pin!(one.read_with(|socket| socket.recv(&mut buffer)))).await.is_some());
    });
}

/// An edge may come while an operation is under way, after its system call has found nothing: here the
/// operation itself runs a turn of its loop. The edge is not lost.
#[test]
fn an_edge_during_an_operation_is_not_lost() {
    let event_loop = EventLoop::new().unwrap();
    let (one, other) = event_loop.block_on(async { watched_pair() });
    let cx = &mut Context::from_waker(Waker::noop());
    other.send(b"first").unwrap();
    turn(&event_loop);
    let mut buffer = [0; 8];
    assert!(one.poll_read_with(cx, |socket| socket.recv(&mut buffer)).is_ready());

    let mut tries = 0;
    let receive = || {
        one.poll_read_with(cx, |socket| {
            tries += 1;
            let received = socket.recv(&mut buffer);
            if tries == 1 {
                other.send(b"second").unwrap();
                turn(&event_loop);
            }
            received
        })
    };
    assert_ready(&event_loop, 6, receive);
    assert_eq!(tries, 2);
}

/// An operation may try another one on the same side. An edge that comes in between counts for both: the
/// outer one is tried again, although the inner one has read something.
#[test]
fn an_operation_may_try_another_one() {
    let event_loop = EventLoop::new().unwrap();
    let (one, other) = event_loop.block_on(async { watched_pair() });
    let cx = &mut Context::from_waker(Waker::noop());
    let receive = |socket: &UnixDatagram| socket.recv(&mut [0; 8]);
    let inner = || match one.poll_read_with(&mut Context::from_waker(Waker::noop()), receive) {
        Poll::Ready(received) => received,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    };
    assert!(one.poll_read_with(cx, |_| inner()).is_pending());
    other.send(b"1").unwrap();
    other.send(b"12").unwrap();
    turn(&event_loop);
    for len in [1, 2] {
        let polled = one.poll_read_with(cx, |_| inner());
        assert!(matches!(polled, Poll::Ready(Ok(count)) if count == len), "{polled:?}");
    }

    // The outer one finds nothing; then two messages come, of which the inner one takes the first.
    let mut taken = None;
    let outer = || {
        one.poll_read_with(cx, |socket| {
            let found = receive(socket);
            if taken.is_none() {
                other.send(b"123").unwrap();
                other.send(b"1234").unwrap();
                turn(&event_loop);
                taken = Some(inner().unwrap());
            }
            found
        })
    };
    assert_ready(&event_loop, 4, outer);
    assert_eq!(taken, Some(3));
}

/// An operation may use the loop: spawn, wake, abort, poll, and drop descriptors.
#[test]
fn an_operation_may_use_the_loop() {
    run(async {
        let (one, other) = watched_pair();
        let one = Rc::new(one);
        let log = Rc::new(RefCell::new(Vec::new()));
        let (second, _peer) = watched_pair();
        let sleeper = spawn(std::future::pending::<()>());
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let waits = Arc::new(Counting::default());
        let mut again = Some((second, one.clone(), sleeper));
        other.send(b"x").unwrap();
        let done = one
            .read_with(|socket| {
                let received = socket.recv(&mut [0; 8])?;
                let (second, same, sleeper) = again.take().unwrap();
                let log = log.clone();
                let spawned = spawn(async move { log.borrow_mut().push("spawned") });
                waker.wake_by_ref();
                sleeper.abort();
                let waits = Waker::from(waits.clone());
                let cx = &mut Context::from_waker(&waits);
                assert!(same.poll_readable(cx).is_pending(), "there is no more");
                assert!(second.poll_readable(cx).is_pending());
                drop((second, same));
                Ok((received, spawned, sleeper))
            })
            .await;
        let (received, spawned, sleeper) = done.unwrap();
        assert_eq!(received, 1);
        spawned.await.unwrap();
        assert!(sleeper.await.unwrap_err().is_cancelled());
        assert_eq!(*log.borrow(), ["spawned"]);
        assert_eq!(waits.wakes(), 0);
        other.send(b"xy").unwrap();
        assert_eq!(one.read_with(|socket| socket.recv(&mut [0; 8])).await.unwrap(), 2);
        assert_eq!(waits.wakes(), 1);
    });
}

/// An operation may drop its loop while that does not run.
#[test]
fn an_operation_may_drop_its_loop() {
    let event_loop = EventLoop::new().unwrap();
    let (one, _other) = event_loop.block_on(async { watched_pair() });
    let cx = &mut Context::from_waker(Waker::noop());
    let mut event_loop = Some(event_loop);
    let polled = one.poll_write_with(cx, |socket| {
        drop(event_loop.take());
        socket.send(b"x")
    });
    assert!(matches!(polled, Poll::Ready(Ok(1))), "{polled:?}");
    let polled = one.poll_writable(cx).map(|asked| asked.unwrap_err().to_string());
    assert!(matches!(&polled, Poll::Ready(error) if error.ends_with("is gone")), "{polled:?}");
}

/// A panic of an operation ends its task alone, and the side stays ready: another task gets what is there
/// without a new event.
#[test]
fn a_panic_of_an_operation_leaves_its_side_ready() {
    run(async {
        let (one, other) = watched_pair();
        let one = Rc::new(one);
        other.send(b"x").unwrap();
        let panics = one.clone();
        let failed = spawn(async move { panics.read_with(|_| -> io::Result<()> { panic!("in it") }).await });
        let receives = one.clone();
        let received = spawn(async move { receives.read_with(|socket| socket.recv(&mut [0; 8])).await });
        assert!(failed.await.unwrap_err().is_panic());
        assert_eq!(received.await.unwrap().unwrap(), 1);
    });
}

/// A task that is always ready yields after 128 operations.
#[test]
fn an_operation_spends_budget() {
    run(async {
        let (one, other) = watched_pair();
        other.send(b"x").unwrap();
        one.readable().await.unwrap();
        let one = Rc::new(one);
        type Leaf = fn(&AsyncFd<UnixDatagram>, &mut Context<'_>) -> Poll<io::Result<()>>;
        let leaves: [Leaf; 4] = [
            |one, cx| one.poll_readable(cx),
            |one, cx| one.poll_writable(cx),
            |one, cx| one.poll_read_with(cx, |_| Ok(())),
            |one, cx| one.poll_write_with(cx, |_| Err(ErrorKind::Other.into())),
        ];
        for leaf in leaves {
            let rounds = Rc::new(Cell::new(0));
            let (one, count) = (one.clone(), rounds.clone());
            let busy = spawn(async move {
                while count.get() < 1_000 {
                    let _ = poll_fn(|cx| leaf(&one, cx)).await;
                    count.set(count.get() + 1);
                }
            });
            for round in 1..=3 {
                yield_now().await;
                assert_eq!(rounds.get(), 128 * round);
            }
            busy.abort();
        }
    });
}

/// If a request to report a side fails, the next task that waits for it repeats that: no wake is lost.
#[test]
fn a_failure_to_watch_loses_no_wake() {
    /// Panics when its descriptor is asked for while the flag is set, and clears the flag.
    struct Fails(UnixStream, Rc<Cell<bool>>);

    impl AsFd for Fails {
        fn as_fd(&self) -> BorrowedFd<'_> {
            assert!(!self.1.take(), "no descriptor this time");
            self.0.as_fd()
        }
    }

    run(async {
        let (stream, mut peer) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        let fails = Rc::new(Cell::new(false));
        let stream = Rc::new(AsyncFd::new(Fails(stream, fails.clone())).unwrap());
        let mut written = 0;
        while let Ok(count) = (&stream.get_ref().0).write(&[7; 4_096]) {
            written += count;
        }
        let write = || {
            let stream = stream.clone();
            spawn(async move { stream.write_with(|fails| (&fails.0).write(b"x")).await })
        };
        fails.set(true);
        assert!(write().await.unwrap_err().is_panic());
        let second = write();
        yield_now().await;
        peer.read_exact(&mut vec![0; written]).unwrap();
        assert_eq!(second.await.unwrap().unwrap(), 1);
    });
}

/// Asserts that an operation takes `len` bytes at its first poll; where mio uses `poll`, at its second.
fn assert_ready(event_loop: &EventLoop, len: usize, mut operation: impl FnMut() -> Poll<io::Result<usize>>) {
    let mut polled = operation();
    if cfg!(mio_unsupported_force_poll_poll) {
        assert!(polled.is_pending()); // mio reports it when this side is watched again
        turn(event_loop);
        polled = operation();
    }
    assert!(matches!(polled, Poll::Ready(Ok(taken)) if taken == len), "{polled:?}");
}
