//! A whole HTTPS service: HTTP/1.1 and HTTP/2, time limits, and a graceful end on Ctrl-C.
//!
//! ```sh
//! cargo run --example https_server                            # in the folder tests/ecosystem
//! curl --cacert certificate.pem https://localhost:8443/slow   # elsewhere; then Ctrl-C, before it answers
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
//! and curl prints "slow hello". Until "ended", new clients are refused, requests that have begun are answered, and
//! connections on which nothing is asked are closed. What is left when the grace is over is aborted, and reported
//! on stderr.
//!
//! One future says when to end. `Shared` makes clones of it, for the server and for each connection. The server alone
//! is not enough: it stops accepting, but a browser keeps its connection open for the next request. So each
//! connection waits for its own end or for that future, and then asks hyper for a graceful shutdown.
//!
//! The crates and their features are in `Cargo.toml`, one folder up.
//!
//! Run next: `cargo run --example https_client`.

use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use boucle::hyper::{Executor, Timer};
use boucle::net::{TcpListener, TcpStream, serve};
use boucle::{signal, sleep, timeout};
use futures_rustls::TlsAcceptor;
use futures_rustls::pki_types::PrivateKeyDer;
use futures_rustls::rustls::ServerConfig;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::server::conn::auto;
use smol_hyper::rt::FuturesIo;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How long a client may take to agree on TLS: without a limit, one that does not go on would be waited for at the end.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long the requests that have begun may take after Ctrl-C.
const GRACE: Duration = Duration::from_secs(30);

/// Answers a request. `/slow` takes two seconds, and `/slow?9` nine.
async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let (method, uri) = (request.method(), request.uri());
    println!("{method} {}", uri.path());
    let (status, text) = match (method, uri.path()) {
        (&Method::GET, "/") => (StatusCode::OK, "hello\n"),
        (&Method::GET, "/slow") => {
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

/// Serves one client, until it closes the connection; or, if `stop` is ready, until what it has asked is answered.
async fn talk(client: TcpStream, tls: TlsAcceptor, stop: impl Future<Output = ()> + Unpin) -> Result<()> {
    let stream = timeout(HANDSHAKE, tls.accept(client)).await??;
    let mut builder = auto::Builder::new(Executor);
    builder.http1().timer(Timer); // a head of a request that is not whole after 30 seconds is an error
    builder.http2().timer(Timer);
    let mut connection = pin!(builder.serve_connection(FuturesIo::new(stream), service_fn(answer)));
    match select(connection.as_mut(), stop).await {
        Either::Left((ended, _)) => ended,
        Either::Right(_) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// Makes a key and a certificate for this machine, and writes the certificate to where clients find it. A real
/// service reads both from files, by `from_pem_file`.
fn tls(certificate: &str) -> Result<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    fs::write(certificate, made.cert.pem())?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let builder = ServerConfig::builder().with_no_client_auth();
    let mut config = builder.with_single_cert(vec![made.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn run(address: &str, certificate: &str) -> Result<()> {
    let tls = TlsAcceptor::from(Arc::new(tls(certificate)?));
    let listener = TcpListener::bind(address).await?;
    println!("https://{}, with the certificate {certificate}", listener.local_addr()?);
    let stop = async {
        signal::ctrl_c().await.expect("the system gives a thread"); // that waits for the signal
        println!("ending: what has begun is answered; Ctrl-C again ends at once");
    };
    let stop = stop.shared();
    let stopped = stop.clone();
    serve(listener, move |client, _peer| talk(client, tls.clone(), stop.clone()))
        .max_connections(900) // many systems give 1,024 descriptors
        .shutdown_when(stopped)
        .grace(GRACE)
        .await?;
    println!("ended");
    Ok(())
}

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8443".into());
    let certificate = arguments.next().unwrap_or("certificate.pem".into());
    boucle::run(run(&address, &certificate))
}
