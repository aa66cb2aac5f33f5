//! TCP echo: 64 bytes there, 64 bytes back.
//!
//! An operation is one request with its answer. Both ends are tasks of the same loop, so the thread's CPU clock
//! holds all of it, and no other thread's scheduling disturbs: two writes, two reads, and a share of the
//! parks. Most of it is the kernel's, which is the same for all runtimes.
//!
//! The buffers are larger than the message, as they are in programs: a runtime may conclude from a
//! short read that there is nothing more.

use std::net::{Ipv4Addr, SocketAddr};

use super::runtime::Net;
use super::watch::{Spent, Watch};

pub const MESSAGE: [u8; 64] = [b'.'; 64];
pub const BUFFER: usize = 1_024;

/// An echo over that many connections. With one, every request waits for the kernel alone; with many, a park brings many
/// events.
pub fn echo<R: Net>(connections: usize) -> impl Fn(&R, usize) -> Spent {
    move |runtime, requests| {
        allow_sockets(2 * connections);
        runtime.block_on(async {
            let listener = listen::<R>().await;
            let mut servers = Vec::new();
            let mut clients = Vec::new();
            for _ in 0..connections {
                let (client, server) = connect::<R>(&listener).await;
                servers.push(R::spawn(serve::<R>(server)));
                clients.push(client);
            }
            // Not measured: only the first request has to find out what is readable.
            let clients = ask_all::<R>(clients, 1).await;
            let each = (requests / connections).max(1);
            let watch = Watch::start();
            let clients = ask_all::<R>(clients, each).await;
            let spent = watch.stop();
            drop(clients);
            for server in servers {
                server.await.expect("the server ends with its client");
            }
            spent
        })
    }
}

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

/// Another workload, while a socket is open that has no traffic: then the kernel has to be asked now and then.
pub fn beside_a_socket<R: Net>(run: impl Fn(&R, usize) -> Spent) -> impl Fn(&R, usize) -> Spent {
    move |runtime, operations| {
        let _open = runtime.block_on(listen::<R>());
        run(runtime, operations)
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

/// Sockets and some more descriptors, which a process is seldom given unasked.
fn allow_sockets(sockets: usize) {
    let wanted = sockets as u64 + 100;
    let limit = rlimit::increase_nofile_limit(wanted).unwrap_or(0);
    assert!(limit >= wanted, "{wanted} open files are needed, and {limit} allowed (`ulimit -n`)");
}

async fn serve<R: Net>(mut stream: R::Stream) {
    let mut buffer = [0; BUFFER];
    loop {
        let count = R::read(&mut stream, &mut buffer).await.expect("a request");
        if count == 0 {
            return;
        }
        let answer = R::write_all(&mut stream, &buffer[..count]).await;
        answer.expect("the client reads");
    }
}

/// All clients at the same time, each with that many requests one after the other.
async fn ask_all<R: Net>(clients: Vec<R::Stream>, requests: usize) -> Vec<R::Stream> {
    let ask = |client| R::spawn(ask::<R>(client, requests));
    let asking: Vec<_> = clients.into_iter().map(ask).collect();
    let mut clients = Vec::with_capacity(asking.len());
    for client in asking {
        clients.push(client.await.expect("the client ends"));
    }
    clients
}

async fn ask<R: Net>(mut stream: R::Stream, requests: usize) -> R::Stream {
    let mut buffer = [0; BUFFER];
    for _ in 0..requests {
        let request = R::write_all(&mut stream, &MESSAGE).await;
        request.expect("the server reads");
        let mut left = MESSAGE.len();
        while left > 0 {
            let count = R::read(&mut stream, &mut buffer).await.expect("an answer");
            assert_ne!(count, 0, "the server hung up");
            left -= count;
        }
    }
    stream
}
