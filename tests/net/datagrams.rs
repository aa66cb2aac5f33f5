//! Messages over UDP and Unix datagram sockets.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use boucle::net::UdpSocket;
use boucle::{gather, spawn};
use futures_lite::future::poll_once;

use super::assert_tried;
use crate::common::run;

async fn bind() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Waits until a message is there, and leaves it there.
async fn has_message(socket: &UdpSocket) {
    socket.peek_from(&mut [0; 64]).await.unwrap(); // Windows peeks at no part of a message
}

/// One socket answers many others, each at its own address.
#[test]
fn a_server_answers_each_sender() {
    run(async {
        let (server, address) = bind().await;
        let echo = spawn(async move {
            let mut buffer = [0; 64];
            loop {
                let (count, from) = server.recv_from(&mut buffer).await.unwrap();
                assert_eq!(server.send_to(&buffer[..count], from).await.unwrap(), count);
            }
        });
        let clients = (0..20u8).map(|number| async move {
            let (client, _) = bind().await;
            let mut buffer = [0; 64];
            for round in 0..5u8 {
                client.send_to(&[number, round], address).await.unwrap();
                let (count, from) = client.recv_from(&mut buffer).await.unwrap();
                assert_eq!((&buffer[..count], from), (&[number, round][..], address));
            }
        });
        gather(clients.collect::<Vec<_>>()).await;
        echo.abort();
    });
}

/// A message that is shorter than the buffer does not mean that the queue is empty: all that are there are
/// received without another event. An empty message is not an end either.
#[test]
fn a_short_message_is_not_the_last_one() {
    run(async {
        let (server, address) = bind().await;
        let (client, client_address) = bind().await;
        let lengths = [5, 0, 1, 0, 64, 2];
        for _ in 0..3 {
            for len in lengths {
                client.send_to(&vec![b'.'; len], address).await.unwrap();
            }
            has_message(&server).await;
            let mut buffer = [0; 64];
            for len in lengths {
                let mut receive = pin!(server.recv_from(&mut buffer));
                let received = poll_once(receive.as_mut()).await.expect("it is there already");
                assert_eq!(received.unwrap(), (len, client_address));
            }
            assert!(poll_once(pin!(server.recv(&mut buffer))).await.is_none());
        }
    });
}

/// What does not fit into the buffer is lost, and the next message is whole. An empty buffer takes one too.
#[cfg(unix)]
#[test]
fn a_long_message_is_cut_off() {
    run(async {
        let (server, address) = bind().await;
        let (client, _) = bind().await;
        for message in [&b"long"[..], b"longer", b"next"] {
            client.send_to(message, address).await.unwrap();
        }
        let mut buffer = [0; 2];
        assert_eq!(server.recv(&mut buffer).await.unwrap(), 2);
        assert_eq!(&buffer, b"lo");
        assert_eq!(server.recv(&mut []).await.unwrap(), 0);
        let mut buffer = [0; 8];
        assert_eq!(server.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"next");
    });
}

/// `peek_from` leaves the message in the queue.
#[test]
fn a_peek_leaves_the_message() {
    run(async {
        let (server, address) = bind().await;
        let (client, from) = bind().await;
        let mut buffer = [0; 8];
        client.send_to(b"look", address).await.unwrap();
        for _ in 0..3 {
            assert_eq!(server.peek_from(&mut buffer).await.unwrap(), (4, from));
        }
        assert_eq!(server.recv_from(&mut buffer).await.unwrap(), (4, from));
        assert_eq!(&buffer[..4], b"look");
        assert!(poll_once(pin!(server.peek_from(&mut buffer))).await.is_none());
    });
}

