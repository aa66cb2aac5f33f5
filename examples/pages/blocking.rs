//! The client that blocks: its thread waits in `connect` and in `read_line`.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

use super::timeline::{Lane, Timeline};

/// Figure 1: a page, in three round trips.
pub(crate) fn page(number: usize, server: SocketAddr, lane: &Lane) -> io::Result<()> {
    lane.runs(format!("page {number}: connects"));
    let mut stream = connect(server, lane)?;
    for part in [1, 2] {
        lane.runs(format!("page {number}: asks for part {part}"));
        ask(&mut stream, &format!("page {number}, part {part}\n"), lane)?;
    }
    lane.runs(format!("page {number}: is there"));
    lane.waits();
    Ok(())
}

/// Figure 2: two pages, one after the other.
pub(crate) fn in_sequence(server: SocketAddr, timeline: &Timeline) -> io::Result<()> {
    let lane = timeline.lane(0);
    page(1, server, &lane)?;
    page(2, server, &lane)
}

/// Figures 5 and 6: two pages, each on a thread of its own.
pub(crate) fn on_two_threads(server: SocketAddr, timeline: &Timeline) -> io::Result<()> {
    thread::scope(|scope| {
        let threads = [1, 2].map(|number| {
            let lane = timeline.lane(number - 1);
            scope.spawn(move || page(number, server, &lane))
        });
        threads.into_iter().try_for_each(join)
    })
}

fn join(thread: ScopedJoinHandle<'_, io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Connects, and waits for the server's `ready`, which stands for the network: within one machine,
/// connecting takes no time.
fn connect(server: SocketAddr, lane: &Lane) -> io::Result<BufReader<TcpStream>> {
    let mut stream = BufReader::new(TcpStream::connect(server)?);
    lane.waits();
    hear(&mut stream)?;
    Ok(stream)
}

fn ask(stream: &mut BufReader<TcpStream>, request: &str, lane: &Lane) -> io::Result<()> {
    stream.get_mut().write_all(request.as_bytes())?;
    lane.waits();
    hear(stream)
}

/// Waits for a line from the server.
fn hear(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    match stream.read_line(&mut String::new())? {
        0 => Err(io::Error::other("the server closed the connection")),
        _ => Ok(()),
    }
}
