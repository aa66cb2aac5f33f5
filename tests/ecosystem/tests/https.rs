//! The examples `https_server` and `https_client`: a service that answers, and ends as it is documented.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use boucle::net::TcpStream;
use boucle::sleep;
use boucle_ecosystem_tests::process::{self, Server};
use boucle_ecosystem_tests::run;
use boucle_ecosystem_tests::tls::server_name;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use futures_rustls::pki_types::CertificateDer;
use futures_rustls::pki_types::pem::PemObject;
use futures_rustls::rustls::{ClientConfig, RootCertStore};
use futures_rustls::{TlsConnector, client::TlsStream};
use rustix::process::Signal;
use stage::testing::{lines, program, run as run_example};
use tempfile::TempDir;

const ENDING: &str = "ending: what has begun is answered; Ctrl-C again ends at once\n";

/// The example `https_server`, until this is dropped.
struct Service {
    server: Server,
    url: String,
    folder: TempDir,
}

impl Service {
    fn start() -> Self {
        Self::start_by(&[])
    }

    /// Starts the service by a command that executes its arguments.
    fn start_by(before: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("env");
        // Tests that run in the background may ignore interrupts.
        command.arg("--default-signal=INT").args(before).arg(program("https_server"));
        command.arg("127.0.0.1:0").arg(folder.path().join("certificate.pem"));
        let server = Server::start(&mut command, "https://");
        let server = server.unwrap_or_else(|error| panic!("{error}: run `cargo build --examples` first"));
        let url = server.written.split(',').next().unwrap().to_owned();
        Self { server, url, folder }
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    fn address(&self) -> SocketAddr {
        self.url.strip_prefix("https://").unwrap().parse().unwrap()
    }

    /// Starts curl, which trusts the service. It gives up after 30 seconds.
    fn curl(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "30", "--cacert"]).arg(self.certificate());
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until the service has ended without an error, and returns what it has written after the first
    /// line.
    fn written_to_its_end(&mut self) -> &str {
        let status = self.server.ended();
        assert_eq!(status.code(), Some(0), "{}", self.server.written);
        self.server.written.split_once('\n').unwrap().1
    }

    /// Connects a client by TLS.
    async fn connect(&self) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.certificate()).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(self.address()).await.unwrap();
        TlsConnector::from(Arc::new(config)).connect(server_name("localhost"), stream).await.unwrap()
    }
}

/// Returns what curl has received.
#[track_caller]
fn received(curl: Child) -> String {
    let output = curl.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// curl gets the pages by either version of HTTP, and an error for one that does not exist.
#[test]
fn curl_is_answered() {
    let Some(_) = process::program("curl", []) else { return };
    let service = Service::start();
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let get = |path: &str| {
            let format = "%{http_code} by %{http_version}\n";
            received(service.curl(&[option, "--write-out", format, &format!("{}{path}", service.url)]))
        };
        assert_eq!(get("/"), format!("hello\n200 by {version}\n"));
        assert_eq!(get("/slow?0"), format!("slow hello\n200 by {version}\n"));
        assert_eq!(get("/nowhere"), format!("not found\n404 by {version}\n"));
    }
}

/// The client gets several pages, and trusts no server but the one whose certificate it was given.
#[test]
fn the_client_is_answered() {
    let [service, other] = [Service::start(), Service::start()];
    let [first, second] = ["/", "/slow?1"].map(|path| format!("{}{path}", service.url));
    let client = run_example("https_client", &[service.certificate().to_str().unwrap(), &second, &first]);
    let mut pages = lines(&client);
    pages.sort_unstable();
    assert_eq!(pages, [format!("{first}: 200 OK: hello"), format!("{second}: 200 OK: slow hello")]);
    assert!(client.status.success(), "{client:?}");
    let client = run_example("https_client", &[other.certificate().to_str().unwrap(), &first]);
    assert!(lines(&client).is_empty() && !client.status.success(), "{client:?}");
    assert!(String::from_utf8_lossy(&client.stderr).contains("InvalidCertificate"), "{client:?}");
}

