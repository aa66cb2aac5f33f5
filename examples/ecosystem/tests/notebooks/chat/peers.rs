//! The peers of the example's programs.

use std::io::Read;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_tungstenite::tungstenite::WebSocket;
use stage::testing::program;

/// A good client or server.
pub(super) type Peer = WebSocket<TcpStream>;

/// Starts the example's program.
pub(super) fn start(arguments: &[&str]) -> Child {
    let mut chat = Command::new(program("chat"));
    chat.args(arguments);
    chat.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    chat.spawn().unwrap()
}

/// Bounds the reads of a stream, so that no test waits for ever.
pub(super) fn bounded(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Reads a stream to its end.
pub(super) fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}
