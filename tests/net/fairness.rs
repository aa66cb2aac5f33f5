//! Sockets that are always ready do not starve the other tasks.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{IoSliceMut, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;

use boucle::net::{TcpListener, TcpStream, UdpSocket};
use boucle::{spawn, yield_now};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use crate::common::{listen, pair, pair_with_std, run};

/// A task whose reads are always ready yields after 128 of them, and goes on in the next turn.
#[test]
fn a_task_that_can_always_read_yields() {
    run(async {
        let (mut client, server) = pair().await;
        client.write_all(b"x").await.unwrap();
        // Now the loop knows that the stream is readable.
        server.peek(&mut [0; 8]).await.unwrap();
        let reads = Rc::new(Cell::new(0));
        let count = reads.clone();
        let reader = spawn(async move {
            loop {
                server.peek(&mut [0; 8]).await.unwrap();
                count.set(count.get() + 1);
            }
        });
        for round in 1..=10 {
            yield_now().await;
            assert_eq!(reads.get(), 128 * round);
        }
        reader.abort();
    });
}

/// The same for a task that can always write, since its peer reads everything.
#[test]
fn a_task_that_can_always_write_yields() {
    run(async {
        let (mut client, _server) = pair().await;
        let writes = Rc::new(Cell::new(0));
        let count = writes.clone();
        let writer = spawn(async move {
            loop {
                client.write_all(b"x").await.unwrap();
                count.set(count.get() + 1);
            }
        });
        for round in 1..=3 {
            yield_now().await;
            assert_eq!(writes.get(), 128 * round);
        }
        writer.abort();
    });
}

/// Makes a future that a task awaits again and again.
type Leaf = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()>>>>;

/// Makes a leaf of an expression, whose value is dropped, and of the `Rc` of a socket in it.
macro_rules! leaf {
    ($($socket:ident)? => $operation:expr) => {{
        $(let $socket = $socket.clone();)?
        let leaf: Leaf = Box::new(move || {
            $(let $socket = $socket.clone();)?
            Box::pin(async move { drop($operation.await) })
        });
        (stringify!($operation), leaf)
    }};
}

/// Asserts that a leaf counts: a task that awaits nothing else yields after 128 of them, again and again.
async fn assert_counts(name: &str, leaf: Leaf) {
    let count = Rc::new(Cell::new(0));
    let counts = count.clone();
    let task = spawn(async move {
        while counts.get() < 1_000 {
            leaf().await;
            counts.set(counts.get() + 1);
        }
    });
    for round in 1..=3 {
        yield_now().await;
        assert_eq!(count.get(), 128 * round, "{name}");
    }
    task.abort();
}

