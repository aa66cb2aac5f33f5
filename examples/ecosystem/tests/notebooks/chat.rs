//! `chat`: which client receives what, how a conversation ends, and that a bad client harms no other.
//!
//! The programs are the example's. Their peers are not: good clients and servers are tungstenite's
//! blocking ones, and bad clients are bare sockets.

mod client;
mod peers;
mod server;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use stage::testing::{documented, expect_usage, lines, run};

#[test]
fn chat_prints_what_its_header_says() {
    let chat = run("chat", &[]);
    assert_eq!(lines(&chat), documented("chat/main.rs"));
    assert!(chat.status.success());
}

#[test]
fn chat_answers_help_and_refuses_unknown_options() {
    expect_usage("chat", "--serve");
    let both = ["--serve", "127.0.0.1:0", "--connect", "ws://127.0.0.1/"];
    let wrong = [
        (&both[..], "--serve and --connect exclude each other"),
        (&["--name", "Alice"], "--name goes with --connect"),
        (&["--serve"], "missing argument for option '--serve'"),
    ];
    for (arguments, why) in wrong {
        let chat = run("chat", arguments);
        let stderr = String::from_utf8_lossy(&chat.stderr);
        assert_eq!(stderr, format!("chat: {why} (try --help)\n"));
        assert_eq!(chat.status.code(), Some(2));
    }
}

/// Each failure is one line, which names the address or the URL.
#[test]
fn chat_reports_why_it_cannot_connect_or_listen() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr());
    let gone = gone.unwrap();
    let no_connection = format!("cannot connect to {gone}: Connection refused");
    let no_listener = format!("cannot listen on {address}: Address already in use");
    let gone = format!("ws://{gone}/");
    let page = thread::spawn(move || {
        let (mut stream, _) = taken.accept().unwrap();
        assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        taken
    });
    let failures = [
        ("--connect", &*format!("ws://{address}/"), "HTTP error: 200 OK"),
        ("--connect", &gone, &*no_connection),
        ("--connect", "ws://nonexistent.invalid/", "cannot look up \"nonexistent.invalid\""),
        ("--connect", "wss://localhost/", "not a URL of a chat: it does not begin with ws://"),
        ("--connect", "localhost:80", "not a URL of a chat: it does not begin with ws://"),
        ("--connect", "ws://local host/", "not a URL: "),
        ("--connect", "ws://:80/", "not a URL: no host"),
        ("--connect", "ws://localhost:65536/", "not a URL: the port"),
        ("--serve", &address, &*no_listener),
        ("--serve", "localhost", "\"localhost\" is not an address"),
    ];
    for (option, what, why) in failures {
        let chat = run("chat", &[option, what]);
        let stderr = String::from_utf8_lossy(&chat.stderr);
        assert!(stderr.starts_with(&format!("chat: {what}: {why}")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert_eq!(chat.status.code(), Some(1));
    }
    page.join().unwrap();
}
