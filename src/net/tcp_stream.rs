//! A TCP connection: mio's, on a [`Source`].

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use mio::Interest;

use super::owned;
use super::reactor::Side;
use super::resolve::{ToSocketAddrs, resolve};
use super::source::Source;
use crate::task::budget::{self, consume_budget};
use crate::task::id::LoopNumber;
use crate::time::timeout::timeout;

/// A TCP connection.
///
/// It reads and writes by the `futures-io` traits, on itself and on `&TcpStream`: so one task may
/// read while another one writes, without splitting it or sharing it by anything but a reference
/// (or an `Rc`).
///
/// It belongs to the loop on which it was made. Dropping it closes it, on any thread; what was
/// written and not yet sent, the kernel sends. `close` shuts down the writing side: the peer reads
/// the end of the stream, and this side may still read.
///
/// Dropping does not wait, with one exception: if another crate has set `SO_LINGER` to more than zero
/// seconds, the kernel makes the drop wait up to that long for the peer to confirm what was written,
/// and nothing else runs on that thread meanwhile. Drop such a stream on another thread than the
/// loop's, as in [`run_in_executor`](crate::run_in_executor).
///
/// A read that gives fewer bytes than the buffer holds is not followed by one that finds nothing: a
/// request and its answer cost two system calls and their share of a park.
#[doc(alias = "open_connection")]
pub struct TcpStream {
    source: Source<mio::net::TcpStream>,
}

/// Both sides are watched, and on Linux urgent data: a read ends before it, though there may be more.
/// (Miri does not know urgent data.)
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
const INTEREST: Interest = BOTH_SIDES.add(Interest::PRIORITY);
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri))))]
const INTEREST: Interest = BOTH_SIDES;

const BOTH_SIDES: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// How long an address may take to answer while there is another one to try.
const TIME_PER_ADDRESS: Duration = Duration::from_secs(5);

impl TcpStream {
    /// Connects to an address. A name is looked up in the thread pool, and each of its addresses is
    /// tried, one after the other, until one answers.
    ///
    /// An address that does not answer within 5 seconds is given up for the next one. The last, and so
    /// an only one, is waited for as long as the kernel tries (about two minutes on Linux), and so is
    /// the look-up: to wait less, write `timeout(limit, TcpStream::connect(address))`. asyncio and tokio
    /// set no limit for any address.
    ///
    /// # Errors
    ///
    /// Those of the look-up, and those of a failed connect (`ConnectionRefused`, `TimedOut` and so on):
    /// of the last address that was tried.
    ///
    /// # Cancellation
    ///
    /// Dropping the future gives the attempt up. A look-up that has begun runs to its end in its
    /// thread.
    ///
    /// # Panics
    ///
    /// If it is not polled on a boucle loop.
    pub async fn connect(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
        consume_budget().await; // what fails at once waits for nothing
        Self::connect_first(&resolve(&address).await?, TIME_PER_ADDRESS).await
    }

    /// Connects to the first address that answers. Each but the last has that much time.
    async fn connect_first(addresses: &[SocketAddr], time: Duration) -> io::Result<TcpStream> {
        let (last, others) = addresses
            .split_last()
            .expect("no list of addresses is empty");
        for address in others {
            if let Ok(Ok(stream)) = timeout(time, Self::connect_one(*address)).await {
                return Ok(stream);
            }
        }
        Self::connect_one(*last).await
    }

    async fn connect_one(address: SocketAddr) -> io::Result<TcpStream> {
        let stream = Self::from_mio(mio::net::TcpStream::connect(address)?, false)?;
        poll_fn(|cx| stream.source.poll_io(cx, Side::Write, connect_outcome)).await?;
        Ok(stream)
    }

    /// Reads without taking what it reads: the next read gives the same bytes. 0 is the end of the
    /// stream.
    ///
    /// # Errors
    ///
    /// Those of `recv`.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            consume_budget().await;
            return Ok(0);
        }
        poll_fn(|cx| self.source.poll_io(cx, Side::Read, |io| io.peek(buffer))).await
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source.io().nodelay()
    }

    /// Sends small writes at once, or lets the kernel gather them.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.io().set_nodelay(nodelay)
    }

    /// The address of this side.
    ///
    /// # Errors
    ///
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.io().local_addr()
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// Those of `getpeername`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.io().peer_addr()
    }

    /// Takes a connected stream of std's; it becomes non-blocking.
    ///
    /// # Errors
    ///
    /// If the kernel refuses to make it non-blocking or to watch it.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        Self::from_mio(mio::net::TcpStream::from_std(stream), true)
    }

    /// Gives the stream back as std's, on any thread. It is still non-blocking, and may come back to this
    /// loop or go to another one.
    ///
    /// # Errors
    ///
    /// If the kernel refuses to forget it; it is closed then.
    pub fn into_std(self) -> io::Result<net::TcpStream> {
        Ok(owned::stream(self.source.into_inner()?))
    }

    /// A stream that is connected already may be written to at once. Before it is read from, an
    /// event has to come: most often there is nothing yet, and asking costs a system call.
    fn from_mio(stream: mio::net::TcpStream, connected: bool) -> io::Result<TcpStream> {
        let source = Source::new(stream, INTEREST, connected)?;
        Ok(TcpStream { source })
    }

    /// A stream that a listener has accepted, on the loop of that.
    pub(super) fn accepted(of: LoopNumber, stream: mio::net::TcpStream) -> io::Result<TcpStream> {
        let source = Source::on(of, stream, INTEREST, true)?;
        Ok(TcpStream { source })
    }
}

