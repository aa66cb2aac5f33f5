//! `serve`: an accept loop that has a limit, survives errors, and ends gracefully.
//!
//! Time is virtual in most tests. It jumps only while no task waits for a socket: while a server is at its
//! limit, waits after an error, or ends. So the servers here are kept at their limit.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read};
use std::net::{self, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use boucle::net::{Listener, ServeError, TcpListener, TcpStream, serve};
use boucle::observe::EventKind;
use boucle::trace::Recorder;
use boucle::{EventLoop, gather, now, sleep, spawn, timeout, yield_now};
use futures_lite::future::poll_once;
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::assert_reset;
use crate::common::{
    Bomb, Gate, LONG, Log, SECOND, child, is_child, listen, name_of, panic_of, run, secs, virtual_loop,
    virtually,
};

/// The task of a connection is shown as spawned where `serve` was called, so that servers can be told apart; its
/// name is the peer's address, in pictures and dumps.
#[test]
fn the_task_of_a_connection_names_server_and_client() {
    let recorder = Recorder::new();
    let log = Log::default();
    let dumps = log.clone();
    let event_loop = EventLoop::builder().observe(recorder.clone()).build().unwrap();
    let (line, client) = event_loop.block_on(async {
        let (listener, clients) = Clients::connected(1).await;
        let client = clients.addresses[0].to_string();
        let (stop, stopped) = async_channel::bounded(1);
        let handle = move |_, _| {
            let (stop, dumps) = (stop.clone(), dumps.clone());
            async move {
                dumps.add(boucle::dump());
                stop.send(()).await
            }
        };
        let server = serve(listener, handle);
        let line = line!() - 1;
        server.shutdown_when(async move { stopped.recv().await }).await.unwrap();
        drop(clients);
        (line, client)
    });
    let trace = recorder.trace();
    let places = trace.loops[0].events.iter().filter_map(|event| match event.kind {
        EventKind::Spawned { location, .. } => Some((location.file(), location.line())),
        _ => None,
    });
    assert_eq!(places.collect::<Vec<_>>(), [(file!(), line)]);
    let names = trace.loops[0].events.iter().filter_map(|event| match &event.kind {
        EventKind::Named { name, .. } => Some(&**name),
        _ => None,
    });
    assert_eq!(names.collect::<Vec<_>>(), [&*client]);
    let dump = log.take().remove(0);
    assert!(dump.contains(&format!(" \"{client}\" ")), "{dump}");
}

/// Clients that are connected before the server accepts any.
struct Clients {
    streams: Vec<net::TcpStream>,
    addresses: Vec<SocketAddr>,
}

impl Clients {
    async fn connected(count: usize) -> (TcpListener, Rc<Clients>) {
        let (listener, address) = listen().await;
        let connect = |_| {
            let stream = net::TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(secs(5))).unwrap();
            stream
        };
        let streams: Vec<_> = (0..count).map(connect).collect();
        let addresses = streams.iter().map(|stream| stream.local_addr().unwrap()).collect();
        (listener, Rc::new(Clients { streams, addresses }))
    }

    /// Returns the number of the client that has this address.
    fn number(&self, peer: SocketAddr) -> usize {
        self.addresses.iter().position(|address| *address == peer).expect("a client")
    }
}

/// Runs a test with a virtual clock, and fails it after a minute of virtual time.
fn within_a_minute<F: Future>(test: F) -> F::Output {
    virtually(async { timeout(LONG, test).await.expect("the test hangs") })
}

/// A log whose lines begin with the time since the first of them.
#[derive(Clone, Default)]
struct TimedLog(Log, Rc<Cell<Option<Instant>>>);

impl TimedLog {
    fn add(&self, line: String) {
        let start = self.1.get().unwrap_or_else(now);
        self.1.set(Some(start));
        self.0.add(format!("{} ms: {line}", (now() - start).as_millis()));
    }
}

