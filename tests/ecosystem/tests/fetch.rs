//! The example `fetch` with TLS: both of its clients, against servers that are right and wrong.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener as StdListener};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::thread;

use boucle::net::{TcpListener, TcpStream, serve};
use boucle_ecosystem_tests::tls::{Authority, Identity};
use futures_lite::io::BufReader;
use futures_lite::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt};
use futures_rustls::TlsAcceptor;
use stage::testing::{accept_soon, lines, run};

/// What a server does after its response.
#[derive(Clone, Copy)]
enum End {
    /// Closes the stream in the way of TLS.
    Announced,
    /// Closes the socket under it.
    Cut,
}

/// Starts a server that gives one response to all, by TLS if it has an identity. Returns its port.
fn server(identity: Option<&Identity>, response: String, end: End) -> u16 {
    let acceptor = identity.map(|identity| TlsAcceptor::from(Arc::new(identity.server())));
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        boucle::run(async {
            let listener = TcpListener::from_std(listener).unwrap();
            let answer = move |stream: TcpStream, _| {
                let (acceptor, response) = (acceptor.clone(), response.clone());
                async move {
                    match acceptor {
                        None => answer(stream, &response, end).await,
                        Some(acceptor) => answer(acceptor.accept(stream).await?, &response, end).await,
                    }
                }
            };
            // A client that refuses the server is an error of its handler.
            serve(listener, answer).on_error(|_| {}).await.unwrap();
        });
    });
    port
}

/// Reads the head of a request, and answers.
async fn answer<S>(stream: S, response: &str, end: End) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > "\r\n".len() {
        line.clear();
    }
    stream.write_all(response.as_bytes()).await?;
    stream.flush().await?;
    match end {
        End::Announced => stream.close().await,
        End::Cut => Ok(()),
    }
}

