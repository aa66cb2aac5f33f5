//! The same echo as in `echo.rs`, by hand on mio: no futures, no tasks, one `match` for both ends. It takes
//! little more than the kernel's own time.

use std::io::{self, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};

use mio::{Events, Interest, Poll, Token, event};

use super::echo::{BUFFER, MESSAGE};
use super::socket::Socket;
use super::watch::{Spent, Watch};

/// mio's socket in place of std's.
pub trait ByHand: Socket {
    type Mio: event::Source;

    /// Whether a read that does not fill its buffer has read everything, so that none has to follow.
    const IS_STREAM: bool;

    fn into_mio(self) -> Self::Mio;
    fn receive(socket: &mut Self::Mio, to: &mut [u8]) -> io::Result<usize>;
    fn send(socket: &mut Self::Mio, bytes: &[u8]) -> io::Result<usize>;
}

macro_rules! by_hand {
    ($socket:ident, $is_stream:expr, $receive:ident, $send:ident) => {
        impl ByHand for $socket {
            type Mio = mio::net::$socket;

            const IS_STREAM: bool = $is_stream;

            fn into_mio(self) -> Self::Mio {
                mio::net::$socket::from_std(self)
            }

            fn receive(socket: &mut Self::Mio, to: &mut [u8]) -> io::Result<usize> {
                socket.$receive(to)
            }

            fn send(socket: &mut Self::Mio, bytes: &[u8]) -> io::Result<usize> {
                socket.$send(bytes)
            }
        }
    };
}

by_hand!(TcpStream, true, read, write);
by_hand!(UnixStream, true, read, write);
by_hand!(UdpSocket, false, recv, send);
by_hand!(UnixDatagram, false, recv, send);

/// One end of a connection.
struct End<S: ByHand> {
    socket: S::Mio,
    role: Role,
}

enum Role {
    /// Sends back what it reads.
    Server,
    /// How many requests are left to send, and how many bytes of an answer to read.
    Client { requests: usize, left: usize },
}

/// An echo over that many connections.
pub fn echo<S: ByHand>(connections: usize) -> impl Fn(usize) -> Spent {
    move |requests| {
        let mut poll = Poll::new().expect("the system gives a poller");
        let mut ends = connect::<S>(&poll, connections).expect("there are enough sockets");
        // As in `echo.rs`, the first request is not measured.
        ask_all(&mut poll, &mut ends, 1);
        let watch = Watch::start();
        ask_all(&mut poll, &mut ends, (requests / connections).max(1));
        watch.stop()
    }
}

/// All clients at the same time, each with that many requests one after the other.
fn ask_all<S: ByHand>(poll: &mut Poll, ends: &mut [End<S>], each: usize) {
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
fn connect<S: ByHand>(poll: &Poll, connections: usize) -> io::Result<Vec<End<S>>> {
    let mut ends = Vec::new();
    for _ in 0..connections {
        let (client, server) = S::pair()?;
        let asks = Role::Client { requests: 0, left: 0 };
        for (socket, role) in [(client, asks), (server, Role::Server)] {
            let mut socket = socket.into_mio();
            let token = Token(ends.len());
            poll.registry().register(&mut socket, token, Interest::READABLE)?;
            ends.push(End { socket, role });
        }
    }
    Ok(ends)
}

impl<S: ByHand> End<S> {
    /// Reads what there is, and does what comes next; false when this was the end of the last answer.
    fn is_readable(&mut self) -> io::Result<bool> {
        let mut buffer = [0; BUFFER];
        loop {
            let count = S::receive(&mut self.socket, &mut buffer)?;
            assert_ne!(count, 0, "no end hangs up");
            match &mut self.role {
                Role::Server => self.send(&buffer[..count])?,
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
            if S::IS_STREAM {
                return Ok(true);
            }
        }
    }

    /// Sends a request, if this is a client.
    fn ask(&mut self) -> io::Result<()> {
        if let Role::Client { requests, left } = &mut self.role {
            *requests -= 1;
            *left = MESSAGE.len();
            self.send(&MESSAGE)?;
        }
        Ok(())
    }

    /// Sends all at once: there is room, since one message is on its way at a time.
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let count = S::send(&mut self.socket, message)?;
        assert_eq!(count, message.len(), "it is sent as a whole");
        Ok(())
    }
}