/// Every client has a task of its own: none is answered before all are there. The server ends when the
/// shutdown future is ready.
#[test]
fn all_clients_are_served_at_once() {
    const CLIENTS: usize = 20;
    run(async {
        let (listener, address) = listen().await;
        let (open, done) = (Rc::new(Cell::new(0)), Gate::default());
        let server = serve(listener, move |mut stream, peer| {
            assert_eq!(stream.peer_addr().unwrap(), peer);
            let open = open.clone();
            open.set(open.get() + 1);
            async move {
                while open.get() < CLIENTS {
                    yield_now().await;
                }
                let mut bytes = [0; 4];
                stream.read_exact(&mut bytes).await?;
                stream.write_all(&bytes).await
            }
        });
        let server = spawn(server.shutdown_when(done.waits()).into_future());
        let clients = (0..CLIENTS as u32).map(|number| async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&number.to_be_bytes()).await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            assert_eq!(bytes, number.to_be_bytes());
        });
        gather(clients.collect::<Vec<_>>()).await;
        assert!(!server.is_finished());
        done.open();
        server.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    });
}

/// At its limit a server leaves the other clients in the backlog. It goes on when a connection ends, by a
/// return, an error or a panic.
#[test]
fn a_server_has_a_limit_of_connections() {
    let times = TimedLog::default();
    within_a_minute(async {
        let (listener, clients) = Clients::connected(6).await;
        let (log, last) = (times.clone(), Gate::default());
        let shutdown = last.waits();
        serve(listener, move |_stream, peer| {
            let number = clients.number(peer);
            let (log, last) = (log.clone(), last.clone());
            async move {
                log.add(format!("{number} begins"));
                sleep([1, 2, 2, 1, 1, 1][number] * SECOND).await;
                log.add(format!("{number} ends"));
                match number {
                    0 => return Err("an error"),
                    1 => panic!("a panic"),
                    5 => last.open(),
                    _ => {}
                }
                Ok(())
            }
        })
        .max_connections(2)
        .on_error(drop)
        .shutdown_when(shutdown)
        .await
        .unwrap();
    });
    let expected = [
        "0 ms: 0 begins",
        "0 ms: 1 begins",
        "1000 ms: 0 ends",
        "1000 ms: 2 begins",
        "2000 ms: 1 ends",
        "2000 ms: 3 begins",
        "3000 ms: 2 ends",
        "3000 ms: 3 ends",
        "3000 ms: 4 begins",
        "3000 ms: 5 begins",
        "4000 ms: 4 ends",
        "4000 ms: 5 ends",
    ];
    assert_eq!(times.0.take(), expected);
}

/// A limit of zero panics with the reason.
#[test]
fn a_limit_of_no_connections_is_refused() {
    virtually(async {
        let (listener, _) = listen().await;
        let message = panic_of(|| drop(serve(listener, |_, _| lasts(SECOND)).max_connections(0)));
        assert_eq!(message, "the connection limit must not be zero");
    });
}

/// A handler that returns after this time.
async fn lasts(time: Duration) -> io::Result<()> {
    sleep(time).await;
    Ok(())
}

/// A handler that returns an error or panics ends its own connection alone. Both are reported, with the peer.
#[test]
fn a_handler_that_fails_is_reported() {
    let log = Log::default();
    within_a_minute(async {
        let (listener, clients) = Clients::connected(5).await;
        let (last, errors, peers) = (Gate::default(), log.clone(), clients.clone());
        let shutdown = last.waits();
        serve(listener, move |_stream, peer| {
            let (number, last) = (clients.number(peer), last.clone());
            assert_ne!(number, 2, "a panic before the future");
            async move {
                sleep(SECOND).await;
                match number {
                    0 => Err(io::Error::other("an error")),
                    1 => panic!("a panic"),
                    3 => Ok(Some(Bomb("a destructor's panic"))),
                    _ => {
                        sleep(SECOND).await;
                        last.open();
                        Ok(None)
                    }
                }
            }
        })
        .max_connections(5)
        .on_error(move |error| {
            let (peer, is_panic) = match &error {
                ServeError::Handler(peer, _) => (*peer, false),
                ServeError::Join(peer, error) => (*peer, error.is_panic()),
                other => panic!("{other}"),
            };
            let text = error.to_string().replace(&peer.to_string(), "its address");
            errors.add(format!("{}, {is_panic}: {text}", peers.number(peer)));
        })
        .shutdown_when(shutdown)
        .await
        .unwrap();
    });
    let expected = [
        "2, true: the connection from its address failed: task 4 panicked: assertion `left != right` failed: \
         a panic before the future\n  left: 2\n right: 2",
        "0, false: the connection from its address failed: an error",
        "1, true: the connection from its address failed: task 3 panicked: a panic",
        "3, true: the connection from its address failed: task 5 panicked: a destructor's panic",
    ];
    assert_eq!(log.take(), expected);
}

