//! hyper on boucle: over TCP and Unix streams without adapters. (Feature `hyper`.)
//!
//! hyper asks its runtime for sockets, tasks and timers, by the traits of `hyper::rt`. Here they are:
//! [`TcpStream`] and `UnixStream` are hyper's `Read` and `Write`, [`Executor`] spawns, [`Timer`] makes
//! [`Sleep`](crate::Sleep)s. The feature `hyper-util` adds `Connector`, for the client of `hyper-util` that
//! keeps connections in a pool.
//!
//! | | asks for |
//! |---|---|
//! | HTTP/1.1, client or server | a [`TcpStream`] |
//! | a server's `header_read_timeout` | `.timer(Timer)`: hyper then gives each head 30 seconds, by default. An idle connection ends with an error whose `is_timeout` is true |
//! | HTTP/2, client or server | `stream.set_nodelay(true)?`; `Builder::new(Executor)`; for its keep-alive, `.timer(Timer)` |
//! | `hyper_util::client::legacy` | `Client::builder(Executor).build(Connector::new())` |
//! | HTTPS, server | the stream after the handshake of `futures-rustls`, in an adapter: `smol_hyper::rt::FuturesIo::new(stream)` |
//!
//! [`ecosystem`](crate::ecosystem) has the crates around it, with the features that they need: TLS, HTTP/2,
//! routes, graceful shutdown. How a server ends when its clients keep their connections:
//! [`Serve::shutdown_when`](crate::net::Serve::shutdown_when).
//!
//! ```
//! use boucle::hyper::Timer;
//! use boucle::net::{TcpListener, TcpStream};
//! use http_body_util::{BodyExt, Empty, Full};
//! use hyper::body::Bytes;
//! use hyper::{Request, Response, client, server, service::service_fn};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! boucle::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     drop(boucle::spawn(async move {
//!         let (stream, _) = listener.accept().await.unwrap();
//!         let hello = service_fn(async |_| hyper::Result::Ok(Response::new(Full::<Bytes>::from("hello"))));
//!         server::conn::http1::Builder::new().timer(Timer).serve_connection(stream, hello).await
//!     }));
//!
//!     let stream = TcpStream::connect(address).await?;
//!     let (mut sender, connection) = client::conn::http1::handshake(stream).await?;
//!     drop(boucle::spawn(connection)); // moves the bytes
//!     let response = sender.send_request(Request::new(Empty::<Bytes>::new())).await?;
//!     assert_eq!(response.into_body().collect().await?.to_bytes(), "hello");
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # Small writes
//!
//! HTTP/2 writes a message in several pieces. The kernel holds a small piece back until the peer has
//! acknowledged the one before, which often takes 40 ms or more, unless
//! [`set_nodelay(true)`](TcpStream::set_nodelay) was called. `Connector` calls it. For the streams that a
//! server accepts, call it yourself, before the TLS handshake if there is one.
//!
//! # Servers
//!
//! Over HTTP/2 each request is a task of [`Executor`]: its panic ends that request alone, and reaches the panic
//! hook, but not [`on_error`](crate::net::Serve::on_error). A limit of connections is none of requests: hyper
//! lets each connection have 200 at once, by default. A client that is still sending a body when it is answered
//! may lose the answer: read the body first, or drain it.
//!
//! `header_read_timeout` limits no body. `hyper-util`'s `auto` waits for the first bytes of a connection without
//! a limit, and so does HTTP/2 for the client's preface: close a connection on which no request has come, as
//! `tests/ecosystem/examples/https_server.rs` does.
//!
//! # Costs
//!
//! A read fills hyper's own buffer, and a write sends hyper's own bytes: neither copies them nor zeroes any.
//! HTTP/1.1 sends a head and a short body by one system call. On a Unix stream a read makes one call more, which
//! finds nothing.

#[cfg(feature = "hyper-util")]
mod connector;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_io::AsyncWrite;
use hyper::rt::{Read, ReadBufCursor, Sleep, Write};
use rustix::fd::AsFd;
use rustix::net::{RecvFlags, recv};

use crate::net::TcpStream;
#[cfg(unix)]
use crate::net::UnixStream;
use crate::net::reactor::Side;

#[cfg(feature = "hyper-util")]
pub use connector::Connector;

/// Spawns hyper's tasks on the running loop, as [`spawn`](crate::spawn) does. They need not be `Send`.
///
/// ```
/// # use hyper::{rt::Executor as _};
/// # boucle::run(async {
/// # let (sender, receiver) = async_channel::bounded(1);
/// boucle::hyper::Executor.execute(async move { sender.send("done").await });
/// assert_eq!(receiver.recv().await.unwrap(), "done");
/// # });
/// ```
///
/// # Panics
///
/// `execute` panics as [`spawn`](crate::spawn) does: if no loop is running on this thread.
#[doc(alias("TokioExecutor", "SmolExecutor"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Executor {
    #[track_caller]
    fn execute(&self, future: F) {
        drop(crate::spawn(future));
    }
}

/// Makes hyper's timers, which are [`Sleep`](crate::Sleep)s, and reads the running loop's clock, virtual or
/// real. A timer costs one allocation; a reset needs no other.
///
/// ```
/// # use std::time::Duration;
/// # use hyper::server::conn::http1;
/// let mut server = http1::Builder::new();
/// server.timer(boucle::hyper::Timer).header_read_timeout(Duration::from_secs(10));
/// ```
#[doc(alias("TokioTimer", "SmolTimer"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl Sleep for crate::Sleep {}

impl hyper::rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(crate::sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(crate::sleep_until(deadline))
    }

    fn now(&self) -> Instant {
        crate::now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<crate::Sleep>() {
            Some(sleep) => sleep.get_mut().reset(deadline),
            None => *sleep = self.sleep_until(deadline), // another timer's
        }
    }
}

/// Receives what there is room for, straight into a buffer that need not be initialized.
#[allow(unsafe_code)]
fn receive(socket: impl AsFd, buffer: &mut ReadBufCursor<'_>) -> io::Result<usize> {
    // SAFETY: `as_mut` asks that no byte which may be initialized be made uninitialized. Only `recv` is given
    // the slice: it writes nothing but the bytes that the kernel has received, and returns them as `received`,
    // which begins where the slice begins. `advance` asks that the bytes which it passes be initialized: it
    // passes those of `received`, a `&mut [u8]`, and no more. If `recv` fails, it is not reached.
    unsafe {
        let ((received, _), _) = recv(socket, buffer.as_mut(), RecvFlags::empty())?;
        let count = received.len();
        buffer.advance(count);
        Ok(count)
    }
}

/// How many bytes were written.
type Written = Poll<io::Result<usize>>;

macro_rules! hyper_stream {
    ($stream:ty, $drain_first:expr) => {
        impl Read for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut buffer: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                let len = buffer.remaining();
                let read = self.source.poll_transfer(cx, Side::Read, len, |io, side| {
                    side.drain_first |= $drain_first;
                    io.try_io(|| receive(io, &mut buffer)) // on Windows mio learns of `WouldBlock`
                });
                read.map_ok(drop)
            }
        }

        impl Write for $stream {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Written {
                AsyncWrite::poll_write(self, cx, bytes)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_close(self, cx)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                all: &[IoSlice<'_>],
            ) -> Written {
                AsyncWrite::poll_write_vectored(self, cx, all)
            }
        }
    };
}

hyper_stream!(TcpStream, false);
// A read ends after bytes that were sent with descriptors, even if more follow.
#[cfg(unix)]
hyper_stream!(UnixStream, true);
