//! The client of `hyper-util`, which keeps connections in a pool.

use std::cell::Cell;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;
#[cfg(unix)]
use std::pin::Pin;
use std::rc::Rc;
#[cfg(unix)]
use std::task::{Context, Poll};

use boucle::hyper::{Connector, Executor, Timer};
use boucle::net::TcpListener;
#[cfg(unix)]
use boucle::net::{UnixListener, UnixStream};
use boucle::{gather, spawn};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri, server};
use hyper_util::client::legacy::Client;
use tower_service::Service;

use crate::common::{listen, ms, run};

type Pooled = Client<Connector, Empty<Bytes>>;

/// What a server has seen.
#[derive(Default)]
struct Seen {
    accepted: Cell<usize>,
    /// Connections that have ended.
    ended: Cell<usize>,
    /// Requests that have come.
    asked: Cell<usize>,
    /// How many are to have come before one is answered.
    together: Cell<usize>,
}

/// Serves every connection, and answers with the host that was asked for.
async fn serve(listener: TcpListener, seen: Rc<Seen>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        seen.accepted.set(seen.accepted.get() + 1);
        let seen = Rc::clone(&seen);
        drop(spawn(async move {
            let answer = service_fn(async |request: Request<_>| {
                seen.asked.set(seen.asked.get() + 1);
                while seen.asked.get() < seen.together.get() {
                    boucle::yield_now().await;
                }
                let host = request.headers()["host"].as_bytes().to_vec();
                hyper::Result::Ok(Response::new(Full::new(Bytes::from(host))))
            });
            server::conn::http1::Builder::new().serve_connection(stream, answer).await.unwrap();
            seen.ended.set(seen.ended.get() + 1);
        }));
    }
}

/// Starts a server, and returns its address and what it sees.
async fn start() -> (SocketAddr, Rc<Seen>) {
    let (listener, address) = listen().await;
    let seen = Rc::<Seen>::default();
    drop(spawn(serve(listener, Rc::clone(&seen))));
    (address, seen)
}

/// Asks for a URI, and returns the text of the answer.
async fn get(client: &Pooled, uri: String) -> String {
    let response = client.get(uri.parse().unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// One connection serves requests that follow each other; those that overlap have one each. The name is
/// looked up.
#[test]
fn a_connection_is_used_again() {
    run(async {
        let (address, seen) = start().await;
        let client: Pooled = Client::builder(Executor).build(Connector::new());
        let host = format!("localhost:{}", address.port());
        for _ in 0..3 {
            assert_eq!(get(&client, format!("http://{host}/")).await, host);
        }
        assert_eq!(seen.accepted.get(), 1);
        seen.asked.set(0);
        seen.together.set(4);
        gather((0..4).map(|_| {
            let (client, uri) = (client.clone(), format!("http://{host}/"));
            async move { get(&client, uri).await }
        }))
        .await;
        assert_eq!(seen.accepted.get(), 4);
    });
}

/// What HTTP/2 writes in small pieces is sent at once.
#[test]
fn a_connection_does_not_hold_small_writes_back() {
    run(async {
        let (address, _) = start().await;
        let stream = Connector::new().call(format!("http://{address}/").parse().unwrap()).await.unwrap();
        assert!(stream.nodelay().unwrap());
    });
}

/// The client goes through a Unix socket, by a connector of the program's own.
#[cfg(unix)]
#[test]
fn a_connector_may_connect_a_unix_stream() {
    run(async {
        let path = std::env::temp_dir().join(format!("boucle-{}-connector", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let client = Client::builder(Executor).build::<_, Empty<Bytes>>(To(path.clone()));
        let answer = service_fn(async |_| hyper::Result::Ok(Response::new(Full::new(Bytes::from("here")))));
        drop(spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            server::conn::http1::Builder::new().serve_connection(stream, answer).await.unwrap();
        }));
        let response = client.get("http://socket/".parse().unwrap()).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "here");
        std::fs::remove_file(path).unwrap();
    });
}

/// Connects to a Unix socket, whatever is asked for.
#[cfg(unix)]
#[derive(Clone)]
struct To(PathBuf);

#[cfg(unix)]
impl Service<Uri> for To {
    type Response = UnixStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<UnixStream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(UnixStream::connect(self.0.clone()))
    }
}

