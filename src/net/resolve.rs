//! From what a user calls an address to socket addresses.
//!
//! `getaddrinfo` blocks for as long as the name server likes, so a name is looked up on a thread of a
//! small pool. What is an address already is parsed at once, on the loop's thread.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

#[cfg(feature = "blocking")]
use crate::executor::{self, pool::Pool};
use sealed::{Target, ToTarget};

/// What [`TcpListener::bind`](super::TcpListener::bind) and
/// [`TcpStream::connect`](super::TcpStream::connect) take as an address.
///
/// It is implemented for what [`std::net::ToSocketAddrs`] is implemented for: `SocketAddr`,
/// `(IpAddr, u16)`, `"localhost:80"`, `("localhost", 80)`, `String`, `&[SocketAddr]`, and so on. It
/// is a trait of its own because std's would look up a name on the calling thread, which is the
/// loop's. It cannot be implemented elsewhere.
pub trait ToSocketAddrs: ToTarget {}

impl<T: ToTarget + ?Sized> ToSocketAddrs for T {}

/// The addresses behind an address. An empty list is an error.
pub(crate) async fn resolve(address: &impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    let addresses = match address.to_target() {
        Target::Addresses(addresses) => addresses,
        Target::Name(host, port) => look_up(host, port).await?,
        Target::Malformed(text) => {
            let message = format!(
                "\"{text}\" is no address: a host and a port are needed, as in \"localhost:80\""
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    };
    if addresses.is_empty() {
        let message = "there is no address to use: the list is empty";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(addresses)
}

/// Threads of their own, so that a name does not wait for the executor's jobs. As many as asyncio has
/// at most.
#[cfg(feature = "blocking")]
static LOOK_UPS: Pool = Pool::new("boucle-look-up", 32);

/// Looks up a name. No loop waits for it at its end: a look-up that is given up has no effect.
#[cfg(feature = "blocking")]
async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let name = host.clone();
    let look_up = move || {
        let name = (name.as_str(), port);
        std::net::ToSocketAddrs::to_socket_addrs(&name).map(Iterator::collect)
    };
    let looked_up = match executor::start(&LOOK_UPS, None, look_up) {
        Ok(job) => job.await,
        Err(refused) => Err(refused),
    };
    looked_up.map_err(|error| {
        let message = format!("cannot look up \"{host}\": {error}");
        io::Error::new(error.kind(), message)
    })
}

#[cfg(not(feature = "blocking"))]
async fn look_up(host: String, _port: u16) -> io::Result<Vec<SocketAddr>> {
    let message =
        format!("cannot look up \"{host}\": boucle was built without the feature `blocking`");
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

mod sealed {
    use super::*;

    /// What an address turns out to be.
    #[derive(Debug)]
    pub enum Target {
        /// Known already.
        Addresses(Vec<SocketAddr>),
        /// A host to be looked up, and a port.
        Name(String, u16),
        /// Neither.
        Malformed(String),
    }

    pub trait ToTarget {
        fn to_target(&self) -> Target;
    }

    impl<A: ToTarget + ?Sized> ToTarget for &A {
        fn to_target(&self) -> Target {
            (**self).to_target()
        }
    }

    macro_rules! known {
        ($($address:ty),+) => {$(
            impl ToTarget for $address {
                fn to_target(&self) -> Target {
                    Target::Addresses(vec![SocketAddr::from(*self)])
                }
            }
        )+};
    }

    known!(SocketAddr, SocketAddrV4, SocketAddrV6);
    known!((IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

    impl ToTarget for [SocketAddr] {
        fn to_target(&self) -> Target {
            Target::Addresses(self.to_vec())
        }
    }

    impl ToTarget for (&str, u16) {
        fn to_target(&self) -> Target {
            match self.0.parse::<IpAddr>() {
                Ok(ip) => Target::Addresses(vec![SocketAddr::from((ip, self.1))]),
                Err(_) => Target::Name(self.0.to_owned(), self.1),
            }
        }
    }

    impl ToTarget for (String, u16) {
        fn to_target(&self) -> Target {
            (self.0.as_str(), self.1).to_target()
        }
    }

    impl ToTarget for str {
        fn to_target(&self) -> Target {
            if let Ok(address) = self.parse::<SocketAddr>() {
                return Target::Addresses(vec![address]);
            }
            match self
                .rsplit_once(':')
                .map(|(host, port)| (host, port.parse()))
            {
                Some((host, Ok(port))) if !host.is_empty() => Target::Name(host.to_owned(), port),
                _ => Target::Malformed(self.to_owned()),
            }
        }
    }

    impl ToTarget for String {
        fn to_target(&self) -> Target {
            self.as_str().to_target()
        }
    }
}
