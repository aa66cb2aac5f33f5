//! The k-th descriptor that a program takes is refused, for each k. The program gets an error that says so,
//! and goes on when descriptors are free again.

use std::cell::Cell;
use std::fs::File;
use std::future::pending;
use std::io::{self, Read, Write};
use std::net::{self, SocketAddr};
use std::os::fd::AsRawFd;
use std::panic::{set_hook, take_hook};
use std::rc::Rc;
use std::sync::mpsc;

use boucle::net::{ServeError, TcpListener, TcpStream, UdpSocket, serve};
use boucle::{EventLoop, sleep};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::common::{
    Gate, LONG, SECOND, listen, own_binary, panic_of, passes_alone, run, virtual_loop, virtually,
};
use crate::open_descriptors;

/// How many clients there are, each with one connection.
const CLIENTS: usize = 8;

/// How many descriptors were refused.
#[derive(Default)]
struct Refusals(Cell<usize>);

impl Refusals {
    fn count(&self, error: &io::Error) {
        assert!(error.to_string().contains("(os error 24)"), "not EMFILE: {error}");
        self.0.set(self.0.get() + 1);
    }
}

/// A limit on the number of open descriptors, until it is dropped.
struct Limit(Rlimit);

impl Limit {
    /// So many more descriptors may be opened.
    fn free(count: usize) -> Limit {
        let all = getrlimit(Resource::Nofile);
        let current = open_descriptors().map(|open| (open + count) as u64);
        setrlimit(Resource::Nofile, Rlimit { current, ..all }).unwrap();
        Limit(all)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        setrlimit(Resource::Nofile, self.0).unwrap();
    }
}

/// Fills the gaps between the numbers of the open descriptors: the system limits these numbers.
fn fill_gaps() -> Vec<File> {
    let mut files = Vec::new();
    loop {
        let file = File::open("/dev/null").unwrap();
        let number = file.as_raw_fd() as usize;
        files.push(file);
        if open_descriptors() == Some(number + 1) {
            return files;
        }
    }
}

/// Returns clients that have connected and sent their number.
fn clients(address: SocketAddr) -> Vec<net::TcpStream> {
    let connect = |number| {
        let mut client = net::TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        client.write_all(&[number]).unwrap();
        client
    };
    (0..CLIENTS as u8).map(connect).collect()
}

/// Asserts that each client gets its number back. Returns how many did.
fn answered(clients: Vec<net::TcpStream>) -> usize {
    for (number, mut client) in clients.iter().enumerate() {
        let mut answer = [0];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(usize::from(answer[0]), number);
    }
    clients.len()
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut number = [0];
    stream.read_exact(&mut number).await?;
    stream.write_all(&number).await
}

/// The k-th accept, connect or bind finds no descriptor, for each k, and all clients are served in the end.
#[test]
fn no_client_is_lost_for_want_of_a_descriptor() {
    if passes_alone(own_binary(), "exhaustion::no_client_is_lost_for_want_of_a_descriptor") {
        return;
    }
    let _files = fill_gaps();
    let before = open_descriptors();
    let refusals = Rc::new(Refusals::default());
    let mut served = 0;
    for free in 0..CLIENTS {
        served += run(accepts(free, &refusals));
        served += run(connects(free, &refusals));
        run(binds(free, &refusals));
        served += virtually(serves(free, refusals.clone()));
        assert_eq!(open_descriptors(), before);
    }
    assert_eq!(served, 3 * CLIENTS * CLIENTS);
    // For each k, three by accept, one by connect, two by bind, and one or more by the server (three for 0).
    let refused = refusals.0.get();
    println!("refused: {refused}, lost: {}", 3 * CLIENTS * CLIENTS - served);
    assert!(refused >= 58, "{refused}");
}

async fn accepts(free: usize, refusals: &Refusals) -> usize {
    let (listener, address) = listen().await;
    let clients = clients(address);
    let mut streams = Vec::new();
    let limit = Limit::free(free);
    for _ in 0..free {
        streams.push(listener.accept().await.unwrap().0);
    }
    for _ in 0..3 {
        refusals.count(&listener.accept().await.unwrap_err());
    }
    drop(limit);
    while streams.len() < CLIENTS {
        streams.push(listener.accept().await.unwrap().0);
    }
    for stream in streams {
        answer(stream).await.unwrap();
    }
    answered(clients)
}

