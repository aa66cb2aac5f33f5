//! The server with callbacks, on mio alone: one thread, and no coroutine.
//!
//! A handler is cut in two where it would wait. The second part is a function that is kept with the client
//! until its socket is ready; the variables that it needs are moved into it by hand.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};

use super::report;

/// What to do with a client when its socket is ready.
pub(crate) type Callback = Box<dyn FnOnce(TcpStream) -> io::Result<Next>>;

/// What a callback returns: the next one and the side of the socket that it needs, or the end.
pub(crate) enum Next {
    OnReadable(TcpStream, Callback),
    OnWritable(TcpStream, Callback),
    Closed,
}

/// The first piece of the handler: when there is data, read it.
pub(crate) fn on_data(mut client: TcpStream) -> io::Result<Next> {
    let mut data = vec![0; 64 * 1024];
    match client.read(&mut data) {
        Ok(count) => {
            data.truncate(count);
            write(client, data)
        }
        Err(error) if must_wait(&error) => Ok(Next::OnReadable(client, Box::new(on_data))),
        Err(error) => Err(error),
    }
}

/// The second piece: write it back, and when all of it is written, close.
pub(crate) fn write(mut client: TcpStream, mut data: Vec<u8>) -> io::Result<Next> {
    while !data.is_empty() {
        match client.write(&data) {
            Ok(count) => drop(data.drain(..count)),
            Err(error) if must_wait(&error) => {
                let on_written = Box::new(|client| write(client, data));
                return Ok(Next::OnWritable(client, on_written));
            }
            Err(error) => return Err(error),
        }
    }
    client.flush()?;
    // The end is sent first, or a close with bytes unread is a reset. An error means that the client is gone.
    let _ = client.shutdown(Shutdown::Write);
    Ok(Next::Closed)
}

/// Serves clients for ever, or until one was served.
pub(crate) fn serve(listener: std::net::TcpListener, once: bool) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(128);
    let mut clients = Clients::default();
    let mut timeout = None;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    loop {
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            if clients.call(event, poll.registry()) && once {
                return Ok(());
            }
        }
        // If descriptors have run out, it is tried again after any event, and after a while: no event reports
        // that there are some again.
        timeout = (!clients.accept(&listener, poll.registry())).then_some(RETRY);
    }
}

const LISTENER: Token = Token(0);
const RETRY: Duration = Duration::from_millis(100);

/// The clients, each with its next callback.
#[derive(Default)]
struct Clients {
    waiting: HashMap<Token, (TcpStream, Callback)>,
    accepted: usize,
}

impl Clients {
    /// Accepts the clients that wait. An error concerns one client, or descriptors are lacking: the listener
    /// stays, and it returns false.
    fn accept(&mut self, listener: &TcpListener, registry: &Registry) -> bool {
        loop {
            match listener.accept() {
                Ok((client, _)) => {
                    self.accepted += 1;
                    let next = Next::OnReadable(client, Box::new(on_data));
                    if let Err(error) = self.wait(Token(self.accepted), next, registry) {
                        report::lost(&error);
                    }
                }
                Err(error) if must_wait(&error) => return true,
                Err(error) => {
                    report::cannot_accept(&error);
                    return false;
                }
            }
        }
    }

    /// Calls the callback of a client whose socket is ready. Returns whether that client was served.
    fn call(&mut self, event: &Event, registry: &Registry) -> bool {
        let Some((mut client, callback)) = self.waiting.remove(&event.token()) else {
            return false;
        };
        let result = registry.deregister(&mut client);
        let served = match result.and_then(|()| callback(client)) {
            Ok(Next::Closed) => Ok(true),
            Ok(next) => self.wait(event.token(), next, registry).map(|()| false),
            Err(error) => Err(error),
        };
        served.unwrap_or_else(|error| {
            report::lost(&error);
            false
        })
    }

    fn wait(&mut self, token: Token, next: Next, registry: &Registry) -> io::Result<()> {
        let (mut client, interest, callback) = match next {
            Next::OnReadable(client, callback) => (client, Interest::READABLE, callback),
            Next::OnWritable(client, callback) => (client, Interest::WRITABLE, callback),
            Next::Closed => return Ok(()),
        };
        registry.register(&mut client, token, interest)?;
        self.waiting.insert(token, (client, callback));
        Ok(())
    }
}

fn must_wait(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}
