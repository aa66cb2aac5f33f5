//! The client: what it sends and prints, and when it ends.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Output};
use std::thread;

use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::{self, Error, Message};

use super::peers::{Peer, bounded, rest, start};

/// The client sends each line of its stdin, prints what it receives without control characters, and
/// closes when there are no more lines.
#[test]
fn the_client_sends_lines_and_prints_what_it_receives() {
    let (url, server) = serve_one(|mut peer| {
        for text in ["Alice: Bonjour", "Alice: \u{fffd}!"] {
            assert_eq!(peer.read().unwrap(), Message::text(text));
        }
        peer.send(Message::text("Benoît: \x1b[2JSalut")).unwrap();
        assert_eq!(peer.read().unwrap(), Message::Close(None));
        assert!(matches!(peer.read(), Err(Error::ConnectionClosed)));
    });
    let mut client = start(&["--connect", &url, "--name", "Alice"]);
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(b"Bonjour\n\xff!\n").unwrap();
    let mut heard = String::new();
    let mut stdout = BufReader::new(client.stdout.take().unwrap());
    stdout.read_line(&mut heard).unwrap();
    assert_eq!(heard, "Benoît:  [2JSalut\n");
    drop(stdin);
    expect_end(client, "");
    server.join().unwrap();
}

/// When the server ends, so does the client, although its thread waits for a line that never comes.
#[test]
fn the_client_ends_with_the_server() {
    let close = |code: u16| CloseFrame { code: code.into(), reason: "à\tplus".into() };
    let ends = [
        (Some(None), ""),
        (Some(Some(close(1000))), ""),
        (Some(Some(close(1009))), "the server has closed: 1009 \"à\\tplus\""),
        (None, "WebSocket protocol error: Connection reset without closing handshake"),
    ];
    for (close, why) in ends {
        let (url, server) = serve_one(|mut peer| {
            if let Some(frame) = close {
                peer.close(frame).unwrap();
                while peer.read().is_ok() {}
            }
        });
        let mut client = start(&["--connect", &url]);
        let _stdin = client.stdin.take();
        expect_end(client, &error_line(&url, why));
        server.join().unwrap();
    }
}

#[test]
fn the_client_does_not_wait_for_ever_for_a_close_frame() {
    let (url, server) = serve_one(|mut peer| {
        rest(peer.get_mut());
    });
    let client = start(&["--connect", &url]);
    expect_end(client, &error_line(&url, "IO error: no answer to our close frame"));
    server.join().unwrap();
}

/// Starts a server for one client, with which it does what `behave` says.
fn serve_one(behave: impl FnOnce(Peer) + Send + 'static) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        behave(tungstenite::accept(bounded(stream)).unwrap());
    });
    (url, server)
}

/// Returns the line on stderr, if there is to be one.
fn error_line(url: &str, why: &str) -> String {
    if why.is_empty() { String::new() } else { format!("chat: {url}: {why}\n") }
}

/// Waits for the end of a client, and asserts that it prints nothing more, except `error` on stderr.
fn expect_end(client: Child, error: &str) {
    let Output { status, stderr, stdout } = client.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&stderr), error);
    assert!(stdout.is_empty());
    assert_eq!(status.code(), Some(i32::from(!error.is_empty())));
}