/// A connection that has been idle for long enough is closed, by the loop's timers.
#[test]
fn an_idle_connection_is_closed() {
    run(async {
        let (address, seen) = start().await;
        let mut builder = Client::builder(Executor);
        builder.pool_timer(Timer).pool_idle_timeout(ms(1));
        let client: Pooled = builder.build(Connector::new());
        assert_eq!(get(&client, format!("http://{address}/")).await, address.to_string());
        while seen.ended.get() == 0 {
            boucle::sleep(ms(1)).await;
        }
        drop(client);
    });
}

/// Connects to a URI that leads nowhere.
async fn refused(mut connector: Connector, uri: &'static str) -> io::Error {
    connector.call(Uri::from_static(uri)).await.unwrap_err()
}

/// What the connector cannot do is an error that names the URI and says why.
#[test]
fn a_uri_that_leads_nowhere_is_an_error() {
    run(async {
        let only_http = Connector::new();
        let error = refused(only_http, "https://localhost/").await;
        let why = "its scheme is not http, and there is no TLS here";
        assert_eq!(error.to_string(), format!("cannot connect to \"https://localhost/\": {why}"));
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let error = refused(only_http, "/path").await;
        assert_eq!(error.to_string(), format!("cannot connect to \"/path\": {why}"));

        let mut any = Connector::default();
        any.enforce_http(false);
        let error = refused(any, "/path").await;
        assert_eq!(error.to_string(), "cannot connect to \"/path\": it has no host");

        // Not port 80, where another server may listen.
        for uri in ["http://localhost:65536/", "http://1:2@localhost:8o80/"] {
            let error = refused(only_http, uri).await;
            let why = "its port is not a number up to 65535";
            assert_eq!(error.to_string(), format!("cannot connect to \"{uri}\": {why}"));
        }

        // The port of a listener that is closed.
        let (listener, address) = listen().await;
        drop(listener);
        let client: Pooled = Client::builder(Executor).build(only_http);
        let error = client.get(format!("http://{address}/").parse().unwrap()).await.unwrap_err();
        assert!(error.is_connect());
        let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), io::ErrorKind::ConnectionRefused);
    });
}

/// A URI without a port has that of its scheme. (What listens there, if anything, does not matter.)
#[test]
fn a_scheme_has_a_port() {
    run(async {
        let mut any = Connector::new();
        any.enforce_http(false);
        for (uri, address) in [
            ("http://127.0.0.1/", "127.0.0.1:80"),
            ("https://127.0.0.1/", "127.0.0.1:443"),
            ("http://127.0.0.1:/", "127.0.0.1:80"),
            ("http://user:name@127.0.0.1/", "127.0.0.1:80"),
            ("http://[::1]/", "[::1]:80"),
        ] {
            let connected = any.call(Uri::from_static(uri)).await;
            let tried = connected.map_or_else(
                |error| error.to_string(),
                |stream| format!("a stream to {}: open", stream.peer_addr().unwrap()),
            );
            assert!(tried.contains(&format!(" {address}: ")), "{tried}");
        }
    });
}

/// An IPv6 address in brackets is an address, not a name.
#[test]
fn an_ipv6_address_is_an_address() {
    run(async {
        // Where there is no IPv6, this is another error than that of a name.
        let error = refused(Connector::new(), "http://[::1]:1/").await;
        assert!(!error.to_string().contains("look up"), "{error}");
        assert_ne!(error.kind(), io::ErrorKind::InvalidInput);
    });
}
