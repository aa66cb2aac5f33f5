//! hyper's servers under clients that are not written in Rust: curl, wrk, h2load.

use std::cell::Cell;
use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::rc::Rc;

use boucle::hyper::{Executor, Timer};
use boucle::net::{TcpListener, TcpStream};
use boucle::spawn;
use boucle_ecosystem_tests::client::{curl, written_by};
use boucle_ecosystem_tests::process::program;
use boucle_ecosystem_tests::run;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};

/// Sends the body of a POST back, as it comes; or else a greeting.
async fn echo(request: Request<Incoming>) -> Result<Response<Either<Incoming, String>>, Infallible> {
    let greeting = format!("hello from {}", request.uri().path());
    let body =
        if request.method() == "POST" { Either::Left(request.into_body()) } else { Either::Right(greeting) };
    Ok(Response::new(body))
}

/// A server that runs for as long as its loop.
struct Server {
    address: SocketAddr,
    connections: Rc<Cell<usize>>,
}

impl Server {
    /// Serves each connection in a task of its own.
    async fn start<F: Future<Output: 'static> + 'static>(serve: impl Fn(TcpStream) -> F + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Rc::new(Cell::new(0));
        let count = Rc::clone(&connections);
        drop(spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                count.set(count.get() + 1);
                drop(spawn(serve(stream)));
            }
        }));
        Server { address, connections }
    }

    async fn http1() -> Server {
        Self::start(|stream| http1::Builder::new().timer(Timer).serve_connection(stream, service_fn(echo)))
            .await
    }

    async fn http2() -> Server {
        Self::start(|stream| {
            http2::Builder::new(Executor).timer(Timer).serve_connection(stream, service_fn(echo))
        })
        .await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// One connection is used for all requests, by HTTP/1.1.
#[test]
fn curl_keeps_a_connection_alive() {
    let Some(_) = program("curl", []) else { return };
    run(async {
        let server = Server::http1().await;
        let url = server.url("/[1-3]");
        let written = curl(&["--write-out", " %{http_version} %{num_connects}\n", &url]).await;
        let expected = "hello from /1 1.1 1\nhello from /2 1.1 0\nhello from /3 1.1 0\n";
        assert_eq!((&*written, server.connections.get()), (expected, 1));
    });
}

/// HTTP/2 without TLS, and without a request to upgrade.
#[test]
fn curl_speaks_http2_from_the_start() {
    let Some(_) = program("curl", []) else { return };
    run(async {
        let server = Server::http2().await;
        let format = " %{http_version} %{http_code}";
        let written = curl(&["--http2-prior-knowledge", "--write-out", format, &server.url("/there")]).await;
        assert_eq!(written, "hello from /there 2 200");
    });
}

/// A body that is larger than all buffers goes there and back, while both sides send. (By HTTP/1.1 curl waits
/// for "100 Continue" before it sends so much.)
#[test]
fn a_large_body_goes_there_and_back() {
    let Some(_) = program("curl", []) else { return };
    let folder = tempfile::tempdir().unwrap();
    let [sent, received] = ["sent", "received"].map(|name| folder.path().join(name));
    let body: Vec<u8> = (0..8_000_000_u32).map(|number| (number % 251) as u8).collect();
    fs::write(&sent, &body).unwrap();
    let data = format!("@{}", sent.display());
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        run(async {
            let server = if version == "--http1.1" { Server::http1().await } else { Server::http2().await };
            let output = received.to_str().unwrap();
            curl(&[version, "--data-binary", &data, "--output", output, &server.url("/")]).await;
        });
        assert!(fs::read(&received).unwrap() == body, "{version}: the bytes differ");
        fs::remove_file(&received).unwrap();
    }
}

/// No request fails under wrk, which in the end cuts all connections off; the server still answers.
#[test]
fn no_request_of_wrk_fails() {
    let Some(_) = program("wrk", []).and(program("curl", [])) else { return };
    run(async {
        let server = Server::http1().await;
        let written = written_by("wrk", &["-t1", "-c64", "-d1s", &server.url("/")]).await;
        let failed = ["Socket errors", "Non-2xx"].iter().any(|failure| written.contains(failure));
        assert!(!failed && !written.contains(" 0 requests in"), "{written}");
        assert_eq!(curl(&[&server.url("/still")]).await, "hello from /still");
    });
}

/// No request fails under h2load, by either version of HTTP, over few and over many connections.
#[test]
fn no_request_of_h2load_fails() {
    let Some(_) = program("h2load", []) else { return };
    for (version, connections) in [("http/1.1", "8"), ("http/1.1", "200"), ("h2c", "8"), ("h2c", "100")] {
        run(async {
            let server = if version == "h2c" { Server::http2().await } else { Server::http1().await };
            let streams = if version == "h2c" { "-m16" } else { "-m1" };
            let options = ["--no-tls-proto", version, "-n4000", "-c", connections, streams];
            let url = server.url("/");
            let written = written_by("h2load", &[&options[..], &[&url]].concat()).await;
            let all = "4000 total, 4000 started, 4000 done, 4000 succeeded, 0 failed, 0 errored, 0 timeout";
            assert!(written.contains(all), "{version}, {connections} connections: {written}");
            assert!(written.contains("4000 2xx"), "{written}");
            assert_eq!(server.connections.get().to_string(), connections);
        });
    }
}
