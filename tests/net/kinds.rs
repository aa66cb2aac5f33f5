//! What every kind of socket promises: each test runs once for each kind.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use boucle::net::{TcpStream, UdpSocket};
use boucle::{EventLoop, sleep, spawn, timeout, yield_now};
use futures_lite::{AsyncRead, AsyncWrite};

use crate::common::{Counting, name_of, pair, panic_of, run, turn};

/// One of two ends that talk to each other. A message is short enough to be one read.
trait Kind: Send + Sized + 'static {
    type Std: Send;

    async fn pair() -> (Self, Self);
    fn poll_send(&self, cx: &mut Context<'_>, message: &[u8]) -> Poll<io::Result<usize>>;
    fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    fn into_std(self) -> io::Result<Self::Std>;
    fn from_std(std: Self::Std) -> io::Result<Self>;
    fn duplicate(std: &Self::Std) -> Self::Std;
}

macro_rules! stream {
    ($stream:ty, $std:ty, $pair:expr) => {
        impl Kind for $stream {
            type Std = $std;

            async fn pair() -> (Self, Self) {
                $pair.await
            }

            fn poll_send(&self, cx: &mut Context<'_>, message: &[u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self).poll_write(cx, message)
            }

            fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut &*self).poll_read(cx, buffer)
            }

            to_std_and_back!();
        }
    };
}

macro_rules! datagrams {
    ($socket:ty, $std:ty, $pair:expr) => {
        impl Kind for $socket {
            type Std = $std;

            async fn pair() -> (Self, Self) {
                $pair.await
            }

            fn poll_send(&self, cx: &mut Context<'_>, message: &[u8]) -> Poll<io::Result<usize>> {
                self.poll_send(cx, message)
            }

            fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                self.poll_recv(cx, buffer)
            }

            to_std_and_back!();
        }
    };
}

macro_rules! to_std_and_back {
    () => {
        fn into_std(self) -> io::Result<Self::Std> {
            self.into_std()
        }

        fn from_std(std: Self::Std) -> io::Result<Self> {
            Self::from_std(std)
        }

        fn duplicate(std: &Self::Std) -> Self::Std {
            std.try_clone().unwrap()
        }
    };
}

stream!(TcpStream, std::net::TcpStream, pair());
datagrams!(UdpSocket, std::net::UdpSocket, udp_pair());

async fn udp_pair() -> (UdpSocket, UdpSocket) {
    let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    one.connect(other.local_addr().unwrap()).await.unwrap();
    other.connect(one.local_addr().unwrap()).await.unwrap();
    (one, other)
}

#[cfg(unix)]
mod of_unix {
    use std::future::ready;
    use std::os::unix::net;

    use boucle::net::{AsyncFd, UnixDatagram, UnixStream};

    use super::*;

    stream!(UnixStream, net::UnixStream, ready(UnixStream::pair().unwrap()));
    datagrams!(UnixDatagram, net::UnixDatagram, ready(UnixDatagram::pair().unwrap()));

    impl Kind for AsyncFd<net::UnixDatagram> {
        type Std = net::UnixDatagram;

        async fn pair() -> (Self, Self) {
            let (one, other) = net::UnixDatagram::pair().unwrap();
            (Self::from_std(one).unwrap(), Self::from_std(other).unwrap())
        }

        fn poll_send(&self, cx: &mut Context<'_>, message: &[u8]) -> Poll<io::Result<usize>> {
            self.poll_write_with(cx, |socket| socket.send(message))
        }

        fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
            self.poll_read_with(cx, |socket| socket.recv(buffer))
        }

        fn into_std(self) -> io::Result<Self::Std> {
            self.into_inner()
        }

        fn from_std(std: Self::Std) -> io::Result<Self> {
            std.set_nonblocking(true)?;
            AsyncFd::new(std)
        }

        fn duplicate(std: &Self::Std) -> Self::Std {
            std.try_clone().unwrap()
        }
    }
}

async fn send<K: Kind>(end: &K, message: &[u8]) {
    let sent = poll_fn(|cx| end.poll_send(cx, message)).await;
    assert_eq!(sent.unwrap(), message.len());
}

async fn receive<K: Kind>(end: &K) -> io::Result<Vec<u8>> {
    let mut buffer = [0; 64];
    let count = poll_fn(|cx| end.poll_receive(cx, &mut buffer)).await?;
    Ok(buffer[..count].to_vec())
}

/// Asserts that both directions work.
async fn assert_talk<K: Kind>(one: &K, other: &K) {
    for (from, to) in [(one, other), (other, one)] {
        send(from, b"fine").await;
        assert_eq!(receive(to).await.unwrap(), b"fine");
    }
}

