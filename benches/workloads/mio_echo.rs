//! The same echo over TCP as in `tcp.rs`, by hand on mio: no futures, no tasks, one `match` for both ends.
//! What the kernel takes, and as little more as one can write.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::tcp::{BUFFER, MESSAGE};
use super::watch::{Spent, Watch};

/// One end of a connection.
struct End {
    stream: TcpStream,
    role: Role,
}

enum Role {
    /// Sends back what it reads.
    Server,
    /// How many requests are left to send, and how many bytes of an answer to read.
    Client { requests: usize, left: usize },
}

/// An echo over that many connections.
pub fn echo(connections: usize) -> impl Fn(usize) -> Spent {
    move |requests| {
        let mut poll = Poll::new().expect("the system gives a poller");
        let mut ends = connect(&poll, connections).expect("there are enough sockets");
        // As in `tcp.rs`, the first request is not measured.
        ask_all(&mut poll, &mut ends, 1);
        let watch = Watch::start();
        ask_all(&mut poll, &mut ends, (requests / connections).max(1));
        watch.stop()
    }
}

/// All clients at the same time, each with that many requests one after the other.
fn ask_all(poll: &mut Poll, ends: &mut [End], each: usize) {
    let mut events = Events::with_capacity(1_024);
    let mut asking = 0;
    for end in ends.iter_mut() {
        if let Role::Client { requests, .. } = &mut end.role {
            *requests = each;
            asking += 1;
            end.ask().expect("the server reads");
        }
    }
    while asking > 0 {
        poll.poll(&mut events, None).expect("the kernel answers");
        for event in &events {
            match ends[event.token().0].is_readable() {
                Ok(goes_on) => asking -= usize::from(!goes_on),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
    }
}

/// Pairs of a client and its server.
fn connect(poll: &Poll, connections: usize) -> io::Result<Vec<End>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut ends = Vec::new();
    for _ in 0..connections {
        let client = std::net::TcpStream::connect(listener.local_addr()?)?;
        let (server, _peer) = listener.accept()?;
        let asks = Role::Client { requests: 0, left: 0 };
        for (stream, role) in [(client, asks), (server, Role::Server)] {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let token = Token(ends.len());
            poll.registry().register(&mut stream, token, Interest::READABLE)?;
            ends.push(End { stream, role });
        }
    }
    Ok(ends)
}

impl End {
    /// Reads, and does what comes next; false when this was the end of the last answer. A read that fills less
    /// than the buffer has read everything, so no second one asks.
    fn is_readable(&mut self) -> io::Result<bool> {
        let mut buffer = [0; BUFFER];
        let count = self.stream.read(&mut buffer)?;
        assert_ne!(count, 0, "no end hangs up");
        match &mut self.role {
            Role::Server => self.stream.write_all(&buffer[..count])?,
            Role::Client { requests, left } => {
                *left -= count;
                if *left == 0 {
                    if *requests == 0 {
                        return Ok(false);
                    }
                    self.ask()?;
                }
            }
        }
        Ok(true)
    }

    /// Sends a request, if this is a client.
    fn ask(&mut self) -> io::Result<()> {
        if let Role::Client { requests, left } = &mut self.role {
            *requests -= 1;
            *left = MESSAGE.len();
            self.stream.write_all(&MESSAGE)?;
        }
        Ok(())
    }
}
