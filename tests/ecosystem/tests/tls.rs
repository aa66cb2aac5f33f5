//! TLS by futures-rustls: each side verifies the other, or has a clear error; and HTTPS, with curl and
//! OpenSSL at the other end.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::process::Command;
use std::sync::Arc;

use boucle::hyper::{Connector, Executor, Timer};
use boucle::net::{TcpListener, TcpStream};
use boucle::{gather, spawn};
use boucle_ecosystem_tests::client::{curl, output};
use boucle_ecosystem_tests::process::{Server, free_port, program};
use boucle_ecosystem_tests::run;
use boucle_ecosystem_tests::tls::{Authority, server_name};
use futures_lite::future::zip;
use futures_lite::io::split;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use futures_rustls::rustls::{AlertDescription, CertificateError, ClientConfig, Error, ServerConfig};
use futures_rustls::{TlsAcceptor, TlsConnector, client, server};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::server::conn::auto;
use smol_hyper::rt::FuturesIo;

type ServerStream = server::TlsStream<TcpStream>;
type ClientStream = client::TlsStream<TcpStream>;

/// Connects a client, which expects "localhost", to a server. Returns the result of each side.
async fn handshake(
    server: ServerConfig,
    client: ClientConfig,
) -> (io::Result<ServerStream>, io::Result<ClientStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async move {
        let (stream, _) = listener.accept().await?;
        TlsAcceptor::from(Arc::new(server)).accept(stream).await
    };
    let connect = async move {
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(client)).connect(server_name("localhost"), stream).await
    };
    gather!(accept, connect).await
}

/// Returns the error of rustls in an error of a stream.
fn reason<T>(result: io::Result<T>) -> Error {
    let error = result.map(drop).expect_err("it has worked");
    let reason = error.get_ref().and_then(|reason| reason.downcast_ref::<Error>());
    reason.unwrap_or_else(|| panic!("not an error of TLS: {error}")).clone()
}

/// Each side sees the other's certificate, and reads what the other sends, to the end that it announces.
#[test]
fn each_side_verifies_the_other() {
    let authority = Authority::new("known");
    let [of_server, of_client] = ["localhost", "somebody"].map(|name| authority.sign(name));
    run(async {
        let (server, client) =
            handshake(authority.server_for_known(&of_server), authority.client_as(&of_client)).await;
        let (mut server, mut client) = (server.unwrap(), client.unwrap());
        assert_eq!(server.get_ref().1.peer_certificates(), Some(&*of_client.chain()));
        assert_eq!(client.get_ref().1.peer_certificates(), Some(&*of_server.chain()));
        let (mut at_server, mut at_client) = (String::new(), String::new());
        client.write_all(b"question").await.unwrap();
        client.close().await.unwrap();
        server.read_to_string(&mut at_server).await.unwrap();
        server.write_all(b"answer").await.unwrap();
        server.close().await.unwrap();
        client.read_to_string(&mut at_client).await.unwrap();
        assert_eq!((&*at_server, &*at_client), ("question", "answer"));
    });
}

/// Both sides send more than all buffers hold, at the same time.
#[test]
fn both_sides_send_at_once() {
    let authority = Authority::new("known");
    run(async {
        let (server, client) = handshake(authority.sign("localhost").server(), authority.client()).await;
        let sent: Vec<u8> = (0..4_000_000_u32).map(|number| (number % 251) as u8).collect();
        let both =
            [server.unwrap().into(), client.unwrap().into()].map(|stream: futures_rustls::TlsStream<_>| {
                let (mut reader, mut writer) = split(stream);
                let sent = sent.clone();
                async move {
                    let write = async {
                        writer.write_all(&sent).await.unwrap();
                        writer.close().await.unwrap();
                    };
                    let mut received = Vec::new();
                    zip(write, async { reader.read_to_end(&mut received).await.unwrap() }).await;
                    assert!(received == sent, "{} bytes came", received.len());
                }
            });
        gather(both).await;
    });
}