/// A connected socket receives from its peer alone; one that is not connected cannot `send`.
#[test]
fn a_connected_socket_has_one_peer() {
    run(async {
        let (server, address) = bind().await;
        let (client, own) = bind().await;
        let (stranger, _) = bind().await;
        assert_eq!(client.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        assert!(client.send(b"to whom?").await.is_err());
        client.connect(address).await.unwrap();
        assert_eq!(client.peer_addr().unwrap(), address);
        assert_eq!(client.send(b"hello").await.unwrap(), 5);
        let mut buffer = [0; 64];
        assert_eq!(server.recv_from(&mut buffer).await.unwrap(), (5, own));
        stranger.send_to(b"from a stranger", own).await.unwrap();
        server.send_to(b"answer", own).await.unwrap();
        assert_eq!(client.recv(&mut buffer).await.unwrap(), 6);
        assert_eq!(&buffer[..6], b"answer");
        client.connect(stranger.local_addr().unwrap()).await.unwrap();
        client.send(b"now you").await.unwrap();
        assert_eq!(stranger.recv_from(&mut buffer).await.unwrap(), (7, own));
    });
}

/// A receive fails when nothing listens at the peer's port any more. The socket can still be used.
#[cfg(target_os = "linux")]
#[test]
fn a_refusal_ends_a_receive() {
    run(async {
        let (client, own) = bind().await;
        let (server, address) = bind().await;
        client.connect(address).await.unwrap();
        let mut buffer = [0; 64];
        assert!(poll_once(pin!(client.recv(&mut buffer))).await.is_none());
        drop(server);
        client.send(b"anybody?").await.unwrap();
        let error = client.recv(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(poll_once(pin!(client.recv(&mut buffer))).await.is_none());
        let server = UdpSocket::bind(address).await.unwrap();
        server.send_to(b"back", own).await.unwrap();
        assert_eq!(client.recv(&mut buffer).await.unwrap(), 4);
    });
}

/// The same with an `AsyncFd`, which is still watched after the error.
#[cfg(target_os = "linux")]
#[test]
fn a_refusal_ends_a_receive_at_a_descriptor() {
    use boucle::net::AsyncFd;

    run(async {
        let (server, address) = bind().await;
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_nonblocking(true).unwrap();
        client.connect(address).unwrap();
        let own = client.local_addr().unwrap();
        let client = AsyncFd::new(client).unwrap();
        let receive = || client.read_with(|socket| socket.recv(&mut [0; 8]));
        assert!(poll_once(pin!(receive())).await.is_none());
        drop(server);
        client.get_ref().send(b"anybody?").unwrap();
        assert_eq!(receive().await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert!(poll_once(pin!(receive())).await.is_none());
        let server = UdpSocket::bind(address).await.unwrap();
        server.send_to(b"back", own).await.unwrap();
        assert_eq!(receive().await.unwrap(), 4);
    });
}

/// Each member of a multicast group receives what is sent to it. The options are set by `socket2`, before the
/// bind and after it. (The group is one of the loopback device.)
#[cfg(target_os = "linux")]
#[test]
fn a_group_receives_a_message() {
    use std::net::Ipv4Addr;

    use socket2::{Domain, SockRef, Socket, Type};

    run(async {
        let group = Ipv4Addr::new(239, 1, 2, 3);
        let (sender, sender_address) = bind().await;
        let member = |port| {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
            socket.set_reuse_address(true).unwrap();
            socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into()).unwrap();
            let socket = UdpSocket::from_std(socket.into()).unwrap();
            SockRef::from(&socket).join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
            socket
        };
        let first = member(0);
        let port = first.local_addr().unwrap().port();
        let second = member(port);
        SockRef::from(&sender).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        sender.send_to(b"to all", (group, port)).await.unwrap();
        for member in [first, second] {
            let mut buffer = [0; 64];
            let received = member.recv_from(&mut buffer).await.unwrap();
            assert_eq!((received, &buffer[..6]), ((6, sender_address), &b"to all"[..]));
        }
    });
}

/// Addresses have many types, the first that works is used, and an error quotes what is not an address.
#[test]
fn an_address_has_many_types() {
    run(async {
        let (server, address) = bind().await;
        let port = address.port();
        let (client, _) = bind().await;
        client.send_to(b"1", ("127.0.0.1", port)).await.unwrap();
        client.send_to(b"2", format!("127.0.0.1:{port}")).await.unwrap();
        client.send_to(b"3", &[address, SocketAddr::from(([127, 0, 0, 1], 1))][..]).await.unwrap();
        for _ in 0..3 {
            server.recv(&mut [0; 8]).await.unwrap();
        }
        // A socket of IPv4 cannot connect to an address of IPv6: the next one is tried.
        let six = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port));
        let error = client.connect(six).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot connect to {six}: ")), "{error}");
        client.connect(&[six, address][..]).await.unwrap();
        assert_eq!(client.peer_addr().unwrap(), address);
        let second = UdpSocket::bind(&[address, SocketAddr::from(([127, 0, 0, 1], 0))][..]).await.unwrap();
        assert_ne!(second.local_addr().unwrap(), address);

        for error in
            [client.send_to(b"", "here").await.unwrap_err(), client.connect("here").await.unwrap_err()]
        {
            assert!(error.to_string().starts_with("\"here\" is not an address"), "{error}");
        }
        let none: &[SocketAddr] = &[];
        let bound = UdpSocket::bind(none).await.map(drop);
        for error in [
            client.send_to(b"", none).await.unwrap_err(),
            client.connect(none).await.unwrap_err(),
            bound.unwrap_err(),
        ] {
            assert_eq!(error.to_string(), "there is no address to use: the list is empty");
        }
        let error = UdpSocket::bind(address).await.unwrap_err();
        assert_tried(error, ErrorKind::AddrInUse, &format!("cannot bind to {address}"));
    });
}

