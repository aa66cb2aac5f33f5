//! The client of `blocking.rs` as a coroutine: the same code, with an `await` wherever that blocks.

use std::io;
use std::net::SocketAddr;

use boucle::net::TcpStream;
use futures_lite::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::timeline::{Lane, Timeline};

/// A page, in three round trips.
async fn page(number: usize, server: SocketAddr, lane: Lane) -> io::Result<()> {
    lane.runs(format!("page {number}: connects"));
    let mut stream = connect(server, &lane).await?;
    for part in [1, 2] {
        lane.runs(format!("page {number}: asks for part {part}"));
        ask(&mut stream, &format!("page {number}, part {part}\n"), &lane).await?;
    }
    lane.runs(format!("page {number}: is there"));
    lane.waits();
    Ok(())
}

/// Figure 7: two pages at once, on one thread.
pub(crate) async fn at_once(server: SocketAddr, timeline: &Timeline) -> io::Result<()> {
    let pages = [1, 2].map(|number| page(number, server, timeline.lane(number - 1)));
    boucle::try_gather(pages).await?;
    Ok(())
}

/// Connects, and waits until the server is ready. To connect is to await already.
async fn connect(server: SocketAddr, lane: &Lane) -> io::Result<BufReader<TcpStream>> {
    lane.waits();
    let mut stream = BufReader::new(TcpStream::connect(server).await?);
    hear(&mut stream).await?;
    Ok(stream)
}

async fn ask(stream: &mut BufReader<TcpStream>, request: &str, lane: &Lane) -> io::Result<()> {
    stream.get_mut().write_all(request.as_bytes()).await?;
    lane.waits();
    hear(stream).await
}

/// Waits for a line from the server.
async fn hear(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    match stream.read_line(&mut String::new()).await? {
        0 => Err(io::Error::other("the server closed the connection")),
        _ => Ok(()),
    }
}
