//! Connections: streams that carry bytes both ways until one end closes or resets them.

use std::cell::Cell;
use std::io::ErrorKind;
use std::rc::Rc;

use boucle::net::TcpStream;
use boucle::{gather, spawn, yield_now};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::{assert_reset, assert_shut_down, byte_at};
use crate::common::{listen, pair, pair_with_std, run};

/// A server echoes what several clients send at the same time.
#[test]
fn a_server_echoes() {
    run(async {
        let (listener, address) = listen().await;
        let server = spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                drop(spawn(async move {
                    futures_lite::io::copy(&stream, &stream).await.unwrap();
                }));
            }
        });
        let clients = (0..10u8).map(|number| async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for round in 0..20u8 {
                let sent = [number, round, 3, 4];
                stream.write_all(&sent).await.unwrap();
                let mut received = [0; 4];
                stream.read_exact(&mut received).await.unwrap();
                assert_eq!(received, sent);
            }
        });
        gather(clients.collect::<Vec<_>>()).await;
        server.abort();
    });
}

/// Two hundred connections are open and busy at the same time.
#[test]
fn many_connections_are_served_at_once() {
    const CONNECTIONS: usize = 200;
    run(async {
        let (listener, address) = listen().await;
        let open = Rc::new(Cell::new(0));
        let server_open = open.clone();
        let server = spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let open = server_open.clone();
                open.set(open.get() + 1);
                drop(spawn(async move {
                    // No client is answered before all are connected.
                    while open.get() < CONNECTIONS {
                        yield_now().await;
                    }
                    let mut number = [0; 4];
                    while stream.read_exact(&mut number).await.is_ok() {
                        stream.write_all(&number).await.unwrap();
                    }
                }));
            }
        });
        let clients = (0..CONNECTIONS as u32).map(|number| async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for round in 0..3 {
                let sent = (number * 3 + round).to_be_bytes();
                stream.write_all(&sent).await.unwrap();
                let mut received = [0; 4];
                stream.read_exact(&mut received).await.unwrap();
                assert_eq!(received, sent);
            }
        });
        gather(clients.collect::<Vec<_>>()).await;
        assert_eq!(open.get(), CONNECTIONS);
        server.abort();
    });
}

/// Writes `len` bytes in pieces of changing sizes. Returns how often the kernel took only a part of one.
async fn send_pattern(stream: Rc<TcpStream>, len: usize) -> usize {
    let (mut position, mut partial) = (0, 0);
    let mut piece = Vec::new();
    while position < len {
        let size = (position % 700_001 + 1).min(len - position);
        piece.clear();
        piece.extend((position..position + size).map(byte_at));
        let written = (&*stream).write(&piece).await.unwrap();
        assert!(written > 0);
        partial += usize::from(written < size);
        position += written;
    }
    (&*stream).close().await.unwrap();
    partial
}

/// Reads to the end, in pieces of changing sizes, and checks every byte. Returns the number of bytes.
async fn receive_pattern(stream: Rc<TcpStream>) -> usize {
    let mut position = 0;
    let mut buffer = vec![0; 100_000];
    loop {
        let size = position % 99_991 + 1;
        let read = (&*stream).read(&mut buffer[..size]).await.unwrap();
        if read == 0 {
            return position;
        }
        for (offset, byte) in buffer[..read].iter().enumerate() {
            assert_eq!(*byte, byte_at(position + offset), "at {}", position + offset);
        }
        position += read;
    }
}

/// Megabytes go both ways at once over one connection, with one task reading and another one writing at
/// each end. The kernel's buffers fill up, and no byte is lost, doubled or moved.
#[test]
fn megabytes_go_both_ways_at_once() {
    const LEN: usize = 6_000_000;
    run(async {
        let (client, server) = pair().await;
        let (client, server) = (Rc::new(client), Rc::new(server));
        let (up, down, at_server, at_client) = boucle::gather!(
            send_pattern(client.clone(), LEN),
            send_pattern(server.clone(), LEN),
            receive_pattern(server),
            receive_pattern(client),
        )
        .await;
        assert_eq!((at_server, at_client), (LEN, LEN));
        assert!(up > 0 && down > 0, "the buffers were never full");
    });
}

/// `close` ends one direction: the peer reads the end, and what it sends afterwards still arrives.
#[test]
fn a_half_closed_stream_still_reads() {
    run(async {
        let (mut client, mut server) = pair().await;
        client.write_all(b"question").await.unwrap();
        client.close().await.unwrap();
        client.close().await.unwrap(); // twice is no error
        let mut question = Vec::new();
        server.read_to_end(&mut question).await.unwrap();
        assert_eq!(question, b"question");
        assert_shut_down(client.write(b"more").await);
        server.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");
        drop(server);
        assert_eq!(client.read(&mut answer).await.unwrap(), 0);
        assert_eq!(client.read(&mut answer).await.unwrap(), 0);
    });
}

/// A peer that closes with our bytes unread resets the connection: a waiting read ends with an error.
#[test]
fn a_reset_ends_a_read() {
    run(async {
        let (mut stream, peer) = pair_with_std().await;
        stream.write_all(b"unread").await.unwrap();
        // The bytes must have arrived, or the kernel closes without a reset.
        let mut byte = [0];
        while peer.peek(&mut byte).unwrap() == 0 {}
        let stream = Rc::new(stream);
        let reading = stream.clone();
        let reader = spawn(async move { (&*reading).read(&mut [0; 8]).await });
        yield_now().await;
        drop(peer);
        assert_reset(reader.await.unwrap());
        // From now on no operation waits.
        assert_eq!((&*stream).read(&mut [0; 8]).await.unwrap_or(0), 0);
        assert!((&*stream).write(b"more").await.is_err());
    });
}

/// A stream that the peer has reset can be closed, although it is not connected any more.
#[test]
fn a_reset_stream_can_be_closed() {
    run(async {
        let (mut stream, peer) = pair_with_std().await;
        stream.write_all(b"never read").await.unwrap();
        peer.peek(&mut [0; 1]).unwrap();
        drop(peer);
        assert_reset(stream.read(&mut [0; 1]).await);
        stream.close().await.unwrap();
    });
}

/// A reset also ends a write that waits for room.
#[test]
fn a_reset_ends_a_write() {
    run(async {
        let (mut stream, peer) = pair_with_std().await;
        let writer = spawn(async move {
            loop {
                if let Err(error) = stream.write_all(&[7; 100_000]).await {
                    return error.kind();
                }
            }
        });
        // Until the writer waits for room.
        for _ in 0..1_000 {
            yield_now().await;
        }
        assert!(!writer.is_finished());
        drop(peer);
        let kind = writer.await.unwrap();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind:?}");
    });
}
