//! What tokio and `tokio-util` have for streams, by `compat`: they need no runtime of tokio's.

use std::net::Shutdown;
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream};
use boucle::{now, sleep, spawn, timeout};
use boucle_ecosystem_tests::{run, virtually};
use futures_lite::{AsyncReadExt, AsyncWriteExt, StreamExt};
use tokio::io::{copy_bidirectional, duplex};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::compat::{FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};

/// Two streams that are connected to each other.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// A proxy passes on that its client writes no more; the answer comes back after that.
#[test]
fn a_proxy_passes_on_the_end_of_either_side() {
    run(async {
        let ((mut client, inward), (outward, mut upstream)) = (pair().await, pair().await);
        let proxy =
            spawn(async move { copy_bidirectional(&mut inward.compat(), &mut outward.compat()).await });
        client.write_all(b"question").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (mut question, mut answer) = (String::new(), String::new());
        upstream.read_to_string(&mut question).await.unwrap();
        upstream.write_all(b"answer").await.unwrap();
        drop(upstream);
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!((&*question, &*answer), ("question", "answer"));
        assert_eq!(proxy.await.unwrap().unwrap(), (8, 6));
    });
}

/// `copy` of `futures-lite` does not close what it writes to: a proxy of two shuts the writing side down itself.
#[test]
fn a_copy_leaves_its_writer_open() {
    run(async {
        let ((mut client, inward), (outward, mut upstream)) = (pair().await, pair().await);
        client.write_all(b"question").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(futures_lite::io::copy(&inward, &outward).await.unwrap(), 8);
        let mut text = vec![0; 8];
        upstream.read_exact(&mut text).await.unwrap();
        timeout(Duration::from_millis(1), upstream.read(&mut [0])).await.unwrap_err();
        outward.shutdown(Shutdown::Write).unwrap();
        assert_eq!(upstream.read(&mut [0]).await.unwrap(), 0);
    });
}

#[test]
fn a_line_has_a_limit() {
    run(async {
        let (mut client, server) = pair().await;
        let mut lines = FramedRead::new(server.compat(), LinesCodec::new_with_max_length(10));
        client.write_all(b"short\nlonger than ten").await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), "short");
        let too_long = lines.next().await.unwrap().unwrap_err();
        assert!(matches!(too_long, LinesCodecError::MaxLineLengthExceeded), "{too_long}");
    });
}

/// Over a pipe in memory a protocol is tested under a virtual clock.
#[test]
fn a_pipe_in_memory_holds_no_virtual_clock() {
    virtually(async {
        let start = now();
        let (client, server) = duplex(8);
        let (mut client, mut server) = (client.compat(), server.compat());
        let slow = async move {
            for _ in 0..10 {
                sleep(Duration::from_secs(60)).await;
                client.write_all(&[b'x'; 20]).await.unwrap(); // more than the pipe holds
            }
        };
        let reads = async move {
            let mut received = Vec::new();
            server.read_to_end(&mut received).await.unwrap();
            assert_eq!(received.len(), 200);
        };
        boucle::gather!(slow, reads).await;
        assert_eq!(now() - start, Duration::from_secs(600));
    });
}
