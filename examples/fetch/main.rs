//! Four pages at once on one thread, then one after the other: what a program that waits gains by `await`.
//!
//! From the course page "la programmation asynchrone en Python", "un exemple".
//!
//! ```sh
//! cargo run --release --example fetch
//! ```
//!
//! prints (the times and the port vary)
//!
//! ```text
//! (a local server stands in for www.irs.gov: 127.0.0.1:33219)
//! fetching http://www.irs.gov/pub/irs-pdf/f1040.pdf
//! fetching http://www.irs.gov/pub/irs-pdf/f1040ez.pdf
//! fetching http://www.irs.gov/pub/irs-pdf/f1040es.pdf
//! fetching http://www.irs.gov/pub/irs-pdf/f1040sb.pdf
//! http://www.irs.gov/pub/irs-pdf/f1040es.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040es.pdf returned 303413 bytes
//! http://www.irs.gov/pub/irs-pdf/f1040ez.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040ez.pdf returned 93477 bytes
//! http://www.irs.gov/pub/irs-pdf/f1040.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040.pdf returned 163287 bytes
//! http://www.irs.gov/pub/irs-pdf/f1040sb.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040sb.pdf returned 76237 bytes
//! Durée totale 0.673s
//! (the most requests that the server had open at once: 4)
//! fetching http://www.irs.gov/pub/irs-pdf/f1040.pdf synchroneously (blocking)
//! http://www.irs.gov/pub/irs-pdf/f1040.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040.pdf returned 163287 chars
//! fetching http://www.irs.gov/pub/irs-pdf/f1040ez.pdf synchroneously (blocking)
//! http://www.irs.gov/pub/irs-pdf/f1040ez.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040ez.pdf returned 93397 chars
//! fetching http://www.irs.gov/pub/irs-pdf/f1040es.pdf synchroneously (blocking)
//! http://www.irs.gov/pub/irs-pdf/f1040es.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040es.pdf returned 289795 chars
//! fetching http://www.irs.gov/pub/irs-pdf/f1040sb.pdf synchroneously (blocking)
//! http://www.irs.gov/pub/irs-pdf/f1040sb.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040sb.pdf returned 73554 chars
//! Durée totale 2.266s
//! (the most requests that the server had open at once: 1)
//!
//! At once 0.67s, in sequence 2.27s: 3.4 times as long.
//! On one thread the waits overlap: they last as long as the longest, not as their
//! sum. So if the network stays the same, the ratio is at most the number of URLs, 4.
//! (The course page measured 0.67 s and 8.06 s: its network was not the same both times.)
//!
//! Read next: examples/fetch/fetch.rs, then examples/stage/http/client.rs.
//! Run next: cargo run --release --example step
//! ```
//!
//! Each coroutine runs until its first `await`, so the four `fetching` come first. The other lines come
//! in the order in which the answers arrive. The blocking function keeps the thread until its page has
//! come. The server shows without a clock that the waits overlap the first time, and not the second: it
//! counts the requests that it has read and not begun to answer.
//!
//! The pages come from a server in this program, whose delays stand for the network. URLs on the
//! command line are fetched from the network, by way of up to ten redirects:
//! `cargo run --release --example fetch -- http://example.com/`. The exit status is 1 if one of
//! them could not be fetched.
//!
//! Pages that have moved to `https://`, as the course's have, need TLS. It takes as long to build as
//! all the rest, so it is a feature:
//!
//! ```sh
//! cargo run --release --features https --example fetch -- https://www.irs.gov/pub/irs-pdf/f1040.pdf
//! ```
//!
//! Read next: `fetch.rs` beside this file, the coroutine and the function; `server.rs`, the other
//! side; `redirects.rs`, pages that have moved; then, in `examples/stage/http/`, `client.rs`, a
//! request by hyper over boucle's socket, `blocking.rs`, the same without a loop, and `tls.rs`, which
//! puts rustls between hyper and the socket; and `src/net/source.rs`, how a task waits for a socket.

mod fetch;
mod redirects;
mod server;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use fetch::{concurrently, in_sequence};
use stage::http::{self, Server, tls};
use stage::options::{self, Arg::Long, Arg::Value, ValueExt};
use stage::println;

const HELP: &str = "\
Fetches URLs concurrently, on one thread, then one after the other, and compares the times.

usage: fetch [--cacert FILE] [URL]...

A URL begins with http://, or with https:// if the program was built with `--features https`.
Up to ten redirects are followed. Without a URL, a server in this program stands in for
www.irs.gov, and its four pages are fetched.

  --cacert FILE  trust the authorities whose certificates are in this file, in PEM, and no others
                 (those on Mozilla's list)
  --help         print this

The exit status is 1 if a URL could not be fetched; its line says why.";

/// Fetches the URLs both ways, and prints what was gained. Returns whether all came, both times.
fn compare(urls: &[String], server: Option<&Server>) -> bool {
    let address = server.map(|server| server.address);
    let at_once = || boucle::run(concurrently(urls.to_vec(), address));
    let (all_came, at_once) = timed(at_once, server);
    let (all_came_again, in_turn) = timed(|| in_sequence(urls, address), server);
    if all_came && all_came_again {
        let (ratio, count) = (in_turn / at_once, urls.len());
        println!();
        println!("At once {at_once:.2}s, in sequence {in_turn:.2}s: {ratio:.1} times as long.");
        if count > 1 {
            println!("On one thread the waits overlap: they last as long as the longest, not as their");
            println!(
                "sum. So if the network stays the same, the ratio is at most the number of URLs, {count}."
            );
        }
    }
    all_came && all_came_again
}

/// Prints how long `fetch` took, and what the server saw of it. Returns whether all URLs came, and
/// the seconds.
fn timed(fetch: impl FnOnce() -> Vec<bool>, server: Option<&Server>) -> (bool, f64) {
    let begin = Instant::now();
    let came = fetch();
    let seconds = begin.elapsed().as_secs_f64();
    println!("Durée totale {seconds:.3}s");
    if let Some(server) = server {
        let most = server.take_most_open();
        println!("(the most requests that the server had open at once: {most})");
    }
    (!came.contains(&false), seconds)
}

fn demo() -> bool {
    let server = server::start().expect("a server can listen on 127.0.0.1");
    let address = server.address;
    println!("(a local server stands in for www.irs.gov: {address})");
    let all_came = compare(&server::URLS.map(String::from), Some(&server));
    if all_came {
        println!("(The course page measured 0.67 s and 8.06 s: its network was not the same both times.)");
    }
    println!();
    println!("Read next: examples/fetch/fetch.rs, then examples/stage/http/client.rs.");
    println!("Run next: cargo run --release --example step");
    all_came
}

/// Returns the URLs on the command line. `--cacert` takes effect for the whole program.
fn urls() -> Vec<String> {
    options::read(HELP, |arguments| {
        let mut urls = Vec::new();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("cacert") => {
                    let file = arguments.value()?;
                    tls::trust_only(Path::new(&file))
                        .map_err(|why| format!("--cacert: {file:?}: {}", http::with_causes(&why)))?;
                }
                Value(url) => urls.push(url.string()?),
                option => return Err(option.unexpected()),
            }
        }
        Ok(urls)
    })
}

fn main() -> ExitCode {
    let urls = urls();
    let all_came = if urls.is_empty() { demo() } else { compare(&urls, None) };
    if all_came { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