/// Without a function for errors, they are lines on stderr.
#[test]
fn errors_go_to_stderr_by_default() {
    const TEST: &str = "serve::errors_go_to_stderr_by_default";
    if is_child(TEST) {
        return within_a_minute(async {
            let (listener, _clients) = Clients::connected(1).await;
            let last = Gate::default();
            let shutdown = last.waits();
            serve(listener, move |_, _| {
                last.open();
                async { Err::<(), _>("an error") }
            })
            .shutdown_when(shutdown)
            .await
            .unwrap();
        });
    }
    let output = child(TEST, TEST).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let line = errors.lines().find(|line| line.starts_with("boucle: ")).unwrap_or(&errors);
    assert!(line.starts_with("boucle: serve: the connection from 127.0.0.1:"), "{line}");
    assert!(line.ends_with(" failed: an error"), "{line}");
}

/// A shutdown closes the listener at once, so further clients are refused, and those in the backlog are
/// reset. The connections go on until the grace is over; then what is left is aborted, and reported.
#[test]
fn a_shutdown_gives_connections_time_to_end() {
    let times = TimedLog::default();
    within_a_minute(async {
        let (listener, clients) = Clients::connected(4).await;
        let address = listener.local_addr().unwrap();
        let (log, errors, peers) = (times.clone(), times.clone(), clients.clone());
        let signal = Gate::default();
        let shutdown = signal.waits();
        serve(listener, move |_stream, peer| {
            let number = peers.number(peer);
            let (log, signal) = (log.clone(), signal.clone());
            async move {
                log.add(format!("{number} begins"));
                let _dropped = log.0.on_drop(["0 is dropped", "1 is dropped", "2 is dropped"][number]);
                sleep(2 * SECOND).await;
                signal.open();
                sleep([1, 2, 1_000][number] * SECOND).await;
                let refused = net::TcpStream::connect(address).unwrap_err().kind();
                log.add(format!("{number} ends, and another client: {refused}"));
                io::Result::Ok(())
            }
        })
        .max_connections(3)
        .on_error(move |error| {
            let ServeError::Join(peer, _) = error else { panic!("{error}") };
            errors.add(error.to_string().replace(&peer.to_string(), &clients.number(peer).to_string()));
            assert_reset((&clients.streams[3]).read(&mut [0; 8]));
            errors.add("the client in the backlog is reset".into());
        })
        .shutdown_when(shutdown)
        .grace(secs(5))
        .await
        .unwrap();
        times.add("over".into());
    });
    let expected = [
        "0 ms: 0 begins",
        "0 ms: 1 begins",
        "0 ms: 2 begins",
        "3000 ms: 0 ends, and another client: connection refused",
        "0 is dropped",
        "4000 ms: 1 ends, and another client: connection refused",
        "1 is dropped",
        "2 is dropped",
        "7000 ms: the connection from 2 failed: the grace was over",
        "7000 ms: the client in the backlog is reset",
        "7000 ms: over",
    ];
    assert_eq!(times.0.take(), expected);
}

