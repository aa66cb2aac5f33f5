//! Echo: 64 bytes there, 64 bytes back, over TCP, UDP, Unix datagrams or Unix streams.
//!
//! An operation is one request with its answer: two writes, two reads, and a share of the parks; with
//! datagrams two more reads, which find nothing. Both ends are tasks of the same loop, so the thread's CPU
//! clock has all of it. Most of it is the kernel's, which is the same for all runtimes.
//!
//! The buffers are larger than the message, as they are in programs: after a read that does not fill its
//! buffer, a runtime may conclude that a stream is empty.

use super::runtime::Pairs;
use super::socket::{Socket, allow_sockets};
use super::watch::{Spent, Watch};

pub const MESSAGE: [u8; 64] = [b'.'; 64];
pub const BUFFER: usize = 1_024;

/// An echo over some connections. With one, each park brings one event; with many, a park brings many.
pub fn echo<R: Pairs<S>, S: Socket>(connections: usize) -> impl Fn(&R, usize) -> Spent {
    move |runtime, requests| {
        allow_sockets(2 * connections);
        runtime.block_on(async {
            let mut servers = Vec::new();
            let mut clients = Vec::new();
            for (client, server) in R::pairs(connections).await.expect("there are enough sockets") {
                servers.push(R::spawn(serve::<R, S>(server)));
                clients.push(client);
            }
            // Not measured: only the first request has to find out what is readable.
            let clients = ask_all::<R, S>(clients, 1).await;
            let each = (requests / connections).max(1);
            let watch = Watch::start();
            let clients = ask_all::<R, S>(clients, each).await;
            let spent = watch.stop();
            for mut client in clients {
                // The end of a stream comes when it is dropped; datagrams have none.
                R::send(&mut client, &[]).await.expect("the server still reads");
            }
            for server in servers {
                server.await.expect("the server ends with its client");
            }
            spent
        })
    }
}

/// Answers until the end of the stream, or an empty message.
async fn serve<R: Pairs<S>, S: Socket>(mut end: R::End) {
    let mut buffer = [0; BUFFER];
    loop {
        let count = R::receive(&mut end, &mut buffer).await.expect("a request");
        if count == 0 {
            return;
        }
        let answer = R::send(&mut end, &buffer[..count]).await;
        answer.expect("the client reads");
    }
}

/// All clients at the same time, each with that many requests one after the other.
async fn ask_all<R: Pairs<S>, S: Socket>(clients: Vec<R::End>, requests: usize) -> Vec<R::End> {
    let ask = |client| R::spawn(ask::<R, S>(client, requests));
    let asking: Vec<_> = clients.into_iter().map(ask).collect();
    let mut clients = Vec::with_capacity(asking.len());
    for client in asking {
        clients.push(client.await.expect("the client ends"));
    }
    clients
}

async fn ask<R: Pairs<S>, S: Socket>(mut end: R::End, requests: usize) -> R::End {
    let mut buffer = [0; BUFFER];
    for _ in 0..requests {
        let request = R::send(&mut end, &MESSAGE).await;
        request.expect("the server reads");
        let mut left = MESSAGE.len();
        while left > 0 {
            let count = R::receive(&mut end, &mut buffer).await.expect("an answer");
            assert_ne!(count, 0, "the server hung up");
            left -= count;
        }
    }
    end
}
