//! `fetch`: what it prints, that its waits overlap, and what it does when something goes wrong. All
//! servers are local.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;

use stage::testing::{accept_soon, documented, expect_usage, lines, program, run, without_numbers};

#[path = "../../fetch/redirects.rs"]
#[allow(dead_code)] // The program follows them.
mod redirects;

use redirects::resolve;

/// The lines are those of the header, except times and ports. The bodies are compared apart: on a slow
/// machine one may be read to its end after the next one has begun.
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
    let numbers = ratio.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let numbers: Vec<f64> = numbers.filter_map(|number| number.parse().ok()).collect();
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
            // `accept` has made the listener non-blocking.
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
    let no_connection = format!("cannot connect to {refused}: Connection refused");
    let good = format!("http://{site}/good");
    let failures = [
        (format!("http://{site}/missing"), "404 Not Found"),
        (
            format!("http://{site}/moved-away"),
            "301 Moved Permanently, but the response does not say where to",
        ),
        (format!("http://{site}/to-missing"), "404 Not Found"),
        (format!("http://{site}/to-ftp"), "not a URL: it does not begin with http://"),
        (format!("http://{site}/circle/0"), "its redirects form a loop, back to http://"),
        (format!("http://{site}/endless/0"), "it has more than 10 redirects"),
        (format!("http://{site}/not-modified"), "304 Not Modified"),
        (format!("http://{site}/close-at-once"), "connection closed"),
        (format!("http://{site}/close-in-head"), "connection closed"),
        (format!("http://{site}/close-in-body"), ""),
        (format!("http://{site}/not-http"), ""),
        (format!("http://{refused}/"), &*no_connection),
        ("http://nonexistent.invalid/".to_owned(), ""),
        ("ftp://localhost/".to_owned(), "not a URL: it does not begin with http://"),
        ("localhost:80".to_owned(), "not a URL: it does not begin with http://"),
        ("http://local host/".to_owned(), "not a URL: "),
        ("http://:80/".to_owned(), "not a URL: no host"),
        ("http://".to_owned(), "not a URL: no host"),
        ("http://localhost:65536/".to_owned(), "not a URL: the port"),
        (String::new(), "not a URL: "),
    ];

    let urls = failures.iter().map(|(url, _)| url.as_str());
    let fetch = run("fetch", &urls.chain([good.as_str()]).collect::<Vec<_>>());
    let printed = lines(&fetch);
    for (url, why) in failures {
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

/// Each kind of redirect is followed, to wherever it leads on the host; up to ten of them, in both halves.
#[test]
fn fetch_follows_redirects() {
    let site = site("127.0.0.1:0").unwrap();
    let url = format!("http://{site}/endless/1");
    let fetch = run("fetch", &[&url]);
    let steps = |from: u8| (from..11).map(|step| format!("http://{site}/endless/{step}"));
    let mut expected: Vec<_> =
        steps(1).zip(steps(2)).map(|(from, to)| format!("{from} redirects to {to}")).collect();
    expected.push(format!("http://{site}/endless/10 redirects to http://{site}/good"));
    let redirects = |fetch: &Output| -> Vec<_> {
        lines(fetch).into_iter().filter(|line| line.contains(" redirects to ")).collect()
    };
    assert_eq!(redirects(&fetch), [expected.clone(), expected].concat());
    assert!(lines(&fetch).contains(&format!("{url} returned 6 bytes")), "{fetch:?}");
    assert!(lines(&fetch).contains(&format!("{url} returned 5 chars")), "{fetch:?}");
    assert!(fetch.status.success());

    // What no URL may have is encoded, in both halves.
    let fetch = run("fetch", &[&format!("http://{site}/to-encode")]);
    let to_good = format!("http://{site}/to-encode redirects to http://{site}/a%20good%20%FF%C3%A0");
    assert_eq!(redirects(&fetch), [&*to_good; 2]);
    assert!(fetch.status.success(), "{fetch:?}");

    for code in [301, 302, 303, 307, 308] {
        for (way, reference) in WAYS.iter().enumerate() {
            let fetch = run("fetch", &[&format!("http://{site}/by/{code}/{way}")]);
            let to_good = format!("http://{site}/by/{code}/{way} redirects to http://{site}/good");
            assert_eq!(redirects(&fetch), [&*to_good; 2], "{reference}");
            assert!(fetch.status.success(), "{fetch:?}");
        }
    }
}

/// The examples of RFC 3986, section 5.4, and what a URL without a path makes of them.
#[test]
fn a_redirect_is_resolved_as_the_standard_says() {
    let page = "http://a/b/c/d;p?q";
    for (reference, url) in [
        ("g:h", "g:h"),
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"),
        ("g?y#s", "http://a/b/c/g?y"),
        (";x", "http://a/b/c/;x"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"),
        ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"),
        ("g?y/./x", "http://a/b/c/g?y/./x"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("g?to=http://b", "http://a/b/c/g?to=http://b"),
        ("HTTPS://b/", "HTTPS://b/"),
    ] {
        assert_eq!(resolve(page, reference), url, "{reference:?}");
    }
    for (page, url) in
        [("http://a", "http://a/g"), ("http://a?q", "http://a/g"), ("http://a:1/#s", "http://a:1/g")]
    {
        assert_eq!(resolve(page, "g"), url, "{page}");
    }
}

/// A program without TLS says how to build it with it, and does so before it asks anything.
#[test]
#[cfg(not(feature = "https"))]
fn fetch_says_how_to_have_tls() {
    let command = "`cargo run --release --features https --example fetch` builds it";
    let fetch = run("fetch", &["https://nonexistent.invalid/"]);
    let failed = "https://nonexistent.invalid/ failed: TLS is not built in: ";
    let failures =
        lines(&fetch).into_iter().filter(|line| line.starts_with(failed) && line.ends_with(command));
    assert_eq!(failures.count(), 2, "{fetch:?}");
    assert_eq!(fetch.status.code(), Some(1));

    let fetch = run("fetch", &["--cacert", "file", "http://nonexistent.invalid/"]);
    let error = String::from_utf8_lossy(&fetch.stderr);
    assert!(error.starts_with("fetch: --cacert: \"file\": TLS is not built in: "), "{error}");
    assert!(error.contains(command), "{error}");
    assert_eq!(fetch.status.code(), Some(2));
}

/// Some servers refuse requests without a `User-Agent`.
#[test]
fn both_clients_send_a_user_agent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        [(); 2].map(|()| {
            let stream = accept_soon(&listener);
            let head =
                BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
            let user_agents =
                head.filter(|line| line.to_lowercase() == "user-agent: boucle-examples").count();
            answer(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            user_agents
        })
    });
    assert!(run("fetch", &[&url]).status.success());
    assert_eq!(server.join().unwrap(), [1, 1]);
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

#[test]
fn fetch_answers_help_and_refuses_unknown_options() {
    expect_usage("fetch", "[URL]");
    expect_usage("fetch", "--cacert FILE");
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

/// How a page in a folder of a folder refers to the good one.
const WAYS: [&str; 4] = ["../../good", "/good", "//SITE/good#part", "http://SITE/good"];

/// Starts a server with good pages, and every kind of bad one.
fn site(address: &str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let site = listener.local_addr()?;
    thread::spawn(move || {
        loop {
            let (mut stream, request) = accept(&listener);
            let [_, path, version] = request.split(' ').collect::<Vec<_>>()[..] else { panic!("{request}") };
            let page = page(path, version, site).into_bytes();
            let page: Vec<u8> =
                page.into_iter().map(|byte| if byte == NO_UTF8 { 0xff } else { byte }).collect();
            stream.write_all(&page).unwrap();
        }
    });
    Ok(site)
}

/// Stands for a byte that UTF-8 does not have.
const NO_UTF8: u8 = 1;

/// What the site answers.
fn page(path: &str, version: &str, site: SocketAddr) -> String {
    let moved = |code: &str, to: &str| format!("HTTP/1.1 {code} Moved\r\nLocation: {to}\r\n\r\n");
    match (path, version) {
        ("/good" | "/a%20good%20%FF%C3%A0", _) => "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhéllo".into(),
        ("/chunked", "HTTP/1.1") => {
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhél\r\n2\r\nlo\r\n0\r\n\r\n".into()
        }
        ("/chunked", _) => "HTTP/1.0 200 OK\r\n\r\nhéllo".into(),
        ("/moved-away", _) => "HTTP/1.1 301 Moved Permanently\r\n\r\n".into(),
        ("/not-modified", _) => "HTTP/1.1 304 Not Modified\r\nLocation: /good\r\n\r\n".into(),
        ("/to-missing", _) => moved("302", "/missing"),
        ("/to-encode", _) => moved("302", "/a good \u{1}à"),
        ("/to-ftp", _) => moved("302", "ftp://localhost/"),
        ("/circle/0", _) => moved("302", "1"),
        ("/circle/1", _) => moved("302", "0#part"),
        ("/endless/10", _) => moved("302", "/good"),
        ("/close-at-once", _) => String::new(),
        ("/close-in-head", _) => "HTTP/1.1 200 OK\r\nContent-".into(),
        ("/close-in-body", _) => "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhél".into(),
        ("/not-http", _) => "220 ready\r\n\r\n".into(),
        _ => match path.split('/').collect::<Vec<_>>()[..] {
            ["", "endless", step] => moved("302", &(step.parse::<u8>().unwrap() + 1).to_string()),
            ["", "by", code, way] => {
                let reference = WAYS[way.parse::<usize>().unwrap()];
                moved(code, &reference.replace("SITE", &site.to_string()))
            }
            _ => "HTTP/1.1 404 Not Found\r\n\r\n".into(),
        },
    }
}
