//! Reading, writing and accepting: what one operation transfers, and when it waits.

use std::io::{IoSlice, IoSliceMut, Write};
use std::pin::pin;
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream};
use boucle::{EventLoop, spawn, timeout, yield_now};
use futures_lite::future::poll_once;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::common::{listen, pair, pair_with_std, run, std_pair};

/// `peek` leaves the bytes in the stream, waits like a read, and finds the end.
#[test]
fn a_peek_leaves_the_bytes() {
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

/// A read into an empty buffer, or a write from one, does not wait.
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

/// Several buffers are written, and read, by one call and in order. A read that has more room than there are
/// bytes is one, too.
#[test]
fn several_buffers_are_one_transfer() {
    run(async {
        let (mut client, mut server) = pair().await;
        for _ in 0..3 {
            let parts = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
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

/// The kernel takes at most 1,024 buffers in one call (`IOV_MAX`). That it took only a part of them does not
/// mean that the stream is empty or full: the next call needs no event. (Windows documents no such number.)
#[cfg(unix)]
#[test]
fn more_buffers_than_the_kernel_takes_are_no_short_transfer() {
    use super::byte_at;

    run(async {
        let (mut a, mut b) = pair().await;
        let sent: Vec<u8> = (0..1_500).map(byte_at).collect();
        let slices: Vec<IoSlice<'_>> = sent.chunks(1).map(IoSlice::new).collect();
        // Twice, since the first event at a new stream may come after the first write.
        for _ in 0..2 {
            let count = a.write_vectored(&slices).await.unwrap();
            assert!(count < sent.len());
            let rest = pin!(a.write(&sent[count..]));
            assert!(poll_once(rest).await.is_some());

            let mut received = vec![0; sent.len()];
            let mut slices: Vec<_> = received.chunks_mut(1).map(IoSliceMut::new).collect();
            let count = b.read_vectored(&mut slices).await.unwrap();
            b.read_exact(&mut received[count..]).await.unwrap();
            assert_eq!(received, sent);
        }
    });
}

/// The last bytes of a closed peer are read, then the end, whatever the size of the buffer, even if bytes
/// and end were both there before the first read.
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
                    assert!(poll_once(early.as_mut()).await.is_none());
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

/// A peer that sends a little, and later a little more, is read each time: a short read is not the end.
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

/// A read ends before urgent data, even if more follows. What follows is read without another event.
#[cfg(target_os = "linux")]
#[test]
fn what_is_behind_urgent_data_is_read() {
    use socket2::SockRef;

    run(async {
        let (mut stream, mut peer) = pair_with_std().await;
        peer.set_nodelay(true).unwrap();
        for _ in 0..3 {
            let mut buffer = [0; 64];
            peer.write_all(b"before").unwrap();
            let peer_socket = SockRef::from(&peer);
            assert_eq!(peer_socket.send_out_of_band(b"!").unwrap(), 1);
            peer.write_all(b"behind").unwrap();
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 6);
            assert_eq!(&buffer[..6], b"before");
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 6);
            assert_eq!(&buffer[..6], b"behind");
        }
    });
}

/// A read ends even before urgent data that the program has taken itself, and then nothing reports that more
/// is there. An `AsyncFd` reads what is behind it, since it tries until there is nothing.
#[cfg(target_os = "linux")]
#[test]
fn what_is_behind_urgent_data_that_was_taken_is_read_by_a_descriptor() {
    use std::io::Read;
    use std::mem::MaybeUninit;
    use std::task::{Context, Poll, Waker};

    use boucle::net::AsyncFd;
    use socket2::SockRef;

    run(async {
        let (stream, mut peer) = std_pair();
        stream.set_nonblocking(true).unwrap();
        peer.set_nodelay(true).unwrap();
        let stream = AsyncFd::new(stream).unwrap();
        for _ in 0..3 {
            let mut buffer = [0; 64];
            let mut read = || {
                stream.poll_read_with(&mut Context::from_waker(Waker::noop()), |mut stream| {
                    stream.read(&mut buffer)
                })
            };
            assert!(read().is_pending());
            peer.write_all(b"before").unwrap();
            assert_eq!(SockRef::from(&peer).send_out_of_band(b"!").unwrap(), 1);
            peer.write_all(b"behind").unwrap();
            let taken = SockRef::from(&stream).recv_out_of_band(&mut [MaybeUninit::uninit(); 8]);
            assert_eq!(taken.unwrap(), 1);
            stream.readable().await.unwrap();
            for _ in ["before", "behind"] {
                assert!(matches!(read(), Poll::Ready(Ok(6))));
            }
        }
    });
}

/// After a short read, the next one makes no system call until there is an event: its first poll does not
/// see bytes that came in between. This saves a system call for each request. (Not where mio watches a
/// socket again only after a call that would block.)
#[cfg(all(unix, not(mio_unsupported_force_poll_poll)))]
#[test]
fn a_read_after_a_short_one_waits_for_an_event() {
    run(async {
        let (mut stream, mut peer) = pair_with_std().await;
        let mut buffer = [0; 8];
        peer.write_all(b"short").unwrap();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 5);
        peer.write_all(b"more").unwrap();
        {
            let mut read = pin!(stream.read(&mut buffer));
            assert!(poll_once(read.as_mut()).await.is_none());
            assert_eq!(read.await.unwrap(), 4);
        }
        // A read that fills its buffer does not mean that the stream is empty.
        peer.write_all(b"full").unwrap();
        assert_eq!(stream.read(&mut buffer[..4]).await.unwrap(), 4);
        peer.write_all(b"more").unwrap();
        let mut read = pin!(stream.read(&mut buffer));
        assert!(poll_once(read.as_mut()).await.is_some());
    });
}

/// An event is reported once: a short park that brings none does not bring the last one again.
#[test]
fn an_event_is_reported_once() {
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

/// A read that is dropped while it waits loses nothing: the next one gets the bytes.
#[test]
fn a_read_that_is_dropped_loses_nothing() {
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
            assert!(poll_once(unread.as_mut()).await.is_none());
        }
        drop(client);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
    });
}

/// An `accept` that is dropped while it waits loses no connection.
#[test]
fn an_accept_that_is_dropped_loses_nothing() {
    run(async {
        let (listener, address) = listen().await;
        {
            let mut unused = pin!(listener.accept());
            assert!(poll_once(unused.as_mut()).await.is_none());
        }
        assert!(timeout(Duration::from_millis(1), listener.accept()).await.is_err());
        let client = TcpStream::connect(address).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        // Connections that queue up are accepted in order, without another event.
        let first = std::net::TcpStream::connect(address).unwrap();
        let second = std::net::TcpStream::connect(address).unwrap();
        assert_eq!(listener.accept().await.unwrap().1, first.local_addr().unwrap());
        assert_eq!(listener.accept().await.unwrap().1, second.local_addr().unwrap());
    });
}

/// A new connection can be written to at once, at either end: the first write waits for no event.
#[test]
fn a_new_connection_can_be_written_to_at_once() {
    run(async {
        let (mut client, mut server) = pair().await;
        for stream in [&mut client, &mut server] {
            let mut write = pin!(stream.write(b"hello"));
            assert!(poll_once(write.as_mut()).await.is_some());
        }
        let (stream, _peer) = std_pair();
        let mut stream = TcpStream::from_std(stream).unwrap();
        let mut write = pin!(stream.write(b"hello"));
        assert!(poll_once(write.as_mut()).await.is_some());
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
