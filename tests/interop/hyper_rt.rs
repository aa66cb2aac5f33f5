//! What hyper needs of its runtime: timers, under a virtual clock here, sockets, and an executor.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use boucle::hyper::{Executor, Timer};
use boucle::net::TcpStream;
use boucle::{now, sleep, spawn};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Executor as _, Read, ReadBuf, ReadBufCursor, Timer as _, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, client, header};

use crate::common::{Log, SECOND, listen, ms, pair, panic_of, run, secs, virtually};

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// A connection on which pieces of a request come at their times. (A virtual clock would not jump while a
/// task waits for a socket.)
struct Script {
    pieces: Vec<(Duration, &'static [u8])>,
    next: Pin<Box<dyn hyper::rt::Sleep>>,
}

impl Script {
    fn new(pieces: &[(Duration, &'static [u8])]) -> Script {
        let pieces: Vec<_> = pieces.iter().rev().copied().collect();
        let next = Timer.sleep(pieces.last().unwrap().0);
        Script { pieces, next }
    }
}

impl Read for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.pieces.is_empty() || self.next.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let (_, piece) = self.pieces.pop().unwrap();
        buffer.put_slice(piece);
        if let Some((wait, _)) = self.pieces.last() {
            self.next = Timer.sleep(*wait);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Serves a script, with a limit of ten seconds for each head. Returns when each request came and when
/// the connection ended.
fn serve(pieces: &[(Duration, &'static [u8])]) -> Vec<String> {
    virtually(async {
        let start = now();
        let log = Log::default();
        let hello = service_fn(|_| {
            log.add(format_args!("request {:?}", now() - start));
            async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello")))) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(Timer).header_read_timeout(secs(10));
        let end = builder.serve_connection(Script::new(pieces), hello).await.unwrap_err();
        let how = if end.is_timeout() { "timeout" } else { "another error" };
        log.add(format_args!("{how} {:?}", now() - start));
        log.take()
    })
}

/// A server's limit for the head of a request is measured by the loop's clock, and begins anew for each
/// request of a connection.
#[test]
fn the_limit_for_a_head_is_measured_by_the_loops_clock() {
    let (first, rest) = HEAD.split_at(9);
    assert_eq!(serve(&[(SECOND, first)]), ["timeout 10s"]);
    let pieces = [(SECOND, first), (secs(8), rest), (secs(2), HEAD), (SECOND, first)];
    assert_eq!(serve(&pieces), ["request 9s", "request 11s", "timeout 21s"]);
}

/// hyper's clock is the loop's. A timer that is reset stays one allocation, and fires at its new time alone.
#[test]
fn a_timer_is_a_sleep_on_the_loops_clock() {
    virtually(async {
        let start = now();
        assert_eq!(Timer.now(), start);
        let mut timer = Timer.sleep_until(start + secs(5));
        let place = &raw const *timer;
        assert!(futures_lite::future::poll_once(&mut timer).await.is_none());
        Timer.reset(&mut timer, start + secs(9));
        assert!(std::ptr::addr_eq(place, &raw const *timer));
        timer.await;
        assert_eq!(now() - start, secs(9));
        assert_eq!(Timer.now(), now());
    });
}

/// A timer of another crate is replaced when it is reset.
#[test]
fn a_timer_of_another_kind_is_replaced() {
    struct Never;

    impl Future for Never {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    impl hyper::rt::Sleep for Never {}

    virtually(async {
        let start = now();
        let mut timer: Pin<Box<dyn hyper::rt::Sleep>> = Box::pin(Never);
        Timer.reset(&mut timer, start + SECOND);
        timer.await;
        assert_eq!(now() - start, SECOND);
    });
}

/// hyper's tasks are tasks of the loop, in spawn order; they need not be `Send`. Without a loop, to spawn is
/// a panic.
#[test]
fn hypers_tasks_are_the_loops() {
    let log = Log::default();
    virtually(async {
        for number in 0..3 {
            let (log, not_send) = (log.clone(), Rc::new(number));
            Executor.execute(async move {
                sleep(SECOND).await;
                log.add(not_send);
            });
        }
        sleep(SECOND).await;
        boucle::yield_now().await;
    });
    assert_eq!(log.take(), ["0", "1", "2"]);
    let message = panic_of(|| Executor.execute(async {}));
    assert!(message.contains("boucle::run"), "{message}");
}

/// Reads into what is left of a buffer.
async fn read(stream: &mut TcpStream, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
    poll_fn(|cx| Read::poll_read(Pin::new(stream), cx, buffer.unfilled())).await
}

/// A read adds to what is in the buffer, as much as there is room for; at the end of the stream it adds
/// nothing.
#[test]
fn a_read_adds_to_the_buffer() {
    run(async {
        let (mut stream, mut peer) = pair().await;
        peer.write_all(b"hello, world").await.unwrap();
        peer.close().await.unwrap();
        let mut bytes = [MaybeUninit::uninit(); 10];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        buffer.unfilled().put_slice(b"> ");
        read(&mut stream, &mut buffer).await.unwrap();
        assert_eq!(buffer.filled(), b"> hello, w");
        read(&mut stream, &mut buffer).await.unwrap(); // no room, so no bytes are lost
        let mut bytes = [0; 100];
        let mut buffer = ReadBuf::new(&mut bytes);
        for _ in 0..2 {
            read(&mut stream, &mut buffer).await.unwrap();
            assert_eq!(buffer.filled(), b"orld");
        }
    });
}

/// A buffer that is larger than what the kernel has at one time is filled by several reads, and every byte is in
/// its place.
#[test]
fn a_large_buffer_is_filled_by_several_reads() {
    const LEN: usize = 1_000_000;
    run(async {
        let (mut stream, mut peer) = pair().await;
        let sent: Vec<u8> = (0..LEN).map(|at| (at.wrapping_mul(at) >> 8) as u8).collect();
        let expected = sent.clone();
        let writer = spawn(async move {
            peer.write_all(&sent).await.unwrap();
            peer // open, so that no end of the stream makes the last bytes readable
        });
        let mut bytes = vec![0; LEN];
        let mut buffer = ReadBuf::new(&mut bytes);
        while buffer.filled().len() < LEN {
            read(&mut stream, &mut buffer).await.unwrap();
        }
        assert!(buffer.filled() == expected, "the bytes differ");
        writer.await.unwrap();
    });
}

/// One read takes all that is there, straight into a buffer that is not initialized. What was there before stays.
#[cfg(target_os = "linux")]
#[test]
fn one_read_takes_all_that_is_there() {
    use std::io::Write as _;
    use std::os::unix::net;

    use boucle::net::UnixStream;

    run(async {
        let (stream, mut peer) = net::UnixStream::pair().unwrap();
        let mut stream = UnixStream::from_std(stream).unwrap();
        let sent: Vec<u8> = (0..70_000).map(|at| (at % 251) as u8).collect(); // the kernel has room for 200,000
        peer.write_all(&sent).unwrap();
        let mut bytes = vec![MaybeUninit::uninit(); 200_000];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        buffer.unfilled().put_slice(b"before");
        poll_fn(|cx| Read::poll_read(Pin::new(&mut stream), cx, buffer.unfilled())).await.unwrap();
        assert!(buffer.filled() == [b"before", &sent[..]].concat(), "{} bytes", buffer.filled().len());
    });
}

/// A read of a Unix stream ends after the bytes that descriptors came with. What follows is read without another
/// event, and the descriptors are closed.
#[cfg(target_os = "linux")]
#[test]
fn what_is_behind_descriptors_is_read() {
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd;
    use std::os::unix::net;

    use boucle::net::UnixStream;
    use futures_lite::future::poll_once;
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

    run(async {
        let (stream, mut peer) = net::UnixStream::pair().unwrap();
        let mut stream = UnixStream::from_std(stream).unwrap();
        for _ in 0..3 {
            let (mut reader, writer) = io::pipe().unwrap();
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut descriptors = SendAncillaryBuffer::new(&mut space);
            let writers = [writer.as_fd()];
            assert!(descriptors.push(SendAncillaryMessage::ScmRights(&writers)));
            sendmsg(&peer, &[IoSlice::new(b"with")], &mut descriptors, SendFlags::empty()).unwrap();
            peer.write_all(b"behind").unwrap();
            drop(writer);

            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            poll_fn(|cx| Read::poll_read(Pin::new(&mut stream), cx, buffer.unfilled())).await.unwrap();
            assert_eq!(buffer.filled(), b"with");
            let read = poll_fn(|cx| Read::poll_read(Pin::new(&mut stream), cx, buffer.unfilled()));
            poll_once(read).await.expect("it is there").unwrap();
            assert_eq!(buffer.filled(), b"withbehind");
            assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0, "the other end is closed");
        }
    });
}

/// The head and the body of a message are written by one call.
#[test]
fn a_write_takes_several_buffers() {
    run(async {
        let (mut stream, mut peer) = pair().await;
        assert!(stream.is_write_vectored());
        let buffers = [IoSlice::new(b"head, "), IoSlice::new(b"body")];
        let write = |cx: &mut Context<'_>| Write::poll_write_vectored(Pin::new(&mut stream), cx, &buffers);
        assert_eq!(poll_fn(write).await.unwrap(), 10);
        poll_fn(|cx| Write::poll_flush(Pin::new(&mut stream), cx)).await.unwrap();
        poll_fn(|cx| Write::poll_shutdown(Pin::new(&mut stream), cx)).await.unwrap();
        let mut text = String::new();
        peer.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "head, body");
    });
}

/// The same limit over a socket ends the connection of a client that sends half a head.
#[test]
fn a_silent_client_times_out() {
    run(async {
        let (stream, mut peer) = pair().await;
        peer.write_all(&HEAD[..9]).await.unwrap();
        let unused = service_fn(async |_| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
        let mut builder = http1::Builder::new();
        builder.timer(Timer).header_read_timeout(ms(1));
        let error = builder.serve_connection(stream, unused).await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
    });
}

/// A server that shuts a connection down answers the request that has begun, with `connection: close`, and
/// ends. The client's next request fails.
#[test]
fn a_shutdown_answers_what_has_begun() {
    run(async {
        let (listener, address) = listen().await;
        let (begun, has_begun) = async_channel::bounded(1);
        let (release, released) = async_channel::bounded::<()>(1);
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let slow = service_fn(async |_| {
                begun.send(()).await.unwrap();
                released.recv().await.unwrap();
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("done"))))
            });
            let mut connection = pin!(http1::Builder::new().serve_connection(stream, slow));
            let ended = async { drop(connection.as_mut().await) };
            futures_lite::future::or(ended, async { has_begun.recv().await.unwrap() }).await;
            connection.as_mut().graceful_shutdown();
            release.send(()).await.unwrap();
            connection.await
        });
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = client::conn::http1::handshake(stream).await.unwrap();
        let connection = spawn(connection);
        let response = sender.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap();
        assert_eq!(response.headers()[header::CONNECTION], "close");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "done");
        server.await.unwrap().unwrap();
        connection.await.unwrap().unwrap();
        assert!(sender.send_request(Request::new(Empty::<Bytes>::new())).await.is_err());
    });
}

/// A connection that is upgraded to another protocol is the loop's socket again, on both sides, and what was
/// read too early is given back.
#[test]
fn an_upgrade_gives_the_socket_back() {
    /// Takes the socket out of hyper, with what hyper has read from it.
    async fn socket(upgrade: hyper::upgrade::OnUpgrade) -> (TcpStream, Bytes) {
        let parts = upgrade.await.unwrap().downcast::<TcpStream>().unwrap();
        (parts.io, parts.read_buf)
    }

    run(async {
        let (listener, address) = listen().await;
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let upgrade = service_fn(async |request: Request<Incoming>| {
                drop(spawn(async {
                    let (mut stream, early) = socket(hyper::upgrade::on(request)).await;
                    stream.write_all(&early).await.unwrap();
                    let mut bytes = [0; 4];
                    stream.read_exact(&mut bytes).await.unwrap();
                    stream.write_all(&bytes).await.unwrap();
                }));
                let mut response = Response::new(Empty::<Bytes>::new());
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                response.headers_mut().insert(header::UPGRADE, "echo".parse().unwrap());
                Ok::<_, Infallible>(response)
            });
            http1::Builder::new().serve_connection(stream, upgrade).with_upgrades().await
        });
        let mut peer = TcpStream::connect(address).await.unwrap();
        let head = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nearly";
        peer.write_all(head).await.unwrap();
        let mut text = String::new();
        while !text.contains("\r\n\r\n") || !text.ends_with("early") {
            let mut byte = [0];
            peer.read_exact(&mut byte).await.unwrap();
            text.push(byte[0].into());
        }
        assert!(text.starts_with("HTTP/1.1 101"), "{text}");
        peer.write_all(b"late").await.unwrap();
        text.clear();
        peer.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "late");
        server.await.unwrap().unwrap();
    });
}
