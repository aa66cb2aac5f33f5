//! Sockets, over the loopback device and nothing else.
//!
//! Each test runs a loop of its own. A test that could hang if the loop missed an event ends after
//! half a minute instead, which is the only thing that the real clock is asked for; nothing is
//! asserted about how long it took. Where a peer has to be told apart from the code under test, it
//! is a socket of std's on another thread.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream};
use boucle::observe::{Event, Observer};
use boucle::{EventLoop, gather, sleep, spawn, timeout, yield_now};
use common::OnDrop;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Runs a test on a loop of its own, and ends it if it hangs.
fn run<F: Future>(main: F) -> F::Output {
    boucle::run(async {
        timeout(Duration::from_secs(30), main)
            .await
            .expect("the test hangs")
    })
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Both ends of a connection.
async fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listen().await;
    let (client, server) = boucle::gather!(TcpStream::connect(address), async move {
        listener.accept().await
    })
    .await;
    (client.unwrap(), server.unwrap().0)
}

/// One end that is boucle's and one that is std's.
async fn pair_with_std() -> (TcpStream, std::net::TcpStream) {
    let (listener, address) = listen().await;
    let peer = std::net::TcpStream::connect(address).unwrap();
    (listener.accept().await.unwrap().0, peer)
}

/// An address where nobody listens: a port that the system gives to none of the listeners of these
/// tests.
fn refused() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 1))
}

/// The message that a closure panics with.
fn panic_of<R>(closure: impl FnOnce() -> R) -> String {
    let payload = match catch_unwind(AssertUnwindSafe(closure)) {
        Ok(_) => panic!("there was no panic"),
        Err(payload) => payload,
    };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast_ref::<&str>().unwrap().to_string(),
    }
}

/// How a loop is called in messages.
fn name(event_loop: &EventLoop) -> String {
    let shown = format!("{event_loop:?}");
    shown["EventLoop(".len()..shown.len() - 1].to_owned()
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Waits for ever, with something that it drops at the end.
async fn holds(_value: impl Sized) {
    pending().await
}

/// A byte that depends on its position, so that a lost, doubled or moved piece shows.
fn byte_at(position: usize) -> u8 {
    (position.wrapping_mul(2_654_435_761) >> 13) as u8
}

// Connections.

/// What a client sends comes back, line by line, over several connections at once.
#[test]
fn a_server_echoes() {
    run(async {
        let (listener, address) = listen().await;
        let server = spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                drop(spawn(async move {
                    futures_lite::io::copy(&stream, &stream).await.unwrap();
                }));
            }
        });
        let clients = (0..10u8).map(|number| async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for round in 0..20u8 {
                let sent = [number, round, 3, 4];
                stream.write_all(&sent).await.unwrap();
                let mut received = [0; 4];
                stream.read_exact(&mut received).await.unwrap();
                assert_eq!(received, sent);
            }
        });
        gather(clients.collect::<Vec<_>>()).await;
        server.abort();
    });
}

/// Two hundred connections are open and busy at the same time.
#[test]
fn many_connections_are_served_at_once() {
    const CONNECTIONS: usize = 200;
    run(async {
        let (listener, address) = listen().await;
        let open = Rc::new(Cell::new(0));
        let server_open = open.clone();
        let server = spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let open = server_open.clone();
                open.set(open.get() + 1);
                drop(spawn(async move {
                    // Nobody is answered before everybody is there.
                    while open.get() < CONNECTIONS {
                        yield_now().await;
                    }
                    let mut number = [0; 4];
                    while stream.read_exact(&mut number).await.is_ok() {
                        stream.write_all(&number).await.unwrap();
                    }
                }));
            }
        });
        let clients = (0..CONNECTIONS as u32).map(|number| async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for round in 0..3 {
                let sent = (number * 3 + round).to_be_bytes();
                stream.write_all(&sent).await.unwrap();
                let mut received = [0; 4];
                stream.read_exact(&mut received).await.unwrap();
                assert_eq!(received, sent);
            }
        });
        gather(clients.collect::<Vec<_>>()).await;
        assert_eq!(open.get(), CONNECTIONS);
        server.abort();
    });
}

/// Writes so many bytes in pieces of changing sizes; says how often the kernel took only a part.
async fn send_pattern(stream: Rc<TcpStream>, len: usize) -> usize {
    let (mut position, mut partial) = (0, 0);
    let mut piece = Vec::new();
    while position < len {
        let size = (position % 700_001 + 1).min(len - position);
        piece.clear();
        piece.extend((position..position + size).map(byte_at));
        let written = (&*stream).write(&piece).await.unwrap();
        assert!(written > 0);
        partial += usize::from(written < size);
        position += written;
    }
    (&*stream).close().await.unwrap();
    partial
}

