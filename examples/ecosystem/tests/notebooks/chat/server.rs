//! The server: its good clients receive each other's texts, whatever the bad ones do.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout};

use async_tungstenite::tungstenite::{self, Error, Message};

use super::peers::{Peer, bounded, rest, start};

/// Each bad client stays, or is closed with the right code. While it is connected, and when it is gone,
/// the good clients receive each other's texts, and nothing else.
#[test]
fn a_bad_client_harms_no_other() {
    let server = Server::start();
    let (mut alice, mut benoit) = (server.join(), server.join());
    let mut chat = || {
        hears(&mut benoit, &mut alice, "Bonjour !");
        hears(&mut alice, &mut benoit, "Bonjour Alice.");
    };

    // These do not complete the opening handshake. The server closes the first two, and waits for the others.
    for request in ["Bonjour !\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HT", ""] {
        let mut bad = server.connect();
        bad.write_all(request.as_bytes()).unwrap();
        chat();
        if request.ends_with("\r\n\r\n") {
            assert_eq!(rest(&mut bad), b"", "{request}");
        }
        drop(bad);
        chat();
    }

    let many = vec![b'x'; 40_000];
    let much = [&[0x81, 0xff, 0, 0, 0, 0, 0x05, 0xf5, 0xe1, 0, 0, 0, 0, 0][..], &[b'x'; 4_000_000]].concat();
    let bad = [
        ("reserved opcode", frame(0x83, b""), Some(1002)),
        ("reserved bit", frame(0xc1, b"a"), Some(1002)),
        ("no mask", b"\x81\x01a".to_vec(), Some(1002)),
        ("nothing to continue", frame(0x80, b"a"), Some(1002)),
        ("long ping", frame(0x89, &many[..126]), Some(1002)),
        ("not UTF-8", frame(0x81, b"\xff"), Some(1007)),
        ("100 MB, of which 4 come", much, Some(1009)),
        ("too long in all", [frame(0x01, &many), frame(0x80, &many)].concat(), Some(1009)),
        ("half a frame", frame(0x81, b"Bonjour !")[..9].to_vec(), None),
        ("nothing", Vec::new(), None),
    ];
    for (what, bytes, code) in bad {
        let mut bad = server.join().into_inner();
        bad.write_all(&bytes).unwrap();
        if let Some(code) = code {
            let close = rest(&mut bad);
            assert_eq!(close[0], 0x88, "{what}");
            assert_eq!(u16::from_be_bytes([close[2], close[3]]), code, "{what}");
        }
        chat();
        // It has not read the texts, so this resets the connection.
        drop(bad);
        chat();
    }
}

/// Binary messages and pings are not passed on. The text after them is.
#[test]
fn binary_is_passed_over_and_a_ping_is_answered() {
    let server = Server::start();
    let (mut alice, mut benoit) = (server.join(), server.join());
    alice.send(Message::binary(&b"\x01\x02"[..])).unwrap();
    alice.send(Message::Ping("?".into())).unwrap();
    hears(&mut benoit, &mut alice, "Bonjour !");
    assert_eq!(alice.read().unwrap(), Message::Pong("?".into()));
}

/// The others receive all texts that a client writes at once, in order, although these are more than the
/// queue of a participant holds.
#[test]
fn a_burst_of_lines_is_received() {
    let server = Server::start();
    let (mut alice, mut benoit) = (server.join(), server.join());
    let burst = (0..1000).flat_map(|n| frame(0x81, n.to_string().as_bytes()));
    let burst: Vec<_> = burst.collect();
    alice.get_mut().write_all(&burst).unwrap();
    for n in 0..1000 {
        assert_eq!(benoit.read().unwrap(), Message::text(n.to_string()));
    }
}

