//! Sockets and their loops: to std and back, dropped here or elsewhere, and at the end of the loop.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream};
use boucle::observe::{Event, Observer};
use boucle::{EventLoop, sleep, spawn, yield_now};
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::poll_accept_with;
use crate::common::{
    OnDrop, count_sources, holds, listen, name_of, pair, pair_with_std, panic_of, run, std_pair, turn,
};

/// A listener and a stream of std's become boucle's, work, and become std's again, and no byte is lost.
#[test]
fn sockets_come_from_std_and_go_back() {
    run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // A connection that came before the listener was registered is accepted too.
        let mut peer = std::net::TcpStream::connect(address).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        peer.write_all(b"abcd").unwrap();
        let mut two = [0; 2];
        stream.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"ab");

        let back = stream.into_std().unwrap();
        back.set_nonblocking(false).unwrap();
        let mut there = back.try_clone().unwrap();
        there.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"cd");
        drop(there);
        let mut stream = TcpStream::from_std(back).unwrap();
        peer.write_all(b"ef").unwrap();
        stream.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"ef");
        stream.write_all(b"gh").await.unwrap();
        peer.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"gh");
        let mut back = stream.into_std().unwrap();
        let error = back.read(&mut two).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "made non-blocking");

        let listener = listener.into_std().unwrap();
        let error = listener.accept().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "still non-blocking");
        let listener = TcpListener::from_std(listener).unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
}

/// A socket that becomes std's again frees its slot in the loop.
#[test]
fn a_socket_that_goes_back_frees_its_slot() {
    count_sources(async |sources| {
        let (listener, _) = listen().await;
        yield_now().await;
        assert_eq!(sources.get(), 1);
        let _std = listener.into_std().unwrap();
        yield_now().await;
        assert_eq!(sources.get(), 0);
    });
}

/// A socket shows its system handle, so that other crates can set and read its options.
#[test]
fn a_socket_shows_its_handle() {
    use socket2::SockRef;

    run(async {
        let (listener, address) = listen().await;
        let handle = SockRef::from(&listener);
        assert_eq!(handle.local_addr().unwrap().as_socket(), Some(address));
        let stream = TcpStream::connect(address).await.unwrap();
        let handle = SockRef::from(&stream);
        assert_eq!(handle.peer_addr().unwrap().as_socket(), Some(address));
        handle.set_tcp_nodelay(true).unwrap();
        assert!(stream.nodelay().unwrap());
    });
}

/// Making a socket where no loop runs panics with the reason.
#[test]
fn a_socket_without_a_loop_panics() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let message = panic_of(|| TcpListener::from_std(listener));
    assert!(message.contains("a socket needs an event loop"), "{message}");
}

/// A socket that is polled on another thread's loop panics and names its own. The socket is unharmed.
#[test]
fn a_socket_that_is_polled_on_another_thread_panics() {
    let first = EventLoop::new().unwrap();
    let (mut client, mut server) = first.block_on(pair());
    let message = thread::scope(|scope| {
        let elsewhere = scope.spawn(|| panic_of(|| boucle::run(client.read(&mut [0; 8]))));
        elsewhere.join().unwrap()
    });
    assert!(message.contains(&format!("of {} was polled on", name_of(&first))), "{message}");
    first.block_on(async {
        server.write_all(b"fine").await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 4);
    });
}

