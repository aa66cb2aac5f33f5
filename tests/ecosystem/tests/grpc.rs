//! tonic's server and client, generated as usual, over hyper on boucle, without an adapter. (Only
//! `tonic::transport::Server` does not run here: it spawns on tokio's runtime. Its routes are a service of
//! tower's.)

use std::pin::Pin;
use std::time::Duration;

use boucle::hyper::{Connector, Executor, Timer};
use boucle::net::TcpListener;
use boucle::{sleep, spawn, timeout};
use boucle_ecosystem_tests::client::output;
use boucle_ecosystem_tests::process::program;
use boucle_ecosystem_tests::run;
use futures_util::stream::{self, Stream, StreamExt};
use hyper::server::conn::http2;
use hyper_util::client::legacy::{Client, connect::Connect};
use hyper_util::service::TowerToHyperService;
use prost::Message;
use tonic::service::Routes;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Response, Status, Streaming};

use self::numbers::numbers_client::NumbersClient;
use self::numbers::numbers_server::{Numbers, NumbersServer};

#[allow(unreachable_pub)]
mod numbers {
    include!(concat!(env!("OUT_DIR"), "/numbers.Numbers.rs"));
}

/// A number, as request and as answer.
#[derive(Clone, PartialEq, Message)]
pub struct Number {
    #[prost(uint64, tag = "1")]
    value: u64,
}

fn number(value: u64) -> Number {
    Number { value }
}

struct Service;

type Answers = Pin<Box<dyn Stream<Item = Result<Number, Status>> + Send>>;

#[tonic::async_trait]
impl Numbers for Service {
    async fn square(&self, request: Request<Number>) -> Result<Response<Number>, Status> {
        sleep(Duration::from_millis(1)).await;
        let value = request.into_inner().value;
        let square = value.checked_mul(value);
        let square = square.ok_or_else(|| Status::out_of_range(format!("{value} squared is too large")))?;
        Ok(Response::new(number(square)))
    }

    type CountStream = Answers;

    async fn count(&self, request: Request<Number>) -> Result<Response<Answers>, Status> {
        let counted = stream::iter(1..=request.into_inner().value).map(|value| Ok(number(value)));
        Ok(Response::new(counted.boxed()))
    }

    type DoubleStream = Answers;

    async fn double(&self, request: Request<Streaming<Number>>) -> Result<Response<Answers>, Status> {
        let doubled = request.into_inner().map(|next| next.map(|next| number(2 * next.value)));
        Ok(Response::new(doubled.boxed()))
    }
}

/// Starts a server, and returns its URL.
async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Routes::new(NumbersServer::new(Service)).prepare();
    drop(spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let service = TowerToHyperService::new(routes.clone());
            let mut builder = http2::Builder::new(Executor);
            drop(spawn(builder.timer(Timer).serve_connection(stream, service)));
        }
    }));
    format!("http://{address}")
}

fn connect(url: &str) -> NumbersClient<Client<impl Connect + Clone + use<>, tonic::body::Body>> {
    let channel = Client::builder(Executor).http2_only(true).build(Connector::new());
    NumbersClient::with_origin(channel, url.parse().unwrap())
}

/// A call has an answer, or a status that says what was wrong; calls overlap on one connection.
#[test]
fn a_call_has_an_answer_or_a_status() {
    run(async {
        let client = connect(&serve().await);
        let calls = (0..100).map(|value| {
            let mut client = client.clone();
            async move { client.square(number(value)).await.unwrap().into_inner().value }
        });
        let squares: Vec<u64> = (0..100).map(|value| value * value).collect();
        assert_eq!(boucle::gather(calls.collect::<Vec<_>>()).await, squares);
        let status = client.clone().square(number(u64::MAX)).await.unwrap_err();
        assert_eq!(status.code(), Code::OutOfRange);
        assert_eq!(status.message(), format!("{} squared is too large", u64::MAX));
    });
}

/// tonic's own channel runs on boucle's executor and connector, and boucle's `timeout` limits a call. (The
/// time limits of an `Endpoint`, and its keep-alive, are timers of tokio's, which need its runtime.)
#[test]
fn a_channel_of_tonic_has_an_executor_and_a_connector() {
    run(async {
        let endpoint = Endpoint::from_shared(serve().await).unwrap().executor(Executor);
        let channel = endpoint.connect_with_connector(Connector::new()).await.unwrap();
        let mut client = NumbersClient::new(channel);
        assert_eq!(client.square(number(12)).await.unwrap().into_inner(), number(144));
        let (requests, to_send) = async_channel::bounded(1);
        let mut answers = client.double(to_send).await.unwrap().into_inner();
        assert!(timeout(Duration::from_millis(1), answers.next()).await.is_err());
        requests.send(number(21)).await.unwrap();
        assert_eq!(answers.next().await.unwrap().unwrap(), number(42));
    });
}

/// More than the window of HTTP/2 holds comes as a stream, in order, to its end.
#[test]
fn a_stream_comes_in_order_to_its_end() {
    run(async {
        let mut client = connect(&serve().await);
        let answers = client.count(number(50_000)).await.unwrap().into_inner();
        let counted: Vec<u64> = answers.map(|next| next.unwrap().value).collect().await;
        assert!(counted.iter().copied().eq(1..=50_000), "{} came", counted.len());
    });
}

/// Both sides send: an answer comes while the stream of requests is still open.
#[test]
fn both_sides_send_at_once() {
    run(async {
        let mut client = connect(&serve().await);
        let (requests, to_send) = async_channel::bounded(1);
        let mut answers = client.double(to_send).await.unwrap().into_inner();
        for value in 0..100 {
            requests.send(number(value)).await.unwrap();
            assert_eq!(answers.next().await.unwrap().unwrap().value, 2 * value);
        }
        drop(requests);
        assert!(answers.next().await.is_none());
    });
}

/// A call to where no server is has a status that says so.
#[test]
fn a_call_without_a_server_says_so() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let status = connect(&url).square(number(1)).await.unwrap_err();
        assert!(format!("{status:?}").contains("Connection refused"), "{status:?}");
    });
}

/// A client that is not tonic is answered: curl sends a frame, and shows the one that comes back and the
/// trailers.
#[test]
fn curl_calls_the_server() {
    let Some(_) = program("curl", []) else { return };
    run(async {
        let url = serve().await + "/numbers.Numbers/Square";
        let folder = tempfile::tempdir().unwrap();
        let frame = folder.path().join("frame");
        let framed = |value| {
            let message = number(value).encode_to_vec();
            [&[0, 0, 0, 0, message.len() as u8], &message[..]].concat()
        };
        std::fs::write(&frame, framed(12)).unwrap();
        let data = format!("@{}", frame.display());
        let headers = ["--header", "content-type: application/grpc", "--header", "te: trailers"];
        let options =
            ["--silent", "--max-time", "30", "--include", "--http2-prior-knowledge", "--data-binary", &data];
        let answer = output("curl", &[&headers[..], &options, &[&url]].concat()).await.stdout;
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/2 200") && text.contains("grpc-status: 0"), "{text}");
        assert!(answer.windows(framed(144).len()).any(|part| part == framed(144)), "{text}");
    });
}
