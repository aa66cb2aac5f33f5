//! Connections over TCP that are made and closed, and a socket that is open without traffic.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use super::runtime::{Net, Pairs};
use super::watch::{Spent, Watch};

/// Connect, accept, close both ends. An operation is one connection.
pub fn accept_and_close<R: Net>() -> impl Fn(&R, usize) -> Spent {
    |runtime, connections| {
        runtime.block_on(async {
            let listener = listen::<R>().await;
            let watch = Watch::start();
            for _ in 0..connections {
                drop(connect::<R>(&listener).await);
            }
            watch.stop()
        })
    }
}

/// Another workload, with an open socket: so the loop must ask the kernel for events now and then.
pub fn beside_a_socket<R: Net>(run: impl Fn(&R, usize) -> Spent) -> impl Fn(&R, usize) -> Spent {
    move |runtime, operations| {
        let _open = runtime.block_on(listen::<R>());
        run(runtime, operations)
    }
}

/// Connections to one listener.
impl<R: Net> Pairs<TcpStream> for R {
    type End = R::Stream;

    async fn pairs(count: usize) -> io::Result<Vec<(Self::End, Self::End)>> {
        let listener = listen::<R>().await;
        let mut pairs = Vec::new();
        for _ in 0..count {
            pairs.push(connect::<R>(&listener).await);
        }
        Ok(pairs)
    }

    // Not `async`, which would be one more future around each.

    fn receive(end: &mut Self::End, to: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        R::read(end, to)
    }

    fn send(end: &mut Self::End, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        R::write_all(end, bytes)
    }
}

async fn listen<R: Net>() -> R::Listener {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    R::listen(any_port).await.expect("a port is free")
}

/// Both ends of a connection.
async fn connect<R: Net>(listener: &R::Listener) -> (R::Stream, R::Stream) {
    let address = R::address(listener).expect("it has an address");
    let client = R::connect(address).await.expect("it listens");
    let server = R::accept(listener).await.expect("the client is there");
    (client, server)
}
