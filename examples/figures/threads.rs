//! Figures 5 and 6: two pages on two threads, and when each of them came to each step.

use std::io::Read;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use boucle::EventLoop;
use stage::http::blocking::{self, Step};
use stage::http::{self, Failure};

use super::server::{self, Delays, PAGES};

/// When a thread came to each step, counted from the common start.
#[derive(Debug)]
pub(crate) struct Moments {
    pub(crate) page: &'static str,
    pub(crate) begun: Duration,
    pub(crate) connected: Duration,
    pub(crate) sent: Duration,
    /// The first bytes of the answer are there: the kernel has woken the thread.
    pub(crate) answered: Duration,
    /// A piece of the page was read; the last one is its end.
    pub(crate) pieces: Vec<Duration>,
    pub(crate) done: Duration,
}

/// What two threads measured.
pub(crate) struct Measured {
    pub(crate) threads: [Moments; 2],
    /// The most requests that the server had open at once.
    pub(crate) most_open: usize,
}

/// Fetches a page, and measures each step. Blocks the thread.
fn fetch(page: &'static str, server: SocketAddr, begin: Instant) -> Result<Moments, Failure> {
    let begun = begin.elapsed();
    let [mut connected, mut sent, mut answered] = [begun; 3];
    let target = server::target(page, server)?;
    let mut response = blocking::get_step_by_step(&target, |step| match step {
        Step::Connected => connected = begin.elapsed(),
        Step::Sent => sent = begin.elapsed(),
        Step::Answered => answered = begin.elapsed(),
    })?;
    http::expect_ok(response.status)?;
    let mut pieces = Vec::new();
    let mut piece = vec![0; 16 * 1024];
    while response.read(&mut piece)? > 0 {
        pieces.push(begin.elapsed());
    }
    let done = begin.elapsed();
    Ok(Moments { page, begun, connected, sent, answered, pieces, done })
}

/// Asks for both pages, each on a thread of its own.
pub(crate) fn on_two_threads(delays: Delays) -> Result<Measured, Failure> {
    let server = server::start(delays, EventLoop::new)?;
    let both = Barrier::new(PAGES.len());
    let begin = Instant::now();
    thread::scope(|scope| {
        let threads = PAGES.map(|page| {
            scope.spawn(|| {
                both.wait();
                fetch(page, server.address, begin)
            })
        });
        let [one, other] = threads.map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        Ok(Measured { threads: [one?, other?], most_open: server.take_most_open() })
    })
}
