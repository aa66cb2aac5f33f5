//! TCP echo: 64 bytes there, 64 bytes back.
//!
//! An operation is one request with its answer. Both ends are tasks of the same loop, so the thread's CPU clock
//! holds all of it, and no other thread's scheduling disturbs: two writes, two reads, and a share of the
//! parks. Most of it is the kernel's, which is the same for everybody.
//!
//! The buffers are larger than the message, as they are in programs: a runtime may conclude from a
//! short read that there is nothing more.

use std::net::{Ipv4Addr, SocketAddr};

use super::runtime::Net;
use super::watch::{Spent, Watch};

const MESSAGE: [u8; 64] = [b'.'; 64];

/// One connection: every request waits for the kernel alone.
pub fn echo_1<R: Net>(runtime: &R, requests: usize) -> Spent {
    echo(runtime, 1, requests)
}

/// Fifty connections: a park brings many events.
pub fn echo_50<R: Net>(runtime: &R, requests: usize) -> Spent {
    echo(runtime, 50, requests)
}

/// Something else, while a socket is open that nobody talks to: then the kernel has to be asked now and then.
pub fn beside_a_socket<R: Net>(
    runtime: &R,
    operations: usize,
    run: fn(&R, usize) -> Spent,
) -> Spent {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = runtime.block_on(R::listen(any_port));
    let _open = listener.expect("a port is free");
    run(runtime, operations)
}

fn echo<R: Net>(runtime: &R, connections: usize, requests: usize) -> Spent {
    runtime.block_on(async {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = R::listen(any_port).await.expect("a port is free");
        let address = R::address(&listener).expect("it has an address");
        let mut servers = Vec::new();
        let mut clients = Vec::new();
        for _ in 0..connections {
            let client = R::connect(address).await.expect("it listens");
            let server = R::accept(&listener).await.expect("the client is there");
            servers.push(R::spawn(serve::<R>(server)));
            clients.push(client);
        }
        let each = requests / connections;
        let watch = Watch::start();
        let ask = |client| R::spawn(ask::<R>(client, each));
        let clients: Vec<_> = clients.into_iter().map(ask).collect();
        for client in clients {
            client.await.expect("the client ends");
        }
        let spent = watch.stop();
        for server in servers {
            server.await.expect("the server ends with its client");
        }
        spent
    })
}

async fn serve<R: Net>(mut stream: R::Stream) {
    let mut buffer = [0; 1024];
    loop {
        let count = R::read(&mut stream, &mut buffer).await.expect("a request");
        if count == 0 {
            return;
        }
        let answer = R::write_all(&mut stream, &buffer[..count]).await;
        answer.expect("the client reads");
    }
}

async fn ask<R: Net>(mut stream: R::Stream, requests: usize) {
    let mut buffer = [0; 1024];
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
}
