//! quinn (QUIC) on boucle: its `Runtime` takes other executors, timers and sockets.
//!
//! The socket is an `AsyncFd`, since quinn-udp's system calls take several messages at once. What quinn holds
//! has to be `Send`, which boucle's sleeps and sockets are, though they are polled on the loop's own thread
//! alone.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use boucle::net::AsyncFd;
use boucle::{Sleep, gather, now, sleep_until, spawn};
use boucle_ecosystem_tests::{run, virtually};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::rustls::pki_types::PrivatePkcs8KeyDer;
use quinn::rustls::{self, RootCertStore};
use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{
    AsyncTimer, AsyncUdpSocket, ClientConfig, Connection, ConnectionError, Endpoint, EndpointConfig, Runtime,
    ServerConfig, TransportConfig, UdpPoller, VarInt,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

// What a program needs to run quinn on boucle.

#[derive(Debug)]
struct Boucle;

impl Runtime for Boucle {
    fn new_timer(&self, deadline: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(Timer(sleep_until(deadline)))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(spawn(future));
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let state = UdpSocketState::new((&socket).into())?; // makes it non-blocking
        Ok(Arc::new(Socket { io: AsyncFd::new(socket)?, state }))
    }

    fn now(&self) -> Instant {
        now()
    }
}

#[derive(Debug)]
struct Timer(Sleep);

impl AsyncTimer for Timer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.0.reset(deadline);
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

struct Socket {
    io: AsyncFd<UdpSocket>,
    state: UdpSocketState,
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.state.send(self.io.get_ref().into(), transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_read_with(cx, |socket| self.state.recv(socket.into(), buffers, meta))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

#[derive(Debug)]
struct Writable(Arc<Socket>);

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.io.poll_writable(cx)
    }
}

// The tests.

const IDLE: Duration = Duration::from_secs(3_600);

fn transport() -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(Some(IDLE.try_into().unwrap()));
    Arc::new(transport)
}

/// Returns the configurations of a server with a certificate of its own, and of clients that trust it.
fn configs() -> (ServerConfig, ClientConfig) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let certificate = made.cert.der().clone();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(ring.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server).unwrap()));
    server.transport_config(transport());
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(client).unwrap()));
    client.transport_config(transport());
    (server, client)
}

fn endpoint(server: Option<ServerConfig>) -> Endpoint {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    Endpoint::new(EndpointConfig::default(), server, socket, Arc::new(Boucle)).unwrap()
}

/// Connects two endpoints, and returns both ends of the connection.
async fn connected(client: Endpoint, config: ClientConfig, server: Endpoint) -> [(Endpoint, Connection); 2] {
    let connecting = client.connect_with(config, server.local_addr().unwrap(), "localhost").unwrap();
    let accepting = {
        let server = server.clone();
        async move { server.accept().await.unwrap().await.unwrap() }
    };
    let (connection, accepted) = gather!(connecting, accepting).await;
    [(client, connection.unwrap()), (server, accepted)]
}

/// Returns the two ends of a connection over the loopback device.
async fn pair() -> [(Endpoint, Connection); 2] {
    let (server, client) = configs();
    connected(endpoint(None), client, endpoint(Some(server))).await
}

#[test]
fn many_streams_share_a_connection() {
    run(async {
        let [(client, connection), (server, accepted)] = pair().await;
        let serving = spawn(async move {
            while let Ok((mut send, mut receive)) = accepted.accept_bi().await {
                drop(spawn(async move {
                    let data = receive.read_to_end(1 << 20).await.unwrap();
                    send.write_all(&data).await.unwrap();
                    send.finish().unwrap();
                }));
            }
            accepted.closed().await
        });
        let echoes = gather((0..20u8).map(|number| {
            let connection = connection.clone();
            async move {
                let (mut send, mut receive) = connection.open_bi().await.unwrap();
                let data = vec![number; 300_000];
                let sent = data.clone();
                let sending = spawn(async move {
                    send.write_all(&sent).await.unwrap();
                    send.finish().unwrap();
                    send.stopped().await.unwrap();
                });
                let echo = receive.read_to_end(1 << 20).await.unwrap();
                sending.await.unwrap();
                echo == data
            }
        }));
        assert_eq!(echoes.await, [true; 20]);
        connection.close(VarInt::from_u32(7), b"done");
        client.wait_idle().await;
        let ConnectionError::ApplicationClosed(closed) = serving.await.unwrap() else { panic!() };
        assert_eq!((closed.error_code.into_inner(), &closed.reason[..]), (7, &b"done"[..]));
        server.wait_idle().await;
    });
}

