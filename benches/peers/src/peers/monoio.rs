//! monoio, on its two drivers: epoll through mio ("legacy"), and io_uring.
//!
//! Its sockets take a buffer and give it back, so each stream keeps one for each direction, and the bytes of
//! a message are copied once.

use std::cell::RefCell;
use std::future::Future;
use std::hint::black_box;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures::FutureExt;
use futures::future::NeverError;
use futures::never::Never;
use futures_lite::future;
use monoio::buf::IoBufMut;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::task::JoinHandle;
use monoio::time::TimeDriver;
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use crate::workloads::runtime::{Net, Runtime, Timers};

/// A driver, with timers.
pub trait Driver: monoio::Driver + Sized + 'static {
    const NAME: &str;

    fn runtime() -> io::Result<monoio::Runtime<Self>>;
}

pub type Mio = TimeDriver<LegacyDriver>;
pub type IoUring = TimeDriver<IoUringDriver>;

impl Driver for Mio {
    const NAME: &str = "monoio";

    fn runtime() -> io::Result<monoio::Runtime<Self>> {
        RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()
    }
}

impl Driver for IoUring {
    const NAME: &str = "monoio io_uring";

    fn runtime() -> io::Result<monoio::Runtime<Self>> {
        RuntimeBuilder::<IoUringDriver>::new().enable_timer().build()
    }
}

pub struct Monoio<D>(RefCell<monoio::Runtime<D>>);

/// A stream and its buffers, which are taken out while the kernel has them.
pub struct Stream {
    socket: TcpStream,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Stream {
    fn new(socket: TcpStream) -> io::Result<Stream> {
        socket.set_nodelay(true)?;
        Ok(Stream { socket, incoming: Vec::new(), outgoing: Vec::new() })
    }
}

impl<D: Driver> Runtime for Monoio<D> {
    const NAME: &str = D::NAME;

    type Joined<T: 'static> = NeverError<JoinHandle<T>>;
    type JoinError = Never;

    fn new() -> Self {
        Monoio(RefCell::new(D::runtime().expect("the system gives a ring")))
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        // Behind a pointer that the compiler cannot see through. Else it removes a main future that does
        // nothing but yield.
        let main: Pin<&mut dyn Future<Output = F::Output>> = pin!(main);
        self.0.borrow_mut().block_on(black_box(main))
    }

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        monoio::spawn(future).never_error()
    }

    fn yield_now() -> impl Future<Output = ()> {
        future::yield_now()
    }
}

impl<D: Driver> Timers for Monoio<D> {
    type Sleep = monoio::time::Sleep;

    fn sleep(duration: Duration) -> Self::Sleep {
        monoio::time::sleep(duration)
    }
}

impl<D: Driver> Net for Monoio<D> {
    type Listener = TcpListener;
    type Stream = Stream;

    async fn listen(address: SocketAddr) -> io::Result<Self::Listener> {
        TcpListener::bind(address)
    }

    fn address(listener: &Self::Listener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let (socket, _peer) = listener.accept().await?;
        Stream::new(socket)
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Stream> {
        Stream::new(TcpStream::connect_addr(address).await?)
    }

    async fn read(stream: &mut Self::Stream, to: &mut [u8]) -> io::Result<usize> {
        let mut buffer = mem::take(&mut stream.incoming);
        buffer.resize(to.len(), 0);
        let (count, buffer) = stream.socket.read(buffer.slice_mut(..)).await;
        stream.incoming = buffer.into_inner();
        let count = count?;
        to[..count].copy_from_slice(&stream.incoming[..count]);
        Ok(count)
    }

    async fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()> {
        let mut buffer = mem::take(&mut stream.outgoing);
        buffer.clear();
        buffer.extend_from_slice(bytes);
        let (count, buffer) = stream.socket.write_all(buffer).await;
        stream.outgoing = buffer;
        count.map(|_all| ())
    }
}