/// Every operation that is ready at once spends budget, also those that never wait or that fail: a task
/// that awaits nothing else yields after 128 of them.
#[test]
fn every_operation_that_is_ready_at_once_counts() {
    let (gone_stream, gone_listener) = run(async {
        let (listener, _) = listen().await;
        (Rc::new(pair().await.0), Rc::new(listener))
    });
    run(async move {
        let (listener, taken) = listen().await;
        let (closed, peer) = pair().await;
        let (stream, mut other) = pair().await;
        let (closed, stream) = (Rc::new(closed), Rc::new(stream));
        drop(peer);
        assert_eq!((&*closed).read(&mut [0; 8]).await.unwrap(), 0);
        other.write_all(b"x").await.unwrap();
        stream.peek(&mut [0; 8]).await.unwrap();
        let malformed = "no address";
        let udp = Rc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let own = udp.local_addr().unwrap();
        udp.send_to(b"x", own).await.unwrap();
        udp.peek_from(&mut [0; 8]).await.unwrap();
        let leaves = [
            leaf!(stream => stream.peek(&mut [0; 8])),
            leaf!(stream => stream.peek(&mut [])),
            leaf!(stream => (&*stream).read(&mut [])),
            leaf!(stream => (&*stream).read_vectored(&mut [])),
            leaf!(stream => (&*stream).write(b"x")),
            leaf!(stream => (&*stream).write(&[])),
            leaf!(stream => (&*stream).write_vectored(&[])),
            leaf!(stream => (&*stream).flush()),
            leaf!(stream => (&*stream).close()),
            leaf!(stream => (&*stream).write(b"after the close")),
            leaf!(closed => (&*closed).read(&mut [0; 8])),
            leaf!(closed => (&*closed).read_vectored(&mut [IoSliceMut::new(&mut [0; 8])])),
            leaf!(=> TcpListener::bind("127.0.0.1:0")),
            leaf!(=> TcpListener::bind(taken)),
            leaf!(=> TcpListener::bind(malformed)),
            leaf!(=> TcpStream::connect(malformed)),
            leaf!(udp => udp.peek_from(&mut [0; 8])),
            leaf!(udp => udp.send_to(b"", own)),
            leaf!(udp => udp.send_to(b"", malformed)),
            leaf!(udp => udp.connect(malformed)),
            leaf!(udp => udp.connect(own)),
            leaf!(udp => udp.send(b"")),
            leaf!(=> UdpSocket::bind("127.0.0.1:0")),
            leaf!(=> UdpSocket::bind(malformed)),
            leaf!(gone_stream => (&*gone_stream).read(&mut [0; 8])),
            leaf!(gone_stream => (&*gone_stream).write(b"x")),
            leaf!(gone_stream => gone_stream.peek(&mut [0; 8])),
            leaf!(gone_stream => (&*gone_stream).flush()),
            leaf!(gone_stream => (&*gone_stream).close()),
            leaf!(gone_listener => gone_listener.accept()),
        ];
        for (name, leaf) in leaves.into_iter().chain(of_unix()) {
            assert_counts(name, leaf).await;
        }
        drop(listener);
    });
}

#[cfg(not(unix))]
fn of_unix() -> Vec<(&'static str, Leaf)> {
    Vec::new()
}

#[cfg(unix)]
fn of_unix() -> Vec<(&'static str, Leaf)> {
    use boucle::net::{UnixDatagram, UnixStream};

    let (stream, peer) = UnixStream::pair().unwrap();
    drop(peer);
    let (datagram, unbound) = (UnixDatagram::unbound().unwrap(), UnixDatagram::unbound().unwrap());
    let (stream, datagram, unbound) = (Rc::new(stream), Rc::new(datagram), Rc::new(unbound));
    vec![
        leaf!(=> UnixStream::connect("/no/such/file")),
        leaf!(stream => (&*stream).write(b"nobody reads it")),
        leaf!(stream => (&*stream).read_vectored(&mut [])),
        leaf!(datagram => datagram.send_to(b"", "/no/such/file")),
        leaf!(unbound => unbound.send(b"")),
    ]
}

/// A read that is ready does not yield, as long as the budget lasts.
#[test]
fn a_read_that_is_ready_does_not_yield() {
    run(async {
        let (mut client, mut server) = pair().await;
        client.write_all(b"abc").await.unwrap();
        server.peek(&mut [0; 8]).await.unwrap();
        let order = Rc::new(RefCell::new(Vec::new()));
        let log = order.clone();
        let other = spawn(async move { log.borrow_mut().push("other") });
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 3);
        order.borrow_mut().push("read");
        other.await.unwrap();
        assert_eq!(*order.borrow(), ["read", "other"]);
    });
}

/// Thousands of wakes from another thread do not starve the sockets, nor the sockets the wakes.
#[test]
fn sockets_and_wakes_do_not_starve_each_other() {
    run(async {
        let (mut stream, mut peer) = pair_with_std().await;
        let (sender, receiver) = async_channel::unbounded::<u32>();
        let (over, is_over) = mpsc::channel::<()>();
        let waking = thread::spawn(move || {
            for number in 0..20_000 {
                sender.try_send(number).unwrap();
            }
            is_over.recv().unwrap();
        });
        let sending = thread::spawn(move || {
            for _ in 0..200 {
                peer.write_all(&[5; 100]).unwrap();
            }
        });
        let counter = spawn(async move {
            let mut count = 0;
            while let Ok(number) = receiver.recv().await {
                assert_eq!(number, count);
                count += 1;
            }
            count
        });
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, [5; 20_000]);
        over.send(()).unwrap();
        assert_eq!(counter.await.unwrap(), 20_000);
        waking.join().unwrap();
        sending.join().unwrap();
    });
}
