//! The examples: what they print, what they do when something goes wrong, and that waits overlap.
//!
//! The programs are run as `cargo test` has built them; `cargo test --test examples` builds none,
//! and needs `cargo build --examples` before. Their servers, and those here, are local.

use std::cell::RefCell;
use std::env::{self, consts::EXE_SUFFIX};
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

#[path = "../examples/sleep/mysleep.rs"]
mod mysleep;

/// What the examples print goes into a log.
mod stdout {
    macro_rules! println {
        ($($text:tt)*) => {
            $crate::PRINTED.with_borrow_mut(|log| log.push(format!($($text)*)))
        };
    }

    pub(crate) use println;
}

thread_local! {
    static PRINTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The course page's lines, in order, and its result; at 1.5 s sharp, as the clock is virtual.
#[test]
fn sleeps_overlap_and_their_results_keep_their_order() {
    let event_loop = boucle::EventLoop::builder()
        .virtual_clock()
        .build()
        .unwrap();
    let (results, time) = event_loop.block_on(async {
        let begin = boucle::now();
        let results = boucle::gather([1.0, 0.5, 1.5].map(mysleep::mysleep)).await;
        (results, boucle::now() - begin)
    });
    assert_eq!(PRINTED.take(), &documented("sleep/main.rs")[..6]);
    assert_eq!(mysleep::list(&results), "[1, 0.25, 2.25]");
    assert_eq!(time, Duration::from_millis(1500));
}

/// The program, under the real clock.
#[test]
fn sleep_prints_what_its_header_says() {
    let sleep = run("sleep", &[]);
    assert_eq!(lines(&sleep), documented("sleep/main.rs"));
    assert!(sleep.status.success());
}

/// Under the virtual clock the loop does the same on every run.
#[test]
fn step_prints_what_its_header_says() {
    let step = run("step", &[]);
    assert_eq!(lines(&step), documented("step.rs"));
    assert!(step.status.success());
}

/// Under the real clock there may be a turn more, and the times differ; the coroutines do not.
#[test]
fn step_does_the_same_under_the_real_clock() {
    let step = run("step", &["--real"]);
    let mut printed = lines(&step);
    printed.retain(|line| !line.starts_with("turn ") && !line.starts_with("  "));
    assert_eq!(printed, documented("sleep/main.rs"));
}

/// All lines, in order, but for the times and the port. The bodies are compared apart: on a slow
/// machine one may be read to its end after the next one has begun.
#[test]
fn fetch_prints_what_its_header_says() {
    let fetch = run("fetch", &[]);
    let stable = |lines: Vec<String>| {
        let lines = lines.iter().map(|line| without_measures(line).to_owned());
        let (mut bodies, others): (Vec<_>, Vec<_>) =
            lines.partition(|line| line.ends_with(" bytes"));
        bodies.sort();
        (bodies, others)
    };
    assert_eq!(stable(lines(&fetch)), stable(documented("fetch/main.rs")));
    assert!(fetch.status.success());
}

/// The server here answers nothing before it has read all four requests: so the first half of
/// `fetch` ends only if its waits overlap. Then it answers one after the other, each when the
/// connection before is closed, so the order of the lines is that of the answers. In the second
/// half no connection waits while another one is open.
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
            listener.set_nonblocking(true).unwrap();
            assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
            listener.set_nonblocking(false).unwrap();
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

/// One good page among failures of every kind: each failure is told, once each time, and the page
/// comes.
#[test]
fn fetch_tells_what_failed_and_gets_the_rest() {
    let site = site("127.0.0.1:0").unwrap();
    // Nobody listens there any more.
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
        (
            "https://localhost/".to_owned(),
            "https:// is not supported yet",
        ),
        (
            "ftp://localhost/".to_owned(),
            "not a URL: it does not begin with http://",
        ),
        (
            "localhost:80".to_owned(),
            "not a URL: it does not begin with http://",
        ),
        ("http://local host/".to_owned(), "not a URL: "),
        ("http://:80/".to_owned(), "not a URL: no host"),
        ("http://localhost:65536/".to_owned(), "not a URL: the port"),
        (String::new(), "not a URL: "),
    ];

    let urls = failures.iter().map(|(url, _)| url.as_str());
    let fetch = run("fetch", &urls.chain([good.as_str()]).collect::<Vec<_>>());
    let printed = lines(&fetch);
    for (url, why) in failures {
        let line = format!("{url} failed: {why}");
        let told = printed.iter().filter(|told| told.starts_with(&line));
        assert_eq!(told.count(), 2, "{line}, in {printed:#?}");
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

/// A host may be an IPv6 address in brackets; a machine without IPv6 cannot tell.
#[test]
fn fetch_takes_an_ipv6_address() {
    let Ok(site) = site("[::1]:0") else { return };
    let fetch = run("fetch", &[&format!("http://{site}/good")]);
    assert!(fetch.status.success(), "{fetch:?}");
}

#[test]
fn a_wrong_option_is_one_line_and_status_2() {
    for example in ["fetch", "step"] {
        let output = run(example, &["--wrong"]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            told,
            format!("{example}: no such option: --wrong (try --help)\n")
        );
        assert!(output.stdout.is_empty());
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn help_says_what_is_shown_and_the_options() {
    for (example, option) in [("fetch", "[URL]"), ("step", "--real")] {
        let output = run(example, &["--help"]);
        assert!(
            lines(&output).iter().any(|line| line.contains(option)),
            "{output:?}"
        );
        assert!(output.status.success());
    }
}

/// As in `fetch | head -1`.
#[test]
fn a_closed_stdout_ends_the_program_quietly() {
    let mut fetch = Command::new(program("fetch"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(fetch.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    let end = fetch.wait_with_output().unwrap();
    assert!(first.contains("www.irs.gov"));
    assert_eq!(String::from_utf8_lossy(&end.stderr), "");
    assert!(end.status.success());
}

/// Where cargo puts an example: beside the directory of the tests.
fn program(example: &str) -> PathBuf {
    let tests = env::current_exe().unwrap();
    let built = tests.parent().and_then(Path::parent).unwrap();
    built.join(format!("examples/{example}{EXE_SUFFIX}"))
}

fn run(example: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program(example)).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{error}: run `cargo build --examples` first"))
}

fn lines(output: &Output) -> Vec<String> {
    let text = str::from_utf8(&output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The output that stands in an example's header.
fn documented(example: &str) -> Vec<String> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let source = fs::read_to_string(examples.join(example)).unwrap();
    let (_, block) = source.split_once("//! ```text\n").unwrap();
    let (block, _) = block.split_once("//! ```\n").unwrap();
    let lines = block.lines().map(|line| line.trim_start_matches("//!"));
    lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned())
        .collect()
}

/// A line up to what is different on every run: a port, or a time.
fn without_measures(line: &str) -> &str {
    let varies = ["(a local server", "Durée totale", "At once"];
    match line.find(|letter: char| letter.is_ascii_digit()) {
        Some(digit) if varies.iter().any(|start| line.starts_with(start)) => &line[..digit],
        _ => line,
    }
}

/// A connection, and the first line of the request on it.
fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let (stream, _) = listener.accept().unwrap();
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

/// A server with one good page, and every kind of bad one.
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
