//! The client: sends the lines that are typed, and prints the messages of the others.

use std::io::{self, BufRead};
use std::time::Duration;

use async_channel::Sender;
use async_tungstenite::tungstenite::Utf8Bytes;
use async_tungstenite::tungstenite::protocol::CloseFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use boucle::EventLoop;
use boucle::net::TcpStream;
use stage::http::{Failure, Target};
use stage::println;

use super::conversation::converse;
use super::websocket::WebSocket;

/// Connects to a server. A WebSocket begins as an HTTP request, so its URL is parsed as one.
pub(crate) async fn connect(url: &str) -> Result<WebSocket, Failure> {
    let rest = url.strip_prefix("ws://");
    let rest = rest.ok_or("not a URL of a chat: it does not begin with ws://")?;
    let target = Target::new(&format!("http://{rest}"), None)?;
    let stream = TcpStream::connect(target.address).await?;
    Ok(WebSocket::connect(url, stream).await?)
}

/// Takes part, on a loop that does not wait at its end for the thread that reads stdin.
pub(crate) fn run(url: &str, name: String) -> Result<(), Failure> {
    let event_loop = EventLoop::builder().shutdown_timeout(Duration::ZERO).build()?;
    event_loop.block_on(take_part(url, name))
}

/// Takes part until stdin or the server ends.
async fn take_part(url: &str, name: String) -> Result<(), Failure> {
    let websocket = connect(url).await?;
    let (lines, to_say) = async_channel::bounded(1);
    drop(boucle::spawn(read_lines(name, lines)));
    // A control character could drive the terminal.
    let print = |text: Utf8Bytes| println!("{}", text.replace(char::is_control, " "));
    match converse(websocket, to_say, print).await.closed? {
        Some(frame) if frame.code != CloseCode::Normal => {
            let CloseFrame { code, reason } = frame;
            Err(format!("the server has closed: {code} {:?}", reason.as_str()).into())
        }
        _ => Ok(()),
    }
}

/// Sends each line of stdin to `lines`. Reading one blocks, so the executor does it.
async fn read_lines(name: String, lines: Sender<Utf8Bytes>) {
    let next = || io::stdin().lock().split(b'\n').next();
    while let Some(Ok(line)) = boucle::run_in_executor(next).await {
        let line = String::from_utf8_lossy(&line);
        let text = format!("{name}: {}", line.trim_end());
        if lines.send(text.into()).await.is_err() {
            break;
        }
    }
}