/// Reads to the end, in pieces of changing sizes, and checks every byte.
async fn receive_pattern(stream: Rc<TcpStream>) -> usize {
    let mut position = 0;
    let mut buffer = vec![0; 100_000];
    loop {
        let size = position % 99_991 + 1;
        let read = (&*stream).read(&mut buffer[..size]).await.unwrap();
        if read == 0 {
            return position;
        }
        for (offset, byte) in buffer[..read].iter().enumerate() {
            assert_eq!(
                *byte,
                byte_at(position + offset),
                "at {}",
                position + offset
            );
        }
        position += read;
    }
}

/// Megabytes go both ways at once over one connection, with one task reading and another writing at
/// each end; the kernel's buffers are full again and again, and no byte is lost, doubled or moved.
#[test]
fn megabytes_go_both_ways_at_once() {
    const LEN: usize = 6_000_000;
    run(async {
        let (client, server) = pair().await;
        let (client, server) = (Rc::new(client), Rc::new(server));
        let (up, down, at_server, at_client) = boucle::gather!(
            send_pattern(client.clone(), LEN),
            send_pattern(server.clone(), LEN),
            receive_pattern(server),
            receive_pattern(client),
        )
        .await;
        assert_eq!((at_server, at_client), (LEN, LEN));
        assert!(up > 0 && down > 0, "the buffers were never full");
    });
}

