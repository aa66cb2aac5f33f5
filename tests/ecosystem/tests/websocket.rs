//! WebSockets by async-tungstenite, over TCP, over TLS, and at a route of hyper's server; under a client that
//! blocks its thread too.

use std::net::SocketAddr;
use std::sync::Arc;

use async_tungstenite::tungstenite::error::ProtocolError;
use async_tungstenite::tungstenite::handshake::server::create_response_with_body;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use async_tungstenite::tungstenite::{Bytes, Error, Message};
use async_tungstenite::{WebSocketStream, accept_async, client_async};
use boucle::net::{TcpListener, TcpStream};
use boucle::{JoinHandle, gather, run_in_executor, spawn};
use boucle_ecosystem_tests::run;
use boucle_ecosystem_tests::tls::{Authority, server_name};
use futures_lite::{AsyncRead, AsyncWrite, AsyncWriteExt};
use futures_rustls::{TlsAcceptor, TlsConnector};
use futures_util::{SinkExt, StreamExt, stream};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn url(address: SocketAddr) -> String {
    format!("ws://{address}/")
}

/// Sends each message back, until the other side closes. Returns the frame that it closed with.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: WebSocketStream<S>,
) -> Result<Option<CloseFrame>, Error> {
    let mut closed_with = None;
    while let Some(message) = socket.next().await {
        match message? {
            Message::Close(frame) => closed_with = frame,
            message if message.is_text() || message.is_binary() => socket.send(message).await?,
            _ => {} // A ping is answered by the next write or read.
        }
    }
    socket.get_mut().close().await?; // TLS announces the end of the stream.
    Ok(closed_with)
}

/// A server for one connection.
async fn serve_one() -> (SocketAddr, JoinHandle<Result<Option<CloseFrame>, Error>>) {
    let (listener, address) = listen().await;
    let server = spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        echo(accept_async(stream).await?).await
    });
    (address, server)
}

fn goodbye() -> CloseFrame {
    CloseFrame { code: CloseCode::Away, reason: "goodbye".into() }
}

/// Text, an empty text, and more bytes than all buffers hold come back. A ping is answered. Both sides close.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    let many: Vec<u8> = (0..4_000_000_u32).map(|number| (number % 251) as u8).collect();
    for message in [Message::text("héllo"), Message::text(""), Message::binary(many)] {
        socket.send(message.clone()).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap() == message, "another message came back");
    }
    socket.send(Message::Ping(Bytes::from("are you there?"))).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong(Bytes::from("are you there?")));
    socket.close(Some(goodbye())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Close(Some(goodbye())));
    assert!(socket.next().await.is_none());
}

/// All that a WebSocket carries passes over a `TcpStream`.
#[test]
fn a_conversation_over_tcp() {
    run(async {
        let (address, server) = serve_one().await;
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, _) = client_async(url(address), stream).await.unwrap();
        converse(socket).await;
        assert_eq!(server.await.unwrap().unwrap(), Some(goodbye()));
    });
}

/// All that a WebSocket carries passes over a TLS stream on a `TcpStream`.
#[test]
fn a_conversation_over_tls() {
    let authority = Authority::new("known");
    let acceptor = TlsAcceptor::from(Arc::new(authority.sign("localhost").server()));
    let connector = TlsConnector::from(Arc::new(authority.client()));
    run(async {
        let (listener, address) = listen().await;
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            echo(accept_async(acceptor.accept(stream).await.unwrap()).await?).await
        });
        let stream = TcpStream::connect(address).await.unwrap();
        let stream = connector.connect(server_name("localhost"), stream).await.unwrap();
        let (socket, _) = client_async("wss://localhost/", stream).await.unwrap();
        converse(socket).await;
        assert_eq!(server.await.unwrap().unwrap(), Some(goodbye()));
    });
}

