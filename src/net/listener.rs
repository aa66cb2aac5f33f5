//! Accepting connections: what both listeners have in common, and the trait [`Listener`], by which `serve` takes
//! either of them or another.

use std::fmt::Debug;
use std::io;
use std::task::{Context, Poll};

/// Something that [`serve`](super::serve()) can accept connections from.
///
/// A program may implement it for a listener of its own. With clients in memory, a virtual clock jumps, and the
/// limits and the shutdown of a server can be tested in no time:
///
/// ```
/// use std::cell::RefCell;
/// use std::io;
/// use std::task::{Context, Poll, ready};
/// use std::time::Duration;
///
/// use boucle::net::{Listener, serve};
/// use futures::StreamExt;
/// use futures::channel::mpsc::{UnboundedReceiver, unbounded};
///
/// /// The clients, each by its name.
/// struct InMemory(RefCell<UnboundedReceiver<&'static str>>);
///
/// impl Listener for InMemory {
///     type Stream = (); // a pipe in memory, in a real test
///     type Address = &'static str;
///
///     fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<((), &'static str)>> {
///         match ready!(self.0.borrow_mut().poll_next_unpin(cx)) {
///             Some(name) => Poll::Ready(Ok(((), name))),
///             None => Poll::Pending, // no more clients; the server goes on
///         }
///     }
/// }
///
/// # let event_loop = boucle::EventLoop::builder().virtual_clock().build().unwrap();
/// # event_loop.block_on(async {
/// let (clients, listener) = unbounded();
/// clients.unbounded_send("Ada").unwrap();
/// let handle = async |_stream, _name| io::Result::Ok(boucle::sleep(Duration::from_secs(3_600)).await);
/// let start = boucle::now();
/// serve(InMemory(RefCell::new(listener)), handle)
///     .shutdown_when(boucle::sleep(Duration::from_secs(60)))
///     .grace(Duration::from_secs(10))
///     .on_error(|error| assert!(error.to_string().ends_with("failed: the grace was over")))
///     .await?;
/// assert_eq!(boucle::now() - start, Duration::from_secs(70));
/// # io::Result::Ok(())
/// # }).unwrap();
/// ```
pub trait Listener: 'static {
    /// A connection.
    type Stream;
    /// The address of the other end.
    type Address: Clone + Debug + 'static;

    /// Waits for a connection. Only the task of the last poll need be woken.
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
    /// Those of `accept`: `serve` reports them, and goes on.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Self::Address)>>;

    /// Returns an error if nothing can be accepted any more; by default it never does. `serve` asks in each of its
    /// polls: a listener that closes also wakes the task of the last `poll_accept`.
    ///
    /// ```
    /// use boucle::net::{Listener, TcpListener};
    ///
    /// # boucle::run(async {
    /// assert!(TcpListener::bind("127.0.0.1:0").await?.check().is_ok());
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// A socket returns one when its loop is gone. `serve` ends with it at once, and aborts the connections: for an
    /// orderly end, see [`shutdown_when`](super::Serve::shutdown_when).
    fn check(&self) -> io::Result<()> {
        Ok(())
    }
}

/// What every listener has, and what its connections are. The names are as for `socket!`; the argument is the
/// stream's interest.
macro_rules! listener {
    ($std:ident: $listener:ident; $stream:ident($interest:expr)) => {
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
            pub async fn accept(&self) -> io::Result<($stream, $std::SocketAddr)> {
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
            pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<($stream, $std::SocketAddr)>> {
                let (stream, peer) = ready!(self.source.poll(cx, Side::Read, |io, _| io.accept()))?;
                let source = Source::on(self.source.loop_number, stream, $interest, true)?;
                Poll::Ready(Ok(($stream { source }, peer)))
            }
        }

        impl Listener for $listener {
            type Stream = $stream;
            type Address = $std::SocketAddr;

            fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<($stream, $std::SocketAddr)>> {
                self.poll_accept(cx)
            }

            fn check(&self) -> io::Result<()> {
                self.source.expect_loop()
            }
        }
    };
}

pub(super) use listener;