/// `close` ends one direction: the peer reads the end, and what it still sends arrives.
#[test]
fn a_half_closed_stream_still_reads() {
    run(async {
        let (mut client, mut server) = pair().await;
        client.write_all(b"question").await.unwrap();
        client.close().await.unwrap();
        client.close().await.unwrap(); // twice is no error
        let mut question = Vec::new();
        server.read_to_end(&mut question).await.unwrap();
        assert_eq!(question, b"question");
        assert_eq!(
            client.write(b"more").await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
        server.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");
        drop(server);
        assert_eq!(client.read(&mut answer).await.unwrap(), 0);
        assert_eq!(client.read(&mut answer).await.unwrap(), 0);
    });
}

/// A peer that goes with our bytes unread resets the connection: a read that waits for it ends,
/// with an error.
#[test]
fn a_reset_ends_a_read() {
    run(async {
        let (mut stream, peer) = pair_with_std().await;
        stream.write_all(b"unread").await.unwrap();
        // The bytes must have arrived, or the kernel says goodbye politely.
        let mut byte = [0];
        while peer.peek(&mut byte).unwrap() == 0 {}
        let stream = Rc::new(stream);
        let reading = stream.clone();
        let reader = spawn(async move { (&*reading).read(&mut [0; 8]).await });
        yield_now().await;
        drop(peer);
        let error = reader.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        // From now on it is over, one way or the other, and nothing hangs.
        assert_eq!((&*stream).read(&mut [0; 8]).await.unwrap_or(0), 0);
        assert!((&*stream).write(b"more").await.is_err());
    });
}

/// What the peer has reset can be closed: that it is not connected any more is no error.
#[test]
fn a_reset_stream_can_be_closed() {
    run(async {
        let (mut stream, peer) = pair_with_std().await;
        stream.write_all(b"never read").await.unwrap();
        peer.peek(&mut [0; 1]).unwrap();
        drop(peer);
        stream.read(&mut [0; 1]).await.unwrap_err();
        stream.close().await.unwrap();
    });
}

/// A reset reaches a writer that waits for room, too.
#[test]
fn a_reset_ends_a_write() {
    run(async {
        let (mut stream, peer) = pair_with_std().await;
        let writer = spawn(async move {
            loop {
                if let Err(error) = stream.write_all(&[7; 100_000]).await {
                    return error.kind();
                }
            }
        });
        // Until the writer has nothing left to do but wait.
        for _ in 0..1_000 {
            yield_now().await;
        }
        assert!(!writer.is_finished());
        drop(peer);
        let kind = writer.await.unwrap();
        assert!(
            matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
            "{kind:?}"
        );
    });
}

// Addresses.

/// Where nobody listens, the error says so, at once or when the kernel reports it.
#[test]
fn a_refused_connection_is_an_error() {
    run(async {
        let error = TcpStream::connect(refused()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

/// A list of addresses is tried in order until one answers; if none does, the last error is the
/// result.
#[test]
fn every_address_is_tried() {
    run(async {
        let (listener, address) = listen().await;
        let addresses = [refused(), refused(), address];
        let stream = TcpStream::connect(&addresses[..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        let error = TcpStream::connect(&addresses[..2]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        // The same for a listener: the first address is taken already.
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let second = TcpListener::bind(&[address, free][..]).await.unwrap();
        assert_ne!(second.local_addr().unwrap(), address);
        let error = TcpListener::bind(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        drop(listener);
    });
}

/// All the shapes in which std takes an address are taken here.
#[test]
fn an_address_has_many_shapes() {
    run(async {
        let (listener, address) = listen().await;
        let port = address.port();
        TcpStream::connect(address).await.unwrap();
        TcpStream::connect(&address).await.unwrap();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        TcpStream::connect((String::from("127.0.0.1"), port))
            .await
            .unwrap();
        TcpStream::connect(address.to_string()).await.unwrap();
        TcpStream::connect(address.to_string().as_str())
            .await
            .unwrap();
        TcpStream::connect(&[address][..]).await.unwrap();
        drop(listener);
    });
}

/// What cannot be an address is refused before anything is asked, and the message shows it.
#[test]
fn a_malformed_address_is_an_error() {
    run(async {
        for text in ["localhost", "", ":80", "127.0.0.1", "host:port", "a:70000"] {
            let error = TcpStream::connect(text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
            assert!(
                error.to_string().contains(&format!("\"{text}\"")),
                "{error}"
            );
            let error = TcpListener::bind(text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
        }
        let none: &[SocketAddr] = &[];
        let error = TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("empty"), "{error}");
    });
}

/// A name is looked up, in the thread pool, and its addresses are tried.
#[cfg(feature = "blocking")]
#[test]
fn a_name_is_looked_up() {
    run(async {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = format!("localhost:{port}");
        let stream = TcpStream::connect(text.as_str()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
        TcpStream::connect(("localhost", port)).await.unwrap();
    });
}

/// A host that does not exist is an error that names it. (No packet leaves the machine where the
/// resolver knows that the name is reserved; elsewhere the look-up fails all the same.)
#[cfg(feature = "blocking")]
#[test]
fn an_unknown_host_is_named() {
    run(async {
        let error = TcpStream::connect("nonexistent.invalid:80")
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("\"nonexistent.invalid\""),
            "{error}"
        );
    });
}

/// Without the thread pool there is no look-up, and the error says what is missing.
#[cfg(not(feature = "blocking"))]
#[test]
fn a_name_needs_the_thread_pool() {
    run(async {
        let error = TcpStream::connect("localhost:80").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("\"localhost\""), "{error}");
        assert!(error.to_string().contains("`blocking`"), "{error}");
    });
}

/// Each end knows its own address and the other's.
#[test]
fn both_ends_know_their_addresses() {
    run(async {
        let (listener, address) = listen().await;
        let client = TcpStream::connect(address).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(server.peer_addr().unwrap(), peer);
        assert_eq!(server.local_addr().unwrap(), address);
        assert_eq!(client.peer_addr().unwrap(), address);
    });
}

/// `TCP_NODELAY` is off, on, and off again.
#[test]
fn nodelay_is_set_and_read() {
    run(async {
        let (client, _server) = pair().await;
        assert!(!client.nodelay().unwrap());
        client.set_nodelay(true).unwrap();
        assert!(client.nodelay().unwrap());
        client.set_nodelay(false).unwrap();
        assert!(!client.nodelay().unwrap());
    });
}

// Reading and writing.

/// `peek` takes nothing away, waits like a read, and sees the end.
#[test]
fn a_peek_takes_nothing() {
    run(async {
        let (mut client, mut server) = pair().await;
        let writer = spawn(async move {
            yield_now().await;
            client.write_all(b"bytes").await.unwrap();
        });
        let mut buffer = [0; 16];
        for _ in 0..3 {
            assert_eq!(server.peek(&mut buffer).await.unwrap(), 5);
            assert_eq!(&buffer[..5], b"bytes");
        }
        assert_eq!(server.peek(&mut []).await.unwrap(), 0);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 5);
        writer.await.unwrap();
        assert_eq!(server.peek(&mut buffer).await.unwrap(), 0);
    });
}

/// Nothing is read into an empty buffer, and it does not wait for anything to come.
#[test]
fn an_empty_buffer_is_ready_at_once() {
    run(async {
        let (mut client, mut server) = pair().await;
        assert_eq!(server.read(&mut []).await.unwrap(), 0);
        assert_eq!(server.read_vectored(&mut []).await.unwrap(), 0);
        let mut none = [IoSliceMut::new(&mut [])];
        assert_eq!(server.read_vectored(&mut none).await.unwrap(), 0);
        assert_eq!(client.write(&[]).await.unwrap(), 0);
        assert_eq!(client.write_vectored(&[]).await.unwrap(), 0);
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read(&mut []).await.unwrap(), 0);
        assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 1);
    });
}

/// Several buffers are written, and read, by one call, in order; also by one that is shorter than
/// what it asked for.
#[test]
fn several_buffers_are_one_transfer() {
    run(async {
        let (mut client, mut server) = pair().await;
        for _ in 0..3 {
            let parts = [
                IoSlice::new(b"one "),
                IoSlice::new(b""),
                IoSlice::new(b"two"),
            ];
            assert_eq!(client.write_vectored(&parts).await.unwrap(), 7);
            server.peek(&mut [0; 16]).await.unwrap();
            let (mut first, mut second) = ([0; 3], [0; 100]);
            let mut parts = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
            assert_eq!(server.read_vectored(&mut parts).await.unwrap(), 7);
            assert_eq!((&first, &second[..4]), (b"one", &b" two"[..]));
        }
        drop(client);
        let mut buffer = [0; 3];
        let mut parts = [IoSliceMut::new(&mut buffer)];
        assert_eq!(server.read_vectored(&mut parts).await.unwrap(), 0);
    });
}

/// The kernel takes a thousand buffers at once and no more. That it took a part of them does not say that
/// the stream is empty, or full: it goes on without another event.
#[test]
fn more_buffers_than_the_kernel_takes_are_no_short_transfer() {
    run(async {
        let (mut a, mut b) = pair().await;
        let sent: Vec<u8> = (0..1_500).map(byte_at).collect();
        let slices: Vec<IoSlice<'_>> = sent.chunks(1).map(IoSlice::new).collect();
        // Twice, since the first event at a new stream may come after the first write.
        for _ in 0..2 {
            let count = a.write_vectored(&slices).await.unwrap();
            assert!(count < sent.len());
            let rest = pin!(a.write(&sent[count..]));
            assert!(poll_once(rest).await.is_ready());

            let mut received = vec![0; sent.len()];
            let mut slices: Vec<_> = received.chunks_mut(1).map(IoSliceMut::new).collect();
            let count = b.read_vectored(&mut slices).await.unwrap();
            b.read_exact(&mut received[count..]).await.unwrap();
            assert_eq!(received, sent);
        }
    });
}

/// The last bytes of a peer that is gone are read, and then the end, whatever the size of the
/// buffer: also when bytes and end are there together before the first read.
#[test]
fn the_last_bytes_are_read_and_then_the_end() {
    for size in [1, 3, 7, 8, 100] {
        for asks_first in [false, true] {
            run(async move {
                let (mut stream, mut peer) = pair_with_std().await;
                let mut buffer = vec![0; size];
                if asks_first {
                    // A read waits when bytes and end come, together, in one event.
                    let mut early = pin!(stream.read(&mut buffer));
                    assert!(poll_once(early.as_mut()).await.is_pending());
                }
                peer.write_all(b"farewell").unwrap();
                drop(peer);
                let mut all = Vec::new();
                loop {
                    let read = stream.read(&mut buffer).await.unwrap();
                    if read == 0 {
                        break;
                    }
                    all.extend_from_slice(&buffer[..read]);
                }
                assert_eq!(all, b"farewell");
                assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
            });
        }
    }
}

/// A peer that sends a little, and then a little more, is read each time: what is short of the
/// buffer is not the end.
#[test]
fn a_short_read_is_not_the_last_one() {
    run(async {
        let (mut stream, mut peer) = pair_with_std().await;
        let mut buffer = [0; 64];
        for round in 0..50u8 {
            peer.write_all(&[round; 5]).unwrap();
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 5);
            assert_eq!(buffer[..5], [round; 5]);
            // Exactly full, and longer than the buffer.
            peer.write_all(&[round; 64]).unwrap();
            peer.write_all(&[round; 70]).unwrap();
            let mut all = [0; 134];
            stream.read_exact(&mut all).await.unwrap();
            assert_eq!(all, [round; 134]);
        }
    });
}

/// Urgent data divides what is read: a read ends before it, however much is behind it, and however
/// long that has been there. What is behind it is read all the same.
#[cfg(target_os = "linux")]
#[test]
fn what_is_behind_urgent_data_is_read() {
    use rustix::net::{SendFlags, send};

    run(async {
        let (mut stream, mut peer) = pair_with_std().await;
        peer.set_nodelay(true).unwrap();
        for _ in 0..3 {
            let mut buffer = [0; 64];
            peer.write_all(b"before").unwrap();
            assert_eq!(send(&peer, b"!", SendFlags::OOB), Ok(1));
            peer.write_all(b"behind").unwrap();
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 6);
            assert_eq!(&buffer[..6], b"before");
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 6);
            assert_eq!(&buffer[..6], b"behind");
        }
    });
}

/// After a read that was short, the next one asks the kernel for nothing until there is an event:
/// bytes that came in between are not seen by its first poll. This is the system call that is saved
/// for each request. (It is not saved where mio watches a socket again only after one in vain.)
#[cfg(not(mio_unsupported_force_poll_poll))]
#[test]
fn a_short_read_is_not_followed_by_a_vain_one() {
    run(async {
        let (mut stream, mut peer) = pair_with_std().await;
        let mut buffer = [0; 8];
        peer.write_all(b"short").unwrap();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 5);
        peer.write_all(b"more").unwrap();
        {
            let mut read = pin!(stream.read(&mut buffer));
            assert!(poll_once(read.as_mut()).await.is_pending());
            assert_eq!(read.await.unwrap(), 4);
        }
        // A read that fills its buffer says nothing of the kind.
        peer.write_all(b"full").unwrap();
        assert_eq!(stream.read(&mut buffer[..4]).await.unwrap(), 4);
        peer.write_all(b"more").unwrap();
        let mut read = pin!(stream.read(&mut buffer));
        assert!(poll_once(read.as_mut()).await.is_ready());
    });
}

/// An event is taken once: a short park that brings none does not bring the last one again.
#[test]
fn an_event_is_taken_once() {
    let event_loop = EventLoop::new().unwrap();
    let (mut stream, mut peer) = event_loop.block_on(pair_with_std());
    let short = Some(Duration::from_micros(100));
    let reader = event_loop.spawn(async move {
        let mut buffer = [0; 64];
        for _ in 0..3 {
            stream.read(&mut buffer).await.unwrap();
        }
    });
    while event_loop.turn(short).unwrap().polled > 0 {}
    for _ in 0..3 {
        peer.write_all(b"some").unwrap();
        let event = event_loop.turn(Some(Duration::from_secs(30))).unwrap();
        assert_eq!(event.woken_by_sources, 1);
        let read = event_loop.turn(short).unwrap();
        assert_eq!((read.polled, read.woken_by_sources), (1, 0));
    }
    assert!(reader.is_finished());
}

/// A read that was given up loses nothing: the next one has the bytes.
#[test]
fn a_read_that_is_given_up_loses_nothing() {
    run(async {
        let (mut client, mut server) = pair().await;
        let mut buffer = [0; 8];
        for _ in 0..3 {
            let nothing = timeout(Duration::from_millis(1), server.read(&mut buffer)).await;
            assert!(nothing.is_err());
        }
        client.write_all(b"late").await.unwrap();
        assert_eq!(server.read(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"late");
        {
            let mut unread = pin!(server.read(&mut buffer));
            assert!(poll_once(unread.as_mut()).await.is_pending());
        }
        drop(client);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
    });
}

/// Two tasks that wait for the same side of one socket are both woken: here by the end of the
/// stream.
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

/// More wakers than a side keeps are no loss: who is sent away is woken, and comes again.
#[test]
fn a_crowd_waits_for_one_side() {
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

/// A task and somebody else's waker that wait for the same side are both woken, whoever came first,
/// and again the next time.
#[test]
fn a_task_and_another_waker_wait_for_one_side() {
    struct Counts(AtomicUsize);
    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    run(async {
        let (mut client, server) = pair().await;
        let server = Rc::new(server);
        let woken = Arc::new(Counts(AtomicUsize::new(0)));
        for round in 0..4 {
            let wait = || {
                let waker = Waker::from(woken.clone());
                let cx = &mut Context::from_waker(&waker);
                assert!(
                    Pin::new(&mut &*server)
                        .poll_read(cx, &mut [0; 8])
                        .is_pending()
                );
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
            assert_eq!(woken.0.load(Ordering::Relaxed), round + 1);
        }
    });
}

/// A task that was waiting and is gone leaves the side to the next one.
#[test]
fn a_task_that_is_gone_is_in_nobodys_way() {
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

/// A socket may be polled with the waker of another loop's task. That task is woken, and not the one
/// of this loop that has the same place in its slab.
#[test]
fn the_waker_of_another_loops_task_is_woken_at_a_socket() {
    /// Spawns a task that counts its polls, and gives its waker.
    fn spawn_counting(event_loop: &EventLoop) -> (Rc<Cell<usize>>, Waker) {
        let (polls, waker) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None)));
        let (count, keep) = (polls.clone(), waker.clone());
        drop(event_loop.spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            keep.replace(Some(cx.waker().clone()));
            Poll::<()>::Pending
        })));
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        let waker = waker.take().unwrap();
        (polls, waker)
    }
    let (first, second) = (EventLoop::new().unwrap(), EventLoop::new().unwrap());
    let (polls, _waker) = spawn_counting(&first);
    let (other_polls, other_waker) = spawn_counting(&second);
    first.block_on(async {
        let (mut client, server) = pair().await;
        let cx = &mut Context::from_waker(&other_waker);
        assert!(
            Pin::new(&mut &server)
                .poll_read(cx, &mut [0; 8])
                .is_pending()
        );
        client.write_all(b"news").await.unwrap();
        // This task waits for the same edge.
        assert_eq!((&server).read(&mut [0; 8]).await.unwrap(), 4);
    });
    second.turn(Some(Duration::ZERO)).unwrap();
    assert_eq!((polls.get(), other_polls.get()), (1, 2));
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

// Wakers of other runtimes.

/// What a waker does that belongs to no task.
struct Foreign<W: Fn(), D: Fn()> {
    on_wake: W,
    on_drop: D,
}

impl<W: Fn() + Send + Sync, D: Fn() + Send + Sync> Wake for Foreign<W, D> {
    fn wake(self: Arc<Self>) {
        (self.on_wake)();
    }
}

impl<W: Fn(), D: Fn()> Drop for Foreign<W, D> {
    fn drop(&mut self) {
        (self.on_drop)();
    }
}

/// Polls for a connection, once, with a waker that does this when it is woken and when it is dropped.
fn poll_accept_with(
    listener: &TcpListener,
    on_wake: impl Fn() + Send + Sync + 'static,
    on_drop: impl Fn() + Send + Sync + 'static,
) -> Poll<io::Result<()>> {
    let waker = Waker::from(Arc::new(Foreign { on_wake, on_drop }));
    let polled = listener.poll_accept(&mut Context::from_waker(&waker));
    polled.map_ok(drop)
}

/// Wakers that panic when they are dropped are dropped one by one with the socket that they wait for: two
/// panics at once would end the process. The same where the loop hears of it by its inbox.
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
            event_loop.turn(Some(Duration::ZERO)).unwrap();
        } else {
            event_loop.block_on(async move { drop(listener) });
        }
    }
}

