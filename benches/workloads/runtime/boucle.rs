//! This crate's loop.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use boucle::{ALL_COMPLETED, FIRST_COMPLETED, JoinHandle};

use super::{Alone, Groups, Net, Pairs, Runtime, Timers, pairs_from_std};

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

impl Alone for Boucle {
    fn run_alone<F: Future>(main: F) -> F::Output {
        let event_loop = boucle::EventLoop::builder().virtual_clock().build();
        event_loop.expect("a loop without a poller has what it needs").block_on(main)
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

macro_rules! datagrams {
    ($($socket:ident),+) => {$(
        impl Pairs<$socket> for Boucle {
            type End = boucle::net::$socket;

            async fn pairs(count: usize) -> io::Result<Vec<(Self::End, Self::End)>> {
                pairs_from_std(count, boucle::net::$socket::from_std)
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

impl Pairs<UnixStream> for Boucle {
    type End = boucle::net::UnixStream;

    async fn pairs(count: usize) -> io::Result<Vec<(Self::End, Self::End)>> {
        pairs_from_std(count, boucle::net::UnixStream::from_std)
    }

    async fn receive(end: &mut Self::End, to: &mut [u8]) -> io::Result<usize> {
        futures_lite::AsyncReadExt::read(end, to).await
    }

    async fn send(end: &mut Self::End, bytes: &[u8]) -> io::Result<()> {
        futures_lite::AsyncWriteExt::write_all(end, bytes).await
    }
}

impl Groups for Boucle {
    fn gather<F>(children: impl Iterator<Item = F>) -> impl Future<Output = Vec<usize>>
    where
        F: Future<Output = usize> + 'static,
    {
        boucle::gather(children)
    }

    async fn wait_for_all<F>(children: impl Iterator<Item = F>) -> Vec<usize>
    where
        F: Future<Output = usize> + 'static,
    {
        let (done, _none) = boucle::wait(children.map(boucle::spawn), ALL_COMPLETED).await;
        let mut values = Vec::with_capacity(done.len());
        take_values(done, &mut values).await;
        values
    }

    async fn wait_for_each<F>(children: impl Iterator<Item = F>) -> Vec<usize>
    where
        F: Future<Output = usize> + 'static,
    {
        let mut pending: Vec<_> = children.map(boucle::spawn).collect();
        let mut values = Vec::with_capacity(pending.len());
        while !pending.is_empty() {
            let done;
            (done, pending) = boucle::wait(pending, FIRST_COMPLETED).await;
            take_values(done, &mut values).await;
        }
        values
    }
}

async fn take_values(done: Vec<JoinHandle<usize>>, values: &mut Vec<usize>) {
    for task in done {
        values.push(task.await.expect("the child has a value"));
    }
}