/// The poll functions need no task of the loop.
#[test]
fn messages_can_be_polled_for() {
    run(async {
        let (server, address) = bind().await;
        let (client, from) = bind().await;
        let cx = &mut Context::from_waker(Waker::noop());
        let mut buffer = [0; 8];
        assert!(server.poll_recv_from(cx, &mut buffer).is_pending());
        let Poll::Ready(sent) = client.poll_send_to(cx, b"polled", address) else {
            panic!("there is room");
        };
        assert_eq!(sent.unwrap(), 6);
        has_message(&server).await;
        let Poll::Ready(received) = server.poll_recv_from(cx, &mut buffer) else {
            panic!("it is there");
        };
        assert_eq!(received.unwrap(), (6, from));
        client.connect(address).await.unwrap();
        assert!(matches!(client.poll_send(cx, b"again"), Poll::Ready(Ok(5))));
        has_message(&server).await;
        assert!(matches!(server.poll_recv(cx, &mut buffer), Poll::Ready(Ok(5))));
    });
}

#[cfg(unix)]
mod of_unix {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::time::Instant;

    use boucle::net::UnixDatagram;
    use boucle::observe::EventKind;

    use super::*;
    use crate::TempPath;
    use crate::common::{counted, ms, observed_by, virtually};

    /// A message to a path is sent on the socket's own loop alone.
    #[test]
    fn a_message_to_a_path_is_sent_on_its_own_loop() {
        let own = boucle::EventLoop::new().unwrap();
        let socket = own.block_on(async { UnixDatagram::unbound().unwrap() });
        let refusal = crate::common::panic_of(|| run(async { socket.send_to(b"", "nowhere").await }));
        assert!(refusal.ends_with("it can only be awaited on its own loop"), "{refusal}");
    }

    /// A message reaches a path, with the sender's path; connected sockets need none.
    #[test]
    fn a_path_is_an_address() {
        run(async {
            let (at, from) = (TempPath::new("datagram-at"), TempPath::new("datagram-from"));
            let server = UnixDatagram::bind(&at).unwrap();
            let client = UnixDatagram::bind(&from).unwrap();
            assert_eq!(client.send_to(b"hello", &at).await.unwrap(), 5);
            let mut buffer = [0; 64];
            let (count, sender) = server.recv_from(&mut buffer).await.unwrap();
            assert_eq!((count, sender.as_pathname()), (5, Some(&*from)));
            assert_eq!(server.local_addr().unwrap().as_pathname(), Some(&*at));

            let unbound = UnixDatagram::unbound().unwrap();
            assert!(unbound.send(b"to whom?").await.is_err());
            unbound.connect(&at).unwrap();
            assert_eq!(unbound.peer_addr().unwrap().as_pathname(), Some(&*at));
            unbound.send(b"hi").await.unwrap();
            let (count, sender) = server.recv_from(&mut buffer).await.unwrap();
            assert!(count == 2 && sender.is_unnamed());

            let error = UnixDatagram::bind(&at).unwrap_err();
            assert_tried(error, ErrorKind::AddrInUse, &format!("cannot bind to {}", at.display()));
            drop(server);
            let error = client.send_to(b"", &at).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            let none = at.with_extension("none");
            let error = client.send_to(b"", &none).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            let error = client.connect(&none).unwrap_err();
            assert_tried(error, ErrorKind::NotFound, &format!("cannot connect to {}", none.display()));
        });
    }

