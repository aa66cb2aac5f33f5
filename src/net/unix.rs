//! Unix sockets: a listener, a stream and a datagram socket, mio's on a [`Source`].
//!
//! For two waits the kernel reports no event: a connect to a listener whose queue is full, and a message to a
//! receiver whose queue is full. It refuses both, and the sender's own socket is writable all the while. So both
//! are tried again every millisecond. (On Linux the kernel does report room to a sender that is connected to the
//! receiver.)

use std::future::poll_fn;
use std::io::{self, ErrorKind::WouldBlock};
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mio::Interest;
use rustix::io::Errno;

use super::datagram::datagrams;
use super::failure::failed;
use super::listener::{Listener, listener};
use super::reactor::Side;
use super::source::{READS, Source, expect_registry, peer, socket, uninterrupted};
use crate::task::budget;
use crate::time::sleep::sleep;
use crate::wake::loop_handle::LoopHandle;

/// A Unix socket that listens for connections.
///
/// It belongs to the loop on which it was made. Dropping it closes it, on any thread; its file stays, as do
/// connections that were accepted.
///
/// ```
/// use boucle::net::{UnixListener, UnixStream};
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
///
/// # boucle::run(async {
/// # let path = std::env::temp_dir().join(format!("boucle-{}-listener", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let mut client = UnixStream::connect(&path).await?;
/// let (mut server, _) = listener.accept().await?;
/// client.write_all(b"hello").await?;
/// assert_eq!(server.read(&mut [0; 64]).await?, 5);
/// std::fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[doc(alias("start_unix_server", "create_unix_server"))]
pub struct UnixListener {
    source: Source<mio::net::UnixListener>,
}

/// A connection between two processes on one machine, or within one process.
///
/// It reads and writes by the `futures-io` traits, on itself and on `&UnixStream`, as
/// [`TcpStream`](super::TcpStream) does, by as many system calls.
///
/// It belongs to the loop on which it was made. Reads and writes panic on another loop or another thread while
/// their own loop lives, and give errors (of kind `Other`) when it is gone. Dropping it closes it, on any
/// thread. On Linux, if received bytes are unread then, the peer reads what was written, and then
/// `ConnectionReset`.
///
/// `close` shuts down the writing side: the peer reads the end of the stream, and this side may still read. A
/// write that waits for room in another task fails, if `close` is called on the loop's thread. (If the peer only
/// shuts down its reading side, such a write goes on waiting: Linux does not report that.)
///
/// ```
/// use boucle::net::UnixStream;
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
///
/// # boucle::run(async {
/// let (here, there) = UnixStream::pair()?;
/// (&here).write_all(b"ping").await?; // `&here` will do: another task may read it meanwhile
/// let mut buffer = [0; 4];
/// (&there).read_exact(&mut buffer).await?;
/// assert_eq!(&buffer, b"ping");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// # What needs an `AsyncFd`
///
/// Put a stream of std's in an [`AsyncFd`](super::AsyncFd) for these:
///
/// - Descriptors that a peer sends along, by `recvmsg`: here they are closed.
/// - Urgent data, which Linux supports here too: see [`TcpStream`](super::TcpStream#urgent-data).
/// - A socket of type `SOCK_SEQPACKET`: here, a read after a message shorter than the buffer waits for the next
///   event.
#[doc(alias("open_unix_connection", "create_unix_connection"))]
pub struct UnixStream {
    pub(crate) source: Source<mio::net::UnixStream>,
}

/// A Unix socket for messages. They arrive in order, and none is lost to a full queue: a sender waits.
///
/// It belongs to the loop on which it was made. When that loop is gone, sending and receiving give errors (of
/// kind `Other`). Dropping it closes it, on any thread; its file stays.
///
/// ```
/// use boucle::net::UnixDatagram;
///
/// # boucle::run(async {
/// # let path = std::env::temp_dir().join(format!("boucle-{}-datagram", std::process::id()));
/// let server = UnixDatagram::bind(&path)?;
/// let client = UnixDatagram::unbound()?; // it has no address to answer to
/// client.send_to(b"hello", &path).await?;
/// let mut buffer = [0; 64];
/// let (len, from) = server.recv_from(&mut buffer).await?;
/// assert!(len == 5 && from.is_unnamed());
/// std::fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[doc(alias = "create_datagram_endpoint")]
pub struct UnixDatagram {
    source: Source<mio::net::UnixDatagram>,
}

/// The time between two attempts at what no event reports.
const PAUSE: Duration = Duration::from_millis(1);

