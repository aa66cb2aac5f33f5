//! Tasks and foreign wakers that wait for one side of a socket.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use boucle::net::{TcpListener, TcpStream};
use boucle::{EventLoop, spawn, yield_now};
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::poll_accept_with;
use crate::common::{Counting, listen, pair, run, turn, waiting_on};

/// Two tasks that wait for the same side of one socket are both woken, here by the end of the stream.
#[test]
fn two_readers_of_one_stream_both_wake() {
    run(async {
        let (client, server) = pair().await;
        let server = Rc::new(server);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let server = server.clone();
                spawn(async move { (&*server).read(&mut [0; 8]).await.unwrap() })
            })
            .collect();
        yield_now().await;
        drop(client);
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 0);
        }
    });
}

/// Each of several tasks that accept from one listener gets a connection.
#[test]
fn several_tasks_accept_from_one_listener() {
    run(async {
        let (listener, address) = listen().await;
        let listener = Rc::new(listener);
        let acceptors: Vec<_> = (0..5)
            .map(|_| {
                let listener = listener.clone();
                spawn(async move { listener.accept().await.unwrap().1 })
            })
            .collect();
        yield_now().await;
        let mut peers = Vec::new();
        let mut clients = Vec::new();
        for _ in 0..5 {
            let client = TcpStream::connect(address).await.unwrap();
            peers.push(client.local_addr().unwrap());
            clients.push(client);
        }
        let mut accepted = Vec::new();
        for acceptor in acceptors {
            accepted.push(acceptor.await.unwrap());
        }
        accepted.sort();
        peers.sort();
        assert_eq!(accepted, peers);
    });
}

/// When too many tasks wait for one side, all but the first are woken and poll again: none is lost.
#[test]
fn two_hundred_tasks_wait_for_one_side() {
    run(async {
        let (client, server) = pair().await;
        let server = Rc::new(server);
        let readers: Vec<_> = (0..200)
            .map(|_| {
                let server = server.clone();
                spawn(async move { server.peek(&mut [0; 8]).await.unwrap() })
            })
            .collect();
        yield_now().await;
        (&client).write_all(b"all").await.unwrap();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 3);
        }
    });
}

/// A task and a foreign waker that wait for the same side are both woken, whichever came first, each time.
#[test]
fn a_task_and_a_foreign_waker_wait_for_one_side() {
    run(async {
        let (mut client, server) = pair().await;
        let server = Rc::new(server);
        let woken = Arc::new(Counting::default());
        for round in 0..4 {
            let wait = || {
                let waker = Waker::from(woken.clone());
                let cx = &mut Context::from_waker(&waker);
                assert!(Pin::new(&mut &*server).poll_read(cx, &mut [0; 8]).is_pending());
            };
            let reading = server.clone();
            let reader = async move { (&*reading).read(&mut [0; 8]).await.unwrap() };
            let reader = if round % 2 == 0 {
                wait();
                spawn(reader)
            } else {
                let reader = spawn(reader);
                yield_now().await;
                wait();
                reader
            };
            yield_now().await;
            client.write_all(b"both").await.unwrap();
            assert_eq!(reader.await.unwrap(), 4);
            assert_eq!(woken.wakes(), round + 1);
        }
    });
}

/// A task that was aborted while it waited for a side does not keep the next one from waiting for it.
#[test]
fn a_side_has_another_waiter_after_one_that_was_aborted() {
    run(async {
        let (mut client, server) = pair().await;
        let server = Rc::new(server);
        for _ in 0..3 {
            let reader = || {
                let server = server.clone();
                spawn(async move { (&*server).read(&mut [0; 8]).await.unwrap() })
            };
            let gone = reader();
            yield_now().await;
            gone.abort();
            assert!(gone.await.unwrap_err().is_cancelled());
            let next = reader();
            yield_now().await;
            client.write_all(b"next").await.unwrap();
            assert_eq!(next.await.unwrap(), 4);
        }
    });
}