/// When a loop ends, each waker that waits is woken once, and a socket that is polled from then on says that
/// its loop is gone. So a waker that polls within its wake holds up nothing.
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

/// The destructor of an observer comes after that, and gets the same answer; the waker that it has left
/// nowhere cannot panic in the loop's drop.
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

/// While a loop ends, the destructor of a task may still make a socket; a waker that is woken after those
/// gets an error.
#[test]
fn a_loop_that_ends_takes_sockets_until_its_tasks_are_gone() {
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

// Listeners.

/// An `accept` that was given up loses no connection.
#[test]
fn an_accept_that_is_given_up_loses_nothing() {
    run(async {
        let (listener, address) = listen().await;
        {
            let mut unused = pin!(listener.accept());
            assert!(poll_once(unused.as_mut()).await.is_pending());
        }
        assert!(
            timeout(Duration::from_millis(1), listener.accept())
                .await
                .is_err()
        );
        let client = TcpStream::connect(address).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        // Connections that queue up are accepted in order, without another event.
        let first = std::net::TcpStream::connect(address).unwrap();
        let second = std::net::TcpStream::connect(address).unwrap();
        assert_eq!(
            listener.accept().await.unwrap().1,
            first.local_addr().unwrap()
        );
        assert_eq!(
            listener.accept().await.unwrap().1,
            second.local_addr().unwrap()
        );
    });
}

// From std and back.

/// A listener and a stream of std's become boucle's, work, and become std's again, with nothing
/// lost.
#[test]
fn sockets_come_from_std_and_go_back() {
    run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // A connection that waits already is found, too.
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

/// A socket needs a loop to belong to, and says so.
#[test]
fn a_socket_without_a_loop_panics() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let message = panic_of(|| TcpListener::from_std(listener));
    assert!(
        message.contains("a socket needs an event loop"),
        "{message}"
    );
}

// Loops and threads.

/// A socket can only be awaited on its own loop, and the panic names both; the socket is unharmed.
#[test]
fn a_socket_that_is_polled_on_another_loop_panics() {
    let first = EventLoop::new().unwrap();
    let (mut client, mut server) = first.block_on(pair());
    let second = EventLoop::new().unwrap();
    let message = panic_of(|| second.block_on(client.read(&mut [0; 8])));
    let both = format!("of {} was polled on {}:", name(&first), name(&second));
    assert!(message.contains(&both), "{message}");
    let message = thread::scope(|scope| {
        let elsewhere = scope.spawn(|| panic_of(|| boucle::run(client.read(&mut [0; 8]))));
        elsewhere.join().unwrap()
    });
    assert!(
        message.contains(&format!("of {} was polled on", name(&first))),
        "{message}"
    );
    first.block_on(async {
        server.write_all(b"fine").await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 4);
    });
}