/// A socket that outlives its loop returns errors and can be dropped; the socket of another loop with the
/// same number is unharmed.
#[test]
fn a_socket_outlives_its_loop() {
    let (mut client, server, listener) = run(async {
        let (listener, _) = listen().await;
        let (client, server) = pair().await;
        (client, server, listener)
    });
    run(async move {
        let error = client.read(&mut [0; 8]).await.unwrap_err();
        assert!(error.to_string().contains("is gone"), "{error}");
        assert!(client.write(b"x").await.is_err());
        assert!(client.peek(&mut [0; 8]).await.is_err());
        assert!(listener.accept().await.is_err());
        assert!(client.local_addr().is_ok());
        let (mut other, mut peer) = pair().await;
        drop((client, listener));
        peer.write_all(b"fine").await.unwrap();
        assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 4);
    });
    // The descriptor can be registered with another loop.
    let std = server.into_std().unwrap();
    run(async {
        let mut server = TcpStream::from_std(std).unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

/// A socket that is dropped on another thread is closed at once: the peer reads the end while the loop
/// does not run. Its slot is freed when the loop reads its inbox.
#[test]
fn a_socket_that_is_dropped_on_another_thread_is_closed() {
    let event_loop = EventLoop::new().unwrap();
    let (stream, mut peer) = event_loop.block_on(pair_with_std());
    thread::spawn(move || drop(stream)).join().unwrap();
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
    turn(&event_loop);
    event_loop.block_on(async {
        let (mut client, mut server) = pair().await;
        server.write_all(b"fine").await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 4);
    });
}

/// An aborted task drops its stream, which closes it: the peer reads the end.
#[test]
fn an_aborted_task_closes_its_socket() {
    run(async {
        let (mut client, mut server) = pair().await;
        let reader = spawn(async move { server.read(&mut [0; 8]).await });
        yield_now().await;
        reader.abort();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(reader.await.unwrap_err().is_cancelled());
    });
}

/// An event of a dropped socket does not wake the next tenant of its slot. (A duplicate of the descriptor
/// is open, so there are events.)
#[test]
fn an_event_of_a_closed_socket_wakes_no_later_one() {
    run(async {
        let (old, mut old_peer) = std_pair();
        let _copy = old.try_clone().unwrap();
        drop(TcpStream::from_std(old).unwrap());
        let (fresh, mut fresh_peer) = std_pair();
        let mut fresh = TcpStream::from_std(fresh).unwrap();
        let polls = Rc::new(Cell::new(0));
        let count = polls.clone();
        let reader = spawn(async move {
            let mut buffer = [0; 8];
            poll_fn(|cx| {
                count.set(count.get() + 1);
                Pin::new(&mut fresh).poll_read(cx, &mut buffer)
            })
            .await
        });
        yield_now().await;
        // By now the kernel has reported the first events of the fresh socket.
        sleep(Duration::from_millis(2)).await;
        let before = polls.get();
        old_peer.write_all(b"too late").unwrap();
        sleep(Duration::from_millis(2)).await;
        assert_eq!(polls.get(), before);
        fresh_peer.write_all(b"fine").unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), 4);
    });
}

/// A duplicate that gets the number of the dropped socket can be registered with the same loop, even
/// while that loop ends. (In a process of its own, where no other test takes the number.)
#[cfg(unix)]
#[test]
fn a_duplicate_of_a_dropped_socket_can_be_registered() {
    use std::os::fd::AsRawFd;

    use crate::common::{own_binary, passes_alone};

    let test = "lifetimes::a_duplicate_of_a_dropped_socket_can_be_registered";
    if passes_alone(own_binary(), test) {
        return;
    }
    let again = |duplicate: &std::net::TcpStream, number| {
        let again = duplicate.try_clone().unwrap();
        assert_eq!(again.as_raw_fd(), number, "the system takes the lowest number");
        TcpStream::from_std(again).unwrap()
    };
    let ways_out: [fn(&EventLoop, TcpStream); 5] = [
        // By a task, while the loop does not run, and on another thread.
        |event_loop, stream| event_loop.block_on(async move { drop(stream) }),
        |_, stream| drop(stream),
        |_, stream| thread::spawn(move || drop(stream)).join().unwrap(),
        // Back to std, here and on another thread.
        |_, stream| drop(stream.into_std().unwrap()),
        |_, stream| {
            let back = thread::spawn(move || stream.into_std().unwrap());
            drop(back.join().unwrap());
        },
    ];
    for leaves in ways_out {
        let event_loop = EventLoop::new().unwrap();
        let (socket, mut peer) = std_pair();
        let (duplicate, number) = (socket.try_clone().unwrap(), socket.as_raw_fd());
        let stream = event_loop.block_on(async { TcpStream::from_std(socket).unwrap() });
        leaves(&event_loop, stream);
        event_loop.block_on(async {
            let mut stream = again(&duplicate, number);
            peer.write_all(b"again").unwrap();
            assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 5);
        });
    }

    let registered = Rc::new(Cell::new(false));
    let event_loop = EventLoop::new().unwrap();
    let (socket, _peer) = std_pair();
    let (duplicate, number) = (socket.try_clone().unwrap(), socket.as_raw_fd());
    let stream = event_loop.block_on(async { TcpStream::from_std(socket).unwrap() });
    let done = registered.clone();
    let at_the_end = OnDrop(move || {
        drop(again(&duplicate, number));
        done.set(true);
    });
    // Tasks are dropped in spawn order.
    drop(event_loop.spawn(holds(stream)));
    drop(event_loop.spawn(holds(at_the_end)));
    drop(event_loop);
    assert!(registered.get());
}

