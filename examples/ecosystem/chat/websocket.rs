//! A WebSocket that two tasks of a loop share: `async-tungstenite`'s, on boucle's socket.

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
const OPENING_LIMIT: Duration = Duration::from_secs(10);

/// How long the other side has for its close frame.
const CLOSING_LIMIT: Duration = Duration::from_secs(2);

/// One task may send while another one receives. Each borrows the stream within a poll, and never
/// across an `await`, so no lock is needed.
pub(crate) struct WebSocket {
    stream: RefCell<WebSocketStream<TcpStream>>,
    /// Set when the other side has closed: its close frame, which may be empty.
    close_frame: OnceCell<Option<CloseFrame>>,
}

/// Bounds what is kept of a message that is not complete, and of frames that the peer does not read (also of
/// the pongs, if it sends pings and never reads).
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
        Ok(WebSocket::new(in_time(OPENING_LIMIT, handshake, "no opening handshake").await??))
    }

    /// The opening handshake, on the client's side.
    pub(crate) async fn connect(url: &str, stream: TcpStream) -> Result<WebSocket, Error> {
        let handshake = client_async_with_config(url, stream, limits());
        let (stream, _response) = in_time(OPENING_LIMIT, handshake, "no opening handshake").await??;
        Ok(WebSocket::new(stream))
    }

    fn new(stream: WebSocketStream<TcpStream>) -> WebSocket {
        WebSocket { stream: RefCell::new(stream), close_frame: OnceCell::new() }
    }

    /// Sends a text. If the task is aborted meanwhile, no half frame is sent: the rest of the frame stays
    /// in the stream's buffer, and goes before the next one.
    pub(crate) async fn send(&self, text: Utf8Bytes) -> Result<(), Error> {
        poll_fn(|cx| self.stream.borrow_mut().poll_ready_unpin(cx)).await?;
        let message = Message::Text(text);
        self.stream.borrow_mut().start_send_unpin(message)?;
        poll_fn(|cx| self.stream.borrow_mut().poll_flush_unpin(cx)).await
    }

    /// Returns the next text, or `None` when the other side has closed. Binary messages are skipped, and pings
    /// are answered within `poll_next`.
    pub(crate) async fn receive(&self) -> Result<Option<Utf8Bytes>, Error> {
        while self.close_frame.get().is_none() {
            let message = poll_fn(|cx| self.stream.borrow_mut().poll_next(cx)).await;
            match message.unwrap_or(Err(Error::AlreadyClosed))? {
                Message::Text(text) => return Ok(Some(text)),
                Message::Close(frame) => drop(self.close_frame.set(frame)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Ends the connection: by the closing handshake, or after an error, which it returns.
    pub(crate) async fn close(self, result: Result<(), Error>) -> Result<Option<CloseFrame>, Error> {
        match result {
            Ok(()) => self.closing_handshake().await,
            Err(error) => {
                self.refuse(&error).await;
                Err(error)
            }
        }
    }

    /// The closing handshake: sends our close frame, first or in answer, and waits for the other side's.
    async fn closing_handshake(self) -> Result<Option<CloseFrame>, Error> {
        let both_ways = async {
            poll_fn(|cx| self.stream.borrow_mut().poll_close_unpin(cx)).await?;
            while self.receive().await?.is_some() {}
            Ok::<_, Error>(())
        };
        in_time(CLOSING_LIMIT, both_ways, "no answer to our close frame").await??;
        Ok(self.close_frame.into_inner().flatten())
    }

    /// Sends a close frame that says what was wrong, if the peer is still connected.
    async fn refuse(self, error: &Error) {
        let code = match error {
            Error::Capacity(_) => CloseCode::Size,
            Error::Utf8(_) => CloseCode::Invalid,
            _ => CloseCode::Protocol,
        };
        let reason = error.to_string().into();
        let mut stream = self.stream.into_inner();
        let closing = async {
            stream.close(Some(CloseFrame { code, reason })).await?;
            // If bytes are left unread, the kernel resets the connection, and our close frame is lost.
            stream.get_mut().close().await?;
            io::copy(stream.get_mut(), io::sink()).await?;
            Ok::<_, Error>(())
        };
        let _ = boucle::timeout(CLOSING_LIMIT, closing).await;
    }
}

/// Awaits a future for at most `limit`.
async fn in_time<F: Future>(limit: Duration, what: F, otherwise: &str) -> io::Result<F::Output> {
    let in_time = boucle::timeout(limit, what).await;
    in_time.map_err(|_| io::Error::new(TimedOut, otherwise))
}
