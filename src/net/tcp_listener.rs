//! A TCP listener: mio's, on a [`Source`].

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{self, SocketAddr};
use std::task::{Context, Poll, ready};

use mio::Interest;

use super::owned;
use super::reactor::Side;
use super::resolve::{ToSocketAddrs, resolve};
use super::source::Source;
use super::tcp_stream::TcpStream;
use crate::task::budget::consume_budget;

/// A TCP socket that listens for connections.
///
/// It belongs to the loop on which it was made. Dropping it closes it, on any thread; connections
/// that were accepted live on.
///
/// ```
/// use boucle::net::{TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// boucle::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let address = listener.local_addr()?;
///     let (server, client) = boucle::gather!(
///         async move { listener.accept().await },
///         TcpStream::connect(address),
///     )
///     .await;
///     let (server, peer) = server?;
///     assert_eq!(peer, client?.local_addr()?);
///     assert_eq!(server.peer_addr()?, peer);
///     Ok(())
/// })
/// # }
/// ```
#[doc(alias = "start_server")]
pub struct TcpListener {
    source: Source<mio::net::TcpListener>,
}

impl TcpListener {
    /// Listens on an address; with port 0 the system picks a port. A name is looked up in the
    /// thread pool, and each of its addresses is tried until one works.
    ///
    /// Up to 128 connections wait in the kernel to be accepted, as of a listener of std's (asyncio's
    /// `backlog`: 100; tokio's: 1,024); on Linux no more than `net.core.somaxconn`. For another backlog,
    /// or an option that is set before `bind`, see [`from_std`](Self::from_std).
    ///
    /// # Errors
    ///
    /// Those of the look-up and of `bind` and `listen`: of the last address that was tried.
    ///
    /// # Panics
    ///
    /// If it is not polled on a boucle loop.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
        consume_budget().await; // nothing below waits for an event
        let mut last = None;
        for address in resolve(&address).await? {
            match mio::net::TcpListener::bind(address) {
                Ok(listener) => return Self::from_mio(listener),
                Err(error) => last = Some(error),
            }
        }
        Err(last.expect("no list of addresses is empty"))
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// Those of `accept`. An error of one connection, or a want of descriptors, leaves the listener
    /// as it was: calling it again is right, after a while if descriptors were wanting.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no connection: what is not accepted waits in the kernel's queue.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than the listener's.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// [`accept`](Self::accept) as a poll. Each task that was pending here is woken, not the last
    /// alone.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (stream, peer) = ready!(self.source.poll_io(cx, Side::Read, |io| io.accept()))?;
        let stream = TcpStream::accepted(self.source.of(), stream);
        Poll::Ready(stream.map(|stream| (stream, peer)))
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.io().local_addr()
    }

    /// Takes a listener of std's; it becomes non-blocking.
    ///
    /// So a listener may have any option, and a backlog of its own: here by the crate `socket2`, as
    /// tokio has its `TcpSocket`.
    ///
    /// ```
    /// use std::net::{Ipv4Addr, SocketAddr};
    ///
    /// use boucle::net::{TcpListener, TcpStream};
    /// use socket2::{Domain, Socket, Type};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// boucle::run(async {
    ///     let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    ///     socket.set_reuse_address(true)?; // as `bind` does on Unix
    ///     socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    ///     socket.listen(1_024)?; // the backlog
    ///     let listener = TcpListener::from_std(socket.into())?;
    ///     let client = TcpStream::connect(listener.local_addr()?).await?;
    ///     assert_eq!(listener.accept().await?.1, client.local_addr()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the kernel refuses to make it non-blocking or to watch it.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        Self::from_mio(mio::net::TcpListener::from_std(listener))
    }

    /// Gives the listener back as std's, on any thread. It is still non-blocking, and may come back to
    /// this loop or go to another one.
    ///
    /// # Errors
    ///
    /// If the kernel refuses to forget it; it is closed then.
    pub fn into_std(self) -> io::Result<net::TcpListener> {
        Ok(owned::listener(self.source.into_inner()?))
    }

    fn from_mio(listener: mio::net::TcpListener) -> io::Result<TcpListener> {
        let source = Source::new(listener, Interest::READABLE, false)?;
        Ok(TcpListener { source })
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.io().fmt(f)
    }
}

owned::as_fd!(TcpListener);
