//! Pairs of std's sockets, from which the runtimes and the program by hand on mio make theirs.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::LazyLock;

/// A kind of socket. The two ends of a pair are connected to each other, and do not block.
pub trait Socket: Sized + 'static {
    fn pair() -> io::Result<(Self, Self)>;
}

/// Connections to one listener. Small messages are sent at once.
impl Socket for TcpStream {
    fn pair() -> io::Result<(Self, Self)> {
        static LISTENER: LazyLock<TcpListener> =
            LazyLock::new(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free"));
        let one = TcpStream::connect(LISTENER.local_addr()?)?;
        let (other, _peer) = LISTENER.accept()?;
        for end in [&one, &other] {
            end.set_nodelay(true)?;
            end.set_nonblocking(true)?;
        }
        Ok((one, other))
    }
}

impl Socket for UdpSocket {
    fn pair() -> io::Result<(Self, Self)> {
        let any_port = (Ipv4Addr::LOCALHOST, 0);
        let (one, other) = (UdpSocket::bind(any_port)?, UdpSocket::bind(any_port)?);
        one.connect(other.local_addr()?)?;
        other.connect(one.local_addr()?)?;
        one.set_nonblocking(true)?;
        other.set_nonblocking(true)?;
        Ok((one, other))
    }
}

macro_rules! unix {
    ($($socket:ident),+) => {$(
        impl Socket for $socket {
            fn pair() -> io::Result<(Self, Self)> {
                let (one, other) = $socket::pair()?;
                one.set_nonblocking(true)?;
                other.set_nonblocking(true)?;
                Ok((one, other))
            }
        }
    )+};
}

unix!(UnixDatagram, UnixStream);

/// Raises the limit of descriptors, which is often lower.
pub fn allow_sockets(sockets: usize) {
    let wanted = sockets as u64 + 100;
    let limit = rlimit::increase_nofile_limit(wanted).unwrap_or(0);
    assert!(limit >= wanted, "{wanted} open files are needed, and {limit} allowed (`ulimit -n`)");
}
