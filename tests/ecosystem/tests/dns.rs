//! hickory-resolver on boucle's sockets and timers, against a name server of the test's own.
//!
//! Another runtime is a `RuntimeProvider`. Its sockets have to be types of the program's own: that is most of
//! the lines.

use std::collections::BTreeSet;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream, UdpSocket};
use boucle::{gather, sleep, spawn, timeout};
use boucle_ecosystem_tests::run;
use futures_lite::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::{DnsTcpStream, DnsUdpSocket, RuntimeProvider, Spawn, Time};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{RData, Record, RecordType};

// What a program needs to run hickory's resolver on boucle.

/// The runtime, its executor and its timer.
#[derive(Clone)]
struct Boucle;

struct Udp(UdpSocket);

struct Tcp(TcpStream);

type Connecting<S> = Pin<Box<dyn Send + Future<Output = io::Result<S>>>>;

impl RuntimeProvider for Boucle {
    type Handle = Boucle;
    type Timer = Boucle;
    type Udp = Udp;
    type Tcp = Tcp;

    fn create_handle(&self) -> Boucle {
        Boucle
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        bind: Option<SocketAddr>,
        limit: Option<Duration>,
    ) -> Connecting<Tcp> {
        assert!(bind.is_none(), "an own address is not supported");
        let limit = limit.unwrap_or(Duration::from_secs(5));
        Box::pin(async move {
            let connected = timeout(limit, TcpStream::connect(server)).await;
            connected.map_err(|_| ErrorKind::TimedOut)?.map(Tcp)
        })
    }

    fn bind_udp(&self, local: SocketAddr, _server: SocketAddr) -> Connecting<Udp> {
        Box::pin(async move { UdpSocket::bind(local).await.map(Udp) })
    }
}

impl Spawn for Boucle {
    fn spawn_bg(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        drop(spawn(future));
    }
}

#[async_trait::async_trait]
impl Time for Boucle {
    async fn delay_for(duration: Duration) {
        sleep(duration).await;
    }

    async fn timeout<F: Future + Send + 'static>(duration: Duration, future: F) -> io::Result<F::Output> {
        timeout(duration, future).await.map_err(|_| ErrorKind::TimedOut.into())
    }
}

impl DnsUdpSocket for Udp {
    type Time = Boucle;

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.0.poll_recv_from(cx, buffer)
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        message: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_send_to(cx, message, target)
    }
}

impl DnsTcpStream for Tcp {
    type Time = Boucle;
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

// The name server.

/// Returns the answer to a query; none, if the server keeps silent.
fn answer(query: &Message, over_tcp: bool) -> Option<Message> {
    let question = query.queries.first().unwrap();
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    answer.add_query(question.clone());
    let addresses = match question.name().to_ascii().to_lowercase().as_str() {
        "several.test." => 3,
        "large.test." if over_tcp => 200,
        "large.test." => {
            answer.metadata.truncation = true;
            0
        }
        "silent.test." => return None,
        _ => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            0
        }
    };
    for number in 1..=addresses {
        let data = RData::A(Ipv4Addr::new(192, 0, 2, number).into());
        answer.add_answer(Record::from_rdata(question.name().clone(), 60, data));
    }
    Some(answer)
}

async fn serve_udp(socket: UdpSocket) {
    let mut buffer = [0; 1_500];
    loop {
        let (len, client) = socket.recv_from(&mut buffer).await.unwrap();
        if let Some(answer) = answer(&Message::from_vec(&buffer[..len]).unwrap(), false) {
            socket.send_to(&answer.to_vec().unwrap(), client).await.unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(spawn(async move {
            loop {
                let mut len = [0; 2];
                stream.read_exact(&mut len).await?;
                let mut query = vec![0; u16::from_be_bytes(len).into()];
                stream.read_exact(&mut query).await?;
                let Some(answer) = answer(&Message::from_vec(&query).unwrap(), true) else {
                    pending::<()>().await;
                    return io::Result::Ok(());
                };
                let answer = answer.to_vec().unwrap();
                stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes()).await?;
                stream.write_all(&answer).await?;
            }
        }));
    }
}

/// Starts the server, by UDP and by TCP at one port, and returns a resolver that asks it.
async fn resolver_with(configure: impl FnOnce(&mut ResolverOpts)) -> Resolver<Boucle> {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    drop((spawn(serve_udp(udp)), spawn(serve_tcp(tcp))));
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    let server = NameServerConfig::new(address.ip(), true, connections.into());
    let config = ResolverConfig::from_parts(None, vec![], vec![server]);
    let mut builder = Resolver::builder_with_config(config, Boucle);
    configure(builder.options_mut());
    builder.build().unwrap()
}

async fn resolver() -> Resolver<Boucle> {
    resolver_with(|options| options.timeout = Duration::from_secs(30)).await
}

fn addresses(count: u8) -> BTreeSet<IpAddr> {
    (1..=count).map(|number| Ipv4Addr::new(192, 0, 2, number).into()).collect()
}

#[test]
fn a_name_has_several_addresses() {
    run(async {
        let found = resolver().await.lookup_ip("several.test.").await.unwrap();
        assert_eq!(found.iter().collect::<BTreeSet<_>>(), addresses(3));
    });
}

#[test]
fn a_truncated_answer_is_asked_for_again_over_tcp() {
    run(async {
        let found = resolver().await.lookup_ip("large.test.").await.unwrap();
        assert_eq!(found.iter().collect::<BTreeSet<_>>(), addresses(200));
    });
}

#[test]
fn a_name_that_does_not_exist_is_an_error_that_says_so() {
    run(async {
        let error = resolver().await.lookup("missing.test.", RecordType::A).await.unwrap_err();
        let NetError::Dns(DnsError::NoRecordsFound(none)) = &error else { panic!("{error:?}") };
        assert_eq!(none.response_code, ResponseCode::NXDomain);
    });
}

/// The resolver's limits are timers of the loop.
#[test]
fn a_server_that_keeps_silent_is_given_up() {
    run(async {
        let resolver = resolver_with(|options| options.timeout = Duration::from_millis(20)).await;
        let error = resolver.lookup("silent.test.", RecordType::A).await.unwrap_err();
        assert!(matches!(error, NetError::Timeout), "{error:?}");
    });
}

#[test]
fn many_look_ups_run_at_once() {
    run(async {
        let resolver = resolver().await;
        let found = gather((0..200).map(|number| {
            let resolver = resolver.clone();
            let name = if number % 2 == 0 { "several.test." } else { "missing.test." };
            async move { resolver.lookup(name, RecordType::A).await.is_ok() }
        }));
        assert_eq!(found.await, (0..200).map(|number| number % 2 == 0).collect::<Vec<_>>());
    });
}