#[test]
fn datagrams_arrive() {
    run(async {
        let [(_client, connection), (_server, accepted)] = pair().await;
        for number in 0..100u8 {
            connection.send_datagram(vec![number; 1_000].into()).unwrap();
            assert_eq!(accepted.read_datagram().await.unwrap(), vec![number; 1_000]);
        }
    });
}

/// One end of a network in memory. Of seven sends one loses its message, and one would block.
struct Wire {
    ends: [SocketAddr; 2],
    sent: AtomicUsize,
    to_peer: UnboundedSender<Vec<u8>>,
    from_peer: Mutex<UnboundedReceiver<Vec<u8>>>,
}

impl AsyncUdpSocket for Wire {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.sent.fetch_add(1, Ordering::Relaxed) % 7 {
            2 => return Err(ErrorKind::WouldBlock.into()),
            5 => {}
            _ => drop(self.to_peer.send(transmit.contents.to_vec())),
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let Some(message) = ready!(self.from_peer.lock().unwrap().poll_recv(cx)) else {
            return Poll::Pending; // a network does not report that the peer's end is gone
        };
        let len = message.len();
        buffers[0][..len].copy_from_slice(&message);
        meta[0] = RecvMeta { addr: self.ends[1], len, stride: len, ecn: None, dst_ip: None };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.ends[0])
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wire").field(&self.ends).finish()
    }
}

#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Returns the two ends of a connection in memory.
async fn wired() -> [(Endpoint, Connection); 2] {
    let [a, b] = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let [(to_a, from_b), (to_b, from_a)] = [(), ()].map(|()| unbounded_channel());
    let wire =
        |ends, to_peer, from_peer| Wire { ends, sent: 0.into(), to_peer, from_peer: Mutex::new(from_peer) };
    let new = |wire, server| {
        let config = EndpointConfig::default();
        Endpoint::new_with_abstract_socket(config, server, Arc::new(wire), Arc::new(Boucle)).unwrap()
    };
    let (server, client) = configs();
    connected(new(wire([a, b], to_b, from_b), None), client, new(wire([b, a], to_a, from_a), Some(server)))
        .await
}

/// quinn's timers are the loop's. So with a network in memory and a virtual clock, no real time passes until
/// lost messages are sent again and an idle connection ends.
#[test]
fn lost_messages_and_an_idle_end_take_no_time_under_a_virtual_clock() {
    virtually(async {
        let start = now();
        let [(_client, connection), (_server, accepted)] = wired().await;
        let sending = spawn({
            let connection = connection.clone();
            async move {
                let mut send = connection.open_uni().await.unwrap();
                send.write_all(&vec![b'x'; 200_000]).await.unwrap();
                send.finish().unwrap();
                send.stopped().await.unwrap();
            }
        });
        let mut receive = accepted.accept_uni().await.unwrap();
        assert_eq!(receive.read_to_end(1 << 20).await.unwrap(), vec![b'x'; 200_000]);
        sending.await.unwrap();
        assert!(connection.stats().path.lost_packets > 0);
        let ends = gather!(async move { connection.closed().await }, async move { accepted.closed().await });
        assert_eq!(ends.await, (ConnectionError::TimedOut, ConnectionError::TimedOut));
        assert!(now() - start >= IDLE);
    });
}

#[test]
fn a_peer_that_does_not_answer_is_given_up() {
    run(async {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = endpoint(None);
        let mut config = configs().1;
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(Some(VarInt::from_u32(50).into())); // milliseconds
        transport.initial_rtt(Duration::from_millis(1)); // the connection lasts for several of them at least
        config.transport_config(Arc::new(transport));
        let connecting = client.connect_with(config, silent.local_addr().unwrap(), "localhost").unwrap();
        assert_eq!(connecting.await.unwrap_err(), ConnectionError::TimedOut);
    });
}

/// A socket with room for a message is writable.
#[test]
fn a_socket_is_writable() {
    run(async {
        let socket = Boucle.wrap_udp_socket(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        let mut poller = socket.create_io_poller();
        poll_fn(|cx| poller.as_mut().poll_writable(cx)).await.unwrap();
    });
}