async fn connects(free: usize, refusals: &Refusals) -> usize {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(TcpStream::connect(address).await.unwrap()); // opens the poller
    drop(listener.accept().unwrap());
    let mut streams = Vec::new();
    let limit = Limit::free(free);
    for _ in 0..free {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    refusals.count(&TcpStream::connect(address).await.unwrap_err());
    drop(limit);
    while streams.len() < CLIENTS {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    let mut peers = Vec::new();
    for number in 0..CLIENTS as u8 {
        let mut peer = listener.accept().unwrap().0;
        peer.write_all(&[number]).unwrap();
        peers.push(peer);
    }
    for stream in streams {
        answer(stream).await.unwrap();
    }
    answered(peers)
}

async fn binds(free: usize, refusals: &Refusals) {
    let first = UdpSocket::bind("127.0.0.1:0").await.unwrap(); // opens the poller
    let mut sockets = Vec::new();
    let limit = Limit::free(free);
    for _ in 0..free {
        sockets.push(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    }
    refusals.count(&UdpSocket::bind("127.0.0.1:0").await.unwrap_err());
    refusals.count(&TcpListener::bind("127.0.0.1:0").await.unwrap_err());
    drop(limit);
    sockets.push(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    for socket in &sockets {
        socket.send_to(b"x", first.local_addr().unwrap()).await.unwrap();
        assert_eq!(first.recv_from(&mut [0; 8]).await.unwrap(), (1, socket.local_addr().unwrap()));
    }
}

/// Serves all clients, so many at once. If that is none, the limit is lifted after the third refusal.
async fn serves(free: usize, refusals: Rc<Refusals>) -> usize {
    let (listener, address) = listen().await;
    let clients = clients(address);
    let (last, served) = (Gate::default(), Rc::new(Cell::new(0)));
    let (shutdown, before) = (last.waits(), refusals.0.get());
    let mut limit = Some(Limit::free(free));
    let counts = refusals.clone();
    let server = serve(listener, move |stream, _| {
        let (last, served) = (last.clone(), served.clone());
        async move {
            answer(stream).await?;
            served.set(served.get() + 1);
            if served.get() == CLIENTS {
                last.open();
            }
            io::Result::Ok(())
        }
    })
    .on_error(move |error| {
        let ServeError::Accept(error) = error else { panic!("{error}") };
        counts.count(&error);
        if free == 0 && counts.0.get() == before + 3 {
            drop(limit.take());
        }
    })
    .shutdown_when(shutdown);
    boucle::timeout(LONG, server).await.expect("the test hangs").unwrap();
    assert!(refusals.0.get() > before);
    answered(clients)
}

/// A loop and its first connection take some descriptors. With fewer there is an error, and nothing stays
/// open. With one more each time the program gets further, until there are enough.
#[test]
fn a_loop_without_descriptors_is_an_error() {
    if passes_alone(own_binary(), "exhaustion::a_loop_without_descriptors_is_an_error") {
        return;
    }
    let _files = fill_gaps();
    let before = open_descriptors();
    let program = || {
        EventLoop::new()?.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let client = TcpStream::connect(listener.local_addr()?).await?;
            let (mut server, _) = listener.accept().await?;
            (&client).write_all(b"x").await?;
            server.read(&mut [0; 8]).await
        })
    };
    let refusals = Refusals::default();
    for free in 0.. {
        let limit = Limit::free(free);
        let outcome = program();
        drop(limit);
        assert_eq!(open_descriptors(), before);
        match outcome {
            Ok(read) => {
                assert_eq!(read, 1);
                break;
            }
            Err(error) => refusals.count(&error),
        }
    }
    // An eventfd, the listener and both ends of the connection; and an epoll and its duplicate.
    let of_epoll = if cfg!(mio_unsupported_force_poll_poll) { 0 } else { 2 };
    assert_eq!(refusals.0.get(), 4 + of_epoll);
}

/// A loop that cannot park ends its run, whichever way it is run, with the reason, and a panic names the line
/// that runs it. It can be run again.
#[test]
fn a_loop_that_cannot_park_ends_its_run() {
    if passes_alone(own_binary(), "exhaustion::a_loop_that_cannot_park_ends_its_run") {
        return;
    }
    let _files = fill_gaps();
    let event_loop = virtual_loop();
    let _handle = event_loop.handle(); // which the loop waits for, in a poller that is not open yet
    let limit = Limit::free(0);
    let (sender, places) = mpsc::channel();
    let before = take_hook();
    set_hook(Box::new(move |panic| sender.send(panic.location().unwrap().file().to_owned()).unwrap()));
    let block_on = panic_of(|| event_loop.block_on(pending::<()>()));
    let run_forever = panic_of(|| event_loop.run_forever());
    set_hook(before);
    let turn = event_loop.turn(None).unwrap_err();
    drop(limit);
    assert_eq!(places.iter().collect::<Vec<_>>(), [file!(); 2]);
    Refusals::default().count(&turn);
    assert_eq!([block_on, run_forever], [(); 2].map(|()| format!("the event loop cannot park: {turn}")));
    event_loop.block_on(sleep(SECOND));
}

/// Without a descriptor a look-up is an error that names the host; with one again it succeeds.
#[cfg(feature = "blocking")]
#[test]
fn a_look_up_without_descriptors_is_an_error() {
    if passes_alone(own_binary(), "exhaustion::a_look_up_without_descriptors_is_an_error") {
        return;
    }
    let _files = fill_gaps();
    run(async {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let limit = Limit::free(0);
        let error = TcpStream::connect(("localhost", port)).await.unwrap_err();
        drop(limit);
        assert!(error.to_string().starts_with("cannot look up \"localhost\": "), "{error}");
        assert!(TcpStream::connect(("localhost", port)).await.is_ok());
    });
}
