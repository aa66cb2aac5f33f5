//! HTTP/2: its streams are tasks of the loop, its pings are timed by the loop's clock.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use boucle::hyper::{Executor, Timer};
use boucle::net::TcpStream;
use boucle::{gather, spawn, yield_now};
use futures_lite::AsyncReadExt;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, client, server};

use crate::common::{listen, ms, run};

/// How many requests are sent over one connection.
const REQUESTS: usize = 10;

/// Requests overlap on one connection: each is answered when all have come. Their bodies are larger than what
/// may be under way at once. The server's futures are not `Send`.
#[test]
fn requests_overlap_on_one_connection() {
    run(async {
        let (listener, address) = listen().await;
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let came = Rc::new(Cell::new(0));
            let echo = service_fn(move |request: Request<Incoming>| {
                let came = Rc::clone(&came);
                async move {
                    came.set(came.get() + 1);
                    while came.get() < REQUESTS {
                        yield_now().await;
                    }
                    let body = request.into_body().collect().await?.to_bytes();
                    Ok::<_, hyper::Error>(Response::new(Full::new(body)))
                }
            });
            server::conn::http2::Builder::new(Executor).timer(Timer).serve_connection(stream, echo).await
        });
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = client::conn::http2::handshake(Executor, stream).await.unwrap();
        let connection = spawn(connection);
        let requests = (0..REQUESTS).map(|number| {
            let mut sender = sender.clone();
            async move {
                let sent = Bytes::from(vec![number as u8; 100_000 * number]);
                let request = Request::post("http://localhost/").body(Full::new(sent.clone())).unwrap();
                let response = sender.send_request(request).await.unwrap();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert!(body == sent, "{number}: the bytes differ");
            }
        });
        gather(requests.collect::<Vec<_>>()).await;
        drop(sender);
        connection.await.unwrap().unwrap();
        server.await.unwrap().unwrap();
    });
}

/// A peer that answers no ping is given up.
#[test]
fn a_peer_that_answers_no_ping_is_given_up() {
    run(async {
        let (listener, address) = listen().await;
        let mute = spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            bytes
        });
        let stream = TcpStream::connect(address).await.unwrap();
        let mut builder = client::conn::http2::Builder::new(Executor);
        builder.timer(Timer).keep_alive_interval(ms(1)).keep_alive_timeout(ms(1));
        builder.keep_alive_while_idle(true);
        let (sender, connection) = builder.handshake::<_, Full<Bytes>>(stream).await.unwrap();
        let error = connection.await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        drop(sender);
        assert!(mute.await.unwrap().starts_with(b"PRI * HTTP/2.0"));
    });
}

/// A server that shuts a connection down answers what has begun, and takes no more.
#[test]
fn a_shutdown_answers_what_has_begun() {
    run(async {
        let (listener, address) = listen().await;
        let (begun, has_begun) = async_channel::bounded(1);
        let (release, released) = async_channel::bounded::<()>(1);
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let slow = service_fn(move |_| {
                let (begun, released) = (begun.clone(), released.clone());
                async move {
                    begun.send(()).await.unwrap();
                    released.recv().await.unwrap();
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("done"))))
                }
            });
            let mut connection =
                std::pin::pin!(server::conn::http2::Builder::new(Executor).serve_connection(stream, slow));
            let ended = async { drop(connection.as_mut().await) };
            futures_lite::future::or(ended, async { has_begun.recv().await.unwrap() }).await;
            connection.as_mut().graceful_shutdown();
            release.send(()).await.unwrap();
            connection.await
        });
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = client::conn::http2::handshake(Executor, stream).await.unwrap();
        let connection = spawn(connection);
        let request = || Request::get("http://localhost/").body(Full::<Bytes>::default()).unwrap();
        let response = sender.send_request(request()).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "done");
        server.await.unwrap().unwrap();
        connection.await.unwrap().unwrap();
        assert!(sender.send_request(request()).await.is_err());
    });
}
