//! From what a user calls an address to socket addresses.
//!
//! `getaddrinfo` blocks for as long as the name server likes, so a name is looked up on a thread of a small
//! pool. What is an address already is parsed at once, on the loop's thread.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

#[cfg(feature = "blocking")]
use crate::executor::{self, pool::Pool};
use sealed::{Target, ToTarget};

/// What [`TcpListener::bind`](super::TcpListener::bind) and
/// [`TcpStream::connect`](super::TcpStream::connect) take as an address.
///
/// It is implemented for what [`std::net::ToSocketAddrs`] is implemented for: `SocketAddr`,
/// `(IpAddr, u16)`, `"localhost:80"`, `("localhost", 80)`, `String`, `&[SocketAddr]`, and so on. It is a
/// trait of its own because std's would look up a name on the calling thread, which is the loop's. It
/// cannot be implemented elsewhere.
pub trait ToSocketAddrs: ToTarget {}

impl<T: ToTarget + ?Sized> ToSocketAddrs for T {}

mod sealed {
    use std::net::SocketAddr;

    /// What a user has written as an address.
    #[derive(Debug)]
    pub enum Target<'a> {
        Addresses(Vec<SocketAddr>),
        /// A name or an IP address, and a port.
        Host(&'a str, u16),
        /// All of it as text.
        Text(&'a str),
    }

    pub trait ToTarget {
        fn to_target(&self) -> Target<'_>;
    }
}

/// Implements `ToTarget` for a type by a pattern and what it stands for.
macro_rules! to_target {
    ($($address:ty: $pattern:pat => $target:expr;)+) => {$(
        impl ToTarget for $address {
            fn to_target(&self) -> Target<'_> {
                let $pattern = self;
                $target
            }
        }
    )+};
}

to_target! {
    [SocketAddr]: addresses => Target::Addresses(addresses.to_vec());
    SocketAddr: address => Target::Addresses(vec![*address]);
    SocketAddrV4: address => Target::Addresses(vec![(*address).into()]);
    SocketAddrV6: address => Target::Addresses(vec![(*address).into()]);
    (IpAddr, u16): address => Target::Addresses(vec![(*address).into()]);
    (Ipv4Addr, u16): address => Target::Addresses(vec![(*address).into()]);
    (Ipv6Addr, u16): address => Target::Addresses(vec![(*address).into()]);
    (&str, u16): (host, port) => Target::Host(host, *port);
    (String, u16): (host, port) => Target::Host(host, *port);
    str: text => Target::Text(text);
    String: text => Target::Text(text);
}

impl<A: ToTarget + ?Sized> ToTarget for &A {
    fn to_target(&self) -> Target<'_> {
        (**self).to_target()
    }
}

/// Returns the addresses behind an address. An empty list is an error.
pub(super) async fn resolve(address: &impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    let addresses = match address.to_target() {
        Target::Addresses(addresses) => addresses,
        Target::Host(host, port) => addresses_of(host, port).await?,
        Target::Text(text) => match text.parse() {
            Ok(address) => vec![address],
            Err(_) => {
                let (host, port) = split(text)?;
                addresses_of(host, port).await?
            }
        },
    };
    if addresses.is_empty() {
        let message = "there is no address to use: the list is empty";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(addresses)
}

/// Splits text into a host and a port.
fn split(text: &str) -> io::Result<(&str, u16)> {
    if let Some((host, port)) = text.rsplit_once(':')
        && !host.is_empty()
        && let Ok(port) = port.parse()
    {
        return Ok((host, port));
    }
    let message = format!("\"{text}\" is no address: a host and a port are needed, as in \"localhost:80\"");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

async fn addresses_of(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::from((ip, port))]);
    }
    look_up(host.to_owned(), port).await.map_err(|error| {
        let message = format!("cannot look up \"{host}\": {error}");
        io::Error::new(error.kind(), message)
    })
}

/// Threads of their own, so that a name does not wait for the executor's jobs. At most as many as asyncio
/// has.
#[cfg(feature = "blocking")]
static LOOK_UPS: Pool = Pool::new("boucle-look-up", 32);

/// Looks up a name. The end of a loop does not wait for it: a look-up that is given up has no effect.
#[cfg(feature = "blocking")]
async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let look_up = move || {
        let addresses = std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port));
        addresses.map(Iterator::collect)
    };
    executor::start(&LOOK_UPS, None, look_up)?.await
}

#[cfg(not(feature = "blocking"))]
async fn look_up(_host: String, _port: u16) -> io::Result<Vec<SocketAddr>> {
    let message = "boucle was built without the feature `blocking`";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}
