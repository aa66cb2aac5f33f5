//! The summaries of three pages of an encyclopedia, asked for through its API: one after the other,
//! then concurrently.
//!
//! From the course "Python avancé: Fonctions asynchrones" by DataScientest, the exercise.
//!
//! ```sh
//! cargo run --release --example wiki
//! ```
//!
//! prints, as it waits 0.6 s before each page instead of 6 (the times and the port vary),
//!
//! ```text
//! (a local server stands in for fr.wikipedia.org: 127.0.0.1:33219)
//! Subroutine :
//!
//!  Une coroutine rend la main avant d'avoir fini, et reprend plus tard là où elle en était.
//!
//!  Un thread est un fil d'exécution : le système décide quand il avance et quand il attend.
//!
//!  Un programme concurrent mène plusieurs activités dans un même intervalle de temps.
//!
//! Durée totale d'exécution: 2.40 secondes
//! (the most requests that the server had open at once: 1)
//!
//! Coroutine :
//!
//!  Une coroutine rend la main avant d'avoir fini, et reprend plus tard là où elle en était.
//!
//!  Un thread est un fil d'exécution : le système décide quand il avance et quand il attend.
//!
//!  Un programme concurrent mène plusieurs activités dans un même intervalle de temps.
//!
//! Durée totale d'exécution: 0.90 secondes
//! (the most requests that the server had open at once: 3)
//! ```
//!
//! In sequence, the three waits and the three fetches add up. Concurrently, the time is that of the
//! page that comes last.
//!
//! The course's own solution gains less: its coroutine fetches with `wikipedia.summary`, which
//! blocks. There the waits overlap, but during a fetch the loop stands still, so the pages come one
//! after the other. Here the fetches overlap as well. The server shows it without a clock: it had read
//! all three requests before it answered one.
//!
//! The server in this program answers in the form of that API, after delays that stand for the
//! network. It knows three pages; for others, and for another server,
//! `cargo run --release --example wiki -- --server http://HOST:PORT Générateur`. The exit status is
//! 1 if a summary did not come.
//!
//! Read next: `wiki.rs` beside this file, the subroutine and the coroutine; `api.rs`, from a title
//! to a URL, and from JSON to a summary; `server.rs`, the other side.

mod api;
mod server;
mod wiki;

use std::process::ExitCode;
use std::time::Duration;

use stage::http::{Server, Target};
use stage::options::Arg::{Long, Value};
use stage::options::{self, ValueExt};
use stage::println;
use wiki::{Site, coroutines, subroutines};

const HELP: &str = "\
Prints the summaries of pages of a wiki, one after the other, then concurrently.

usage: wiki [--scale S] [--server URL] [PAGE]...

Without a PAGE, these: Coroutine, Threading, Programmation_concurrente.

  --scale S     multiply the wait before each page, 6 s, by S (0.1); the course's own is --scale 1
  --server URL  ask the server at http://HOST:PORT, which must speak MediaWiki's API (a server in
                this program, which stands in for fr.wikipedia.org and knows these three pages)

The exit status is 1 if a summary did not come; its line says why.";

/// The pages of the course.
const PAGES: [&str; 3] = ["Coroutine", "Threading", "Programmation_concurrente"];

struct Options {
    wait: Duration,
    server: Option<String>,
    pages: Vec<String>,
}

fn options() -> Options {
    options::read(HELP, |arguments| {
        let (mut scale, mut server, mut pages) = (0.1, None, Vec::new());
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("scale") => scale = options::factor(arguments)?,
                Long("server") => {
                    let is_site = |url: &String| {
                        let is_bare = |target: Target| target.path == "/";
                        !url.contains('#') && Target::new(url, None).is_ok_and(is_bare)
                    };
                    server = Some(options::value(arguments, "server", "http://HOST:PORT", is_site)?);
                }
                Value(page) => pages.push(page.string()?),
                option => return Err(option.unexpected()),
            }
        }
        if pages.is_empty() {
            pages = PAGES.map(String::from).to_vec();
        }
        let wait = Duration::from_secs(6).mul_f64(scale);
        Ok(Options { wait, server, pages })
    })
}

/// Starts the server in this program.
fn stand_in() -> Server {
    let server = server::start().expect("a server can listen on 127.0.0.1");
    let address = server.address;
    println!("(a local server stands in for fr.wikipedia.org: {address})");
    server
}

/// Prints how many requests the server in this program had open, if it is the one that was asked.
fn print_most_open(server: Option<&Server>) {
    if let Some(server) = server {
        let most = server.take_most_open();
        println!("(the most requests that the server had open at once: {most})");
    }
}

fn main() -> ExitCode {
    let Options { wait, server, pages } = options();
    let (server, url) = match server {
        Some(url) => (None, url),
        None => {
            let server = stand_in();
            let url = format!("http://{}", server.address);
            (Some(server), url)
        }
    };
    let site = Site { url, wait };
    let all_came = subroutines(&site, &pages);
    print_most_open(server.as_ref());
    println!();
    let all_came_again = boucle::run(coroutines(&site, &pages));
    print_most_open(server.as_ref());
    if all_came && all_came_again { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