/// Without a grace the last connection ends by itself, however long that takes; a grace of zero waits for
/// none.
#[test]
fn a_grace_is_unlimited_unless_it_is_set() {
    for (grace, seconds) in [(None, 50), (Some(secs(0)), 0), (Some(secs(20)), 20)] {
        within_a_minute(async {
            let (listener, _clients) = Clients::connected(1).await;
            let begun = Rc::new(Cell::new(None));
            let first = begun.clone();
            let signal = Gate::default();
            let shutdown = signal.waits();
            let server = serve(listener, move |_, _| {
                first.set(Some(now()));
                signal.open();
                lasts(secs(50))
            });
            let server = server.on_error(drop).shutdown_when(shutdown);
            let ended = match grace {
                None => server.await,
                Some(grace) => server.grace(grace).await,
            };
            ended.unwrap();
            assert_eq!((now() - begun.get().unwrap()).as_secs(), seconds);
        });
    }
}

/// From the shutdown on, what the handler's closure owns is gone: the connections may wait for that.
#[test]
fn a_connection_may_wait_for_the_end_of_the_handler() {
    within_a_minute(async {
        let (listener, _clients) = Clients::connected(1).await;
        let begun = Gate::default();
        let shutdown = begun.waits();
        let (sender, receiver) = async_channel::bounded::<()>(1);
        serve(listener, move |_, _| {
            assert!(!sender.is_closed()); // the closure owns it
            begun.open();
            let receiver = receiver.clone();
            async move {
                receiver.recv().await.unwrap_err(); // until no sender is left
                io::Result::Ok(())
            }
        })
        .max_connections(1)
        .shutdown_when(shutdown)
        .await
        .unwrap();
    });
}

/// A server that is dropped closes its listener and aborts its handlers.
#[test]
fn dropping_a_server_aborts_its_handlers() {
    let log = Log::default();
    within_a_minute(async {
        let (listener, _clients) = Clients::connected(1).await;
        let address = listener.local_addr().unwrap();
        let dropped = log.clone();
        let server = serve(listener, move |_, _| {
            let dropped = dropped.on_drop("dropped");
            async move {
                let _dropped = dropped;
                lasts(secs(1_000)).await
            }
        });
        _ = timeout(secs(1), server.max_connections(1)).await.unwrap_err();
        log.add("over");
        yield_now().await;
        assert_eq!(log.take(), ["over", "dropped"]);
        assert_eq!(net::TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

/// A server whose listener belongs to a loop that is gone ends, with an error that says so. So does one that
/// ran on that loop before.
#[test]
fn a_server_ends_if_its_listeners_loop_is_gone() {
    let gone = || {
        let event_loop = virtual_loop();
        let (listener, _) = event_loop.block_on(listen());
        (name_of(&event_loop), event_loop, listener)
    };
    let (name, event_loop, listener) = gone();
    let server = |listener| serve(listener, |_, _| lasts(SECOND)).on_error(|error| panic!("{error}"));
    drop(event_loop);
    let error = within_a_minute(server(listener).into_future()).unwrap_err();
    assert_eq!(error.to_string(), format!("the socket's event loop, {name}, is gone"));

    let (name, event_loop, listener) = gone();
    let mut begun = server(listener).into_future();
    event_loop.block_on(async { assert!(poll_once(&mut begun).await.is_none()) });
    drop(event_loop);
    let error = within_a_minute(begun).unwrap_err();
    assert_eq!(error.to_string(), format!("the socket's event loop, {name}, is gone"));
}

/// A server that waits for its first client spends no budget: any number of them in one task, polled with one
/// waker, are idle.
#[test]
fn servers_without_clients_spend_no_budget() {
    struct Never;
    impl Listener for Never {
        type Stream = ();
        type Address = ();

        fn poll_accept(&self, _: &mut Context<'_>) -> Poll<io::Result<((), ())>> {
            Poll::Pending
        }
    }
    let event_loop = virtual_loop();
    let servers = (0..200).map(|_| serve(Never, async |(), ()| io::Result::Ok(())).into_future());
    let servers = event_loop.spawn(futures::future::select_all(servers));
    for polled in [1, 0] {
        assert_eq!(event_loop.turn(Some(Duration::ZERO)).unwrap().polled, polled);
    }
    servers.abort();
}
