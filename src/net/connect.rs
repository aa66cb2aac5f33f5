//! Connecting: the addresses of a host are tried in turn, and the first that answers is used.
//!
//! An address that is silent is not given up: the next one is tried beside it. This is "Happy Eyeballs"
//! (RFC 8305) in its simplest form, without a second look-up.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::failure::failed;
use super::reactor::Side;
use super::resolve::{ToSocketAddrs, resolve};
use super::source::{BOTH, Source, uninterrupted};
use super::tcp::TcpStream;
use crate::task::budget::consume_budget;
use crate::time::timeout::{Elapsed, timeout};

/// How long an address may be silent before the next one is tried beside it, as RFC 8305 recommends.
const HEAD_START: Duration = Duration::from_millis(250);

impl TcpStream {
    /// Connects to an address. A name is looked up on another thread.
    ///
    /// If there are several addresses, IPv6 and IPv4 alternate, beginning with the family of the first. The
    /// next one is tried when one fails, or when the latest has been silent for 250 ms. The first that
    /// answers is used, and the other attempts are given up ("Happy Eyeballs", RFC 8305; in asyncio, the
    /// arguments `happy_eyeballs_delay` and `interleave`).
    ///
    /// An address that stays silent fails when the kernel gives up (after about two minutes on Linux), and a
    /// look-up takes as long as the name server does: [`connect_timeout`](Self::connect_timeout) sets a limit.
    ///
    /// ```
    /// use boucle::net::{TcpListener, TcpStream};
    ///
    /// # boucle::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let address = listener.local_addr()?;
    /// assert_eq!(TcpStream::connect(address).await?.peer_addr()?, address);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the [address](ToSocketAddrs#errors), and of `connect` for the address that failed last
    /// (`ConnectionRefused`, `TimedOut`, …), which the error names. The system's error is its
    /// [source](std::error::Error::source), and has the code:
    ///
    /// ```
    /// # boucle::run(async {
    /// use std::{error::Error, io};
    ///
    /// let refused = boucle::net::TcpStream::connect("127.0.0.1:1").await.unwrap_err();
    /// let system = refused.source().and_then(|error| error.downcast_ref::<io::Error>());
    /// assert!(system.unwrap().raw_os_error().is_some());
    /// # });
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the future gives the attempts up. A look-up that has begun runs to its end in its thread.
    ///
    /// # Panics
    ///
    /// If it is not polled on a boucle loop.
    #[doc(alias("open_connection", "create_connection", "happy_eyeballs"))]
    pub async fn connect(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
        consume_budget().await; // what follows may fail without a wait
        match &resolve(&address).await?[..] {
            [only] => connect_one(*only).await, // no race to set up
            several => connect_first(several, HEAD_START).await,
        }
    }

    /// Connects to an address within `limit`, which covers the look-up and all attempts.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use boucle::net::{TcpListener, TcpStream};
    ///
    /// # boucle::run(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let limit = Duration::from_secs(5);
    /// TcpStream::connect_timeout(listener.local_addr()?, limit).await?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// To limit each address by itself, call it with one address after the other:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use boucle::net::{TcpListener, TcpStream};
    /// # boucle::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let addresses = ["255.255.255.255:80".parse().unwrap(), listener.local_addr()?];
    /// let limit = Duration::from_secs(2);
    /// let mut connected = Err(std::io::ErrorKind::NotFound.into()); // there is no address
    /// for address in addresses {
    ///     connected = TcpStream::connect_timeout(address, limit).await;
    ///     if connected.is_ok() {
    ///         break;
    ///     }
    /// }
    /// let stream = connected?; // else the error of the last address
    /// # assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// `TimedOut` when the limit is over; it names the address and the limit. Otherwise as
    /// [`connect`](Self::connect).
    ///
    /// # Cancellation
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_timeout(address: impl ToSocketAddrs, limit: Duration) -> io::Result<TcpStream> {
        timeout(limit, Self::connect(&address)).await.unwrap_or_else(|Elapsed| {
            let message = format!("cannot connect to {} within {limit:?}", address.to_target());
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }
}

/// Connects to the first of several addresses that answers. Each has a head start before the next one.
async fn connect_first(addresses: &[SocketAddr], head_start: Duration) -> io::Result<TcpStream> {
    let mut attempts = Vec::new();
    let mut addresses = interleaved(addresses).into_iter();
    loop {
        attempts.extend(addresses.next().map(|address| Box::pin(connect_one(address))));
        let first = poll_fn(|cx| poll_any(&mut attempts, cx));
        let is_last = addresses.len() == 0;
        let outcome = if is_last { Ok(first.await) } else { timeout(head_start, first).await };
        match outcome {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) if is_last && attempts.is_empty() => return Err(error),
            Ok(Err(_)) | Err(Elapsed) => {}
        }
    }
}

/// Lets the families alternate, beginning with the first one's. Each keeps its order.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first = |next: &SocketAddr| next.is_ipv4() == addresses[0].is_ipv4();
    let (one, other): (Vec<_>, Vec<_>) = addresses.iter().copied().partition(is_first);
    (0..addresses.len()).flat_map(|at| [one.get(at), other.get(at)]).flatten().copied().collect()
}