impl UnixListener {
    /// Listens at a path, where it makes a file. For an abstract address of Linux, which has no file, call
    /// `bind_addr` of std's listener, and then [`from_std`](Self::from_std). (For an empty path Linux chooses an
    /// abstract address.)
    ///
    /// ```
    /// use boucle::net::UnixListener;
    ///
    /// # boucle::run(async {
    /// # let path = std::env::temp_dir().join(format!("boucle-{}-listener-bind", std::process::id()));
    /// drop(UnixListener::bind(&path)?);
    /// let error = UnixListener::bind(&path).map(drop).unwrap_err(); // the file is still there
    /// assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    /// std::fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// `AddrInUse` if there is a file already, though nothing may listen there any more. `InvalidInput` if the
    /// path has a NUL byte, or is too long for an address (about a hundred bytes). Otherwise those of `bind` and
    /// `listen`. The error names the path, and the system's error is its source.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        let path = path.as_ref();
        let registry = expect_registry(); // first: without one, no file is made
        let bound = registry.and_then(|_| mio::net::UnixListener::bind(path)).and_then(Self::new);
        bound.map_err(failed("listen on", path.display()))
    }
}

impl UnixStream {
    /// Connects to the listener at a path. On Linux, if its queue is full, tries again every millisecond,
    /// without a limit: add a [`timeout`](crate::timeout). Meanwhile a virtual clock does not jump.
    ///
    /// ```
    /// use boucle::net::{UnixListener, UnixStream};
    ///
    /// # boucle::run(async {
    /// # let path = std::env::temp_dir().join(format!("boucle-{}-connect", std::process::id()));
    /// drop(UnixListener::bind(&path)?); // its file stays
    /// let error = UnixStream::connect(&path).await.unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    /// std::fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `connect`: `NotFound` if there is no file, `ConnectionRefused` if nothing listens there, and
    /// on the BSDs and macOS also if the listener's queue is full. `InvalidInput` if the path has a NUL byte,
    /// or is too long for an address (about a hundred bytes). The error names the path, and the system's error
    /// is its source.
    ///
    /// # Cancellation
    ///
    /// Dropping the future gives the attempt up.
    ///
    /// # Panics
    ///
    /// If it is not polled on a boucle loop.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        let path = path.as_ref();
        let connected = until_room(|cx| {
            ready!(budget::poll_spend(cx)); // a connect waits for no event: it succeeds or fails at once
            Poll::Ready(Self::new(mio::net::UnixStream::connect(path)?))
        });
        connected.await.map_err(failed("connect to", path.display()))
    }

    /// Makes two streams that are connected to each other.
    ///
    /// ```
    /// use futures_lite::{AsyncReadExt, AsyncWriteExt};
    ///
    /// # boucle::run(async {
    /// let (mut here, mut there) = boucle::net::UnixStream::pair()?;
    /// here.write_all(b"hello").await?;
    /// assert_eq!(there.read(&mut [0; 64]).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `socketpair`.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[doc(alias = "socketpair")]
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = mio::net::UnixStream::pair()?;
        Ok((Self::new(one)?, Self::new(other)?))
    }
}