/// A client refuses a server of another name, with an expired certificate, or of an unknown authority. Its
/// error says why, and so does the server's.
#[test]
fn a_client_refuses_a_wrong_server() {
    let authority = Authority::new("known");
    let refusal = |identity: boucle_ecosystem_tests::tls::Identity| {
        let (server, client) = run(handshake(identity.server(), authority.client()));
        let Error::InvalidCertificate(why) = reason(client) else { panic!("another error") };
        (why, reason(server))
    };
    let (why, at_server) = refusal(authority.sign("elsewhere"));
    assert!(matches!(why, CertificateError::NotValidForNameContext { .. }), "{why:?}");
    assert_eq!(at_server, Error::AlertReceived(AlertDescription::BadCertificate));
    let (why, at_server) = refusal(authority.sign_expired("localhost"));
    assert!(matches!(why, CertificateError::ExpiredContext { .. }), "{why:?}");
    assert_eq!(at_server, Error::AlertReceived(AlertDescription::CertificateExpired));
    let (why, at_server) = refusal(Authority::new("unknown").sign("localhost"));
    assert_eq!(why, CertificateError::UnknownIssuer);
    assert_eq!(at_server, Error::AlertReceived(AlertDescription::UnknownCA));
}

/// A server refuses a client without a certificate, with an expired one, or of an unknown authority. Its
/// error says why, and so does the client's, at its first read: its own handshake is over by then.
#[test]
fn a_server_refuses_a_wrong_client() {
    let authority = Authority::new("known");
    let identity = authority.sign("localhost");
    let refusal = |client: ClientConfig| {
        run(async {
            let (server, client) = handshake(authority.server_for_known(&identity), client).await;
            (reason(server), reason(client.unwrap().read(&mut [0]).await))
        })
    };
    let (at_server, at_client) = refusal(authority.client());
    assert_eq!(at_server, Error::NoCertificatesPresented);
    assert_eq!(at_client, Error::AlertReceived(AlertDescription::CertificateRequired));
    let (at_server, at_client) = refusal(authority.client_as(&authority.sign_expired("somebody")));
    let expired = matches!(at_server, Error::InvalidCertificate(CertificateError::ExpiredContext { .. }));
    assert!(expired, "{at_server:?}");
    assert_eq!(at_client, Error::AlertReceived(AlertDescription::CertificateExpired));
    let (at_server, at_client) = refusal(authority.client_as(&Authority::new("unknown").sign("somebody")));
    assert_eq!(at_server, Error::InvalidCertificate(CertificateError::UnknownIssuer));
    assert_eq!(at_client, Error::AlertReceived(AlertDescription::UnknownCA));
}

/// A stream that ends without `close_notify` may have been cut off: after what has come there is an error.
#[test]
fn a_truncated_stream_is_an_error() {
    let authority = Authority::new("known");
    run(async {
        let (server, client) = handshake(authority.sign("localhost").server(), authority.client()).await;
        let (mut server, mut client) = (server.unwrap(), client.unwrap());
        server.write_all(b"the first half").await.unwrap();
        server.flush().await.unwrap();
        drop(server);
        let mut read = Vec::new();
        let error = client.read_to_end(&mut read).await.unwrap_err();
        assert_eq!((error.kind(), &*read), (ErrorKind::UnexpectedEof, &b"the first half"[..]));
        assert!(error.to_string().contains("without sending TLS close_notify"), "{error}");
    });
}

/// A peer that does not speak TLS is an error.
#[test]
fn a_peer_without_tls_is_an_error() {
    let authority = Authority::new("known");
    let identity = authority.sign("localhost");
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut plain = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let accepted = TlsAcceptor::from(Arc::new(identity.server())).accept(stream).await;
        assert!(matches!(reason(accepted), Error::InvalidMessage(_)));
    });
}

/// Serves HTTPS, by either version of HTTP, until the loop ends. Returns the URL.
async fn serve(mut config: ServerConfig) -> String {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    drop(spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let handshake = acceptor.accept(stream);
            drop(spawn(async move {
                let stream = FuturesIo::new(handshake.await?);
                let mut builder = auto::Builder::new(Executor);
                builder.http1().timer(Timer);
                builder.serve_connection(stream, service_fn(hello)).await
            }));
        }
    }));
    url
}