/// hyper gives the socket back when it has answered the request to upgrade.
#[test]
fn a_conversation_at_a_route_of_hyper() {
    async fn upgrade(mut request: Request<Incoming>) -> Result<Response<String>, Error> {
        let response = create_response_with_body(&request, String::new);
        drop(spawn(async move {
            let upgraded = hyper::upgrade::on(&mut request).await.unwrap();
            let parts = upgraded.downcast::<TcpStream>().unwrap();
            let read = parts.read_buf.to_vec();
            echo(WebSocketStream::from_partially_read(parts.io, read, Role::Server, None).await).await
        }));
        response
    }
    run(async {
        let (listener, address) = listen().await;
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            http1::Builder::new().serve_connection(stream, service_fn(upgrade)).with_upgrades().await
        });
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, response) = client_async(url(address), stream).await.unwrap();
        assert_eq!(response.status(), 101);
        server.await.unwrap().unwrap();
        converse(socket).await;
    });
}

/// The other side is tungstenite itself, on a thread that it blocks.
#[test]
fn a_conversation_with_a_client_that_blocks() {
    run(async {
        let (address, server) = serve_one().await;
        let client = run_in_executor(move || {
            let stream = std::net::TcpStream::connect(address).unwrap();
            let (mut socket, _) = tungstenite::client(url(address), stream).unwrap();
            for number in 0..100 {
                socket.send(Message::text(number.to_string())).unwrap();
                assert_eq!(socket.read().unwrap(), Message::text(number.to_string()));
            }
            socket.close(Some(goodbye())).unwrap();
            while socket.read().is_ok() {}
        });
        client.await;
        assert_eq!(server.await.unwrap().unwrap(), Some(goodbye()));
    });
}

/// One side sends while the other does: what comes back is in order.
#[test]
fn both_sides_send_at_once() {
    run(async {
        let (address, server) = serve_one().await;
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, _) = client_async(url(address), stream).await.unwrap();
        let (mut sender, mut receiver) = StreamExt::split(socket);
        let send = async move {
            let messages = (0..2_000).map(|number| Ok(Message::text(format!("{number:01000}"))));
            sender.send_all(&mut stream::iter(messages)).await.unwrap();
            sender
        };
        let receive = async move {
            for number in 0..2_000 {
                let message = receiver.next().await.unwrap().unwrap();
                assert_eq!(message, Message::text(format!("{number:01000}")));
            }
            receiver
        };
        let (sender, receiver) = gather!(send, receive).await;
        let mut socket = sender.reunite(receiver).unwrap();
        socket.close(None).await.unwrap();
        assert_eq!(server.await.unwrap().unwrap(), None);
    });
}

/// A connection that ends without a closing handshake is an error, on either side.
#[test]
fn a_connection_that_is_cut_off_is_an_error() {
    let cut_off =
        |error: Error| matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake));
    run(async {
        let (address, server) = serve_one().await;
        let stream = TcpStream::connect(address).await.unwrap();
        drop(client_async(url(address), stream).await.unwrap());
        assert!(cut_off(server.await.unwrap().unwrap_err()));

        let (listener, address) = listen().await;
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            drop(accept_async(stream).await.unwrap());
        });
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut socket, _) = client_async(url(address), stream).await.unwrap();
        server.await.unwrap();
        assert!(cut_off(socket.next().await.unwrap().unwrap_err()));
    });
}

/// A server that does not speak WebSocket is an error that has its response.
#[test]
fn a_refusal_says_what_the_server_answered() {
    run(async {
        let (listener, address) = listen().await;
        drop(spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let refuse = service_fn(async |_| {
                Ok::<_, Error>(Response::builder().status(418).body("a teapot".to_owned()).unwrap())
            });
            http1::Builder::new().serve_connection(stream, refuse).await
        }));
        let stream = TcpStream::connect(address).await.unwrap();
        let Err(Error::Http(response)) = client_async(url(address), stream).await else {
            panic!("not the server's answer")
        };
        assert_eq!((response.status().as_u16(), response.body().as_deref()), (418, Some(&b"a teapot"[..])));
    });
}
