//! One trait over the runtimes, so that a workload is written once and both sides do the same.
//!
//! Every method is one call of the runtime's own; the compiler sees through it. tokio stands here twice:
//!
//! - [`Tokio`] is the `current_thread` scheduler in its `LocalRuntime`, which takes futures that are
//!   not `Send`, as boucle does. The ratios are against this one.
//! - [`TokioLocalSet`] is what was there before `LocalRuntime`, and what most programs still use: a
//!   `LocalSet`, with a queue of its own, inside of a `current_thread` runtime.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A runtime that runs on this thread. It is kept from round to round, as a program keeps it.
pub trait Runtime: Sized + 'static {
    const NAME: &str;

    type Joined<T: 'static>: Future<Output = Result<T, Self::JoinError>> + 'static;
    type JoinError: Debug;
    type Sleep: Future<Output = ()> + 'static;
    type Listener: 'static;
    type Stream: 'static;

    fn new() -> Self;
    fn block_on<F: Future>(&self, main: F) -> F::Output;

    // The rest is called inside of `block_on`.

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static;
    fn yield_now() -> impl Future<Output = ()>;
    fn sleep(duration: Duration) -> Self::Sleep;

    fn listen(address: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>>;
    fn address(listener: &Self::Listener) -> io::Result<SocketAddr>;
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>>;
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>>;
    fn read(stream: &mut Self::Stream, to: &mut [u8]) -> impl Future<Output = io::Result<usize>>;
    fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> impl Future<Output = io::Result<()>>;
}

/// This crate's loop.
pub struct Boucle(boucle::EventLoop);

/// tokio's `current_thread` scheduler, as a `LocalRuntime`.
pub struct Tokio(tokio::runtime::LocalRuntime);

/// A `LocalSet` on tokio's `current_thread` runtime.
pub struct TokioLocalSet {
    runtime: tokio::runtime::Runtime,
    set: tokio::task::LocalSet,
}

impl Runtime for Boucle {
    const NAME: &str = "boucle";

    type Joined<T: 'static> = boucle::JoinHandle<T>;
    type JoinError = boucle::JoinError;
    type Sleep = boucle::Sleep;
    type Listener = boucle::net::TcpListener;
    type Stream = boucle::net::TcpStream;

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

    fn sleep(duration: Duration) -> Self::Sleep {
        boucle::sleep(duration)
    }

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

/// What the two faces of tokio have in common: all but the entrance.
macro_rules! inside_tokio {
    () => {
        type Joined<T: 'static> = tokio::task::JoinHandle<T>;
        type JoinError = tokio::task::JoinError;
        type Sleep = tokio::time::Sleep;
        type Listener = tokio::net::TcpListener;
        type Stream = tokio::net::TcpStream;

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

        fn sleep(duration: Duration) -> Self::Sleep {
            tokio::time::sleep(duration)
        }

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
    };
}

impl Runtime for Tokio {
    const NAME: &str = "tokio";

    fn new() -> Self {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build_local(Default::default());
        Tokio(runtime.expect("the system gives a poller"))
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.0.block_on(main)
    }

    inside_tokio!();
}

impl Runtime for TokioLocalSet {
    const NAME: &str = "tokio LocalSet";

    fn new() -> Self {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        TokioLocalSet {
            runtime: builder
                .enable_all()
                .build()
                .expect("the system gives a poller"),
            set: tokio::task::LocalSet::new(),
        }
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.set.block_on(&self.runtime, main)
    }

    inside_tokio!();
}