/// A socket that outlives its loop gives errors and can be dropped; another loop has no part in it.
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
        // The same number means another socket here, which must not suffer.
        let (mut other, mut peer) = pair().await;
        drop((client, listener));
        peer.write_all(b"fine").await.unwrap();
        assert_eq!(other.read(&mut [0; 8]).await.unwrap(), 4);
    });
    // And what is left of it can start anew.
    let std = server.into_std().unwrap();
    run(async {
        let mut server = TcpStream::from_std(std).unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

/// A socket that is dropped on another thread is closed there and then: the peer reads the end
/// while the loop does not run at all. Its slot is freed when the loop reads its inbox.
#[test]
fn a_socket_that_is_dropped_on_another_thread_is_closed() {
    let event_loop = EventLoop::new().unwrap();
    let (stream, mut peer) = event_loop.block_on(pair_with_std());
    thread::spawn(move || drop(stream)).join().unwrap();
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    event_loop.block_on(async {
        let (mut client, mut server) = pair().await;
        server.write_all(b"fine").await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 4);
    });
}

/// A stream that goes with its last task while the loop runs on is closed, and the peer hears of
/// it.
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

/// What happens to a socket that is gone is not taken for news of the next tenant of its slot. (A
/// duplicate of the descriptor is open, so something does happen.)
#[test]
fn an_event_of_a_closed_socket_is_nobodys() {
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
        // What the kernel has to say about the fresh socket itself is said by now.
        sleep(Duration::from_millis(2)).await;
        let before = polls.get();
        old_peer.write_all(b"for nobody").unwrap();
        sleep(Duration::from_millis(2)).await;
        assert_eq!(polls.get(), before);
        fresh_peer.write_all(b"fine").unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), 4);
    });
}

