//! nexus-async-rt: mio, a slab of tasks, one thread. The nearest design to boucle's.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use futures::future::NeverError;
use futures::never::Never;
use nexus_async_rt::{JoinHandle, Sleep, TcpListener, TcpStream};
use nexus_rt::{World, WorldBuilder};

use super::lend::lend;
use crate::workloads::runtime::{Net, Runtime, Timers};

/// A thread can have one runtime at a time, and some workloads have one of their own beside one that is idle.
/// So the runtime is made at its first use.
pub struct Nexus(RefCell<Option<InItsWorld>>);

/// The runtime points to its world. So the world is boxed, and dropped after the runtime.
struct InItsWorld {
    runtime: nexus_async_rt::Runtime,
    _world: Box<World>,
}

impl InItsWorld {
    fn new() -> InItsWorld {
        let mut world = Box::new(WorldBuilder::new().build());
        InItsWorld { runtime: nexus_async_rt::Runtime::new(&mut world), _world: world }
    }
}

impl Runtime for Nexus {
    const NAME: &str = "nexus-async-rt";

    type Joined<T: 'static> = NeverError<JoinHandle<T>>;
    type JoinError = Never;

    fn new() -> Self {
        Nexus(RefCell::default())
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        let mut slot = self.0.borrow_mut();
        let runtime = &mut slot.get_or_insert_with(InItsWorld::new).runtime;
        lend(main, |main| runtime.block_on(main))
    }

    fn spawn<F>(future: F) -> Self::Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        nexus_async_rt::spawn_boxed(future).never_error()
    }

    fn yield_now() -> impl Future<Output = ()> {
        nexus_async_rt::yield_now()
    }
}

impl Timers for Nexus {
    type Sleep = Sleep;

    fn sleep(duration: Duration) -> Self::Sleep {
        nexus_async_rt::sleep(duration)
    }
}

impl Net for Nexus {
    /// `accept` takes it by `&mut`.
    type Listener = RefCell<TcpListener>;
    type Stream = TcpStream;

    async fn listen(address: SocketAddr) -> io::Result<Self::Listener> {
        TcpListener::bind(address).map(RefCell::new)
    }

    fn address(listener: &Self::Listener) -> io::Result<SocketAddr> {
        listener.borrow().local_addr()
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let accept = poll_fn(|cx| pin!(listener.borrow_mut().accept()).poll(cx));
        let (stream, _peer) = accept.await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn connect(address: SocketAddr) -> io::Result<Self::Stream> {
        let mut stream = TcpStream::connect(address)?;
        stream.writable().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn read(stream: &mut Self::Stream, to: &mut [u8]) -> io::Result<usize> {
        stream.read(to).await
    }

    async fn write_all(stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await
    }
}