async fn hello(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(Response::new(format!("hello from {}\n", request.uri().path())))
}

/// curl and the server agree on HTTP/2, for many requests at once over one connection, or on HTTP/1.1.
/// Without the authority's certificate, curl refuses the server.
#[test]
fn curl_trusts_the_server() {
    let Some(_) = program("curl", []) else { return };
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("known");
    let trusted = authority.write(folder.path());
    run(async {
        let url = serve(authority.sign("127.0.0.1").server()).await;
        let trust = ["--cacert", trusted.to_str().unwrap()];
        let format = ["--write-out", "%{http_version}, %{num_connects} connections\n"];
        let many = ["--parallel", "--http2"];
        let written = curl(&[&trust[..], &format, &many, &[&format!("{url}/[1-20]")]].concat()).await;
        let mut lines: Vec<_> = written.lines().collect();
        lines.sort_unstable();
        let mut expected: Vec<_> = (1..=20).map(|number| format!("hello from /{number}")).collect();
        expected.extend((0..20).map(|number| format!("2, {} connections", usize::from(number == 0))));
        expected.sort_unstable();
        assert_eq!(lines, expected);
        let written = curl(&[&trust[..], &format, &["--http1.1", &url]].concat()).await;
        assert_eq!(written, "hello from /\n1.1, 1 connections\n");
        let distrusting = output("curl", &["--silent", "--max-time", "30", &url]).await;
        assert_eq!(distrusting.status.code(), Some(60)); // "peer certificate cannot be authenticated"
    });
}

/// A server that requires a certificate answers curl with one, and not without.
#[test]
fn the_server_trusts_curl() {
    let Some(_) = program("curl", []) else { return };
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("known");
    let trusted = authority.write(folder.path());
    let [certificate, key] = authority.sign("somebody").write(folder.path());
    run(async {
        let url = serve(authority.server_for_known(&authority.sign("127.0.0.1"))).await;
        let trust = ["--cacert", trusted.to_str().unwrap(), &url];
        let known = ["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
        assert_eq!(curl(&[&trust[..], &known].concat()).await, "hello from /\n");
        let unknown = output("curl", &[&["--silent", "--max-time", "30"], &trust[..]].concat()).await;
        assert!(!unknown.status.success() && unknown.stdout.is_empty(), "{unknown:?}");
    });
}

/// Returns a client of hyper-util that hyper-rustls connects, by boucle's connector.
fn https(config: ClientConfig) -> Client<HttpsConnector<Connector>, Empty<Bytes>> {
    let mut connector = Connector::new();
    connector.enforce_http(false);
    let builder = HttpsConnectorBuilder::new().with_tls_config(config).https_only();
    Client::builder(Executor).build(builder.enable_all_versions().wrap_connector(connector))
}

/// The client agrees with the server on HTTP/2. A server that it does not trust is an error that says so.
#[test]
fn a_client_trusts_the_server() {
    let authority = Authority::new("known");
    run(async {
        let url = serve(authority.sign("127.0.0.1").server()).await;
        let response = https(authority.client()).get(url.parse().unwrap()).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello from /\n");
        let error = https(Authority::new("unknown").client()).get(url.parse().unwrap()).await.unwrap_err();
        assert!(error.is_connect() && format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    });
}

/// The client reads a page of a server that is not written in Rust: OpenSSL's.
#[test]
fn a_client_reads_a_page_of_openssl() {
    let Some(openssl) = program("openssl", []) else { return };
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("known");
    let [certificate, key] = authority.sign("127.0.0.1").write(folder.path());
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(openssl);
    command.args(["s_server", "-www", "-accept", &address, "-cert"]).arg(certificate).arg("-key").arg(key);
    let _server = Server::start(&mut command, "ACCEPT").unwrap();
    run(async {
        let url = format!("https://{address}/").parse().unwrap();
        let response = https(authority.client()).get(url).await.unwrap();
        assert_eq!(response.status(), 200);
        let page = response.into_body().collect().await.unwrap().to_bytes();
        let page = String::from_utf8_lossy(&page);
        assert!(page.contains("s_server") && page.contains("TLSv1.3"), "{page}");
    });
}