/// The ways in which a socket leaves its loop, but for the loop's own end.
const WAYS_OUT: [fn(&EventLoop, TcpStream); 5] = [
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

/// A socket that leaves its loop is not watched any more, though a duplicate of its descriptor is open:
/// what comes there does not end a park.
#[test]
fn a_duplicate_of_a_dropped_socket_wakes_nobody() {
    for leaves in WAYS_OUT {
        let event_loop = EventLoop::new().unwrap();
        let (socket, mut peer) = std_pair();
        let _duplicate = socket.try_clone().unwrap();
        let stream = event_loop.block_on(async { TcpStream::from_std(socket).unwrap() });
        leaves(&event_loop, stream);
        event_loop.turn(Some(Duration::ZERO)).unwrap(); // what came by the inbox
        let sleeper = event_loop.spawn(sleep(Duration::from_millis(10)));
        let mut turns = 0;
        while !sleeper.is_finished() {
            peer.write_all(b"x").unwrap();
            event_loop.turn(None).unwrap();
            turns += 1;
        }
        assert!(turns <= 5, "{turns} turns");
    }
}

/// And a duplicate that gets the number of the socket that is gone may be registered with the same loop,
/// also while that loop ends. (In a process of its own, where no other test takes the number.)
#[cfg(unix)]
#[test]
fn a_duplicate_of_a_dropped_socket_can_be_registered() {
    use std::os::fd::AsRawFd;

    const TEST: &str = "a_duplicate_of_a_dropped_socket_can_be_registered";
    if !is_child(TEST) {
        return assert_success(&child(TEST, "").output().unwrap());
    }
    let again = |duplicate: &std::net::TcpStream, number| {
        let again = duplicate.try_clone().unwrap();
        assert_eq!(
            again.as_raw_fd(),
            number,
            "the system takes the lowest number"
        );
        TcpStream::from_std(again).unwrap()
    };
    for leaves in WAYS_OUT {
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

/// Two sockets of std's that are connected.
fn std_pair() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

// Fairness.

/// A task whose reads are ready every time gives way after 128 of them, and goes on in the next
/// turn.
#[test]
fn a_task_that_always_has_something_to_read_gives_way() {
    run(async {
        let (mut client, server) = pair().await;
        client.write_all(b"x").await.unwrap();
        // From here on the stream is known to be readable.
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

/// The same for a task that can always write, since its peer takes everything.
#[test]
fn a_task_that_can_always_write_gives_way() {
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

/// What a task does again and again.
type Leaf = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()>>>>;

/// Makes a leaf of an expression: its value is dropped, the sockets in it are shared.
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

/// Every operation that is ready at once spends budget, those too that never wait or that fail: a task
/// that makes nothing but these gives way after 128 of them.
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
            leaf!(gone_stream => (&*gone_stream).read(&mut [0; 8])),
            leaf!(gone_stream => (&*gone_stream).write(b"x")),
            leaf!(gone_stream => gone_stream.peek(&mut [0; 8])),
            leaf!(gone_stream => (&*gone_stream).flush()),
            leaf!(gone_stream => (&*gone_stream).close()),
            leaf!(gone_listener => gone_listener.accept()),
        ];
        for (name, leaf) in leaves {
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
        drop(listener);
    });
}

/// A connection can be written to as soon as it is there: the first write waits for no event, at either end.
#[test]
fn a_new_connection_can_be_written_to_at_once() {
    run(async {
        let (mut client, mut server) = pair().await;
        for stream in [&mut client, &mut server] {
            let mut write = pin!(stream.write(b"hello"));
            assert!(poll_once(write.as_mut()).await.is_ready());
        }
        let (stream, _peer) = std_pair();
        let mut stream = TcpStream::from_std(stream).unwrap();
        let mut write = pin!(stream.write(b"hello"));
        assert!(poll_once(write.as_mut()).await.is_ready());
    });
}

/// A read that is ready costs no turn in the queue, up to the budget.
#[test]
fn a_read_that_is_ready_does_not_give_way() {
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

/// `&TcpStream` and `TcpStream` are both readers and writers, and may go to other threads.
#[test]
fn streams_are_readers_and_writers() {
    fn is_both<T: AsyncRead + AsyncWrite + Send + Sync + Unpin>() {}
    fn is_send<T: Send + Sync>() {}
    is_both::<TcpStream>();
    is_both::<&TcpStream>();
    is_send::<TcpListener>();
}

/// A connection that is accepted between two runs of the loop belongs to the listener's loop. (It was
/// taken from the kernel's queue before a panic said that no loop runs.)
#[test]
fn a_connection_may_be_accepted_between_two_runs() {
    let event_loop = EventLoop::new().unwrap();
    let listener = event_loop
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(listener.poll_accept(cx).is_pending());
    let client = std::net::TcpStream::connect(address).unwrap();
    event_loop.block_on(sleep(Duration::from_millis(5)));
    let Poll::Ready(Ok((mut server, peer))) = listener.poll_accept(cx) else {
        panic!("a connection waits");
    };
    assert_eq!(peer, client.local_addr().unwrap());
    event_loop
        .block_on(async { server.write_all(b"hello").await })
        .unwrap();
    drop(server);
    let mut text = String::new();
    (&client).read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
}

// With the help of a process.

/// Runs one test of this file in a process of its own, with a variable set that tells it so, after
/// `prepare` in a shell.
#[cfg(unix)]
fn child(test: &str, prepare: &str) -> std::process::Command {
    let mut command = std::process::Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{prepare} exec \"$0\" --exact \"$1\" --nocapture"))
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("BOUCLE_TEST_CHILD", test);
    command
}

#[cfg(unix)]
fn is_child(test: &str) -> bool {
    std::env::var("BOUCLE_TEST_CHILD").is_ok_and(|name| name == test)
}

#[cfg(unix)]
fn assert_success(output: &std::process::Output) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "{out}\n{err}");
}

/// Where no descriptor is left, `accept` gives the error, and when there are some again, the same
/// listener goes on with the connection that waited. (In a process of its own, which may open few
/// files.)
#[cfg(unix)]
#[test]
fn a_listener_outlives_a_want_of_descriptors() {
    const TEST: &str = "a_listener_outlives_a_want_of_descriptors";
    if !is_child(TEST) {
        let output = child(TEST, "ulimit -n 40;").output().unwrap();
        return assert_success(&output);
    }
    run(async {
        let (listener, address) = listen().await;
        let client = std::net::TcpStream::connect(address).unwrap();
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        for _ in 0..3 {
            let error = listener.accept().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(24), "EMFILE: {error}");
        }
        drop(hoard);
        let (mut stream, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        (&client).write_all(b"fine").unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 4);
        drop(listener);
    });
}

