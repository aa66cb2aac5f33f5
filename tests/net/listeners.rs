//! Listeners that are made through `socket2`: with an option that is set before `bind`, and with a backlog.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};

use boucle::net::{TcpListener, TcpStream};
use futures_lite::future::or;
use socket2::{Domain, Socket, Type};

use crate::common::{ms, run};

/// Listens, with `SO_REUSEPORT` and a backlog.
fn listener(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    TcpListener::from_std(socket.into())
}

/// Returns an address with a port that the system picks.
fn any() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Listeners that were made with `SO_REUSEPORT` share a port: the kernel gives each connection to one of
/// them. Without the option the second one finds the port in use.
#[test]
fn listeners_share_a_port() {
    run(async {
        let one = listener(any(), 1_024).unwrap();
        let address = one.local_addr().unwrap();
        let two = listener(address, 1_024).unwrap();
        assert_eq!(TcpListener::bind(address).await.unwrap_err().kind(), ErrorKind::AddrInUse);
        let mut accepted = [0, 0];
        // By chance, one of them gets all only once in 2^49 runs.
        for _ in 0..50 {
            let client = std::net::TcpStream::connect(address).unwrap();
            let accept = async |number: usize, of: &TcpListener| (number, of.accept().await.unwrap().1);
            let (number, peer) = or(accept(0, &one), accept(1, &two)).await;
            assert_eq!(peer, client.local_addr().unwrap());
            accepted[number] += 1;
        }
        assert!(accepted[0] > 0 && accepted[1] > 0, "{accepted:?}");
    });
}

/// A listener keeps its backlog: with one of zero, Linux lets a single client wait, and the next one is not
/// answered. The backlog of `bind` has room for both.
#[test]
fn a_backlog_is_kept() {
    run(async {
        for (listener, is_answered) in [
            (listener(any(), 0).unwrap(), false),
            (listener(any(), 1).unwrap(), true),
            (TcpListener::bind(any()).await.unwrap(), true),
        ] {
            let address = listener.local_addr().unwrap();
            let _first = TcpStream::connect(address).await.unwrap();
            let limit = if is_answered { ms(20_000) } else { ms(20) };
            let second = TcpStream::connect_timeout(address, limit).await;
            let failed = second.map_err(|error| error.kind()).err();
            assert_eq!(failed, (!is_answered).then_some(ErrorKind::TimedOut));
        }
    });
}