/// Thirty megabytes are sent while two clients do not read. Then one of them receives the last line, not
/// all of those before, and can still close. The other one closes before it reads: what it had been sent
/// is whole, up to the close frame in answer.
#[test]
fn a_slow_reader_misses_lines_and_harms_no_other() {
    let server = Server::start();
    let (mut alice, mut benoit) = (server.join(), server.join());
    let (mut slow, mut hasty) = (server.join(), server.join());
    for n in 0..500 {
        let line = format!("{n} {}", "x".repeat(60_000));
        hears(&mut benoit, &mut alice, &line);
    }
    server.expect_small();

    let mut heard = Vec::new();
    while heard.last() != Some(&499) {
        let line = slow.read().unwrap().into_text().unwrap();
        let (number, _) = line.split_once(' ').unwrap();
        heard.push(number.parse::<usize>().unwrap());
    }
    assert!(heard.is_sorted() && heard.len() < 500, "{heard:?}");
    expect_closing_handshake(&mut slow);

    hasty.close(None).unwrap();
    while hasty.read().unwrap().is_text() {}
    assert!(matches!(hasty.read(), Err(Error::ConnectionClosed)));
    hears(&mut benoit, &mut alice, "Bonjour !");
}

/// A client sends thirty megabytes of pings and does not read: the server does not keep the pongs without end.
#[test]
fn pings_do_not_fill_the_memory() {
    let server = Server::start();
    let mut bad = server.join().into_inner();
    let pings = frame(0x89, &[b'?'; 125]).repeat(800);
    for _ in 0..300 {
        bad.write_all(&pings).unwrap();
    }
    let (mut alice, mut benoit) = (server.join(), server.join());
    hears(&mut benoit, &mut alice, "Bonjour !");
    server.expect_small();
}

/// The server prints how a client that closes properly left.
#[test]
fn the_server_says_how_a_client_left() {
    let mut server = Server::start();
    let mut alice = server.join();
    let address = alice.get_ref().local_addr().unwrap();
    expect_closing_handshake(&mut alice);
    assert_eq!(server.line(), format!("({address} connects)"));
    let end = "termine [recevoir], attente [envoyer] (aborted); close frames went both ways";
    assert_eq!(server.line(), format!("({address} leaves: {end})"));
}

/// The example's server, on a port that is free.
struct Server {
    process: Child,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start() -> Server {
        let mut process = start(&["--serve", "127.0.0.1:0"]);
        let mut server = Server {
            stdout: BufReader::new(process.stdout.take().unwrap()),
            process,
            address: String::new(),
        };
        let line = server.line();
        let (_, rest) = line.split_once("ws://").unwrap();
        server.address = rest.split_once('/').unwrap().0.to_owned();
        server
    }

    /// Returns the next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "it has ended");
        line.trim_end().to_owned()
    }

    fn connect(&self) -> TcpStream {
        bounded(TcpStream::connect(&self.address).unwrap())
    }

    /// Connects a client, which is in the room then.
    fn join(&self) -> Peer {
        let url = format!("ws://{}/", self.address);
        tungstenite::client(url, self.connect()).unwrap().0
    }

    /// Asserts that the server never had much memory, if the system reports it.
    fn expect_small(&self) {
        let Ok(status) = fs::read_to_string(format!("/proc/{}/status", self.process.id())) else {
            return;
        };
        let mut lines = status.lines();
        let peak = lines.find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kilobytes < 16_000, "{kilobytes} kB");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asserts that the next text that the hearer receives is the speaker's.
fn hears(hearer: &mut Peer, speaker: &mut Peer, text: &str) {
    speaker.send(Message::text(text)).unwrap();
    assert_eq!(hearer.read().unwrap(), Message::text(text));
}

/// Closes, and asserts that the server answers the close frame.
fn expect_closing_handshake(peer: &mut Peer) {
    peer.close(None).unwrap();
    assert_eq!(peer.read().unwrap(), Message::Close(None));
    assert!(matches!(peer.read(), Err(Error::ConnectionClosed)));
}

/// Returns a client's frame, with a mask that changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u16;
    let head = match len {
        0..126 => vec![first, 0x80 | len as u8],
        _ => vec![first, 0x80 | 126, (len >> 8) as u8, len as u8],
    };
    [&head, &[0; 4][..], payload].concat()
}
