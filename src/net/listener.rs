//! What accepts connections: what both listeners have in common, and the trait by which `serve` takes either.

use std::fmt::Debug;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use super::reactor::Side;
use super::source::{BOTH, Source};
use super::tcp::{TcpListener, TcpStream};
#[cfg(unix)]
use super::{
    source::READS,
    unix::{UnixListener, UnixStream},
};

/// A socket that accepts connections: what [`serve`](super::serve()) takes. No other crate can implement it.
///
/// ```
/// use boucle::net::{Listener, TcpListener, serve};
///
/// # boucle::run(async {
/// async fn refuse<L: Listener>(listener: L) {
///     let handle = async |stream, _peer| std::io::Result::Ok(drop::<L::Stream>(stream));
///     serve(listener, handle).shutdown_when(boucle::yield_now()).await;
/// }
/// refuse(TcpListener::bind("127.0.0.1:0").await?).await;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub trait Listener: Sealed + 'static {
    /// A connection.
    type Stream;
    /// The address of the other end.
    type Address: Clone + Debug + 'static;

    /// Waits for a connection.
    ///
    /// ```
    /// use boucle::net::{Listener, TcpListener, TcpStream};
    ///
    /// # boucle::run(async {
    /// async fn accept<L: Listener>(listener: &L) -> std::io::Result<L::Stream> {
    ///     Ok(std::future::poll_fn(|cx| listener.poll_accept(cx)).await?.0)
    /// }
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// assert_eq!(accept(&listener).await?.peer_addr()?, client.local_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `accept`.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Self::Address)>>;
}

/// Seals [`Listener`], since no public path leads to it.
pub trait Sealed {
    /// An error if the listener's loop is gone.
    fn expect_loop(&self) -> io::Result<()>;
}

macro_rules! listener {
    ($listener:ident; $stream:ident, $address:ty, $interest:expr) => {
        impl $listener {
            /// Waits for a connection. (A client of a Unix socket usually has no path.)
            ///
            /// ```
            /// use boucle::net::{TcpListener, TcpStream};
            ///
            /// # boucle::run(async {
            /// let listener = TcpListener::bind("127.0.0.1:0").await?;
            /// let stream = TcpStream::connect(listener.local_addr()?).await?;
            /// let (_, peer) = listener.accept().await?;
            /// assert_eq!(peer, stream.local_addr()?);
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// Those of `accept`, after which the listener lives on: if the process was out of descriptors, try
            /// again later. An error of kind `Other`, if the listener's loop is gone.
            ///
            /// # Cancellation
            ///
            /// Dropping the future loses no connection: what is not accepted waits in the kernel's queue.
            ///
            /// # Panics
            ///
            /// If it is polled on another loop than the listener's or on another thread, while its own lives.
            pub async fn accept(&self) -> io::Result<($stream, $address)> {
                poll_fn(|cx| self.poll_accept(cx)).await
            }

            /// [`accept`](Self::accept) as a poll. Each task that was pending here is woken, not only the last.
            ///
            /// ```
            /// use boucle::net::{TcpListener, TcpStream};
            ///
            /// # boucle::run(async {
            /// let listener = TcpListener::bind("127.0.0.1:0").await?;
            /// let stream = TcpStream::connect(listener.local_addr()?).await?;
            /// let (_, peer) = std::future::poll_fn(|cx| listener.poll_accept(cx)).await?;
            /// assert_eq!(peer, stream.local_addr()?);
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// As [`accept`](Self::accept).
            ///
            /// # Panics
            ///
            /// As [`accept`](Self::accept).
            pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<($stream, $address)>> {
                let (stream, peer) = ready!(self.source.poll(cx, Side::Read, |io, _| io.accept()))?;
                let source = Source::on(self.source.loop_number, stream, $interest, true)?;
                Poll::Ready(Ok(($stream { source }, peer)))
            }
        }

        impl Sealed for $listener {
            fn expect_loop(&self) -> io::Result<()> {
                self.source.expect_loop()
            }
        }

        impl Listener for $listener {
            type Stream = $stream;
            type Address = $address;

            fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<($stream, $address)>> {
                self.poll_accept(cx)
            }
        }
    };
}

listener!(TcpListener; TcpStream, std::net::SocketAddr, BOTH);
#[cfg(unix)]
listener!(UnixListener; UnixStream, std::os::unix::net::SocketAddr, READS);
