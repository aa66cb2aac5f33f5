//! hyper: its server and its client.

use std::convert::Infallible;

use boucle::net::{TcpListener, TcpStream};
use boucle::{sleep, spawn};
use futures_lite::io::AsyncWriteExt;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};

use crate::common::{listen, ms, run};

/// Answers with the path and the length of the body.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let path = request.uri().path().to_owned();
    if path == "/missing" {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let body = request.into_body().collect().await?.to_bytes();
    let text = format!("{path}: {} bytes", body.len());
    Ok(Response::new(Full::new(Bytes::from(text))))
}

/// Serves every connection on a task of its own, until it is aborted.
async fn serve(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        drop(spawn(async move {
            hyper::server::conn::http1::Builder::new()
                .serve_connection(stream, hyper::service::service_fn(answer))
                .await
        }));
    }
}

/// hyper's server and client talk HTTP/1.1 to each other: several requests on one connection, with bodies
/// that fill the kernel's buffers, and several connections at once.
#[test]
fn hyper_serves_and_requests() {
    run(async {
        let (listener, address) = listen().await;
        let server = spawn(serve(listener));
        let clients = (0..5usize).map(|client| async move {
            let stream = TcpStream::connect(address).await.unwrap();
            let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
            let connection = spawn(connection);
            for round in 0..4usize {
                let len = client * 100_000 * round;
                let request = Request::post(format!("/{client}/{round}"))
                    .header("host", "localhost")
                    .body(Full::new(Bytes::from(vec![b'x'; len])))
                    .unwrap();
                let response = sender.send_request(request).await.unwrap();
                assert_eq!(response.status(), StatusCode::OK);
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(body, format!("/{client}/{round}: {len} bytes"));
            }
            let request = Request::get("/missing").body(Full::default()).unwrap();
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_FOUND);
            drop((response, sender));
            connection.await.unwrap().unwrap();
        });
        boucle::gather(clients.collect::<Vec<_>>()).await;
        server.abort();
    });
}

/// hyper's server closes a connection that is not kept alive: a plain socket reads the answer, then the
/// end.
#[test]
fn hyper_closes_a_connection() {
    run(async {
        let (listener, address) = listen().await;
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let hello = hyper::service::service_fn(|_| async {
                sleep(ms(1)).await;
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
            });
            hyper::server::conn::http1::Builder::new().keep_alive(false).serve_connection(stream, hello).await
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut text = String::new();
        futures_lite::AsyncReadExt::read_to_string(&mut stream, &mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nhello"), "{text}");
        server.await.unwrap().unwrap();
    });
}