impl AsyncRead for &TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let len = buffer.len();
        if len == 0 {
            return poll_at_once(cx, || Ok(0));
        }
        self.source
            .poll_transfer(cx, Side::Read, len, |mut io| io.read(buffer))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = len_at_once(buffers);
        if len == 0 {
            return poll_at_once(cx, || Ok(0));
        }
        self.source
            .poll_transfer(cx, Side::Read, len, |mut io| io.read_vectored(buffers))
    }
}

impl AsyncWrite for &TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.source
            .poll_transfer(cx, Side::Write, buffer.len(), |mut io| io.write(buffer))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = len_at_once(buffers);
        self.source
            .poll_transfer(cx, Side::Write, len, |mut io| io.write_vectored(buffers))
    }

    /// The kernel's buffer is the only one.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_at_once(cx, || Ok(()))
    }

    /// Shuts down the writing side. To close what the peer has closed already is no error.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_at_once(cx, || match self.source.io().shutdown(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        })
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buffer)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read_vectored(cx, buffers)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write_vectored(cx, buffers)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_close(cx)
    }
}

/// The outcome of a connect, when an event has come: that would block if the event has come too early,
/// as mio says that it may.
///
/// A stream that has a peer is connected. So a connect that has succeeded, the common case, is one
/// system call here.
fn connect_outcome(io: &mio::net::TcpStream) -> io::Result<()> {
    io.try_io(|| {
        let Err(no_peer) = io.peer_addr() else {
            return Ok(());
        };
        Err(match io.take_error()? {
            Some(failed) => failed,
            None if no_peer.kind() == io::ErrorKind::NotConnected => {
                io::ErrorKind::WouldBlock.into()
            }
            None => no_peer,
        })
    })
}

/// Does what never waits, for a unit of the budget.
fn poll_at_once<R>(
    cx: &mut Context<'_>,
    operation: impl FnOnce() -> io::Result<R>,
) -> Poll<io::Result<R>> {
    ready!(budget::poll_left(cx));
    budget::spend();
    Poll::Ready(operation())
}

/// How much one call can transfer. Of more buffers than these the kernel takes the first: then the
/// stream is neither empty nor full, though all of them were more.
fn len_at_once(buffers: &[impl Deref<Target = [u8]>]) -> usize {
    const IOV_MAX: usize = 1_024;
    let taken = buffers.iter().take(IOV_MAX);
    taken.map(|buffer| buffer.len()).sum()
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.io().fmt(f)
    }
}

owned::as_fd!(TcpStream);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::TcpListener;

    /// An address that does not answer is given up for the next one; the last is waited for. (What does
    /// not answer is a listener that accepts nothing and whose queue is full: Linux lets further
    /// attempts wait there.)
    #[cfg(target_os = "linux")]
    #[test]
    #[cfg_attr(miri, ignore = "its listeners have no queue that could be full")]
    fn an_address_that_does_not_answer_is_given_up_for_the_next() {
        let mute =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        mute.bind(&any.into()).unwrap();
        mute.listen(0).unwrap();
        let mute = net::TcpListener::from(mute);
        let mute_address = mute.local_addr().unwrap();
        let _fills_the_queue = net::TcpStream::connect(mute_address).unwrap();
        let short = Duration::from_millis(5);
        crate::run(async {
            let listener = TcpListener::bind(any).await.unwrap();
            let address = listener.local_addr().unwrap();
            let both = [mute_address, address];
            let connect = TcpStream::connect_first(&both, short);
            // The kernel would try for longer than that.
            let connected = timeout(Duration::from_secs(30), connect).await;
            let stream = connected.expect("it was not given up").unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
            let only = TcpStream::connect_first(&both[..1], short);
            assert!(timeout(10 * short, only).await.is_err());
            // An event that comes before a connect has an answer does not end it.
            let begun = mio::net::TcpStream::connect(mute_address).unwrap();
            let error = connect_outcome(&begun).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        });
    }
}
