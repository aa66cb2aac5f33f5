//! Unix listeners and streams.

use std::fs;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::os::unix::net;
use std::rc::Rc;

use boucle::net::{
    AsyncFd, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, serve,
};
use boucle::{gather, spawn, yield_now};
use futures_lite::future::poll_once;
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{TempPath, assert_tried, byte_at};
use crate::common::{SECOND, panic_of, run};

/// A server at a path echoes what several clients send at the same time.
#[test]
fn a_server_echoes() {
    run(async {
        let at = TempPath::new("unix-echo");
        let listener = UnixListener::bind(&at).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*at));
        let server = spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                assert!(peer.is_unnamed());
                drop(spawn(async move { futures_lite::io::copy(&stream, &stream).await.unwrap() }));
            }
        });
        let path: Rc<std::path::Path> = Rc::from(&*at);
        let clients = (0..10u8).map(|number| {
            let path = path.clone();
            async move {
                let mut stream = UnixStream::connect(&*path).await.unwrap();
                assert_eq!(stream.peer_addr().unwrap().as_pathname(), Some(&*path));
                for round in 0..20u8 {
                    let sent = [number, round, 3, 4];
                    stream.write_all(&sent).await.unwrap();
                    let mut received = [0; 4];
                    stream.read_exact(&mut received).await.unwrap();
                    assert_eq!(received, sent);
                }
            }
        });
        gather(clients.collect::<Vec<_>>()).await;
        server.abort();
    });
}

/// A listener that is dropped leaves its file, where nothing listens; and errors say what is wrong with a path.
#[test]
fn a_path_may_be_wrong() {
    run(async {
        let at = TempPath::new("unix-path");
        let error = UnixStream::connect(&at).await.unwrap_err();
        assert_tried(error, ErrorKind::NotFound, &format!("cannot connect to {}", at.display()));
        let listener = UnixListener::bind(&at).unwrap();
        let error = UnixListener::bind(&at).unwrap_err();
        assert_tried(error, ErrorKind::AddrInUse, &format!("cannot listen on {}", at.display()));
        drop(listener);
        let error = UnixStream::connect(&at).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        fs::remove_file(&at).unwrap();
        drop(UnixListener::bind(&at).unwrap());
        for error in [
            UnixListener::bind("x".repeat(200)).unwrap_err(),
            UnixStream::connect("x".repeat(200)).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("path must be shorter"), "{error}");
        }
        for error in [UnixListener::bind("a\0b").unwrap_err(), UnixStream::connect("a\0b").await.unwrap_err()]
        {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    });
}

/// Where no loop runs, a bind panics before it makes a file.
#[test]
fn a_bind_without_a_loop_makes_no_file() {
    let at = TempPath::new("unix-no-loop");
    let panics = [panic_of(|| UnixListener::bind(&at)), panic_of(|| UnixDatagram::bind(&at))];
    assert!(panics.iter().all(|panic| panic.starts_with("a socket needs an event loop")), "{panics:?}");
    assert!(!at.exists());
}