/// A connection that is accepted while no loop runs belongs to the listener's loop. (This once panicked, and
/// lost the connection.)
#[test]
fn a_connection_may_be_accepted_between_two_runs() {
    let event_loop = EventLoop::new().unwrap();
    let listener = event_loop.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(listener.poll_accept(cx).is_pending());
    let client = std::net::TcpStream::connect(address).unwrap();
    event_loop.block_on(sleep(Duration::from_millis(5)));
    let Poll::Ready(Ok((mut server, peer))) = listener.poll_accept(cx) else {
        panic!("a connection waits");
    };
    assert_eq!(peer, client.local_addr().unwrap());
    event_loop.block_on(async { server.write_all(b"hello").await }).unwrap();
    drop(server);
    let mut text = String::new();
    (&client).read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
}

/// A read or write of no bytes has to be polled on the stream's own loop, like any other.
#[test]
fn a_transfer_of_no_bytes_checks_its_loop() {
    let own = EventLoop::new().unwrap();
    let (mut stream, _peer) = own.block_on(pair());
    let refusal = panic_of(|| run(async { stream.read(&mut []).await }));
    assert!(refusal.contains("it can only be awaited on its own loop"), "{refusal}");
    drop(own);
    for error in [
        run(async { stream.write(&[]).await }).unwrap_err(),
        run(async { stream.peek(&mut []).await }).unwrap_err(),
    ] {
        assert!(error.to_string().ends_with("is gone"), "{error}");
    }
}

/// A task's destructor may make a socket at the end of a loop, even the first of a loop with a virtual clock.
#[test]
fn a_destructor_at_the_end_makes_a_socket() {
    for builder in [EventLoop::builder(), EventLoop::builder().virtual_clock()] {
        let made = Rc::new(Cell::new(false));
        let sets = made.clone();
        let event_loop = builder.build().unwrap();
        let makes_a_socket = OnDrop(move || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            sets.set(TcpListener::from_std(listener).is_ok());
        });
        drop(event_loop.spawn(holds(makes_a_socket)));
        turn(&event_loop);
        drop(event_loop);
        assert!(made.get());
    }
}

/// The wakers that wait for sockets are woken after the tasks' drop. One that makes a socket then gets an
/// error.
#[test]
fn a_loop_that_ends_takes_no_socket_after_its_tasks_are_gone() {
    thread_local!(static MADE: RefCell<Vec<bool>> = const { RefCell::new(Vec::new()) });
    fn make() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let made = TcpListener::from_std(listener).is_ok();
        MADE.with_borrow_mut(|all| all.push(made));
    }
    let listener = run(async {
        let (listener, _) = listen().await;
        assert!(poll_accept_with(&listener, make, || ()).is_pending());
        drop(spawn(holds(OnDrop(make))));
        listener
    });
    assert_eq!(MADE.take(), [true, false]);
    drop(listener);
}

/// An observer is dropped last. A socket that its destructor polls returns the same error, and so keeps no
/// waker that could panic in the loop's drop.
#[test]
fn an_observer_that_is_dropped_finds_the_loop_of_a_socket_gone() {
    type Shared<T> = Rc<RefCell<Option<T>>>;
    struct Polls(Shared<TcpListener>, Shared<String>);
    impl Observer for Polls {
        fn observe(&mut self, _: &Event) {}
    }
    impl Drop for Polls {
        fn drop(&mut self) {
            let listener = self.0.take().unwrap();
            let polled = poll_accept_with(&listener, || (), || ());
            if let Poll::Ready(Err(error)) = polled {
                self.1.replace(Some(error.to_string()));
            }
        }
    }
    let (listener, answer) = (Shared::default(), Shared::default());
    let observer = Polls(listener.clone(), answer.clone());
    let event_loop = EventLoop::builder().observe(observer).build().unwrap();
    listener.replace(Some(event_loop.block_on(listen()).0));
    drop(event_loop);
    let answer = answer.take().expect("an error");
    assert!(answer.ends_with("is gone"), "{answer}");
}
