//! This crate's loop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Net, Runtime, Timers};

pub struct Boucle(boucle::EventLoop);

impl Runtime for Boucle {
    const NAME: &str = "boucle";

    type Joined<T: 'static> = boucle::JoinHandle<T>;
    type JoinError = boucle::JoinError;

    fn new() -> Self {
        Boucle(boucle::EventLoop::new().expect("the system gives a poller"))
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.0.block_on(main)
    }

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        boucle::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> {
        boucle::yield_now()
    }
}

impl Timers for Boucle {
    type Sleep = boucle::Sleep;

    fn sleep(duration: Duration) -> Self::Sleep {
        boucle::sleep(duration)
    }
}

impl Net for Boucle {
    type Listener = boucle::net::TcpListener;
    type Stream = boucle::net::TcpStream;

    async fn listen(address: SocketAddr) -> io::Result<Self::Listener> {
        boucle::net::TcpListener::bind(address).await
    }

    fn address(listener: &Self::Listener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let (stream, _peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Stream> {
        let stream = boucle::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn read(stream: &mut Self::Stream, to: &mut [u8]) -> io::Result<usize> {
        futures_lite::AsyncReadExt::read(stream, to).await
    }

    async fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()> {
        futures_lite::AsyncWriteExt::write_all(stream, bytes).await
    }
}
