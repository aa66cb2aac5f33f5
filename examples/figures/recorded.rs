//! Figures 1, 2 and 7: a client's loop and a server's, recorded together.

use std::net::SocketAddr;
use std::time::Duration;

use boucle::trace::{Recorder, Trace};
use boucle::{EventLoop, JoinHandle};
use http_body_util::BodyExt;
use stage::http::{self, Failure};

use super::server::{self, Delays, PAGES};

/// The second page is faster, so that figure 7 shows it coming first.
const DELAYS: Delays = [Duration::from_millis(150), Duration::from_millis(100)];

/// What two loops did, the client's first.
pub(crate) struct Recording {
    pub(crate) trace: Trace,
    /// The most requests that the server had open at once.
    pub(crate) most_open: usize,
}

/// Asks for a page, in a task of its own.
fn fetch(page: &'static str, server: SocketAddr) -> JoinHandle<Result<(), Failure>> {
    boucle::spawn_named(page, async move {
        let response = http::get(&server::target(page, server)?).await?;
        http::expect_ok(response.status())?;
        response.collect().await?;
        Ok(())
    })
}

/// Figure 1.
pub(crate) async fn one(server: SocketAddr) -> Result<(), Failure> {
    fetch(PAGES[0], server).await?
}

/// Figure 2: the second page is asked for when the first one has come.
pub(crate) async fn in_sequence(server: SocketAddr) -> Result<(), Failure> {
    for page in PAGES {
        fetch(page, server).await??;
    }
    Ok(())
}

/// Figure 7: both are asked for, then awaited.
pub(crate) async fn at_once(server: SocketAddr) -> Result<(), Failure> {
    for task in PAGES.map(|page| fetch(page, server)) {
        task.await??;
    }
    Ok(())
}

/// Runs a client against a server, and records both.
pub(crate) fn record(
    client: impl AsyncFnOnce(SocketAddr) -> Result<(), Failure>,
) -> Result<Recording, Failure> {
    let recorder = Recorder::new();
    let event_loop = EventLoop::builder().observe(recorder.clone()).build()?;
    let server = event_loop.block_on(async {
        // Only now that the recorder has the client's loop: so that is the first of the trace.
        let observer = recorder.clone();
        let new_loop = || EventLoop::builder().observe(observer).build();
        let server = server::start(DELAYS, new_loop)?;
        client(server.address).await?;
        Ok::<_, Failure>(server)
    })?;
    drop(event_loop);
    Ok(Recording { trace: recorder.trace(), most_open: server.take_most_open() })
}
