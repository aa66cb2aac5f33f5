//! A WebSocket that two tasks of a loop share: `async-tungstenite`'s, on a socket of the loop's.

use std::cell::{OnceCell, RefCell};
use std::future::poll_fn;
use std::io::ErrorKind::TimedOut;
use std::time::Duration;

use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use async_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use async_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};
use boucle::net::TcpStream;
use futures_lite::{AsyncWriteExt, StreamExt, io};
use futures_util::SinkExt;

/// The longest message, in bytes.
const LONGEST: usize = 64 * 1024;

/// How long the opening handshake may take.
const WELCOME: Duration = Duration::from_secs(10);

/// How long the other side has for its goodbye.
const PATIENCE: Duration = Duration::from_secs(2);

/// One task may send while another one receives. Either borrows the stream within a poll, and never
/// across an `await`: so there is nothing to lock.
pub(crate) struct WebSocket {
    stream: RefCell<WebSocketStream<TcpStream>>,
    /// The close frame of the other side, which need not say anything.
    goodbye: OnceCell<Option<CloseFrame>>,
}

/// Bounds what is kept of a message that is not complete, and of frames that the peer does
/// not read: of pongs too, if it sends pings and never reads.
fn limits() -> Option<WebSocketConfig> {
    let limits = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * LONGEST)
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST));
    Some(limits)
}

impl WebSocket {
    /// The opening handshake, on the server's side.
    pub(crate) async fn accept(stream: TcpStream) -> Result<WebSocket, Error> {
        let handshake = accept_async_with_config(stream, limits());
        Ok(WebSocket::new(in_time(WELCOME, handshake, "no opening handshake").await??))
    }

    /// The opening handshake, on the client's side.
    pub(crate) async fn connect(url: &str, stream: TcpStream) -> Result<WebSocket, Error> {
        let handshake = client_async_with_config(url, stream, limits());
        let (stream, _response) = in_time(WELCOME, handshake, "no opening handshake").await??;
        Ok(WebSocket::new(stream))
    }

    fn new(stream: WebSocketStream<TcpStream>) -> WebSocket {
        WebSocket { stream: RefCell::new(stream), goodbye: OnceCell::new() }
    }

    /// Sends a text. If the task is aborted meanwhile, no half of a frame is left: what was begun
    /// stands in the stream's own buffer, and goes before what is sent next.
    pub(crate) async fn send(&self, text: Utf8Bytes) -> Result<(), Error> {
        poll_fn(|cx| self.stream.borrow_mut().poll_ready_unpin(cx)).await?;
        let message = Message::Text(text);
        self.stream.borrow_mut().start_send_unpin(message)?;
        poll_fn(|cx| self.stream.borrow_mut().poll_flush_unpin(cx)).await
    }

    /// The next text; `None` when the other side has said goodbye. Binary messages are passed over.
    /// Pings are answered within `poll_next`.
    pub(crate) async fn receive(&self) -> Result<Option<Utf8Bytes>, Error> {
        while self.goodbye.get().is_none() {
            let message = poll_fn(|cx| self.stream.borrow_mut().poll_next(cx)).await;
            match message.unwrap_or(Err(Error::AlreadyClosed))? {
                Message::Text(text) => return Ok(Some(text)),
                Message::Close(frame) => drop(self.goodbye.set(frame)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Ends the connection: with the closing handshake, or because of an error, which it returns.
    pub(crate) async fn close(self, result: Result<(), Error>) -> Result<Option<CloseFrame>, Error> {
        match result {
            Ok(()) => self.say_goodbye().await,
            Err(error) => {
                self.refuse(&error).await;
                Err(error)
            }
        }
    }

    /// The closing handshake: our goodbye, first or in answer, and the other side's.
    async fn say_goodbye(self) -> Result<Option<CloseFrame>, Error> {
        let both_ways = async {
            poll_fn(|cx| self.stream.borrow_mut().poll_close_unpin(cx)).await?;
            while self.receive().await?.is_some() {}
            Ok::<_, Error>(())
        };
        in_time(PATIENCE, both_ways, "no answer to our close frame").await??;
        Ok(self.goodbye.into_inner().flatten())
    }

    /// Says what was wrong, if anybody is still there.
    async fn refuse(self, error: &Error) {
        let code = match error {
            Error::Capacity(_) => CloseCode::Size,
            Error::Utf8(_) => CloseCode::Invalid,
            _ => CloseCode::Protocol,
        };
        let reason = error.to_string().into();
        let mut stream = self.stream.into_inner();
        let farewell = async {
            stream.close(Some(CloseFrame { code, reason })).await?;
            // What is left unread makes the kernel reset the connection, and our goodbye is lost.
            stream.get_mut().close().await?;
            io::copy(stream.get_mut(), io::sink()).await?;
            Ok::<_, Error>(())
        };
        let _ = boucle::timeout(PATIENCE, farewell).await;
    }
}

/// Awaits something, but not for ever.
async fn in_time<F: Future>(patience: Duration, what: F, otherwise: &str) -> io::Result<F::Output> {
    let in_time = boucle::timeout(patience, what).await;
    in_time.map_err(|_| io::Error::new(TimedOut, otherwise))
}
