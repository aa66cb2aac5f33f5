//! A peer resets the connection after every byte of a stream. A reader gets what was sent before, and then
//! the error: a reset is never taken for the end of the stream.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use boucle::net::TcpStream;
use boucle::{spawn, yield_now};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use socket2::SockRef;

use crate::common::{byte_at, count_sources, listen, own_binary, pair_with_std, passes_alone};

/// The bytes of the stream.
const LEN: usize = 190;

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(byte_at).collect()
}

/// Resets a connection.
fn reset(peer: impl AsFd) {
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Runs a test and asserts that it leaves no source and no descriptor.
fn leaves_nothing(test: impl AsyncFnOnce()) {
    let before = crate::open_descriptors();
    count_sources(async |sources| {
        test().await;
        yield_now().await;
        assert_eq!(sources.get(), 0);
        let others = boucle::dump().tasks.len() - 1;
        assert_eq!(others, 0, "tasks beside the main future");
    });
    assert_eq!(crate::open_descriptors(), before);
}

/// Reads up to the error, by a buffer of this size. Counts the bytes as they come.
async fn read_up_to_the_error(
    mut stream: TcpStream,
    buffer: usize,
    count: Rc<Cell<usize>>,
) -> (Vec<u8>, io::Error) {
    let (mut read, mut buffer) = (Vec::new(), vec![0; buffer]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => panic!("an end after {} bytes", read.len()),
            Ok(count) => read.extend_from_slice(&buffer[..count]),
            Err(error) => return (read, error),
        }
        count.set(read.len());
    }
}

/// When the peer resets the connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    BeforeTheFirstRead,
    WhileTheReaderWaits,
    AfterAllWasRead,
}

/// The reader gets every byte that was sent, and then the reset. (Outside of Linux the kernel may drop what
/// has not been read.)
#[test]
fn a_reader_gets_what_came_before_the_reset() {
    if passes_alone(own_binary(), "resets::a_reader_gets_what_came_before_the_reset") {
        return;
    }
    let mut resets = 0;
    leaves_nothing(async || {
        for moment in [Moment::BeforeTheFirstRead, Moment::WhileTheReaderWaits, Moment::AfterAllWasRead] {
            for sent in 0..=LEN {
                let (stream, mut peer) = pair_with_std().await;
                let count = Rc::new(Cell::new(0));
                let reader = spawn(read_up_to_the_error(stream, 1 + sent % 64, count.clone()));
                if moment != Moment::BeforeTheFirstRead {
                    yield_now().await;
                }
                peer.write_all(&bytes(sent)).unwrap();
                while moment == Moment::AfterAllWasRead && count.get() < sent {
                    yield_now().await;
                }
                reset(peer);
                let (read, error) = reader.await.unwrap();
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{moment:?}, {sent} bytes: {error}");
                assert_eq!(read, bytes(read.len()));
                if cfg!(target_os = "linux") || moment == Moment::AfterAllWasRead {
                    assert_eq!(read.len(), sent, "{moment:?}");
                }
                resets += 1;
            }
        }
    });
    assert_eq!(resets, 573);
}

/// A writer that waits for room in the send buffer gets an error when the peer reads and then resets.
#[test]
fn a_writer_gets_an_error_after_the_reset() {
    if passes_alone(own_binary(), "resets::a_writer_gets_an_error_after_the_reset") {
        return;
    }
    let mut resets = 0;
    leaves_nothing(async || {
        for taken in 0..=LEN {
            let (mut stream, mut peer) = pair_with_std().await;
            SockRef::from(&stream).set_send_buffer_size(16 * 1_024).unwrap();
            let written = Rc::new(Cell::new(0));
            let count = written.clone();
            let writer = spawn(async move {
                let bytes = bytes(100_000);
                loop {
                    match stream.write(&bytes[count.get() % bytes.len()..]).await {
                        Ok(more) => count.set(count.get() + more),
                        Err(error) => return error,
                    }
                }
            });
            // Until the writer waits. (It is polled in between: a sleep that is over at once does not yield.)
            let mut before = None;
            while before != Some(written.get()) {
                before = Some(written.get());
                yield_now().await;
                boucle::sleep(Duration::from_millis(1)).await;
            }
            let mut read = vec![0; taken];
            peer.read_exact(&mut read).unwrap();
            assert_eq!(read, bytes(taken));
            reset(peer);
            let error = writer.await.unwrap();
            assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
            assert!(written.get() >= taken);
            resets += 1;
        }
    });
    assert_eq!(resets, 191);
}

const RESPONSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\n\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A response is cut by a reset after each of its bytes. hyper returns it if it is whole, else an error.
#[test]
fn a_response_that_is_cut_is_an_error() {
    if passes_alone(own_binary(), "resets::a_response_that_is_cut_is_an_error") {
        return;
    }
    let (head, body) = RESPONSE.split_once("\r\n\r\n").unwrap();
    assert_eq!((head.len() + 4, body.len()), (39, 64));
    let mut resets = 0;
    leaves_nothing(async || {
        for sent in 0..=RESPONSE.len() {
            let (listener, address) = listen().await;
            let stream = TcpStream::connect(address).await.unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
            let connection = spawn(connection);
            let client = spawn(async move {
                let response = sender.send_request(Request::new(Empty::<Bytes>::new())).await?;
                hyper::Result::Ok(response.into_body().collect().await?.to_bytes())
            });
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                server.read_exact(&mut byte).await.unwrap();
                request.extend(byte);
            }
            server.write_all(&RESPONSE.as_bytes()[..sent]).await.unwrap();
            reset(server);
            match client.await.unwrap() {
                Ok(received) => {
                    assert!(sent == RESPONSE.len() && received == body, "{sent} bytes: {received:?}")
                }
                Err(error) => {
                    assert!(sent < RESPONSE.len() || !cfg!(target_os = "linux"), "{sent} bytes: {error}")
                }
            }
            _ = connection.await.unwrap();
            resets += 1;
        }
    });
    assert_eq!(resets, 104);
}
