//! A server that stands in for the web: hyper's, on a boucle loop in a thread of its own.

use std::convert::Infallible;
use std::io;
use std::net::{self, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use boucle::EventLoop;
use boucle::net::{TcpListener, TcpStream};
use boucle::trace::Recorder;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use smol_hyper::rt::FuturesIo;

/// A server. It serves until the program ends.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    requests: Arc<OpenRequests>,
}

/// What is found at a path; `None` is answered with the status 404.
pub type Content = Option<Vec<u8>>;

/// The requests that were read, and whose response was not begun.
#[derive(Default)]
struct OpenRequests {
    now: AtomicUsize,
    /// The most there have been at once.
    most: AtomicUsize,
}

impl Server {
    /// Starts a server on the loopback, on a port that is free. `find` may sleep, to stand for a
    /// network that is slow.
    ///
    /// # Errors
    ///
    /// If no port can be listened on.
    pub fn start<A>(find: impl Fn(Uri) -> A + Send + 'static) -> io::Result<Server>
    where
        A: Future<Output = Content> + 'static,
    {
        Server::start_on(EventLoop::new, find)
    }

    /// As [`start`](Server::start); and its loop is recorded.
    ///
    /// # Errors
    ///
    /// If no port can be listened on.
    pub fn start_recorded<A>(
        find: impl Fn(Uri) -> A + Send + 'static,
        recorder: Recorder,
    ) -> io::Result<Server>
    where
        A: Future<Output = Content> + 'static,
    {
        Server::start_on(|| EventLoop::builder().observe(recorder).build(), find)
    }

    /// The loop is made on the thread that runs it.
    fn start_on<A>(
        new_loop: impl FnOnce() -> io::Result<EventLoop> + Send + 'static,
        find: impl Fn(Uri) -> A + Send + 'static,
    ) -> io::Result<Server>
    where
        A: Future<Output = Content> + 'static,
    {
        let listener = net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let requests = Arc::default();
        let counted = Arc::clone(&requests);
        thread::spawn(move || new_loop()?.block_on(serve(listener, Rc::new(find), counted)));
        Ok(Server { address, requests })
    }

    /// The most requests that were open at once since this was last asked.
    ///
    /// If it is as many as there were requests, the server had read all of them before it began to
    /// answer one. If it is one, each was sent after the one before was answered.
    pub fn take_most_open(&self) -> usize {
        self.requests.most.swap(0, Relaxed)
    }
}

async fn serve<A>(
    listener: net::TcpListener,
    find: Rc<impl Fn(Uri) -> A + 'static>,
    requests: Arc<OpenRequests>,
) -> io::Result<()>
where
    A: Future<Output = Content> + 'static,
{
    let listener = TcpListener::from_std(listener)?;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Perhaps descriptors are lacking. In a while some may be free.
            boucle::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (find, requests) = (Rc::clone(&find), Arc::clone(&requests));
        drop(boucle::spawn(async move {
            converse(stream, &*find, &requests).await
        }));
    }
}

/// Answers what is asked on one connection.
async fn converse<A>(stream: TcpStream, find: &impl Fn(Uri) -> A, requests: &OpenRequests)
where
    A: Future<Output = Content>,
{
    let answer = async |request: Request<Incoming>| {
        let open = requests.open();
        let content = find(request.uri().clone()).await;
        drop(open);
        Ok::<_, Infallible>(response(content))
    };
    let connection =
        http1::Builder::new().serve_connection(FuturesIo::new(stream), service_fn(answer));
    // A client that goes away is no concern of the server's.
    let _ = connection.await;
}

fn response(content: Content) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    match content {
        Some(bytes) => *response.body_mut() = bytes.into(),
        None => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    response
}

/// A request is open until this is dropped, be it because the client has gone away.
struct Open<'a>(&'a OpenRequests);

impl OpenRequests {
    fn open(&self) -> Open<'_> {
        let open = self.now.fetch_add(1, Relaxed) + 1;
        self.most.fetch_max(open, Relaxed);
        Open(self)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Relaxed);
    }
}