/// A test for each kind.
macro_rules! of_every_kind {
    ($($(#[$doc:meta])+ fn $test:ident<$kind:ident>() $body:block)+) => {
        $($(#[$doc])+ fn $test<$kind: Kind>() $body)+

        of_every_kind!(tcp: boucle::net::TcpStream; $($test)+);
        of_every_kind!(udp: boucle::net::UdpSocket; $($test)+);
        #[cfg(unix)]
        of_every_kind!(unix_stream: boucle::net::UnixStream; $($test)+);
        #[cfg(unix)]
        of_every_kind!(unix_datagram: boucle::net::UnixDatagram; $($test)+);
        #[cfg(unix)]
        of_every_kind!(descriptor: boucle::net::AsyncFd<std::os::unix::net::UnixDatagram>; $($test)+);
    };
    ($name:ident: $kind:ty; $($test:ident)+) => {
        mod $name {
            $(
                #[test]
                fn $test() {
                    super::$test::<$kind>();
                }
            )+
        }
    };
}

of_every_kind! {
    /// Two tasks talk to each other, one question and one answer at a time.
    fn an_echo_goes_there_and_back<K>() {
        run(async {
            let (client, server) = K::pair().await;
            let echo = spawn(async move {
                for _ in 0..50 {
                    let message = receive(&server).await.unwrap();
                    send(&server, &message).await;
                }
                server
            });
            for round in 0..50u8 {
                send(&client, &[round; 3]).await;
                assert_eq!(receive(&client).await.unwrap(), [round; 3]);
            }
            drop(echo.await.unwrap());
        });
    }

    /// A receive that is dropped while it waits loses nothing.
    fn a_receive_that_is_dropped_loses_nothing<K>() {
        run(async {
            let (one, other) = K::pair().await;
            for _ in 0..3 {
                assert!(timeout(Duration::from_millis(1), receive(&one)).await.is_err());
                assert_talk(&one, &other).await;
            }
        });
    }

    /// A task and a foreign waker that wait for one side are both woken.
    fn all_that_wait_for_one_side_are_woken<K>() {
        run(async {
            let (one, other) = K::pair().await;
            let one = Rc::new(one);
            let counting = Arc::new(Counting::default());
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    let one = one.clone();
                    spawn(async move { receive(&*one).await.unwrap() })
                })
                .collect();
            yield_now().await;
            let waker = Waker::from(counting.clone());
            let polled = one.poll_receive(&mut Context::from_waker(&waker), &mut [0; 8]);
            assert!(polled.is_pending());
            send(&other, b"x").await;
            for _ in 0..100 {
                if readers.iter().any(|reader| reader.is_finished()) && counting.wakes() == 1 {
                    break;
                }
                sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(counting.wakes(), 1);
            send(&other, b"x").await; // for the other one
            for reader in readers {
                assert_eq!(reader.await.unwrap(), b"x");
            }
        });
    }

    /// An aborted task drops its socket while it waits for it. The next socket gets the same slot, and works.
    fn a_socket_may_be_dropped_while_it_is_awaited<K>() {
        run(async {
            for _ in 0..3 {
                let (one, other) = K::pair().await;
                let reader = spawn(async move { receive(&one).await });
                yield_now().await;
                reader.abort();
                assert!(reader.await.unwrap_err().is_cancelled());
                let _ = poll_fn(|cx| Poll::Ready(other.poll_send(cx, b"x"))).await;
            }
            let (one, other) = K::pair().await;
            assert_talk(&one, &other).await;
        });
    }

    /// A socket that is awaited on another loop panics and names both loops. It is unharmed.
    fn a_socket_belongs_to_its_loop<K>() {
        let first = EventLoop::new().unwrap();
        let (one, other) = first.block_on(K::pair());
        let second = EventLoop::new().unwrap();
        let both = format!("of {} was polled on {}:", name_of(&first), name_of(&second));
        let message = panic_of(|| second.block_on(receive(&one)));
        assert!(message.contains(&both), "{message}");
        let message = panic_of(|| second.block_on(send(&one, b"x")));
        assert!(message.contains(&both), "{message}");
        first.block_on(assert_talk(&one, &other));
    }

    /// A socket that outlives its loop returns errors, can be dropped, and moves to another loop as std's.
    fn a_socket_outlives_its_loop<K>() {
        let (one, other) = run(K::pair());
        run(async move {
            let error = receive(&one).await.unwrap_err();
            assert!(error.to_string().ends_with("is gone"), "{error}");
            let sent = poll_fn(|cx| one.poll_send(cx, b"x")).await;
            assert!(sent.is_err());
            let (one, other) = (one.into_std().unwrap(), other.into_std().unwrap());
            let (one, other) = (K::from_std(one).unwrap(), K::from_std(other).unwrap());
            assert_talk(&one, &other).await;
        });
        let (one, _other) = run(K::pair());
        run(async {
            // The same slot, which the drop must not harm.
            let (fresh, peer) = K::pair().await;
            drop(one);
            assert_talk(&fresh, &peer).await;
        });
    }

    /// A socket that has left its loop, however it left, is not watched any more: what comes to a duplicate
    /// of its descriptor does not end a park, and the duplicate can be registered.
    fn a_duplicate_of_a_dropped_socket_is_free<K>() {
        let ways_out: [fn(&EventLoop, K); 5] = [
            |event_loop, socket| event_loop.block_on(async move { drop(socket) }),
            |_, socket| drop(socket),
            |_, socket| thread::spawn(move || drop(socket)).join().unwrap(),
            |_, socket| drop(socket.into_std().unwrap()),
            |_, socket| drop(thread::spawn(move || socket.into_std().unwrap()).join().unwrap()),
        ];
        for leaves in ways_out {
            let event_loop = EventLoop::new().unwrap();
            // The peer has events of its own, so it is on another loop.
            let others = EventLoop::new().unwrap();
            let (socket, peer) = others.block_on(K::pair());
            let socket = socket.into_std().unwrap();
            let duplicate = K::duplicate(&socket);
            let socket = event_loop.block_on(async { K::from_std(socket).unwrap() });
            leaves(&event_loop, socket);
            turn(&event_loop); // reads what another thread has left in the inbox
            let sleeper = event_loop.spawn(sleep(Duration::from_millis(10)));
            let mut turns = 0;
            while !sleeper.is_finished() {
                let _ = peer.poll_send(&mut Context::from_waker(Waker::noop()), b"x");
                event_loop.turn(None).unwrap();
                turns += 1;
            }
            assert!(turns <= 5, "{turns} turns");
            event_loop.block_on(async {
                let again = K::from_std(duplicate).unwrap();
                assert_eq!(receive(&again).await.unwrap()[0], b'x');
            });
        }
    }
}
