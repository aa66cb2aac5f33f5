//! UDP: mio's socket on a [`Source`].

use std::future::poll_fn;
use std::io;
use std::net::{self, SocketAddr};
use std::task::{Context, Poll};

use super::datagram::datagrams;
use super::failure::failed;
use super::reactor::Side;
use super::resolve::{ToSocketAddrs, resolve};
use super::source::{READS, Source, peer, socket};
use crate::task::budget::consume_budget;

/// A UDP socket.
///
/// Not connected, it exchanges messages with any address ([`send_to`](Self::send_to),
/// [`recv_from`](Self::recv_from)); connected, with one ([`send`](Self::send), [`recv`](Self::recv)). All take
/// `&self`, so one task may receive while another one sends.
///
/// It belongs to the loop on which it was made. When that loop is gone, sending and receiving give errors (of
/// kind `Other`). Dropping it closes it, on any thread. A message costs one system call at each end and a
/// share of a park; one more call finds that no other message is there.
///
/// ```
/// use boucle::net::UdpSocket;
///
/// # boucle::run(async {
/// let server = UdpSocket::bind("127.0.0.1:0").await?;
/// let client = UdpSocket::bind("127.0.0.1:0").await?;
/// client.connect(server.local_addr()?).await?;
/// client.send(b"ping").await?;
///
/// let mut buffer = [0; 1500];
/// let (len, from) = server.recv_from(&mut buffer).await?;
/// assert_eq!(&buffer[..len], b"ping");
/// server.send_to(b"pong", from).await?;
/// assert_eq!(client.recv(&mut buffer).await?, 4);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// The crate `socket2` has multicast and other options: its `Socket` sets those that come before `bind`, its
/// `SockRef` the others.
///
/// ```
/// use socket2::{Domain, SockRef, Socket, Type};
/// use std::net::{Ipv4Addr, SocketAddr};
///
/// # boucle::run(async {
/// let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
/// socket.set_reuse_address(true)?; // several processes may listen to one group
/// socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
/// let socket = boucle::net::UdpSocket::from_std(socket.into())?;
/// SockRef::from(&socket).set_multicast_ttl_v4(1)?;
/// # if false { // a machine may have no route for it
/// SockRef::from(&socket).join_multicast_v4(&Ipv4Addr::new(239, 1, 2, 3), &Ipv4Addr::UNSPECIFIED)?;
/// # }
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[doc(alias("create_datagram_endpoint", "DatagramTransport", "DatagramProtocol"))]
pub struct UdpSocket {
    source: Source<mio::net::UdpSocket>,
}

impl UdpSocket {
    /// Binds a socket to an address; with port 0 the system picks a port. A name is looked up on another
    /// thread, and each of its addresses is tried until one works.
    ///
    /// ```
    /// use boucle::net::UdpSocket;
    ///
    /// # boucle::run(async {
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// let taken = UdpSocket::bind(socket.local_addr()?).await.unwrap_err();
    /// assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the [address](ToSocketAddrs#errors) and of `bind`: of the last address that was tried. The error
    /// names what was passed, and the system's error is its source.
    ///
    /// # Cancellation
    ///
    /// Dropping the future binds nothing.
    ///
    /// # Panics
    ///
    /// If it is not polled on a boucle loop.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        consume_budget().await; // nothing below waits for an event
        let addresses = resolve(&address).await?;
        let bound = net::UdpSocket::bind(&addresses[..]).and_then(Self::from_std);
        bound.map_err(failed("bind to", address.to_target()))
    }

    /// Connects the socket to an address. It still receives messages that have already arrived; after those,
    /// only messages from that address. No message is sent. A name is looked up on another thread, and its
    /// addresses are tried until one works.
    ///
    /// ```
    /// use boucle::net::UdpSocket;
    ///
    /// # boucle::run(async {
    /// let (here, there) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// here.connect(there.local_addr()?).await?;
    /// here.send(b"ping").await?; // it needs no address now
    /// assert_eq!(there.recv_from(&mut [0; 64]).await?.1, here.local_addr()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the [address](ToSocketAddrs#errors) and of `connect`: of the last address that was tried, which
    /// the error names. The system's error is its source.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves the socket as it was.
    pub async fn connect(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        consume_budget().await; // nothing below waits for an event
        let mut connected = Ok(());
        for address in resolve(&address).await? {
            connected = self.source.io().connect(address).map_err(failed("connect to", address));
            if connected.is_ok() {
                break;
            }
        }
        connected
    }

    /// Waits until there is room, and sends a message to the peer that the socket is connected to. Returns its
    /// length.
    ///
    /// ```
    /// use boucle::net::UdpSocket;
    ///
    /// # boucle::run(async {
    /// let (here, there) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// here.connect(there.local_addr()?).await?;
    /// assert_eq!(here.send(b"ping").await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `send`. One may be the refusal of an earlier message (`ConnectionRefused`).
    ///
    /// # Cancellation
    ///
    /// Dropping the future sends nothing.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than the socket's or on another thread, while its own lives.
    pub async fn send(&self, message: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_send(cx, message)).await
    }

    /// Waits until there is room, and sends a message to an address. Returns the message's length. Of several
    /// addresses the first is used, as in std.
    ///
    /// ```
    /// use boucle::net::UdpSocket;
    ///
    /// # boucle::run(async {
    /// let (here, there) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    /// here.send_to(b"ping", there.local_addr()?).await?;
    /// assert_eq!(there.recv(&mut [0; 64]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the [address](ToSocketAddrs#errors) and of `sendto`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future sends nothing.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than the socket's or on another thread, while its own lives.
    pub async fn send_to(&self, message: &[u8], target: impl ToSocketAddrs) -> io::Result<usize> {
        let addresses = resolve(&target).await;
        if addresses.is_err() {
            consume_budget().await;
        }
        let target = addresses?[0];
        poll_fn(|cx| self.poll_send_to(cx, message, target)).await
    }

    /// [`send_to`](Self::send_to) as a poll. Each task that was pending here is woken, not only the last.
    ///
    /// ```
    /// use boucle::net::UdpSocket;
    ///
    /// # boucle::run(async {
    /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
    /// let to = socket.local_addr()?; // itself
    /// std::future::poll_fn(|cx| socket.poll_send_to(cx, b"ping", to)).await?;
    /// assert_eq!(socket.recv(&mut [0; 64]).await?, 4);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `sendto`.
    ///
    /// # Panics
    ///
    /// As [`send_to`](Self::send_to).
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        message: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.source.poll(cx, Side::Write, |io, _| io.send_to(message, target))
    }

    /// Receives a message as [`recv_from`](Self::recv_from) does, but leaves it in the queue: the next call
    /// returns it again.
    ///
    /// ```
    /// # boucle::run(async {
    /// let socket = boucle::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// socket.send_to(b"ping", socket.local_addr()?).await?;
    /// assert_eq!(socket.peek_from(&mut [0; 64]).await?.0, 4);
    /// assert_eq!(socket.recv(&mut [0; 64]).await?, 4); // it is still there
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `recvfrom`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no message.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than the socket's or on another thread, while its own lives.
    pub async fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|cx| self.source.poll(cx, Side::Read, |io, _| io.peek_from(buffer))).await
    }
}

datagrams!(net: UdpSocket);
socket!(net: UdpSocket(READS, true));
peer!(net: UdpSocket);