/// A response with this body, and with a head that says that it has this length.
fn response(length: Option<usize>, body: &str) -> String {
    let length = length.map(|length| format!("Content-Length: {length}\r\n"));
    format!("HTTP/1.1 200 OK\r\n{}\r\n{body}", length.unwrap_or_default())
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 301 Moved Permanently\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

/// Fetches a page, and trusts an authority.
fn fetch(authority: &Authority, url: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let trusted = authority.write(folder.path());
    run("fetch", &["--cacert", trusted.to_str().unwrap(), url])
}

/// Asserts that both of the program's clients get a page.
#[track_caller]
fn expect_page(authority: &Authority, url: &str) -> Output {
    let fetch = fetch(authority, url);
    let printed = lines(&fetch);
    assert!(printed.contains(&format!("{url} returned 6 bytes")), "{fetch:?}");
    assert!(printed.contains(&format!("{url} returned 5 chars")), "{fetch:?}");
    assert!(fetch.status.success(), "{fetch:?}");
    fetch
}

/// Asserts that neither client gets a page, and what each reports: first the coroutine's, then the one that
/// blocks.
#[track_caller]
fn expect_failures(authority: &Authority, url: &str, why: [&str; 2]) {
    let fetch = fetch(authority, url);
    let failed = format!("{url} failed: ");
    let printed = lines(&fetch);
    let failures: Vec<_> = printed.iter().filter_map(|line| line.strip_prefix(&failed)).collect();
    assert_eq!(failures.len(), 2, "{fetch:?}");
    for (failure, why) in failures.iter().zip(why) {
        assert!(failure.contains(why), "{failure}, not {why}");
    }
    assert_eq!(fetch.status.code(), Some(1), "{fetch:?}");
}

/// A page comes from a server that has a name, and from one that has an address.
#[test]
fn a_page_comes_by_tls() {
    let authority = Authority::new("known");
    for host in ["localhost", "127.0.0.1"] {
        let port = server(Some(&authority.sign(host)), response(Some(6), "héllo"), End::Announced);
        expect_page(&authority, &format!("https://{host}:{port}/"));
    }
}

/// A body that ends with the connection is whole if TLS announces the end; one that has a length, always.
#[test]
fn a_body_is_whole_if_its_end_is_sure() {
    let authority = Authority::new("known");
    let identity = authority.sign("localhost");
    for (length, end) in [(None, End::Announced), (Some(6), End::Cut)] {
        let port = server(Some(&identity), response(length, "héllo"), end);
        expect_page(&authority, &format!("https://localhost:{port}/"));
    }
}

/// A server of another name, with an expired certificate or of an unknown authority gets no request.
#[test]
fn a_wrong_server_is_refused() {
    let authority = Authority::new("known");
    let unknown = Authority::new("unknown");
    let refused = |identity: Identity, why| {
        let port = server(Some(&identity), response(Some(6), "héllo"), End::Announced);
        expect_failures(&authority, &format!("https://localhost:{port}/"), [why; 2]);
    };
    refused(authority.sign("elsewhere"), "certificate not valid for name \"localhost\"");
    refused(authority.sign_expired("localhost"), "certificate expired");
    refused(
        authority.sign_authority("localhost"),
        "no TLS with localhost: its certificate is that of an authority, not of a server",
    );
    refused(
        unknown.sign("localhost"),
        "no TLS with localhost: its certificate is not signed by an authority that is trusted here",
    );
}

/// A server that does not speak TLS is an error that says so; one that only closes, a failed handshake.
#[test]
fn a_server_without_tls_is_refused() {
    let authority = Authority::new("known");
    for (response, why) in
        [("HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak TLS"), ("", "handshake failed")]
    {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let server = thread::spawn(move || {
            for _ in 0..2 {
                let mut stream = accept_soon(&listener);
                stream.write_all(response.as_bytes()).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                // A close with unread bytes would reset the connection, and the response might be lost.
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        expect_failures(&authority, &url, [why; 2]);
        server.join().unwrap();
    }
}

/// Without `--cacert`, the program trusts the authorities of the web, and no local one.
#[test]
fn a_local_authority_is_not_trusted_by_itself() {
    let identity = Authority::new("known").sign("localhost");
    let port = server(Some(&identity), response(Some(6), "héllo"), End::Announced);
    let fetch = run("fetch", &[&format!("https://localhost:{port}/")]);
    let refused = lines(&fetch).into_iter().filter(|line| line.contains("not signed by an authority"));
    assert_eq!(refused.count(), 2, "{fetch:?}");
}

/// A body of which a part is missing is an error, whether the end of the stream is announced or the
/// connection just ends.
#[test]
fn a_truncated_body_is_an_error() {
    let authority = Authority::new("known");
    let identity = authority.sign("localhost");
    let short = ["end of file before message length reached", "connection closed after 4 of 6 bytes"];
    let cut = ["without sending TLS close_notify"; 2];
    for (length, end, why) in
        [(Some(6), End::Announced, short), (Some(6), End::Cut, cut), (None, End::Cut, cut)]
    {
        let port = server(Some(&identity), response(length, "hél"), end);
        expect_failures(&authority, &format!("https://localhost:{port}/"), why);
    }
}

/// Redirects lead to a server with TLS, and away from one.
#[test]
fn redirects_lead_to_tls_and_from_it() {
    let authority = Authority::new("known");
    let identity = authority.sign("localhost");
    for (from, to) in [(None, Some(&identity)), (Some(&identity), None)] {
        let url = |identity: Option<_>, port| {
            format!("http{}://localhost:{port}/", if identity.is_some() { "s" } else { "" })
        };
        let page = url(to, server(to, response(Some(6), "héllo"), End::Announced));
        let moved = url(from, server(from, redirect(&page), End::Announced));
        let fetch = expect_page(&authority, &moved);
        let redirects =
            lines(&fetch).into_iter().filter(|line| *line == format!("{moved} redirects to {page}"));
        assert_eq!(redirects.count(), 2, "{fetch:?}");
    }
}

/// A file of authorities that cannot be used ends the program.
#[test]
fn a_file_without_certificates_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
    };
    file("empty", "no certificate\n");
    file("broken", "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n");
    file("not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (name, why) in [
        ("empty", "it holds no certificate"),
        ("broken", ""),
        ("not a certificate", "BadEncoding"),
        ("missing", "No such file"),
    ] {
        let path = folder.path().join(name);
        let fetch = run("fetch", &["--cacert", path.to_str().unwrap(), "http://localhost/"]);
        let error = String::from_utf8_lossy(&fetch.stderr);
        assert!(error.starts_with(&format!("fetch: --cacert: {:?}: ", Path::new(&path))), "{error}");
        assert!(error.contains(why), "{error}");
        assert_eq!(fetch.status.code(), Some(2), "{fetch:?}");
    }
}