/// Three hundred connections one after the other, in a process that may open forty files: nothing
/// is left open.
#[cfg(unix)]
#[test]
fn a_closed_socket_gives_its_descriptor_back() {
    const TEST: &str = "a_closed_socket_gives_its_descriptor_back";
    if !is_child(TEST) {
        let output = child(TEST, "ulimit -n 40;").output().unwrap();
        return assert_success(&output);
    }
    run(async {
        let (listener, address) = listen().await;
        for _ in 0..300 {
            let mut client = TcpStream::connect(address).await.unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            client.write_all(b"x").await.unwrap();
            assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
            assert!(TcpStream::connect(refused()).await.is_err());
        }
    });
    for _ in 0..100 {
        drop(EventLoop::new().unwrap());
    }
}

/// A process may forbid itself to open anything more, as sandboxes do. A short sleep ends all the
/// same, though `ppoll` then refuses to look at a single descriptor. (In a process of its own; and not
/// where mio itself has nothing but `poll`.)
#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
#[test]
fn a_short_sleep_needs_no_right_to_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    const TEST: &str = "a_short_sleep_needs_no_right_to_open_files";
    if !is_child(TEST) {
        let output = child(TEST, "").output().unwrap();
        return assert_success(&output);
    }
    run(async {
        let some = getrlimit(Resource::Nofile);
        let none = Rlimit {
            current: Some(0),
            ..some
        };
        setrlimit(Resource::Nofile, none).unwrap();
        for _ in 0..3 {
            sleep(Duration::from_micros(100)).await;
        }
        // Whoever looks for leaks at the end of the process opens files.
        setrlimit(Resource::Nofile, some).unwrap();
    });
}