/// Polls the futures in order. Removes the first one that is ready, and returns its output.
fn poll_any<F: Future + Unpin>(futures: &mut Vec<F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    for at in 0..futures.len() {
        if let Poll::Ready(output) = Pin::new(&mut futures[at]).poll(cx) {
            drop(futures.remove(at));
            return Poll::Ready(output);
        }
    }
    Poll::Pending
}

async fn connect_one(address: SocketAddr) -> io::Result<TcpStream> {
    let connected = async {
        consume_budget().await; // the connect may fail without a wait
        let source = Source::new(uninterrupted(|| mio::net::TcpStream::connect(address))?, BOTH, false)?;
        poll_fn(|cx| source.poll(cx, Side::Write, |io, _| connect_outcome(io))).await?;
        Ok(TcpStream { source })
    };
    connected.await.map_err(failed("connect to", address))
}

/// Returns the outcome of a connect, after an event. The error is `WouldBlock` if there is no outcome yet: an
/// event may come too early, as mio documents. A success costs one system call.
fn connect_outcome(io: &mio::net::TcpStream) -> io::Result<()> {
    io.try_io(|| {
        let Err(no_peer) = io.peer_addr() else { return Ok(()) };
        let is_early = no_peer.kind() == io::ErrorKind::NotConnected;
        let no_error = if is_early { io::ErrorKind::WouldBlock.into() } else { no_peer };
        Err(io.take_error()?.unwrap_or(no_error))
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    use super::*;

    /// When an address fails, the next one is tried at once, long before the head start is over.
    #[test]
    fn a_refusal_is_followed_by_the_next_address_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let refused = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let hour = Duration::from_secs(3_600);
        crate::run(async {
            // The second fails at its first system call: a broadcast address takes no connection.
            let addresses = [refused, (Ipv4Addr::BROADCAST, 1).into(), address];
            let connected = timeout(hour / 60, connect_first(&addresses, hour)).await;
            let stream = connected.expect("the next address was not tried").unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
        });
    }

    /// An event that comes before a connect has an answer does not end it. (What does not answer is a
    /// listener whose queue is full: Linux lets further attempts wait.)
    #[cfg(target_os = "linux")]
    #[test]
    #[cfg_attr(miri, ignore = "its listeners have no queue that could be full")]
    fn an_early_event_is_no_outcome() {
        let mute = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        mute.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        mute.listen(0).unwrap();
        let address = TcpListener::from(mute.try_clone().unwrap()).local_addr().unwrap();
        let _fills_the_queue = std::net::TcpStream::connect(address).unwrap();
        let begun = mio::net::TcpStream::connect(address).unwrap();
        let error = connect_outcome(&begun).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    /// The families alternate until one of them is used up, whichever comes first.
    #[test]
    fn the_families_alternate() {
        let v4 = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let v6 = |port| SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let order = |addresses: Vec<_>| interleaved(&addresses);
        assert_eq!(order(vec![v6(1), v6(2), v6(3), v4(1)]), [v6(1), v4(1), v6(2), v6(3)]);
        assert_eq!(order(vec![v4(1), v4(2), v6(1), v6(2)]), [v4(1), v6(1), v4(2), v6(2)]);
        assert_eq!(order(vec![v6(1), v4(1), v4(2), v6(2)]), [v6(1), v4(1), v6(2), v4(2)]);
        assert_eq!(order(vec![v4(2), v4(1)]), [v4(2), v4(1)]);
        assert_eq!(order(vec![]), []);
    }
}