/// The error of a connection is reported with its cause, and that of a file with its name.
#[test]
fn an_error_says_what_was_wrong() {
    let mut service = Service::start();
    run(async {
        let mut client = service.connect().await;
        client.get_mut().0.write_all(b"no TLS any more\r\n").await.unwrap();
        _ = client.read_to_end(&mut Vec::new()).await;
    });
    service.server.read_until("to connection: received corrupt message of type InvalidContentType").unwrap();
    let nowhere = service.folder.path().join("nowhere").join("certificate.pem");
    let nowhere = nowhere.to_str().unwrap();
    for (name, arguments) in [("https_client", &[nowhere][..]), ("https_server", &["127.0.0.1:0", nowhere])] {
        let ended = run_example(name, arguments);
        assert!(!ended.status.success(), "{ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains(nowhere), "{ended:?}");
    }
}

/// An error that cannot be written, here since stderr is full, does not end the service.
#[test]
fn an_error_that_cannot_be_written_ends_nothing() {
    let service = Service::start_by(&["sh", "-c", "exec \"$@\" 2>/dev/full", "sh"]);
    let mut wrong = StdTcpStream::connect(service.address()).unwrap();
    wrong.write_all(b"no TLS\r\n\r\n").unwrap();
    _ = wrong.read_to_end(&mut Vec::new()); // until it is refused
    let page = format!("{}/", service.url);
    let client = run_example("https_client", &[service.certificate().to_str().unwrap(), &page]);
    assert_eq!(lines(&client), [format!("{page}: 200 OK: hello")], "{client:?}");
}

/// A client that goes in the middle, here of the handshake, is not reported. Another error is.
#[test]
fn a_client_that_goes_is_no_error() {
    let mut service = Service::start();
    drop(StdTcpStream::connect(service.address()).unwrap());
    let mut wrong = StdTcpStream::connect(service.address()).unwrap();
    wrong.write_all(b"no TLS\r\n\r\n").unwrap();
    _ = wrong.read_to_end(&mut Vec::new()); // until it is refused
    service.server.send(Signal::TERM);
    let peer = wrong.local_addr().unwrap();
    let reported: Vec<_> =
        service.written_to_its_end().lines().filter(|line| line.contains(" failed: ")).collect();
    let [reported] = reported[..] else { panic!("{reported:?}") };
    assert!(reported.starts_with(&format!("the connection from {peer} failed: ")), "{reported}");
}

/// Output that cannot be written, here since what reads it has gone, does not end the service, which ends as
/// documented.
#[test]
fn output_that_cannot_be_written_ends_nothing() {
    let mut service = Service::start_by(&["bash", "-c", "exec \"$@\" > >(head --lines=1)", "bash"]);
    let page = format!("{}/", service.url);
    for _ in 0..2 {
        let client = run_example("https_client", &[service.certificate().to_str().unwrap(), &page]);
        assert_eq!(lines(&client), [format!("{page}: 200 OK: hello")], "{client:?}");
    }
    service.server.send(Signal::TERM);
    assert_eq!(service.written_to_its_end(), "");
}

/// A client that sends a body to a page which does not want one gets its answer, by either version of HTTP.
#[test]
fn a_body_that_nothing_wants_costs_no_answer() {
    let Some(_) = process::program("curl", []) else { return };
    let service = Service::start();
    let body = service.folder.path().join("body");
    std::fs::write(&body, vec![b'x'; 1_000_000]).unwrap();
    let data = format!("@{}", body.to_str().unwrap());
    for option in ["--http1.1", "--http2"] {
        for _ in 0..10 {
            let arguments = [option, "--write-out", "%{http_code}", "--data-binary", &data, &service.url];
            assert_eq!(received(service.curl(&arguments)), "not found\n404");
        }
    }
}

/// A client of HTTP/1 that sends a long body, and reads nothing before it has sent all of it, gets its answer.
/// One of HTTP/1.1 that asks first is answered before it sends any; in HTTP/1.0 there is no such question.
#[test]
fn a_body_is_read_unless_the_client_asks_first() {
    let service = Service::start();
    let answer = |version: &str, asks: &str, body: usize| {
        let head =
            format!("POST /nowhere {version}\r\nHost: localhost\r\nContent-Length: 10000000\r\n{asks}\r\n");
        let request = [head.into_bytes(), vec![b'x'; body]].concat();
        run(async {
            let mut client = service.connect().await;
            client.write_all(&request).await.unwrap();
            client.flush().await.unwrap();
            let mut answer = [0; 12];
            client.read_exact(&mut answer).await.unwrap();
            String::from_utf8_lossy(&answer).into_owned()
        })
    };
    let asks = "Expect: 100-continue\r\n";
    assert_eq!(answer("HTTP/1.1", "", 10_000_000), "HTTP/1.1 404");
    assert_eq!(answer("HTTP/1.1", asks, 0), "HTTP/1.1 404");
    assert_eq!(answer("HTTP/1.0", asks, 10_000_000), "HTTP/1.0 404");
}

/// After Ctrl-C or SIGTERM a request that has begun is answered, by either version of HTTP, and new clients
/// are refused. A client that keeps its connection for a next request, and one that has made none yet, get a
/// proper end of TLS before the grace is over: nothing is reported.
#[test]
fn a_signal_ends_the_service_when_what_has_begun_is_answered() {
    let Some(_) = process::program("curl", []) else { return };
    for (version, signal) in [("--http1.1", Signal::INT), ("--http2", Signal::TERM)] {
        let mut service = Service::start();
        run(async {
            let mut silent = service.connect().await;
            let mut idle = service.connect().await;
            idle.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            idle.flush().await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"hello\n") {
                let mut byte = [0];
                idle.read_exact(&mut byte).await.unwrap();
                answer.extend(byte);
            }
            let slow = service.curl(&[version, &format!("{}/slow", service.url)]);
            service.server.read_until("GET /slow").unwrap();
            service.server.send(signal);
            service.server.read_until("ending").unwrap();
            while TcpStream::connect(service.address()).await.is_ok() {
                sleep(Duration::from_millis(1)).await; // the listener is about to be closed
            }
            assert_eq!(received(slow), "slow hello\n");
            assert_eq!(service.written_to_its_end(), format!("GET /\nGET /slow\n{ENDING}ended\n"));
            assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
            assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
        });
    }
}

