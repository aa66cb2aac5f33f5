//! smol, made of its parts: a `LocalExecutor` (async-executor) and the reactor of async-io.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

use async_executor::{LocalExecutor, Task};
use async_io::{Async, Timer};
use futures::FutureExt;
use futures::future::NeverError;
use futures::never::Never;
use futures_lite::future;

use crate::workloads::runtime::{Net, Pairs, Runtime, Timers, pairs_from_std};

pub struct Smol;

thread_local! {
    static EXECUTOR: LocalExecutor<'static> = const { LocalExecutor::new() };
}

impl Runtime for Smol {
    const NAME: &str = "smol";

    type Joined<T: 'static> = NeverError<Task<T>>;
    type JoinError = Never;

    fn new() -> Self {
        Smol
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        EXECUTOR.with(|executor| async_io::block_on(executor.run(main)))
    }

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        EXECUTOR.with(|executor| executor.spawn(future)).never_error()
    }

    fn yield_now() -> impl Future<Output = ()> {
        future::yield_now()
    }
}

impl Timers for Smol {
    type Sleep = futures::future::Map<Timer, fn(Instant)>;

    fn sleep(duration: Duration) -> Self::Sleep {
        Timer::after(duration).map(|_fired_at| ())
    }
}

impl Net for Smol {
    type Listener = Async<TcpListener>;
    type Stream = Async<TcpStream>;

    async fn listen(address: SocketAddr) -> io::Result<Self::Listener> {
        Async::<TcpListener>::bind(address)
    }

    fn address(listener: &Self::Listener) -> io::Result<SocketAddr> {
        listener.get_ref().local_addr()
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let (stream, _peer) = listener.accept().await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Stream> {
        let stream = Async::<TcpStream>::connect(address).await?;
        stream.get_ref().set_nodelay(true)?;
        Ok(stream)
    }

    async fn read(stream: &mut Self::Stream, to: &mut [u8]) -> io::Result<usize> {
        futures_lite::AsyncReadExt::read(stream, to).await
    }

    async fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()> {
        futures_lite::AsyncWriteExt::write_all(stream, bytes).await
    }
}

macro_rules! datagrams {
    ($($socket:ident),+) => {$(
        impl Pairs<$socket> for Smol {
            type End = Async<$socket>;

            async fn pairs(count: usize) -> io::Result<Vec<(Self::End, Self::End)>> {
                pairs_from_std(count, Async::new)
            }

            async fn receive(end: &mut Self::End, to: &mut [u8]) -> io::Result<usize> {
                end.recv(to).await
            }

            async fn send(end: &mut Self::End, bytes: &[u8]) -> io::Result<()> {
                end.send(bytes).await.map(drop)
            }
        }
    )+};
}

datagrams!(UdpSocket, UnixDatagram);

impl Pairs<UnixStream> for Smol {
    type End = Async<UnixStream>;

    async fn pairs(count: usize) -> io::Result<Vec<(Self::End, Self::End)>> {
        pairs_from_std(count, Async::new)
    }

    async fn receive(end: &mut Self::End, to: &mut [u8]) -> io::Result<usize> {
        futures_lite::AsyncReadExt::read(end, to).await
    }

    async fn send(end: &mut Self::End, bytes: &[u8]) -> io::Result<()> {
        futures_lite::AsyncWriteExt::write_all(end, bytes).await
    }
}