/// `close` ends one direction, and the last bytes of a peer that is gone are read, and then the end.
#[test]
fn a_half_closed_stream_still_reads() {
    run(async {
        let (mut client, mut server) = UnixStream::pair().unwrap();
        client.write_all(b"question").await.unwrap();
        client.close().await.unwrap();
        client.close().await.unwrap(); // twice is no error
        let mut question = Vec::new();
        server.read_to_end(&mut question).await.unwrap();
        assert_eq!(question, b"question");
        assert_eq!(client.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        server.write_all(b"answer").await.unwrap();
        drop(server);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
        client.close().await.unwrap();
    });
}

/// A write that waits for room fails when another task closes the stream, though the buffer is still full. (Linux
/// reports no event then.)
#[test]
fn a_close_ends_a_write_that_waits() {
    run(async {
        let (here, _there) = UnixStream::pair().unwrap();
        let here = Rc::new(here);
        while poll_once((&*here).write(&[7; 65_536])).await.is_some() {}
        let writes = here.clone();
        let writer = spawn(async move { (&*writes).write(b"more").await });
        yield_now().await;
        (&*here).close().await.unwrap();
        assert_eq!(writer.await.unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

/// Megabytes go both ways at once, through buffers that are full again and again.
#[test]
fn megabytes_go_both_ways_at_once() {
    const LEN: usize = 3_000_000;
    async fn send(stream: Rc<UnixStream>) {
        let bytes: Vec<u8> = (0..LEN).map(byte_at).collect();
        for piece in bytes.chunks(70_001) {
            (&*stream).write_all(piece).await.unwrap();
        }
        (&*stream).close().await.unwrap();
    }
    async fn receive(stream: Rc<UnixStream>) {
        let mut bytes = Vec::new();
        (&*stream).read_to_end(&mut bytes).await.unwrap();
        assert!(bytes.into_iter().eq((0..LEN).map(byte_at)));
    }
    run(async {
        let (one, other) = UnixStream::pair().unwrap();
        let (one, other) = (Rc::new(one), Rc::new(other));
        boucle::gather!(send(one.clone()), send(other.clone()), receive(one), receive(other)).await;
    });
}

/// Several buffers are one transfer, and more than the kernel takes at once are no short one.
#[test]
fn several_buffers_are_one_transfer() {
    run(async {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let parts = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(one.write_vectored(&parts).await.unwrap(), 7);
        let (mut first, mut second) = ([0; 3], [0; 100]);
        let mut parts = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(other.read_vectored(&mut parts).await.unwrap(), 7);
        assert_eq!((&first, &second[..4]), (b"one", &b" two"[..]));
        assert_eq!(other.read_vectored(&mut []).await.unwrap(), 0);

        let sent: Vec<u8> = (0..1_500).map(byte_at).collect();
        let slices: Vec<IoSlice<'_>> = sent.chunks(1).map(IoSlice::new).collect();
        let count = one.write_vectored(&slices).await.unwrap();
        assert!(count < sent.len());
        one.write_all(&sent[count..]).await.unwrap();
        let mut received = vec![0; sent.len()];
        let mut slices: Vec<_> = received.chunks_mut(1).map(IoSliceMut::new).collect();
        let count = other.read_vectored(&mut slices).await.unwrap();
        assert!(count < sent.len());
        other.read_exact(&mut received[count..]).await.unwrap();
        assert_eq!(received, sent);
    });
}

/// Buffers that are together longer than the address space, since they are one buffer again and again.
#[cfg(target_pointer_width = "32")]
#[test]
fn buffers_of_4_gib_are_sent_in_part() {
    run(async {
        let (mut one, _other) = UnixStream::pair().unwrap();
        let large = vec![0; 4 << 20];
        let count = one.write_vectored(&[IoSlice::new(&large); 1_024]).await.unwrap();
        assert!(count > 0 && count < large.len());
    });
}

/// `&UnixStream` and `UnixStream` are both readers and writers, and may go to other threads.
#[test]
fn streams_are_readers_and_writers() {
    fn is_both<T: AsyncRead + AsyncWrite + Send + Sync + Unpin>() {}
    fn is_send<T: Send + Sync>() {}
    is_both::<UnixStream>();
    is_both::<&UnixStream>();
    is_send::<UnixListener>();
    is_send::<UnixDatagram>();
    is_send::<UdpSocket>();
    is_send::<AsyncFd<net::UnixStream>>();
}

/// The futures of all sockets may go to other threads. (The compiler's answer: none is made here.)
#[test]
fn the_futures_of_sockets_are_send() {
    fn is_send<T: Send>(_: impl FnOnce() -> T) {}
    is_send(|| async {
        TcpListener::bind("").await?.accept().await?;
        TcpStream::connect("").await?.peek(&mut []).await?;
        TcpStream::connect_timeout("", SECOND).await?;
        let udp = UdpSocket::bind("").await?;
        udp.connect("").await?;
        udp.send(b"").await?;
        udp.send_to(b"", "").await?;
        udp.recv(&mut []).await?;
        udp.recv_from(&mut []).await?;
        udp.peek_from(&mut []).await?;
        UnixListener::bind("")?.accept().await?;
        let datagram = UnixDatagram::unbound()?;
        datagram.send(b"").await?;
        datagram.send_to(b"", "").await?;
        datagram.recv(&mut []).await?;
        datagram.recv_from(&mut []).await?;
        let fd = AsyncFd::new(UnixStream::connect("").await?)?;
        fd.readable().await?;
        fd.writable().await?;
        fd.read_with(|_| Ok(())).await?;
        fd.write_with(|_| Ok(())).await
    });
}

/// `serve` takes a Unix listener too.
#[test]
fn a_unix_listener_is_served() {
    run(async {
        let at = TempPath::new("unix-served");
        let listener = UnixListener::bind(&at).unwrap();
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let server = serve(listener, async |mut stream: UnixStream, _| stream.write_all(b"hello").await);
        let server = spawn(server.shutdown_when(async move { _ = stopped.recv().await }).into_future());
        let mut text = String::new();
        UnixStream::connect(&at).await.unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        drop(stop);
        server.await.unwrap().unwrap();
    });
}

/// What other systems do not do, or do in another way.
#[cfg(target_os = "linux")]
mod of_linux {
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    use std::pin::pin;
    use std::thread;
    use std::time::{Duration, Instant};

    use boucle::sleep;
    use futures_lite::future::poll_once;
    use socket2::{Domain, SockAddr, Socket, Type};

    use super::*;
    use crate::common::virtually;

    /// Returns a listener whose queue is short: on Linux two connections fill it.
    fn small_listener(at: &TempPath) -> net::UnixListener {
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(at).unwrap()).unwrap();
        listener.listen(1).unwrap();
        OwnedFd::from(listener).into()
    }

    /// A connect waits while the listener's queue is full, which Linux reports as an error. (Elsewhere it is
    /// refused.)
    #[test]
    fn a_connect_waits_for_a_place_in_the_queue() {
        run(async {
            let at = TempPath::new("unix-queue");
            let listener = UnixListener::from_std(small_listener(&at)).unwrap();
            let clients: Vec<_> = (0..20u8)
                .map(|number| {
                    let path = at.to_owned();
                    spawn(async move { UnixStream::connect(path).await?.write(&[number]).await })
                })
                .collect();
            sleep(Duration::from_millis(5)).await;
            let waiting = clients.iter().filter(|client| !client.is_finished()).count();
            assert!(waiting > 10, "{waiting} wait");
            let mut numbers = Vec::new();
            for _ in 0..20 {
                let mut number = [0];
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.read_exact(&mut number).await.unwrap();
                numbers.push(number[0]);
            }
            numbers.sort();
            assert!(numbers.into_iter().eq(0..20));
            for client in clients {
                assert_eq!(client.await.unwrap().unwrap(), 1);
            }
        });
    }

    /// A virtual clock does not jump while a connect waits for a listener on another thread: its time passes
    /// no faster than real time.
    #[test]
    fn a_virtual_clock_waits_for_a_place_in_the_queue() {
        virtually(async {
            let at = TempPath::new("unix-held");
            let listener = small_listener(&at);
            let _fill_the_queue = [(); 2].map(|()| net::UnixStream::connect(&at).unwrap());
            let accepter = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                [(); 3].map(|()| listener.accept().unwrap())
            });
            let (begin, real_begin) = (boucle::now(), Instant::now());
            UnixStream::connect(&at).await.unwrap();
            assert!(boucle::now() - begin <= real_begin.elapsed());
            accepter.join().unwrap();
        });
    }

    /// Returns both ends of a connection, of which the second is a socket of std's.
    fn pair_with_std() -> (UnixStream, net::UnixStream) {
        let (stream, peer) = net::UnixStream::pair().unwrap();
        (UnixStream::from_std(stream).unwrap(), peer)
    }

    /// An abstract address, which has no file, is used through std's types.
    #[test]
    fn an_abstract_address_is_used_through_std() {
        use std::os::linux::net::SocketAddrExt;

        run(async {
            let name = format!("boucle-{}-abstract", std::process::id());
            let address = net::SocketAddr::from_abstract_name(&name).unwrap();
            let listener = UnixListener::from_std(net::UnixListener::bind_addr(&address).unwrap()).unwrap();
            let client = UnixStream::from_std(net::UnixStream::connect_addr(&address).unwrap()).unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            assert_eq!(client.peer_addr().unwrap().as_abstract_name(), Some(name.as_bytes()));
            (&client).write_all(b"hello").await.unwrap();
            assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 5);
        });
    }

    /// After a short read, the next one makes no system call until there is an event. (Not where the kernel
    /// does not flag descriptors, or mio watches a socket again only after a call that would block.)
    #[cfg(not(mio_unsupported_force_poll_poll))]
    #[test]
    fn a_read_after_a_short_one_waits_for_an_event() {
        run(async {
            let (mut stream, mut peer) = pair_with_std();
            let mut buffer = [0; 8];
            for _ in 0..3 {
                peer.write_all(b"short").unwrap();
                assert_eq!(stream.read(&mut buffer).await.unwrap(), 5);
                peer.write_all(b"more").unwrap();
                let mut read = pin!(stream.read(&mut buffer));
                assert!(poll_once(read.as_mut()).await.is_none());
                assert_eq!(read.await.unwrap(), 4);
            }
        });
    }

    /// A read ends after the bytes that descriptors came with. What follows is read without another event.
    /// The descriptors are closed, whether one buffer is read into or several.
    #[test]
    fn what_is_behind_descriptors_is_read() {
        use std::mem::MaybeUninit;
        use std::os::fd::AsFd;

        use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

        run(async {
            let (mut stream, mut peer) = pair_with_std();
            for round in 0..6 {
                let (mut reader, writer) = std::io::pipe().unwrap();
                peer.write_all(b"before ").unwrap();
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut descriptors = SendAncillaryBuffer::new(&mut space);
                let writers = [writer.as_fd()];
                assert!(descriptors.push(SendAncillaryMessage::ScmRights(&writers)));
                let with = [IoSlice::new(b"with")];
                sendmsg(&peer, &with, &mut descriptors, SendFlags::empty()).unwrap();
                peer.write_all(b"behind").unwrap();
                drop(writer);

                let mut buffer = [0; 64];
                let mut first = async |buffer: &mut [u8]| match round % 2 {
                    0 => stream.read(buffer).await.unwrap(),
                    _ => stream.read_vectored(&mut [IoSliceMut::new(buffer)]).await.unwrap(),
                };
                let count = first(&mut buffer).await;
                assert_eq!(&buffer[..count], b"before with");
                let count = poll_once(pin!(stream.read(&mut buffer))).await.expect("it is there").unwrap();
                assert_eq!(&buffer[..count], b"behind");
                assert!(poll_once(pin!(stream.read(&mut buffer))).await.is_none());
                assert_eq!(reader.read(&mut buffer).unwrap(), 0, "the other end is closed");
            }
        });
    }

    /// A read ends before urgent data, which Linux has for Unix streams too (unless it is built without, or older
    /// than 5.15). What follows is read without another event.
    #[test]
    fn what_is_behind_urgent_data_is_read() {
        use rustix::io::Errno;
        use rustix::net::{SendFlags, send};

        run(async {
            let (mut stream, mut peer) = pair_with_std();
            for _ in 0..3 {
                let mut buffer = [0; 64];
                peer.write_all(b"before").unwrap();
                match send(&peer, b"!", SendFlags::OOB) {
                    Err(Errno::OPNOTSUPP) => return,
                    sent => assert_eq!(sent, Ok(1)),
                }
                peer.write_all(b"behind").unwrap();
                assert_eq!(stream.read(&mut buffer).await.unwrap(), 6);
                assert_eq!(&buffer[..6], b"before");
                assert_eq!(stream.read(&mut buffer).await.unwrap(), 6);
                assert_eq!(&buffer[..6], b"behind");
            }
        });
    }

    /// The kernel reports that there is room again only if a write waits for it: a loop that waits for an
    /// answer parks once. (Where mio uses `poll`, both sides are watched from the beginning.)
    #[cfg(not(mio_unsupported_force_poll_poll))]
    #[test]
    fn room_that_no_write_waits_for_ends_no_park() {
        use std::pin::Pin;
        use std::task::{Context, Waker};

        use boucle::{timeout, yield_now};

        use crate::common::LONG;

        let event_loop = boucle::EventLoop::new().unwrap();
        let expect_few_turns = |stream: &UnixStream, peer: &mut net::UnixStream| {
            let sleeper = event_loop.spawn(sleep(Duration::from_millis(10)));
            let mut turns = 0;
            while !sleeper.is_finished() {
                let cx = &mut Context::from_waker(Waker::noop());
                assert!(Pin::new(&mut &*stream).poll_write(cx, b"question").is_ready());
                peer.read_exact(&mut [0; 8]).unwrap();
                event_loop.turn(None).unwrap();
                turns += 1;
            }
            assert!(turns <= 5, "{turns} turns");
        };
        let (accepted, mut client) = event_loop.block_on(async {
            let at = TempPath::new("unix-accepted");
            let listener = UnixListener::bind(&at).unwrap();
            let client = net::UnixStream::connect(&at).unwrap();
            (listener.accept().await.unwrap().0, client)
        });
        expect_few_turns(&accepted, &mut client);
        let (stream, mut peer) = event_loop.block_on(async { pair_with_std() });
        expect_few_turns(&stream, &mut peer);
        // From the first write that has to wait, the kernel reports room.
        let waits = async move {
            let stream = Rc::new(stream);
            let writing = stream.clone();
            let writer = spawn(async move { (&*writing).write_all(&vec![7; 1_000_000]).await.unwrap() });
            yield_now().await;
            assert!(!writer.is_finished());
            peer.set_nonblocking(true).unwrap();
            let mut left = 1_000_000;
            while left > 0 {
                match peer.read(&mut [0; 10_000]) {
                    Ok(count) => left -= count,
                    Err(_) => sleep(Duration::from_millis(1)).await,
                }
            }
            writer.await.unwrap();
            drop(stream);
        };
        event_loop.block_on(timeout(LONG, waits)).expect("the write hangs");
    }
}
