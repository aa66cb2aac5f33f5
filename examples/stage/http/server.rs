//! A server that stands in for the web: hyper's, on a boucle loop in a thread of its own.

use std::convert::Infallible;
use std::io;
use std::net::{self, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use boucle::EventLoop;
use boucle::net::{TcpListener, TcpStream};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};

use crate::options::program;
use crate::requests::OpenRequests;

/// A server. It serves until the program ends.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    requests: Arc<OpenRequests>,
}

/// The content of a page; `None` is answered with the status 404.
pub type Content = Option<Vec<u8>>;

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

    /// As [`start`](Server::start), on a loop that is made by `new_loop`, on its thread.
    ///
    /// # Errors
    ///
    /// If no port can be listened on.
    pub fn start_on<A>(
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
        thread::spawn(move || {
            let served = new_loop().and_then(|it| it.block_on(serve(listener, Rc::new(find), counted)));
            served.unwrap_or_else(|error| eprintln!("{}: no server: {error}", program()));
        });
        Ok(Server { address, requests })
    }

    /// The most requests that were open at once since this was last called: [`OpenRequests::take_most`].
    pub fn take_most_open(&self) -> usize {
        self.requests.take_most()
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
            // If descriptors are lacking, some may be free soon.
            boucle::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (find, requests) = (Rc::clone(&find), Arc::clone(&requests));
        drop(boucle::spawn(async move { converse(stream, &*find, &requests).await }));
    }
}

/// Answers the requests on one connection.
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
    let connection = http1::Builder::new().serve_connection(stream, service_fn(answer));
    // It is an error if the client goes away, which does not matter to the server.
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
