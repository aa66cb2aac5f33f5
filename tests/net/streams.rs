//! What a stream can do besides reading and writing: options, shutting down, halves.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use boucle::net::TcpStream;
use boucle::{gather, spawn, yield_now};
use futures_lite::io::{ReadHalf, WriteHalf, split};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use socket2::{SockRef, TcpKeepalive};

use super::{assert_reset, assert_shut_down, byte_at};
use crate::common::{pair, run, secs};

/// `TCP_NODELAY` is off, on, and off again.
#[test]
fn nodelay_is_set_and_read() {
    run(async {
        let (client, _server) = pair().await;
        assert!(!client.nodelay().unwrap());
        client.set_nodelay(true).unwrap();
        assert!(client.nodelay().unwrap());
        client.set_nodelay(false).unwrap();
        assert!(!client.nodelay().unwrap());
    });
}

/// The time to live is the system's at first, then what was set. Any but 1 to 255 is refused: Linux
/// would take the largest number for the system's own.
#[test]
fn a_time_to_live_is_set_and_read() {
    run(async {
        let (client, server) = pair().await;
        let first = server.ttl().unwrap();
        assert_ne!(first, 42);
        client.set_ttl(42).unwrap();
        assert_eq!((client.ttl().unwrap(), server.ttl().unwrap()), (42, first));
        for ttl in [0, 256, u32::MAX] {
            assert_eq!(client.set_ttl(ttl).unwrap_err().kind(), ErrorKind::InvalidInput, "{ttl}");
        }
        assert_eq!(client.ttl().unwrap(), 42);
    });
}

/// An option that has no method here is set through `socket2`. A stream that lingers for no time resets its
/// connection when it is dropped.
#[test]
fn other_options_are_set_through_socket2() {
    run(async {
        let (mut stream, peer) = pair().await;
        let keepalive = TcpKeepalive::new().with_time(secs(60));
        let socket = SockRef::from(&peer);
        socket.set_tcp_keepalive(&keepalive).unwrap();
        assert!(socket.keepalive().unwrap());
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        assert_reset(stream.read(&mut [0; 8]).await);
    });
}

/// `shutdown` ends one direction or both: after `Write` the peer reads the end, and may answer; after `Read`
/// a read here finds the end, even one that waits.
#[test]
fn a_direction_is_shut_down() {
    run(async {
        let (client, mut server) = pair().await;
        let client = Rc::new(client);
        (&*client).write_all(b"last").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        server.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "last");
        assert_shut_down((&*client).write(b"more").await);
        server.write_all(b"answer").await.unwrap();
        assert_eq!((&*client).read(&mut [0; 8]).await.unwrap(), 6);
        let reading = client.clone();
        let reader = spawn(async move { (&*reading).read(&mut [0; 8]).await.unwrap() });
        yield_now().await;
        client.shutdown(Shutdown::Read).unwrap();
        assert_eq!(reader.await.unwrap(), 0);

        let (client, server) = pair().await;
        client.shutdown(Shutdown::Both).unwrap();
        assert_eq!((&client).read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!((&server).read(&mut [0; 8]).await.unwrap(), 0);
    });
}

/// A stream that the peer has reset cannot be shut down. (Wine's can.)
#[cfg(unix)]
#[test]
fn a_reset_stream_cannot_be_shut_down() {
    run(async {
        let (mut stream, peer) = pair().await;
        SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        assert_reset(stream.read(&mut [0; 8]).await);
        let error = stream.shutdown(Shutdown::Write).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
    });
}

/// The halves into which another crate splits a stream are used by separate futures, and carry megabytes both
/// ways at once.
#[test]
fn the_halves_of_a_stream_work_at_once() {
    const LEN: usize = 3_000_000;
    async fn send(mut half: WriteHalf<TcpStream>) {
        let bytes: Vec<u8> = (0..LEN).map(byte_at).collect();
        half.write_all(&bytes).await.unwrap();
        half.flush().await.unwrap();
        half.close().await.unwrap();
    }
    async fn receive(mut half: ReadHalf<TcpStream>) {
        let mut bytes = Vec::new();
        half.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes.len(), LEN);
        assert!(bytes.iter().enumerate().all(|(position, byte)| *byte == byte_at(position)));
    }
    run(async {
        let (client, server) = pair().await;
        let ((client_reads, client_writes), (server_reads, server_writes)) = (split(client), split(server));
        gather!(send(client_writes), send(server_writes), receive(client_reads), receive(server_reads)).await;
    });
}
