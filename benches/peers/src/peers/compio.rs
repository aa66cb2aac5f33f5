//! compio, on io_uring.
//!
//! Its sockets take a buffer and give it back, so each stream keeps one for each direction, and the bytes of
//! a message are copied once.

use std::future::Future;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use compio::BufResult;
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::{JoinError, JoinHandle};
use futures_lite::future;

use crate::workloads::runtime::{Net, Runtime, Timers};

pub struct Compio(compio::runtime::Runtime);

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

impl Runtime for Compio {
    const NAME: &str = "compio";

    type Joined<T: 'static> = JoinHandle<T>;
    type JoinError = JoinError;

    fn new() -> Self {
        Compio(compio::runtime::Runtime::new().expect("the system gives a ring"))
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.0.block_on(main)
    }

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        compio::runtime::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> {
        future::yield_now()
    }
}

impl Timers for Compio {
    type Sleep = Pin<Box<dyn Future<Output = ()>>>;

    fn sleep(duration: Duration) -> Self::Sleep {
        Box::pin(compio::time::sleep(duration))
    }
}

impl Net for Compio {
    type Listener = TcpListener;
    type Stream = Stream;

    async fn listen(address: SocketAddr) -> io::Result<Self::Listener> {
        TcpListener::bind(address).await
    }

    fn address(listener: &Self::Listener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let (socket, _peer) = listener.accept().await?;
        Stream::new(socket)
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Stream> {
        Stream::new(TcpStream::connect(address).await?)
    }

    async fn read(stream: &mut Self::Stream, to: &mut [u8]) -> io::Result<usize> {
        let mut buffer = mem::take(&mut stream.incoming);
        buffer.clear();
        buffer.reserve_exact(to.len());
        let BufResult(count, buffer) = stream.socket.read(buffer).await;
        stream.incoming = buffer;
        let count = count?;
        to[..count].copy_from_slice(&stream.incoming[..count]);
        Ok(count)
    }

    async fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()> {
        let mut buffer = mem::take(&mut stream.outgoing);
        buffer.clear();
        buffer.extend_from_slice(bytes);
        let BufResult(written, buffer) = stream.socket.write_all(buffer).await;
        stream.outgoing = buffer;
        written
    }
}