impl UnixDatagram {
    /// Binds a socket to a path, where it makes a file. (For an empty path Linux chooses an abstract address.)
    ///
    /// ```
    /// use boucle::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let path = std::env::temp_dir().join(format!("boucle-{}-datagram-bind", std::process::id()));
    /// let socket = UnixDatagram::bind(&path)?;
    /// assert_eq!(socket.local_addr()?.as_pathname(), Some(&*path));
    /// std::fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`UnixListener::bind`].
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        let path = path.as_ref();
        let registry = expect_registry(); // first: without one, no file is made
        let bound = registry.and_then(|_| mio::net::UnixDatagram::bind(path)).and_then(Self::new);
        bound.map_err(failed("bind to", path.display()))
    }

    /// Makes a socket without an address: it can send, but nothing can be sent to it.
    ///
    /// ```
    /// # boucle::run(async {
    /// assert!(boucle::net::UnixDatagram::unbound()?.local_addr()?.is_unnamed());
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `socket`.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        Self::new(mio::net::UnixDatagram::unbound()?)
    }

    /// Makes two sockets that are connected to each other.
    ///
    /// ```
    /// # boucle::run(async {
    /// let (here, there) = boucle::net::UnixDatagram::pair()?;
    /// here.send(b"one").await?;
    /// here.send(b"").await?; // a message, too
    /// let mut buffer = [0; 64];
    /// assert_eq!(there.recv(&mut buffer).await?, 3);
    /// assert_eq!(there.recv(&mut buffer).await?, 0);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `socketpair`.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[doc(alias = "socketpair")]
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = mio::net::UnixDatagram::pair()?;
        Ok((Self::new(one)?, Self::new(other)?))
    }

    /// Connects the socket to the one at a path. It still receives messages that have already arrived; after
    /// those, only messages from that address. (On Linux, a socket that changes its peer loses what has arrived
    /// and was not received.)
    ///
    /// ```
    /// use boucle::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let path = std::env::temp_dir().join(format!("boucle-{}-datagram-connect", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// let client = UnixDatagram::unbound()?;
    /// client.connect(&path)?;
    /// client.send(b"hello").await?; // it needs no path now
    /// assert_eq!(server.recv(&mut [0; 64]).await?, 5);
    /// std::fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`UnixStream::connect`].
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        uninterrupted(|| self.source.io().connect(path)).map_err(failed("connect to", path.display()))
    }

    /// Waits until there is room, and sends a message to the peer that the socket is connected to. Returns its
    /// length.
    ///
    /// On the BSDs and macOS, which do not report room in the receiver's queue, it tries again every
    /// millisecond. Meanwhile a virtual clock does not jump.
    ///
    /// ```
    /// # boucle::run(async {
    /// let (here, there) = boucle::net::UnixDatagram::pair()?;
    /// assert_eq!(here.send(b"ping").await?, 4);
    /// assert_eq!(there.recv(&mut [0; 64]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `send`: `ConnectionRefused` or `ConnectionReset` if the peer is closed.
    ///
    /// # Cancellation
    ///
    /// Dropping the future sends nothing.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than the socket's or on another thread, while its own lives; or
    /// where no loop runs, if it has to try again.
    pub async fn send(&self, message: &[u8]) -> io::Result<usize> {
        until_room(|cx| self.poll_send(cx, message)).await
    }

    /// Waits until there is room in the receiver's queue, and sends a message to the socket at a path. Returns
    /// the message's length.
    ///
    /// If the queue is full, it tries again every millisecond. Meanwhile a virtual clock does not jump.
    ///
    /// ```
    /// use boucle::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let path = std::env::temp_dir().join(format!("boucle-{}-send-to", std::process::id()));
    /// let server = UnixDatagram::bind(&path)?;
    /// UnixDatagram::unbound()?.send_to(b"hello", &path).await?;
    /// assert_eq!(server.recv(&mut [0; 64]).await?, 5);
    /// std::fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `sendto`: `NotFound` if there is no file, `ConnectionRefused` if its socket is closed.
    ///
    /// # Cancellation
    ///
    /// Dropping the future sends nothing.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than the socket's or on another thread, while its own lives; or
    /// where no loop runs, if it has to try again.
    pub async fn send_to(&self, message: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let path = path.as_ref();
        until_room(|cx| {
            ready!(budget::poll_spend(cx)); // a message is sent or refused at once
            self.source.expect_loop()?;
            Poll::Ready(self.source.io().send_to(message, path))
        })
        .await
    }
}

/// Repeats an attempt until the peer's queue has room (on the BSDs and macOS a full one gives `ENOBUFS`).
/// Holds a virtual clock meanwhile, as a task that waits for a socket does.
async fn until_room<R>(mut attempt: impl FnMut(&mut Context<'_>) -> Poll<io::Result<R>>) -> io::Result<R> {
    let mut hold = None; // one for all attempts: its end is a message to the loop
    loop {
        match poll_fn(&mut attempt).await {
            Err(full) if full.kind() == WouldBlock || Errno::from_io_error(&full) == Some(Errno::NOBUFS) => {
                hold.get_or_insert_with(|| LoopHandle::current().hold_clock());
                sleep(PAUSE).await;
            }
            Err(signal) if signal.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

datagrams!(net: UnixDatagram);
socket!(net: UnixListener(Interest::READABLE, false), UnixStream(READS, true), UnixDatagram(READS, true));
peer!(net: UnixStream, UnixDatagram);
listener!(net: UnixListener; UnixStream(READS));

#[cfg(test)]
mod tests {
    use super::*;

    /// A full queue, by the errors of all systems, and a signal lead to another attempt; other errors do not.
    #[test]
    fn a_full_queue_is_tried_again() {
        let full = io::ErrorKind::WouldBlock.into();
        let signal = io::ErrorKind::Interrupted.into();
        let mut answers = vec![Ok(7), Err(signal), Err(Errno::NOBUFS.into()), Err(full)];
        let retries = until_room(|_| Poll::Ready(answers.pop().unwrap()));
        assert_eq!(crate::run(retries).unwrap(), 7);
        assert!(answers.is_empty());
        let refused = until_room(|_| Poll::Ready(Err::<(), _>(Errno::CONNREFUSED.into())));
        assert_eq!(crate::run(refused).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
