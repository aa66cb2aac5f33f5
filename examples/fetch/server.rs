//! The server that stands in for www.irs.gov: hyper's, on a boucle loop in a thread of its own.
//!
//! It serves pages of the sizes that the course page saw, each after a delay that stands for the
//! network.

use std::convert::Infallible;
use std::io;
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use smol_hyper::rt::FuturesIo;

/// The URLs of the course page, all of which this server knows.
pub(crate) const URLS: [&str; 4] = [
    "http://www.irs.gov/pub/irs-pdf/f1040.pdf",
    "http://www.irs.gov/pub/irs-pdf/f1040ez.pdf",
    "http://www.irs.gov/pub/irs-pdf/f1040es.pdf",
    "http://www.irs.gov/pub/irs-pdf/f1040sb.pdf",
];

/// A server. It serves until the program ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<OpenRequests>,
}

/// The requests that were read, and whose response was not begun.
#[derive(Default)]
struct OpenRequests {
    now: AtomicUsize,
    /// The most there have been at once.
    most: AtomicUsize,
}

/// What is served: a text of so many bytes and characters, after a delay.
struct Page {
    bytes: usize,
    chars: usize,
    delay: Duration,
}

impl Server {
    pub(crate) fn start() -> io::Result<Server> {
        let listener = net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let requests = Arc::default();
        let counted = Arc::clone(&requests);
        thread::spawn(move || boucle::run(serve(listener, counted)));
        Ok(Server { address, requests })
    }

    /// The most requests that were open at once since this was last asked.
    ///
    /// If it is as many as there were requests, the server had read all of them before it began to
    /// answer one. If it is one, each was sent after the one before was answered.
    pub(crate) fn take_most_open(&self) -> usize {
        self.requests.most.swap(0, Relaxed)
    }
}

async fn serve(listener: net::TcpListener, requests: Arc<OpenRequests>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        drop(boucle::spawn(converse(stream, Arc::clone(&requests))));
    }
}

/// Answers what is asked on one connection.
async fn converse(stream: TcpStream, requests: Arc<OpenRequests>) {
    let service = service_fn(|request| answer(request, &requests));
    let connection = http1::Builder::new().serve_connection(FuturesIo::new(stream), service);
    // A client that goes away is no concern of the server's.
    let _ = connection.await;
}

async fn answer(
    request: Request<Incoming>,
    requests: &OpenRequests,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::default();
    match page(request.uri().path()) {
        Some(page) => {
            requests.begin();
            boucle::sleep(page.delay).await;
            requests.end();
            *response.body_mut() = page.text().into();
        }
        None => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}

impl OpenRequests {
    fn begin(&self) {
        let open = self.now.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(open, Relaxed);
    }

    fn end(&self) {
        self.now.fetch_sub(1, Relaxed);
    }
}

fn page(path: &str) -> Option<Page> {
    let (bytes, chars, millis) = match path {
        "/pub/irs-pdf/f1040.pdf" => (163_287, 163_287, 600),
        "/pub/irs-pdf/f1040ez.pdf" => (93_477, 93_397, 530),
        "/pub/irs-pdf/f1040es.pdf" => (303_413, 289_795, 460),
        "/pub/irs-pdf/f1040sb.pdf" => (76_237, 73_554, 670),
        _ => return None,
    };
    let delay = Duration::from_millis(millis);
    Some(Page {
        bytes,
        chars,
        delay,
    })
}

impl Page {
    /// As many two-byte characters as make the two counts differ, and one-byte characters for the
    /// rest.
    fn text(&self) -> String {
        let wide = self.bytes - self.chars;
        "é".repeat(wide) + &"e".repeat(self.chars - wide)
    }
}
