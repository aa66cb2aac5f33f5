//! The server that stands in for the web: two pages, each after a delay that stands for the
//! network.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use boucle::EventLoop;
use stage::http::{Content, Failure, Server, Target};

pub(crate) const PAGES: [&str; 2] = ["page 1", "page 2"];

/// How long each page takes.
pub(crate) type Delays = [Duration; 2];

/// The request for a page, to this server.
pub(crate) fn target(page: &str, server: SocketAddr) -> Result<Target, Failure> {
    let path = page.replace(' ', "-");
    Target::new(&format!("http://www.example.org/{path}"), Some(server))
}

pub(crate) fn start(
    delays: Delays,
    new_loop: impl FnOnce() -> io::Result<EventLoop> + Send + 'static,
) -> io::Result<Server> {
    Server::start_on(new_loop, move |uri| answer(uri.path().to_owned(), delays))
}

/// The delay is a task of its own, so that a recording shows which page it is for.
async fn answer(path: String, delays: Delays) -> Content {
    let asked = path.trim_start_matches('/').replace('-', " ");
    let index = PAGES.iter().position(|page| *page == asked)?;
    let delay = boucle::sleep(delays[index]);
    boucle::spawn_named(format!("finds {asked}"), delay).await.expect("to sleep does not panic");
    Some(vec![b'e'; 300_000])
}
