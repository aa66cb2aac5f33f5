//! How much CPU time does a request cost hyper's server on boucle, and on tokio's `current_thread`?
//!
//! ```sh
//! cargo run --release --bin http_load              # five rounds, two minutes
//! cargo run --release --bin http_load -- 1         # one round
//! ```
//!
//! Each server is a process of its own, and of one thread. wrk (HTTP/1.1) or h2load (HTTP/2) sends it
//! requests, first some to warm it up, then more for about two seconds. The figure is the CPU time of the
//! server, in user and in kernel mode, from `/proc/PID/stat`, divided by the number of answered requests. The
//! sides take turns, and so does which is first. The service, its options and those of its sockets are the
//! same on both.

use std::convert::Infallible;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::{env, thread};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

const SIDES: [&str; 2] = ["boucle", "tokio"];

struct Row {
    name: &'static str,
    version: &'static str,
    load: &'static [&'static str],
}

const ROWS: [Row; 3] = [
    Row { name: "HTTP/1.1, 64 connections", version: "h1", load: &["wrk", "-t1", "-c64"] },
    Row { name: "HTTP/1.1, 512 connections", version: "h1", load: &["wrk", "-t1", "-c512"] },
    Row { name: "HTTP/2, 16 connections of 32 streams", version: "h2", load: &["h2load", "-c16", "-m32"] },
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &*arguments.iter().map(String::as_str).collect::<Vec<_>>() {
        ["serve", side, version] => serve(side, version),
        [] => measure(5),
        [rounds] => measure(rounds.parse().expect("a number of rounds")),
        _ => panic!("the only argument is the number of rounds"),
    }
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"Hello, world!"))))
}

/// Serves until standard input ends, that is, until the process that measures does.
fn serve(side: &str, version: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    match (side, version) {
        ("boucle", _) => boucle::run(on_boucle(listener, version == "h1")),
        ("tokio", _) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(on_tokio(listener, version == "h1"));
        }
        _ => panic!("there is no side {side}"),
    }
}

async fn on_boucle(listener: TcpListener, http1: bool) {
    use boucle::hyper::{Executor, Timer};

    let listener = boucle::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        if http1 {
            drop(boucle::spawn(
                http1::Builder::new().timer(Timer).serve_connection(stream, service_fn(hello)),
            ));
        } else {
            let mut builder = http2::Builder::new(Executor);
            drop(boucle::spawn(builder.timer(Timer).serve_connection(stream, service_fn(hello))));
        }
    }
}

async fn on_tokio(listener: TcpListener, http1: bool) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (stream, timer) = (TokioIo::new(stream), TokioTimer::new());
        if http1 {
            drop(tokio::spawn(
                http1::Builder::new().timer(timer).serve_connection(stream, service_fn(hello)),
            ));
        } else {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            drop(tokio::spawn(builder.timer(timer).serve_connection(stream, service_fn(hello))));
        }
    }
}

/// Prints a row for each load. A ratio is of two costs of one round, so that a slow moment falls on both.
fn measure(rounds: usize) {
    let mut costs: [[Vec<f64>; 2]; ROWS.len()] = Default::default();
    for round in 0..rounds {
        for (row, costs) in ROWS.iter().zip(&mut costs) {
            for turn in 0..2 {
                let side = (round + turn) % 2;
                costs[side].push(cost(SIDES[side], row));
            }
        }
    }
    println!("CPU µs of the server per request: the median of {rounds} (least to most)\n");
    println!("| | boucle | tokio | ratio |\n|---|---|---|---|");
    for (row, [boucle, tokio]) in ROWS.iter().zip(costs) {
        let ratios = boucle.iter().zip(&tokio).map(|(boucle, tokio)| boucle / tokio).collect();
        println!("| {} | {} | {} | {} |", row.name, spread(boucle), spread(tokio), spread(ratios));
    }
}

/// "5.62 (5.41 to 5.77)"
fn spread(mut figures: Vec<f64>) -> String {
    figures.sort_by(f64::total_cmp);
    let (median, most) = (figures[figures.len() / 2], figures[figures.len() - 1]);
    format!("{median:.2} ({:.2} to {most:.2})", figures[0])
}

/// Starts a server and sends it requests. Returns the microseconds that one costs.
fn cost(side: &str, row: &Row) -> f64 {
    let mut server = Command::new(env::current_exe().unwrap());
    server.args(["serve", side, row.version]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = server.spawn().unwrap();
    let mut address = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let url = format!("http://{}/", address.trim());
    requests(row, &url, 0.5);
    let before = cpu_time(&server);
    let requests = requests(row, &url, 2.0);
    let used = cpu_time(&server) - before;
    drop(server.stdin.take());
    server.wait().unwrap();
    used / requests
}

/// Sends requests for about so many seconds, and returns how many were answered. None may fail.
fn requests(row: &Row, url: &str, seconds: f64) -> f64 {
    let [program, options @ ..] = row.load else { unreachable!() };
    let mut load = Command::new(program);
    match *program {
        // wrk takes whole seconds.
        "wrk" => load.arg(format!("-d{}s", seconds.ceil())),
        _ => load.arg(format!("-n{}", (seconds * 300_000.0) as usize)), // h2load takes a number.
    };
    let output = load.args(options).arg(url).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let written = String::from_utf8_lossy(&output.stdout);
    let failed = written.contains("Socket errors") || written.contains("Non-2xx");
    // wrk: "123 requests in 2.00s"; h2load: "requests: 123 total, …, 123 succeeded, 0 failed, …".
    let answered = match *program {
        "wrk" => written.split(" requests in").next().filter(|_| !failed),
        _ => written.contains(" 0 failed, 0 errored").then(|| written.split(" succeeded").next()).flatten(),
    };
    let count = answered.and_then(|before| before.split_whitespace().last()?.parse().ok());
    count.unwrap_or_else(|| panic!("{load:?} has failed: {written}"))
}

/// Returns the microseconds that a process has used, in user and in kernel mode.
fn cpu_time(process: &Child) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    // Field 2 is the name, which may contain anything and ends with the last `)`. The times are 14 and 15.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0 // Linux counts in hundredths of a second.
}
