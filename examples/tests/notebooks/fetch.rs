//! `fetch`: what it prints, that its waits overlap, and what it does when something goes wrong.
//!
//! Its servers, and those here, are local.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use stage::testing::{accept_soon, documented, expect_manners, lines, program, run, without_numbers};

/// The program prints what its header documents, except times and ports. The bodies are compared apart:
/// on a slow machine one may be read to its end after the next one has begun.
#[test]
fn fetch_prints_what_its_header_says() {
    let fetch = run("fetch", &[]);
    let stable = |lines: Vec<String>| {
        let lines = lines.iter().map(|line| without_measures(line).to_owned());
        let (mut bodies, others): (Vec<_>, Vec<_>) = lines.partition(|line| line.ends_with(" bytes"));
        bodies.sort();
        (bodies, others)
    };
    assert_eq!(stable(lines(&fetch)), stable(documented("fetch/main.rs")));
    assert!(fetch.status.success());

    let ratio = lines(&fetch).into_iter().find(|line| line.starts_with("At once "));
    let ratio = ratio.unwrap();
    let numbers = ratio.split(|it: char| !it.is_ascii_digit() && it != '.');
    let numbers: Vec<f64> = numbers.filter_map(|it| it.parse().ok()).collect();
    assert!((numbers[1] / numbers[0] - numbers[2]).abs() < 0.1, "{ratio}");
}

/// The server answers no request before it has read all four, so the first half of `fetch` ends only if
/// its waits overlap. Then it sends the answers one by one, each after the previous connection is closed,
/// so the lines come in that order. In the second half no connection waits while another one is open.
#[test]
fn fetch_overlaps_its_waits_and_then_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut streams: Vec<_> = (0..4).map(|_| accept(&listener)).collect();
        for path in ["/2", "/1", "/0", "/3"] {
            let line = format!("GET {path} HTTP/1.1");
            let position = streams.iter().position(|(_, asked)| *asked == line);
            let (stream, _) = streams.swap_remove(position.unwrap());
            answer(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        for path in ["/0", "/1", "/2", "/3"] {
            let (stream, asked) = accept(&listener);
            assert_eq!(asked, format!("GET {path} HTTP/1.0"));
            // It is non-blocking since the first of them was accepted.
            assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
            answer(stream, b"HTTP/1.1 200 OK\r\n\r\n\xc3\xa9");
        }
    });

    let urls = [0, 1, 2, 3].map(|page| format!("http://{address}/{page}"));
    let fetch = run("fetch", &urls.each_ref().map(String::as_str));
    server.join().unwrap();
    let mut expected: Vec<_> = urls.iter().map(|url| format!("fetching {url}")).collect();
    for url in [2, 1, 0, 3].map(|page: usize| &urls[page]) {
        expected.push(format!("{url} returned status 200"));
        expected.push(format!("{url} returned 2 bytes"));
    }
    expected.push("Durée totale ".to_owned());
    for url in &urls {
        expected.push(format!("fetching {url} synchroneously (blocking)"));
        expected.push(format!("{url} returned status 200"));
        expected.push(format!("{url} returned 1 chars"));
    }
    expected.push("Durée totale ".to_owned());
    let printed = lines(&fetch);
    let printed: Vec<_> = printed.iter().map(|line| without_measures(line)).collect();
    assert_eq!(printed[..expected.len()], expected);
    assert!(fetch.status.success());
}

/// One good page among failures of every kind: each failure is reported once in each half, and the page
/// is read.
#[test]
fn fetch_reports_what_failed_and_gets_the_rest() {
    let site = site("127.0.0.1:0").unwrap();
    // Nothing listens there any more.
    let refused = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr());
    let refused = refused.unwrap();
    let good = format!("http://{site}/good");
    let failures = [
        (format!("http://{site}/missing"), "404 Not Found"),
        (format!("http://{site}/moved"), "301 Moved Permanently"),
        (format!("http://{site}/close-at-once"), "connection closed"),
        (format!("http://{site}/close-in-head"), "connection closed"),
        (format!("http://{site}/close-in-body"), ""),
        (format!("http://{site}/not-http"), ""),
        (format!("http://{refused}/"), "Connection refused"),
        ("http://nonexistent.invalid/".to_owned(), ""),
        ("https://localhost/".to_owned(), "https:// is not supported yet"),
        ("ftp://localhost/".to_owned(), "not a URL: it does not begin with http://"),
        ("localhost:80".to_owned(), "not a URL: it does not begin with http://"),
        ("http://local host/".to_owned(), "not a URL: "),
        ("http://:80/".to_owned(), "not a URL: no host"),
        ("http://localhost:65536/".to_owned(), "not a URL: the port"),
        (String::new(), "not a URL: "),
    ];

    let urls = failures.iter().map(|(url, _)| url.as_str());
    let fetch = run("fetch", &urls.chain([good.as_str()]).collect::<Vec<_>>());
    let printed = lines(&fetch);
    for (url, why) in failures {
        // One of the two clients also names the address that refuses it.
        let failed = format!("{url} failed: ");
        let reports = printed.iter().filter_map(|line| line.strip_prefix(&failed));
        let reports = reports.filter(|report| report.contains(why));
        assert_eq!(reports.count(), 2, "{failed}{why}, in {printed:#?}");
    }
    assert!(printed.contains(&format!("{good} returned 6 bytes")));
    assert!(printed.contains(&format!("{good} returned 5 chars")));
    assert_eq!(fetch.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&fetch.stderr), "");
}