/// A socket may be polled with the waker of another loop's task. That task is woken, not the task in the
/// same slot of this loop.
#[test]
fn the_waker_of_another_loops_task_is_woken_at_a_socket() {
    let (first, second) = (EventLoop::new().unwrap(), EventLoop::new().unwrap());
    let own = waiting_on(&first);
    let other = waiting_on(&second);
    first.block_on(async {
        let (mut client, server) = pair().await;
        let other_waker = other.waker();
        let cx = &mut Context::from_waker(&other_waker);
        assert!(Pin::new(&mut &server).poll_read(cx, &mut [0; 8]).is_pending());
        client.write_all(b"news").await.unwrap();
        // The main future waits for the same edge.
        assert_eq!((&server).read(&mut [0; 8]).await.unwrap(), 4);
    });
    turn(&second);
    assert_eq!((own.polls(), other.polls()), (1, 2));
}

/// A task that waits for one side of a socket is not woken by the other.
#[test]
fn a_reader_and_a_writer_do_not_wake_each_other() {
    run(async {
        let (client, server) = pair().await;
        let server = Rc::new(server);
        let polls = Rc::new(Cell::new(0));
        let (reading, count) = (server.clone(), polls.clone());
        let reader = spawn(async move {
            poll_fn(|cx| {
                count.set(count.get() + 1);
                Pin::new(&mut &*reading).poll_read(cx, &mut [0; 8])
            })
            .await
        });
        // Fill the kernel's buffers, then let the peer empty them: the side becomes writable again.
        let mut filled = 0;
        while let Poll::Ready(written) =
            poll_fn(|cx| Poll::Ready(Pin::new(&mut &*server).poll_write(cx, &[1; 65_536]))).await
        {
            filled += written.unwrap();
        }
        let mut emptied = vec![0; filled];
        (&client).read_exact(&mut emptied).await.unwrap();
        (&*server).write_all(b"again").await.unwrap();
        assert_eq!(polls.get(), 1);
        (&client).write_all(b"now").await.unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), 3);
    });
}

/// Wakers that panic when they are dropped are dropped one by one with their socket, since two panics at
/// once would end the process. The same when the socket is dropped on another thread.
#[test]
fn wakers_that_panic_when_dropped_are_dropped_one_by_one() {
    let event_loop = EventLoop::new().unwrap();
    for elsewhere in [false, true] {
        let (listener, _) = event_loop.block_on(listen());
        for _ in 0..3 {
            let polled = poll_accept_with(&listener, || (), || panic!("a waker's drop"));
            assert!(polled.is_pending());
        }
        if elsewhere {
            thread::spawn(move || drop(listener)).join().unwrap();
            turn(&event_loop);
        } else {
            event_loop.block_on(async move { drop(listener) });
        }
    }
}

/// When a loop ends, each waiting waker is woken once, and a socket that is polled from then on returns
/// an error. So a waker that polls while it is woken does not delay the end.
#[test]
fn a_waker_that_polls_within_its_wake_is_woken_once_at_the_end() {
    thread_local! {
        static LISTENER: RefCell<Option<Rc<TcpListener>>> = const { RefCell::new(None) };
        static ANSWERS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }
    fn poll_again() {
        let Some(listener) = LISTENER.with_borrow(|listener| listener.clone()) else {
            return;
        };
        let answer = match poll_accept_with(&listener, poll_again, || ()) {
            Poll::Pending => "pending".to_owned(),
            Poll::Ready(answer) => answer.unwrap_err().to_string(),
        };
        let answers = ANSWERS.with_borrow_mut(|answers| {
            answers.push(answer);
            answers.len()
        });
        if answers == 100 {
            LISTENER.set(None); // it would never end
        }
    }
    run(async {
        let (listener, _) = listen().await;
        LISTENER.set(Some(Rc::new(listener)));
        poll_again();
    });
    let answers = ANSWERS.take();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(answers[0], "pending");
    assert!(answers[1].ends_with("is gone"), "{answers:?}");
}
