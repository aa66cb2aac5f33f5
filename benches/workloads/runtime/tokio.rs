//! tokio's `current_thread` scheduler. It stands here twice:
//!
//! - [`Tokio`] is its `LocalRuntime`, which takes futures that are not `Send`, as boucle does. The ratios are
//!   to this one.
//! - [`TokioLocalSet`] is the older way to have such futures: a `LocalSet`, with a queue of its own, inside
//!   of a `current_thread` runtime.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Alone, Groups, Net, Pairs, Runtime, Timers, pairs_from_std};

/// tokio's `current_thread` scheduler, as a `LocalRuntime`.
pub struct Tokio(tokio::runtime::LocalRuntime);

/// A `LocalSet` on tokio's `current_thread` runtime.
pub struct TokioLocalSet {
    runtime: tokio::runtime::Runtime,
    set: tokio::task::LocalSet,
}

fn builder() -> tokio::runtime::Builder {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all();
    builder
}

impl Runtime for Tokio {
    const NAME: &str = "tokio";

    type Joined<T: 'static> = tokio::task::JoinHandle<T>;
    type JoinError = tokio::task::JoinError;

    fn new() -> Self {
        let runtime = builder().build_local(Default::default());
        Tokio(runtime.expect("the system gives a poller"))
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.0.block_on(main)
    }

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        tokio::task::spawn_local(future)
    }

    fn yield_now() -> impl Future<Output = ()> {
        tokio::task::yield_now()
    }
}

impl Runtime for TokioLocalSet {
    const NAME: &str = "tokio LocalSet";

    type Joined<T: 'static> = tokio::task::JoinHandle<T>;
    type JoinError = tokio::task::JoinError;

    fn new() -> Self {
        TokioLocalSet {
            runtime: builder().build().expect("the system gives a poller"),
            set: tokio::task::LocalSet::new(),
        }
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.set.block_on(&self.runtime, main)
    }

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        tokio::task::spawn_local(future)
    }

    fn yield_now() -> impl Future<Output = ()> {
        tokio::task::yield_now()
    }
}

/// The two differ in `new` and `block_on` only.
trait InsideTokio: Runtime {}
impl InsideTokio for Tokio {}
impl InsideTokio for TokioLocalSet {}

/// Without tokio's clock: to pause it needs a feature.
impl<R: InsideTokio> Alone for R {
    fn run_alone<F: Future>(main: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime without drivers has what it needs").block_on(main)
    }
}

impl<R: InsideTokio> Timers for R {
    type Sleep = tokio::time::Sleep;

    fn sleep(duration: Duration) -> Self::Sleep {
        tokio::time::sleep(duration)
    }
}

impl<R: InsideTokio> Net for R {
    type Listener = tokio::net::TcpListener;
    type Stream = tokio::net::TcpStream;

    async fn listen(address: SocketAddr) -> io::Result<Self::Listener> {
        tokio::net::TcpListener::bind(address).await
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
        let stream = tokio::net::TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn read(stream: &mut Self::Stream, to: &mut [u8]) -> io::Result<usize> {
        tokio::io::AsyncReadExt::read(stream, to).await
    }

    async fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()> {
        tokio::io::AsyncWriteExt::write_all(stream, bytes).await
    }
}

macro_rules! datagrams {
    ($($socket:ident),+) => {$(
        impl<R: InsideTokio> Pairs<$socket> for R {
            type End = tokio::net::$socket;

            async fn pairs(count: usize) -> io::Result<Vec<(Self::End, Self::End)>> {
                pairs_from_std(count, tokio::net::$socket::from_std)
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

impl<R: InsideTokio> Pairs<UnixStream> for R {
    type End = tokio::net::UnixStream;

    async fn pairs(count: usize) -> io::Result<Vec<(Self::End, Self::End)>> {
        pairs_from_std(count, tokio::net::UnixStream::from_std)
    }

    async fn receive(end: &mut Self::End, to: &mut [u8]) -> io::Result<usize> {
        tokio::io::AsyncReadExt::read(end, to).await
    }

    async fn send(end: &mut Self::End, bytes: &[u8]) -> io::Result<()> {
        tokio::io::AsyncWriteExt::write_all(end, bytes).await
    }
}

/// A `JoinSet` returns values as they come, so a `gather` of children returns their positions too.
impl<R: InsideTokio> Groups for R {
    async fn gather<F>(children: impl Iterator<Item = F>) -> Vec<usize>
    where
        F: Future<Output = usize> + 'static,
    {
        let mut set = JoinSet::new();
        for (position, child) in children.enumerate() {
            set.spawn_local(async move { (position, child.await) });
        }
        let mut values = vec![0; set.len()];
        while let Some(joined) = set.join_next().await {
            let (position, value) = joined.expect("the child has a value");
            values[position] = value;
        }
        values
    }

    async fn wait_for_all<F>(children: impl Iterator<Item = F>) -> Vec<usize>
    where
        F: Future<Output = usize> + 'static,
    {
        spawn_all(children).join_all().await
    }

    async fn wait_for_each<F>(children: impl Iterator<Item = F>) -> Vec<usize>
    where
        F: Future<Output = usize> + 'static,
    {
        let mut set = spawn_all(children);
        let mut values = Vec::with_capacity(set.len());
        while let Some(joined) = set.join_next().await {
            values.push(joined.expect("the child has a value"));
        }
        values
    }
}

fn spawn_all<F>(children: impl Iterator<Item = F>) -> JoinSet<usize>
where
    F: Future<Output = usize> + 'static,
{
    let mut set = JoinSet::new();
    for child in children {
        set.spawn_local(child);
    }
    set
}