/// A second Ctrl-C ends the service at once: it is the signal that ends it, and the answer is lost.
#[test]
fn a_second_ctrl_c_ends_the_service_at_once() {
    let Some(_) = process::program("curl", []) else { return };
    let mut service = Service::start();
    let slow = service.curl(&[&format!("{}/slow?3600", service.url)]);
    service.server.read_until("GET /slow").unwrap();
    service.server.interrupt();
    service.server.read_until("ending").unwrap();
    service.server.interrupt();
    let status = service.server.ended();
    assert_eq!(status.signal(), Some(2), "{status}: {}", service.server.written);
    assert!(!slow.wait_with_output().unwrap().status.success());
}

/// A client that connects and sends nothing delays the end for as long as a handshake may take, and not for
/// the grace: it is reported as too late, not as aborted.
#[test]
fn a_client_that_says_nothing_is_not_waited_for() {
    let mut service = Service::start();
    let mut silent = StdTcpStream::connect(service.address()).unwrap();
    let url = format!("{}/", service.url);
    let client = run_example("https_client", &[service.certificate().to_str().unwrap(), &url]);
    assert!(client.status.success(), "{client:?}"); // so the silent one, which came first, is accepted by now
    service.server.interrupt();
    let peer = silent.local_addr().unwrap();
    let limit = format!("the connection from {peer} failed: the deadline has passed\n");
    let mut written: Vec<_> = service.written_to_its_end().split_inclusive('\n').collect();
    let mut expected = ["GET /\n", ENDING, &limit, "ended\n"];
    written.sort_unstable(); // on a slow machine the limit may be over before the interrupt
    expected.sort_unstable();
    assert_eq!(written, expected);
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
}
