//! The server: a loop on a thread of its own. Its protocol is lines: it sends `ready`, and answers
//! each line with the same line. Its delays stand for the network and for its work.

use std::io;
use std::net::{self, SocketAddr};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream};
use futures_lite::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use stage::requests::OpenRequests;

use super::timeline::Lane;

/// How long things take.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// A message on its way.
    pub(crate) network: Duration,
    /// The work for an answer.
    pub(crate) work: Duration,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    thread: JoinHandle<io::Result<usize>>,
}

impl Server {
    /// Starts a server for a number of connections.
    pub(crate) fn start(connections: usize, pace: Pace, lane: Lane) -> io::Result<Server> {
        let listener = net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let serve = move || boucle::run(serve(listener, connections, pace, lane));
        let thread = thread::Builder::new().spawn(serve)?;
        Ok(Server { address, thread })
    }

    /// Waits until all connections have been closed. Returns the most requests that were open at
    /// once.
    pub(crate) fn end(self) -> io::Result<usize> {
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

async fn serve(listener: net::TcpListener, connections: usize, pace: Pace, lane: Lane) -> io::Result<usize> {
    let listener = Rc::new(TcpListener::from_std(listener)?);
    let requests = Rc::new(OpenRequests::default());
    let conversations = (0..connections).map(|_| {
        let (listener, requests, lane) = (Rc::clone(&listener), Rc::clone(&requests), lane.clone());
        async move {
            let (stream, _) = listener.accept().await?;
            converse(stream, pace, &requests, &lane).await
        }
    });
    boucle::try_gather(conversations).await?;
    Ok(requests.take_most())
}

/// Answers what is asked on one connection, until the client closes it.
async fn converse(stream: TcpStream, pace: Pace, requests: &OpenRequests, lane: &Lane) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    boucle::sleep(pace.network).await;
    lane.runs("accepts a connection".to_owned());
    boucle::sleep(pace.network).await;
    stream.get_mut().write_all(b"ready\n").await?;
    let mut request = String::new();
    while stream.read_line(&mut request).await? > 0 {
        let open = requests.open();
        boucle::sleep(pace.network).await;
        lane.runs(format!("reads {}", request.trim_end()));
        boucle::sleep(pace.work).await;
        lane.runs(format!("sends {}", request.trim_end()));
        boucle::sleep(pace.network).await;
        drop(open);
        stream.get_mut().write_all(request.as_bytes()).await?;
        request.clear();
    }
    Ok(())
}
