//! TCP: a listener and a stream, mio's on a [`Source`].

use std::future::poll_fn;
use std::io;
use std::net::{self, Shutdown};
use std::task::{Context, Poll, ready};

use mio::Interest;

use super::failure::failed;
use super::listener::{Listener, listener};
use super::reactor::Side;
use super::resolve::{ToSocketAddrs, resolve};
use super::source::{BOTH, Source, peer, socket};
use crate::task::budget::consume_budget;

/// A TCP socket that listens for connections.
///
/// It belongs to the loop on which it was made. Dropping it closes it, on any thread; connections that were
/// accepted live on.
///
/// ```
/// use boucle::net::{TcpListener, TcpStream};
///
/// # boucle::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, peer) = listener.accept().await?;
/// assert_eq!(peer, client.local_addr()?);
/// assert_eq!(peer, server.peer_addr()?);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// The crate `socket2`, with its feature `all`, makes one with other options than those of [`bind`](Self::bind):
///
/// ```
/// use socket2::{Domain, Socket, Type};
///
/// # boucle::run(async {
/// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
/// socket.set_reuse_address(true)?; // as `bind` does on Unix
/// # #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
/// socket.set_reuse_port(true)?; // several listeners share the port: one for each loop, say
/// socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
/// socket.listen(1_024)?; // the backlog
/// let listener = boucle::net::TcpListener::from_std(socket.into())?;
/// # std::net::TcpStream::connect(listener.local_addr()?)?;
/// # listener.accept().await
/// # }).unwrap();
/// ```
#[doc(alias = "start_server")]
pub struct TcpListener {
    source: Source<mio::net::TcpListener>,
}

/// A TCP connection.
///
/// It reads and writes by the `futures-io` traits, on itself and on `&TcpStream`, so one task may read while
/// another one writes: let them share it by an `Rc`. A request and its answer cost two system calls and their
/// share of a park; one more if the read fills its buffer.
///
/// It belongs to the loop on which it was made. Reads and writes panic on another loop or another thread
/// while their own loop lives, and give errors (of kind `Other`) when it is gone. Dropping it closes it, on
/// any thread. The kernel still sends what was written, unless received bytes were not read: then it resets
/// the connection.
///
/// `close` shuts down the writing side: the peer reads the end of the stream, and this side may still read. A
/// write that waits for room in another task fails.
///
/// Where each task is to own its half (tokio's `into_split`), the crates of `futures-io` split any stream:
///
/// ```
/// use boucle::net::{TcpListener, TcpStream};
/// use futures_lite::{AsyncReadExt, AsyncWriteExt, io};
///
/// # boucle::run(async {
/// # let listener = TcpListener::bind("127.0.0.1:0").await?;
/// # let address = listener.local_addr()?;
/// # boucle::spawn(async move {
/// #     let (stream, _) = listener.accept().await?;
/// #     io::copy(&stream, &stream).await
/// # });
/// let (mut reading, mut writing) = io::split(TcpStream::connect(address).await?);
/// drop(boucle::spawn(async move {
///     writing.write_all(b"hello").await?;
///     writing.close().await // dropping a half does not shut down its side
/// }));
/// let mut echo = String::new();
/// reading.read_to_string(&mut echo).await?;
/// assert_eq!(echo, "hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// The crate `socket2` sets the options that have no method here:
///
/// ```
/// use std::time::Duration;
///
/// use boucle::net::TcpStream;
/// use socket2::{SockRef, TcpKeepalive};
///
/// fn set_options(stream: &TcpStream) -> std::io::Result<()> {
///     let socket = SockRef::from(stream);
///     // A peer that is gone is found after a minute of silence, at the earliest.
///     socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(60)))?;
///     // Dropping the stream resets the connection, and discards what was not sent.
///     socket.set_linger(Some(Duration::ZERO))
/// }
/// # boucle::run(async {
/// # let listener = boucle::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let stream = TcpStream::connect(listener.local_addr()?).await?;
/// # set_options(&stream)?;
/// # assert!(SockRef::from(&stream).keepalive()?);
/// # assert_eq!(SockRef::from(&stream).linger()?, Some(Duration::ZERO));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// With a linger time above zero the drop may wait that long for the peer: drop such a stream in
/// [`run_in_executor`](crate::run_in_executor).
///
/// # Urgent data
///
/// Reads leave out urgent data (of several bytes that came before a read, the last), and on Linux they give what
/// follows it. A program that takes urgent data itself, by `MSG_OOB`, puts a stream of std's in a `net::AsyncFd`
/// and reads by its `read_with`. (A read of a `TcpStream` may end where such data was taken. The kernel does not
/// report that, so the next read may wait although bytes are there.) To wait for urgent data, on Linux, let the
/// operation return `WouldBlock` for `EINVAL`: `readable` does not see it.
#[doc(alias("into_split", "OwnedReadHalf", "OwnedWriteHalf", "set_linger", "set_keepalive"))]
pub struct TcpStream {
    pub(crate) source: Source<mio::net::TcpStream>,
}