/// A signal that comes while the loop is parked is no error. (A process of its own parks on the
/// real clock; it is stopped and continued, which interrupts the system call that it sleeps in.)
#[cfg(target_os = "linux")]
#[test]
fn a_signal_while_parked_is_no_error() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    const TEST: &str = "a_signal_while_parked_is_no_error";
    if is_child(TEST) {
        return run(async {
            let (mut stream, peer) = pair_with_std().await;
            // The other thread ends the wait; until then nothing but signals can.
            let other = thread::spawn(move || {
                let mut line = String::new();
                io::stdin().read_line(&mut line).unwrap();
                drop(peer);
            });
            println!("\nparked");
            assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
            other.join().unwrap();
        });
    }
    let mut child = child(TEST, "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line.trim() != "parked" {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child has ended");
    }
    for signal in ["-STOP", "-CONT", "-STOP", "-CONT", "-STOP", "-CONT"] {
        // Time for the child to get where the signal is to find it.
        thread::sleep(Duration::from_millis(20));
        let status = std::process::Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let mut output = child.wait_with_output().unwrap();
    out.read_to_end(&mut output.stdout).unwrap();
    assert_success(&output);
}

/// A storm of wakes from a thread does not keep the loop from its sockets, nor the sockets from the
/// wakes.
#[test]
fn sockets_and_wakes_come_through_each_other() {
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
