//! glommio, which is io_uring from the ground up.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::NeverError;
use futures::never::Never;
use glommio::net::{TcpListener, TcpStream};
use glommio::timer::Timer;
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement, Task};

use crate::workloads::runtime::{Net, Runtime, Timers};

pub struct Glommio(LocalExecutor);

impl Runtime for Glommio {
    const NAME: &str = "glommio";

    type Joined<T: 'static> = NeverError<Task<T>>;
    type JoinError = Never;

    fn new() -> Self {
        let executor = LocalExecutorBuilder::new(Placement::Unbound).make();
        Glommio(executor.expect("the system gives rings"))
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        self.0.run(main)
    }

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        glommio::spawn_local(future).never_error()
    }

    async fn yield_now() {
        glommio::executor().yield_now().await;
    }
}

impl Timers for Glommio {
    type Sleep = futures::future::Map<Timer, fn(Instant)>;

    fn sleep(duration: Duration) -> Self::Sleep {
        Timer::new(duration).map(|_fired_at| ())
    }
}

impl Net for Glommio {
    type Listener = TcpListener;
    type Stream = TcpStream;

    async fn listen(address: SocketAddr) -> io::Result<Self::Listener> {
        Ok(TcpListener::bind(address)?)
    }

    fn address(listener: &Self::Listener) -> io::Result<SocketAddr> {
        Ok(listener.local_addr()?)
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let stream = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Stream> {
        let stream = TcpStream::connect(address).await?;
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
