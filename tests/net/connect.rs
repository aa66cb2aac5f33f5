//! Connecting to a host of several addresses, and within a limit.
//!
//! A silent address is a listener whose queue is full. Linux drops the packet by which a further client asks
//! for a connection, and the client sends it again after a second, then after longer and longer times.

use std::io::ErrorKind;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};

use boucle::net::TcpStream;
use boucle::observe::EventKind;
use boucle::{spawn, yield_now};
use socket2::{Domain, Socket, Type};

use super::{assert_tried, refused};
use crate::common::{LONG, Log, count_sources, counted, listen, ms, observed_by, run};

/// A listener whose queue is full, and the connection that fills it.
struct Silent {
    listener: net::TcpListener,
    address: SocketAddr,
    _fills_the_queue: net::TcpStream,
}

fn silent_listener() -> Silent {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let listener = net::TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    Silent { listener, address, _fills_the_queue: net::TcpStream::connect(address).unwrap() }
}

/// Silent addresses do not hold up one that answers: each gets a head start, and then the next is tried too.
/// The sockets of the attempts that lost are closed.
#[test]
fn a_silent_address_does_not_hold_up_the_next() {
    let silent = [silent_listener(), silent_listener()];
    count_sources(async |sources| {
        let (listener, address) = listen().await;
        let addresses = [silent[0].address, silent[1].address, address];
        let stream = TcpStream::connect(&addresses[..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        yield_now().await;
        assert_eq!(sources.get(), 2, "the listener and the stream");
        drop(listener);
    });
}

/// A silent address has a head start of 250 ms, and so has the next one; a limit is as long as it says. (A
/// virtual clock stands still while a timer is armed.)
#[test]
fn an_address_has_a_head_start_and_a_connect_its_limit() {
    let log = Log::default();
    let armed = log.clone();
    let event_loop = observed_by(move |event| {
        if let EventKind::TimerArmed { deadline, .. } = event.kind {
            armed.add(format!("{} ms", (deadline - event.time).as_millis()));
        }
    });
    let silent = [silent_listener(), silent_listener()];
    event_loop.block_on(async {
        let (listener, address) = listen().await;
        let addresses = [silent[0].address, silent[1].address, address];
        drop(TcpStream::connect(&addresses[..]).await.unwrap());
        drop(listener);
    });
    assert_eq!(log.take(), ["250 ms", "250 ms"]);
    event_loop.block_on(async { TcpStream::connect_timeout(silent[0].address, ms(20)).await.unwrap_err() });
    assert_eq!(log.take(), ["20 ms"]);
}

/// An attempt at a silent address goes on while the next ones are tried: here it wins, while the second
/// address is silent too and the third one refuses.
#[test]
fn a_silent_address_may_still_answer() {
    let silent = [silent_listener(), silent_listener()];
    count_sources(async |sources| {
        let addresses = [silent[0].address, silent[1].address, refused()];
        let connecting = spawn(async move { TcpStream::connect(&addresses[..]).await });
        while sources.get() < 2 {
            boucle::sleep(ms(1)).await;
        }
        drop(silent[0].listener.accept().unwrap());
        let stream = connecting.await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), silent[0].address);
    });
}

/// A limit ends a connect, however many attempts are under way. The error has the address as the program
/// wrote it, and the limit. The sockets of the attempts are closed.
#[test]
fn a_connect_has_a_limit() {
    let silent = [silent_listener(), silent_listener()];
    count_sources(async |sources| {
        let [one, two] = [silent[0].address, silent[1].address];
        let error = TcpStream::connect_timeout(one, ms(20)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), format!("cannot connect to {one} within 20ms"));
        let error = TcpStream::connect_timeout(&[one, two][..], ms(300)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot connect to [{one}, {two}] within 300ms"));
        let text = one.to_string();
        let error = TcpStream::connect_timeout(text.as_str(), ms(0)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot connect to {text} within 0ns"));
        yield_now().await;
        assert_eq!(sources.get(), 0);
    });
}

/// Within its limit a connect succeeds, or fails with the error that it has anyway.
#[test]
fn a_limit_that_is_not_reached_changes_nothing() {
    run(async {
        let (listener, address) = listen().await;
        let stream = TcpStream::connect_timeout(&[refused(), address][..], LONG).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        let error = TcpStream::connect_timeout(refused(), LONG).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        drop(listener);
    });
}

/// A connect to many addresses that fail at once yields: each attempt spends budget, and so does the connect.
#[test]
fn a_connect_to_many_addresses_yields() {
    run(async {
        let addresses = [SocketAddr::from((Ipv4Addr::BROADCAST, 80)); 300];
        let (connect, polls) = counted(async move { TcpStream::connect(&addresses[..]).await });
        connect.await.unwrap_err();
        assert_eq!(polls.get(), 1 + 301 / 128);
    });
}

/// The error of a connect names the address; of several, the one that failed last.
#[test]
fn an_error_names_the_address() {
    run(async {
        let error = TcpStream::connect(refused()).await.unwrap_err();
        assert_tried(error, ErrorKind::ConnectionRefused, "cannot connect to 127.0.0.1:1");
        let others = [SocketAddr::from((Ipv4Addr::LOCALHOST, 2)), refused()];
        let error = TcpStream::connect(&others[..]).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot connect to 127.0.0.1:1: "), "{error}");
        // Also if the system refuses at once: a broadcast address takes no connection.
        let broadcast = SocketAddr::from((Ipv4Addr::BROADCAST, 80));
        let error = TcpStream::connect(broadcast).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot connect to 255.255.255.255:80: "), "{error}");
    });
}

/// The families of the addresses alternate: the last to be tried, which the error names, is of the family that
/// has more of them.
#[test]
fn the_families_alternate() {
    run(async {
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 1));
        let others = [1, 2].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let error = TcpStream::connect(&[others[0], others[1], v6][..]).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot connect to 127.0.0.1:2: "), "{error}");
    });
}

/// A connection may have a local address: `socket2` binds the socket, and it connects on another thread. (Linux
/// has all of 127.0.0.0/8.)
#[cfg(feature = "blocking")]
#[test]
fn a_connection_may_have_a_local_address() {
    run(async {
        let (listener, address) = listen().await;
        let connecting = boucle::run_in_executor(move || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into())?;
            socket.connect_timeout(&address.into(), LONG)?;
            std::io::Result::Ok(socket)
        });
        let stream = TcpStream::from_std(connecting.await.unwrap().into()).unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip(), Ipv4Addr::new(127, 0, 0, 2));
        assert_eq!(stream.local_addr().unwrap(), peer);
    });
}
