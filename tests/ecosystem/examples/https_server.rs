//! A whole HTTPS service: HTTP/1.1 and HTTP/2, timeouts, and graceful shutdown on Ctrl-C or SIGTERM.
//!
//! ```sh
//! cargo run --example https_server   # in the folder tests/ecosystem
//! # in a second terminal, in the same folder; press Ctrl-C in the first before it answers
//! curl --cacert certificate.pem https://localhost:8443/slow
//! ```
//!
//! prints
//!
//! ```text
//! https://127.0.0.1:8443, with the certificate certificate.pem
//! GET /slow
//! ending: what has begun is answered; Ctrl-C again ends at once
//! ended
//! ```
//!
//! and curl prints "slow hello". From Ctrl-C on, new clients are refused, requests that have begun are
//! answered, and connections on which nothing is asked are closed. What is left when the grace is over is
//! aborted, and reported on stderr. SIGTERM, by which systemd and containers end a service, does the same.
//!
//! No client holds a connection for ever without asking. It has five seconds to agree on TLS. If it then asks
//! nothing for half a minute to a minute, in either version of HTTP, its connection ends as after Ctrl-C:
//! what has begun is answered, if that takes no longer than the grace. (So a request has at least a minute.
//! For long uploads and downloads raise the limits.)
//!
//! One future says when to end. `Shared` makes clones of it, for the server and for each connection. The
//! server alone is not enough: it stops accepting, but a browser keeps its connection open for the next
//! request. So each connection also waits for that future, and when it is ready asks hyper for a graceful
//! shutdown.
//!
//! The lines of `Cargo.toml` that it needs are in the module `ecosystem` of boucle (`src/ecosystem.rs`).
//!
//! Run next: `cargo run --example https_client`.

use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::iter;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use boucle::hyper::Executor;
use boucle::net::{ServeError, TcpListener, TcpStream, serve};
use boucle::signal::{self, SignalKind};
use boucle::{sleep, timeout};
use futures_rustls::TlsAcceptor;
use futures_rustls::pki_types::PrivateKeyDer;
use futures_rustls::rustls::ServerConfig;
use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::EXPECT;
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::server::conn::auto;
use smol_hyper::rt::FuturesIo;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How long a client may take to agree on TLS. Without a limit, a client that stops in the handshake keeps its
/// connection, and uses up the grace at the end.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How often to look whether a client has asked anything. If not since the last look, its connection is closed.
const IDLE: Duration = Duration::from_secs(30);
/// How long the requests that have begun may take when their connection, or the service, is to end.
const GRACE: Duration = Duration::from_secs(30);

/// Answers a request. `/slow` takes two seconds, and `/slow?9` nine. What comes with it is read and dropped: a
/// client that is still sending when it is answered may lose the answer. (Over HTTP/1.1 a client may ask first,
/// by `Expect`: it is answered before it sends, if that takes no longer than it waits.)
async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let (Parts { method, uri, version, headers, .. }, mut body) = request.into_parts();
    say(&format!("{method} {}", uri.path()));
    if version != Version::HTTP_11 || !headers.contains_key(EXPECT) {
        while let Some(Ok(_)) = body.frame().await {}
    }
    let (status, text) = match (method, uri.path()) {
        (Method::GET, "/") => (StatusCode::OK, "hello\n"),
        (Method::GET, "/slow") => {
            let seconds = uri.query().and_then(|seconds| seconds.parse().ok());
            sleep(Duration::from_secs(seconds.unwrap_or(2))).await;
            (StatusCode::OK, "slow hello\n")
        }
        _ => (StatusCode::NOT_FOUND, "not found\n"),
    };
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    Ok(response)
}

/// Serves one client until it closes the connection. When it has been idle for long, or when `stop` is ready,
/// answers the requests that have begun, and then closes it.
async fn talk(client: TcpStream, tls: TlsAcceptor, stop: impl Future<Output = ()> + Unpin) -> Result<()> {
    client.set_nodelay(true)?; // HTTP/2 writes a message in several pieces
    let stream = timeout(HANDSHAKE, tls.accept(client)).await??;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let builder = auto::Builder::new(Executor);
    let builder = if is_http2 { builder.http2_only() } else { builder.http1_only() };
    let has_asked = Cell::new(true); // for a start: so the first request has until the next look
    let service = service_fn(|request| {
        has_asked.set(true);
        answer(request)
    });
    let idle = pin!(async {
        while has_asked.take() {
            sleep(IDLE).await;
        }
    });
    let mut connection = pin!(builder.serve_connection(FuturesIo::new(stream), service));
    match select(connection.as_mut(), select(stop, idle)).await {
        Either::Left((ended, _)) => ended,
        Either::Right(_) => {
            connection.as_mut().graceful_shutdown();
            timeout(GRACE, connection).await?
        }
    }
}

/// Reports an error with its causes: hyper's own text is no more than "connection error". A client may go at any
/// time, which is no error: a browser, or a pool, that has opened two connections drops the one that it does not
/// need.
fn report(error: ServeError<SocketAddr, Box<dyn Error + Send + Sync>>) {
    let of_handler: Option<&dyn Error> =
        if let ServeError::Handler(_, error) = &error { Some(&**error) } else { None };
    let causes: Vec<_> = iter::successors(of_handler, |&error| error.source()).collect();
    if causes.iter().any(|&cause| is_of_a_client_that_is_gone(cause)) {
        return;
    }
    let text = causes.iter().skip(1).fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    _ = writeln!(io::stderr(), "{text}"); // not `eprintln!`, for the reason in `say`
}

fn is_of_a_client_that_is_gone(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref().map(io::Error::kind);
    matches!(kind, Some(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof))
        || error.downcast_ref().is_some_and(hyper::Error::is_incomplete_message)
}

/// Prints a line. (`println!` panics if what reads stdout is gone, or its disk is full: then the service would
/// end.)
fn say(text: &str) {
    _ = writeln!(io::stdout(), "{text}");
}

/// Makes a key and a certificate for this machine, and writes the certificate to where clients find it. A real
/// service reads both from files, by `from_pem_file`.
fn tls(certificate: &str) -> Result<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    fs::write(certificate, made.cert.pem()).map_err(|error| format!("{certificate}: {error}"))?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let builder = ServerConfig::builder().with_no_client_auth();
    let mut config = builder.with_single_cert(vec![made.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn run(address: &str, certificate: &str) -> Result<()> {
    let tls = TlsAcceptor::from(Arc::new(tls(certificate)?));
    let listener = TcpListener::bind(address).await?;
    let interrupt = signal::stream(SignalKind::Interrupt)?;
    let terminate = signal::stream(SignalKind::Terminate)?;
    say(&format!("https://{}, with the certificate {certificate}", listener.local_addr()?));
    let stop = async {
        stream::select(interrupt, terminate).next().await; // and drops them: the next signal ends the process
        say("ending: what has begun is answered; Ctrl-C again ends at once");
    };
    let stop = stop.shared();
    let stopped = stop.clone();
    serve(listener, move |client, _peer| talk(client, tls.clone(), stop.clone()))
        .max_connections(900) // many systems give 1,024 descriptors
        .on_error(report)
        .shutdown_when(stopped)
        .grace(GRACE)
        .await?;
    say("ended");
    Ok(())
}

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8443".into());
    let certificate = arguments.next().unwrap_or("certificate.pem".into());
    boucle::run(run(&address, &certificate))
}