    /// A connect leaves what has come; on Linux the second one, to another peer, takes it away.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_change_of_the_peer_loses_what_has_come() {
        run(async {
            let (at, one, other) =
                (TempPath::new("peer-at"), TempPath::new("peer-one"), TempPath::new("peer-other"));
            let socket = UnixDatagram::bind(&at).unwrap();
            let (first, second) = (UnixDatagram::bind(&one).unwrap(), UnixDatagram::bind(&other).unwrap());
            first.send_to(b"before", &at).await.unwrap();
            first.send_to(b"lost", &at).await.unwrap();
            socket.connect(&one).unwrap();
            assert_eq!(socket.recv(&mut [0; 64]).await.unwrap(), 6);
            socket.connect(&other).unwrap();
            second.send_to(b"after", &at).await.unwrap();
            assert_eq!(socket.recv(&mut [0; 64]).await.unwrap(), 5);
        });
    }

    /// Sends messages of one byte until there is no room; returns how many.
    async fn fill(send: impl AsyncFn(&[u8]) -> std::io::Result<usize>) -> usize {
        let mut sent = 0;
        loop {
            let message = [sent as u8];
            let Some(result) = poll_once(pin!(send(&message))).await else {
                return sent;
            };
            assert_eq!(result.unwrap(), 1);
            sent += 1;
        }
    }

    /// A sender waits for room, and no message is lost or reordered, on paired sockets and on connected ones.
    #[test]
    fn a_sender_waits_for_room() {
        run(async {
            let at = TempPath::new("datagram-full");
            let (one, other) = UnixDatagram::pair().unwrap();
            let (server, client) = (UnixDatagram::bind(&at).unwrap(), UnixDatagram::unbound().unwrap());
            client.connect(&at).unwrap();
            for (from, to) in [(one, other), (client, server)] {
                let from = Rc::new(from);
                let before = fill(async |message| from.send(message).await).await;
                assert!(before > 0);
                let sender = from.clone();
                let more = spawn(async move {
                    for number in before..before + 2_000 {
                        sender.send(&[number as u8]).await.unwrap();
                    }
                });
                boucle::yield_now().await;
                assert!(!more.is_finished());
                for number in 0..before + 2_000 {
                    let mut buffer = [0; 8];
                    assert_eq!(to.recv(&mut buffer).await.unwrap(), 1);
                    assert_eq!(buffer[0], number as u8);
                }
                more.await.unwrap();
            }
        });
    }

    /// A receiver's queue may be full of other senders' messages, and the kernel does not report to a sender
    /// when those are taken. So the sender tries again, once in a millisecond.
    #[test]
    fn a_sender_waits_for_the_messages_of_others() {
        virtually(async {
            let at = TempPath::new("datagram-others");
            let server = UnixDatagram::bind(&at).unwrap();
            let (first, second) = (UnixDatagram::unbound().unwrap(), UnixDatagram::unbound().unwrap());
            let before = fill(async |message| first.send_to(message, &at).await).await;
            let path = at.to_owned();
            let (waits, polls) = counted(async move { second.send_to(b"late", path).await });
            let waits = spawn(waits);
            boucle::sleep(ms(5)).await;
            assert!(!waits.is_finished());
            assert!((5..=7).contains(&polls.get()), "{} polls", polls.get());
            let mut buffer = [0; 8];
            for _ in 0..before {
                assert_eq!(server.recv(&mut buffer).await.unwrap(), 1);
            }
            assert_eq!(waits.await.unwrap().unwrap(), 4);
            assert_eq!(server.recv(&mut buffer).await.unwrap(), 4);
        });
    }

    /// The loop of a sender that tries again sleeps until the next attempt: it parks once for each.
    #[test]
    fn an_attempt_costs_one_park() {
        let (parks, fired) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (count_parks, count_fired) = (parks.clone(), fired.clone());
        let event_loop = observed_by(move |event| match event.kind {
            EventKind::Parked { .. } => count_parks.set(count_parks.get() + 1),
            EventKind::TimerFired { .. } => count_fired.set(count_fired.get() + 1),
            _ => {}
        });
        event_loop.block_on(async {
            let at = TempPath::new("datagram-parks");
            let _server = UnixDatagram::bind(&at).unwrap();
            let client = UnixDatagram::unbound().unwrap();
            fill(async |message| client.send_to(message, &at).await).await;
            let path = at.to_owned();
            let waits = spawn(async move { client.send_to(b"late", path).await });
            boucle::sleep(ms(10)).await;
            assert!(!waits.is_finished());
        });
        let (parks, fired) = (parks.get(), fired.get());
        assert!(fired > 5 && parks <= fired + 3, "{parks} parks for {fired} timers");
    }

    /// A virtual clock does not jump while a sender waits for a receiver on another thread: its time passes
    /// no faster than real time.
    #[test]
    fn a_virtual_clock_waits_for_room() {
        virtually(async {
            let at = TempPath::new("datagram-held");
            let server = std::os::unix::net::UnixDatagram::bind(&at).unwrap();
            let client = UnixDatagram::unbound().unwrap();
            let before = fill(async |message| client.send_to(message, &at).await).await;
            let receiver = std::thread::spawn(move || {
                std::thread::sleep(ms(20));
                (0..before + 1).for_each(|_| _ = server.recv(&mut [0; 8]).unwrap());
            });
            let (begin, real_begin) = (boucle::now(), Instant::now());
            client.send_to(b"late", &at).await.unwrap();
            assert!(boucle::now() - begin <= real_begin.elapsed());
            receiver.join().unwrap();
        });
    }

    /// As with UDP, a short message or an empty one is not the last.
    #[test]
    fn a_short_message_is_not_the_last_one() {
        run(async {
            let (one, other) = UnixDatagram::pair().unwrap();
            let mut buffer = [0; 64];
            for _ in 0..3 {
                one.send(b"first").await.unwrap();
                assert_eq!(other.recv(&mut buffer).await.unwrap(), 5);
                for message in [&b"short"[..], b"", b"last"] {
                    one.send(message).await.unwrap();
                }
                for len in [5, 0, 4] {
                    let received = poll_fn(|cx| Poll::Ready(other.poll_recv_from(cx, &mut buffer))).await;
                    assert!(matches!(received, Poll::Ready(Ok((count, _))) if count == len));
                }
            }
        });
    }
}
