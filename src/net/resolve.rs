//! Turns an address as a user writes it into socket addresses.
//!
//! `getaddrinfo` blocks for as long as the name server takes, so a name is looked up on a thread of a pool.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::failure::failed;
#[cfg(feature = "blocking")]
use crate::{executor, executor::pool::Pool, task::id::LoopNumber};

/// An address to bind or to connect to.
///
/// It is implemented for what [`std::net::ToSocketAddrs`] is implemented for: `SocketAddr`, `(IpAddr, u16)`,
/// `"localhost:80"`, `("localhost", 80)`, `String`, `&[SocketAddr]`, and so on. std's trait would look up a
/// name on the loop's thread. No other crate can implement this one.
///
/// ```
/// use boucle::net::{TcpListener, ToSocketAddrs};
///
/// # boucle::run(async {
/// async fn listen(address: impl ToSocketAddrs) -> std::io::Result<u16> {
///     Ok(TcpListener::bind(address).await?.local_addr()?.port())
/// }
/// assert_ne!(listen("127.0.0.1:0").await?, 0);
/// assert_ne!(listen(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).await?, 0);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// Up to 32 names are looked up at a time in a process; the next one waits for a thread. A look-up that is given
/// up keeps its thread until the system has answered.
///
/// # Errors
///
/// A function that takes an address returns
///
/// - `InvalidInput`, if it is text without a host or a valid port, or an empty list;
/// - `Unsupported`, if it has a name and the feature `blocking` is off;
/// - the error of the look-up, if that fails.
pub trait ToSocketAddrs: ToTarget {}

impl<T: ToTarget + ?Sized> ToSocketAddrs for T {}

/// Seals [`ToSocketAddrs`], since no public path leads to it.
pub trait ToTarget {
    fn to_target(&self) -> Target;
}

/// What a user has written as an address.
#[derive(Debug)]
pub enum Target {
    Addresses(Vec<SocketAddr>),
    /// A name or an IP address, a colon and a port.
    Text(String),
}

/// Implements `ToTarget`: types, a pattern for a value of them, and its target.
macro_rules! to_target {
    ($($($address:ty),+: $pattern:pat => $target:expr;)+) => {$($(
        impl ToTarget for $address {
            fn to_target(&self) -> Target {
                let $pattern = self;
                $target
            }
        }
    )+)+};
}

to_target! {
    [SocketAddr]: addresses => Target::Addresses(addresses.to_vec());
    SocketAddr: address => Target::Addresses(vec![*address]);
    SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16):
        address => Target::Addresses(vec![(*address).into()]);
    (&str, u16), (String, u16): (host, port) => Target::Text(format!("{host}:{port}"));
    str, String: text => Target::Text(text.to_string());
}

impl<A: ToTarget + ?Sized> ToTarget for &A {
    fn to_target(&self) -> Target {
        (**self).to_target()
    }
}

/// As the user has written it, for messages.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Text(text) => f.write_str(text),
            Target::Addresses(addresses) if addresses.len() == 1 => write!(f, "{}", addresses[0]),
            Target::Addresses(addresses) => write!(f, "{addresses:?}"),
        }
    }
}

/// Returns the socket addresses of `address`: at least one.
pub(super) async fn resolve(address: &impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    let addresses = match address.to_target() {
        Target::Addresses(addresses) => addresses,
        Target::Text(text) => resolve_text(text).await?,
    };
    if addresses.is_empty() {
        let message = "there is no address to use: the list is empty";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(addresses)
}

async fn resolve_text(text: String) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = text.parse() {
        return Ok(vec![address]);
    }
    let split = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let Some((host, Ok(port))) = split.map(|(host, port)| (host, port.parse())) else {
        let needs = "a host and a port up to 65535 are needed, as in \"localhost:80\"";
        let message = format!("\"{text}\" is not an address: {needs}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![(ip, port).into()]);
    }
    look_up(host.to_owned(), port).await.map_err(failed("look up", format!("\"{host}\"")))
}

/// Looks up a name. The end of a loop does not wait for a look-up, since nothing depends on its end.
#[cfg(feature = "blocking")]
async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    /// Threads of their own, at most 32, so that no look-up waits for the executor's jobs, as asyncio's may.
    static LOOK_UPS: Pool = Pool::new("boucle-look-up", 32);
    let look_up = move || Ok(std::net::ToSocketAddrs::to_socket_addrs(&(host, port))?.collect());
    executor::start(&LOOK_UPS, LoopNumber::NONE, look_up)?.await
}

#[cfg(not(feature = "blocking"))]
async fn look_up(_host: String, _port: u16) -> io::Result<Vec<SocketAddr>> {
    let message = "boucle was built without the feature `blocking`";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}