/// A body in chunks, for a client that speaks HTTP/1.1, is read without the chunks' sizes.
#[test]
fn fetch_reads_a_body_in_chunks() {
    let url = format!("http://{}/chunked", site("127.0.0.1:0").unwrap());
    let fetch = run("fetch", &[&url]);
    assert!(lines(&fetch).contains(&format!("{url} returned 6 bytes")));
    assert!(lines(&fetch).contains(&format!("{url} returned 5 chars")));
    assert!(fetch.status.success());
}

/// A host may be an IPv6 address in brackets. (On a machine without IPv6 the test has nothing to do.)
#[test]
fn fetch_takes_an_ipv6_address() {
    let Ok(site) = site("[::1]:0") else { return };
    let fetch = run("fetch", &[&format!("http://{site}/good")]);
    assert!(fetch.status.success(), "{fetch:?}");
}

/// A failure in either half makes the exit status 1.
#[test]
fn one_failure_is_enough_for_the_exit_status() {
    for fails in [0, 1] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            for request in 0..2 {
                let (stream, _) = accept(&listener);
                let status = if request == fails { "404 Not Found" } else { "200 OK" };
                let response = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                answer(stream, response.as_bytes());
            }
        });
        assert_eq!(run("fetch", &[&url]).status.code(), Some(1));
        server.join().unwrap();
    }
}

/// The program answers `--help`, and refuses arguments that it does not know.
#[test]
fn fetch_has_manners() {
    expect_manners("fetch", "[URL]");
}

/// A closed stdout, as in `fetch | head -1`, ends the program quietly.
#[test]
fn a_closed_stdout_ends_the_program_quietly() {
    let mut fetch =
        Command::new(program("fetch")).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(fetch.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    let end = fetch.wait_with_output().unwrap();
    assert!(first.contains("www.irs.gov"));
    assert_eq!(String::from_utf8_lossy(&end.stderr), "");
    assert!(end.status.success());
}

/// Returns a line without its port or time, which differ on every run.
fn without_measures(line: &str) -> &str {
    without_numbers(line, &["(a local server", "Durée totale", "At once"])
}

/// A connection, and the first line of the request on it.
fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let stream = accept_soon(listener);
    let mut head = BufReader::new(&stream).lines().map(Result::unwrap);
    let request = head.next().unwrap();
    head.find(|line| line.is_empty()).unwrap();
    (stream, request)
}

/// Sends a response, and waits until the client has closed.
fn answer(mut stream: TcpStream, response: &[u8]) {
    stream.write_all(response).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

/// Starts a server with one good page, and every kind of bad one.
fn site(address: &str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr();
    thread::spawn(move || {
        loop {
            let (mut stream, request) = accept(&listener);
            let response = match request.split(' ').collect::<Vec<_>>()[..] {
                ["GET", "/good", _] => "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhéllo",
                ["GET", "/chunked", "HTTP/1.1"] => {
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhél\r\n2\r\nlo\r\n0\r\n\r\n"
                }
                ["GET", "/chunked", _] => "HTTP/1.0 200 OK\r\n\r\nhéllo",
                ["GET", "/moved", _] => "HTTP/1.1 301 Moved Permanently\r\nLocation: /good\r\n\r\n",
                ["GET", "/close-at-once", _] => "",
                ["GET", "/close-in-head", _] => "HTTP/1.1 200 OK\r\nContent-",
                ["GET", "/close-in-body", _] => "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhél",
                ["GET", "/not-http", _] => "220 ready\r\n\r\n",
                _ => "HTTP/1.1 404 Not Found\r\n\r\n",
            };
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    address
}