impl TcpListener {
    /// Listens on an address; with port 0 the system picks a port. A name is looked up on another thread,
    /// and each of its addresses is tried until one works.
    ///
    /// About 128 connections may wait in the kernel to be accepted; on Linux no more than `net.core.somaxconn`.
    /// For another backlog, or an option that is set before `bind`, see [`from_std`](Self::from_std).
    ///
    /// ```
    /// use boucle::net::TcpListener;
    ///
    /// # boucle::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let taken = TcpListener::bind(listener.local_addr()?).await.unwrap_err();
    /// assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the [address](ToSocketAddrs#errors) and of `bind` and `listen`: of the last address that was
    /// tried. The error names what was passed, and the system's error is its source.
    ///
    /// # Cancellation
    ///
    /// Dropping the future binds nothing.
    ///
    /// # Panics
    ///
    /// If it is not polled on a boucle loop.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
        consume_budget().await; // nothing below waits for an event
        let addresses = resolve(&address).await?;
        let bound = net::TcpListener::bind(&addresses[..]).and_then(Self::from_std);
        bound.map_err(failed("listen on", address.to_target()))
    }
}

impl TcpStream {
    /// Reads without taking what it reads: the next read gives the same bytes. 0 is the end of the stream, or
    /// an empty buffer.
    ///
    /// ```
    /// use boucle::net::{TcpListener, TcpStream};
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    ///
    /// # boucle::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let mut stream = TcpStream::connect(listener.local_addr()?).await?;
    /// # let (mut server, _) = listener.accept().await?;
    /// stream.write_all(b"GET").await?;
    /// let mut first = [0; 1];
    /// server.peek(&mut first).await?; // HTTP, or TLS?
    /// assert_eq!(&first, b"G");
    /// let mut whole = [0; 3];
    /// server.read_exact(&mut whole).await?;
    /// assert_eq!(&whole, b"GET");
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `recv`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than the socket's or on another thread, while its own lives.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            consume_budget().await;
            return self.source.expect_loop().map(|()| 0);
        }
        poll_fn(|cx| self.source.poll(cx, Side::Read, |io, _| io.peek(buffer))).await
    }

    /// Returns true if small writes are sent at once (`TCP_NODELAY`).
    ///
    /// ```
    /// use boucle::net::{TcpListener, TcpStream};
    ///
    /// # boucle::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert!(!stream.nodelay()?); // at first the kernel gathers them
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source.io().nodelay()
    }

    /// Sends small writes at once, or lets the kernel gather them, the default: it holds a small write back
    /// until the peer has acknowledged the one before, which often takes 40 ms or more. Set it where a message
    /// is written in several pieces, as HTTP/2's are.
    ///
    /// ```
    /// use boucle::net::{TcpListener, TcpStream};
    ///
    /// # boucle::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.set_nodelay(true)?;
    /// assert!(stream.nodelay()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.io().set_nodelay(nodelay)
    }

    /// Returns the time to live of IPv4 packets that are sent, in hops (`IP_TTL`).
    ///
    /// ```
    /// use boucle::net::{TcpListener, TcpStream};
    ///
    /// # boucle::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert!(stream.ttl()? > 1); // 64, usually
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source.io().ttl()
    }

    /// Sets how many routers an IPv4 packet may pass, from 1 to 255.
    ///
    /// ```
    /// use boucle::net::{TcpListener, TcpStream};
    ///
    /// # boucle::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// stream.set_ttl(1)?; // no further than the next router
    /// assert_eq!(stream.ttl()?, 1);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidInput` for another number. Otherwise those of `setsockopt`.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        if !(1..=255).contains(&ttl) {
            let message = format!("a time to live is from 1 to 255 hops, not {ttl}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.source.io().set_ttl(ttl)
    }

    /// Shuts down one direction or both, at once. After `Write` the peer reads the end of the stream when it
    /// has read what was written. After `Read` a read finds the end, even one that waits already; but bytes
    /// that come later may still be read.
    ///
    /// ```
    /// use boucle::net::{TcpListener, TcpStream};
    /// use futures_lite::AsyncReadExt;
    /// use std::net::Shutdown;
    ///
    /// # boucle::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// let (mut server, _) = listener.accept().await?;
    /// stream.shutdown(Shutdown::Write)?;
    /// assert_eq!(server.read(&mut [0; 64]).await?, 0); // the end
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `shutdown`: `NotConnected` if the connection is over.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.io().shutdown(how)?;
        if how != Shutdown::Write {
            self.source.set_ready(Side::Read); // Windows reports no event.
        }
        Ok(())
    }
}

socket!(net: TcpListener(Interest::READABLE, false), TcpStream(BOTH, true));
peer!(net: TcpStream);
listener!(net: TcpListener; TcpStream(BOTH));
