//! One loop a thread: a server on all cores (`server.rs`, sixty lines), and what the second loop gains.
//!
//! ```sh
//! cargo run --release --example cores
//! ```
//!
//! prints, in three seconds (the figures vary; these are of a virtual machine with two cores),
//!
//! ```text
//! (cores: 2, clients: 8, requests of each: 5000)
//! loops   requests/s   clients: CPU, and each loop: CPU (requests)
//!     1        25774         35 %   100 % (40000)
//!     2        40419         38 %   70 % (20000)   67 % (20000)
//!
//! 2 loops answer 1.57 times as many requests as one.
//! ```
//!
//! A loop uses one core: that of its thread. So a server for all cores is several loops, each in a thread
//! of its own. They share nothing: each counts its requests in a variable of its thread, without a lock.
//! One thread accepts, and hands each connection to the next loop by a message, a `LoopHandle`'s
//! `spawn`. From then on only that loop serves the connection. The connections are handed out in turn, to
//! busy and idle loops alike, so each loop gets the same number.
//!
//! Each request is a computation, `work` in `server.rs`. Each row shows what share of a core each thread used
//! (on Linux; elsewhere `-`). The clients are in the same program and use the same cores. So on two cores,
//! two loops answer less than twice as many requests as one. If the clients are near 100 %, it is they that
//! are measured. If no thread is near 100 %, other programs had the cores, and the last line says little.
//!
//! If connections are short, the thread that accepts is the bottleneck. Then each loop has a listener of
//! its own for the same port, by `SO_REUSEPORT`: the documentation of `boucle::net::TcpListener` shows
//! how. Linux distributes the connections by a hash of their addresses, evenly if there are many.
//!
//! **For several machines** a loop stays as it is, since it shares nothing. A load balancer (HAProxy, nginx,
//! a cloud's) does for the machines what the thread that accepts does for the loops. It can do more:
//! distribute single requests, skip a machine that does not answer, end TLS. A machine may run one process
//! with a loop for each core, or one process for each core with one loop. Threads can share memory, such as
//! a cache that is only read. Processes fail alone, and can be replaced one by one while the others serve.
//! In either case a client's next request may come to another loop: what must outlast a request (sessions,
//! counters, the data) is kept in none of them, but in a database or a store such as Redis.
//!
//! Read next: `src/wake/inbox.rs`, how a message reaches a loop in another thread; and
//! `tests/ecosystem/examples/https_server.rs`, a whole service on one loop. Run next: `cargo run --release
//! --example two_loops`.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io, iter};

use boucle::net::TcpStream;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use stage::{options, println};

mod server;
use server::{hand_over, start_loop, work};

const HELP: &str = "\
Measures how many requests a server answers with one loop, and with one for each core.

usage: cores [--scale S]

  --scale S  multiply the 40,000 requests of a row by S (1)";

/// A client: sends its next request as soon as it has the answer.
async fn ask(server: SocketAddr, requests: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    let expected = work(1);
    for _ in 0..requests {
        let mut answer = [0; 8];
        stream.write_all(&1_u64.to_le_bytes()).await?;
        stream.read_exact(&mut answer).await?;
        assert_eq!(u64::from_le_bytes(answer), expected);
    }
    Ok(())
}

/// The CPU time of this thread, if the system is Linux. (Wine has the file too, but with another thread's
/// time.)
fn cpu_time() -> Option<Duration> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let figures = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    figures.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Measures a server of that many loops, and prints the row. Returns its answers per second.
fn measure(loops: usize, clients: usize, requests_of_each: usize) -> io::Result<f64> {
    let (handles, threads): (Vec<_>, Vec<_>) = (0..loops).map(|_| start_loop()).unzip();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = listener.local_addr()?;
    let begin = Instant::now();
    let asking = thread::spawn(move || {
        let all = (0..clients).map(|_| ask(server, requests_of_each));
        boucle::run(boucle::try_gather(all)).map(|_| cpu_time())
    });
    let loops_in_turn = handles.clone();
    thread::spawn(move || hand_over(&listener, clients, &loops_in_turn));
    let cpu_of_clients = asking.join().expect("no answer is wrong")?;
    let time = begin.elapsed();

    let of_a_core = |cpu: Option<Duration>| {
        cpu.map_or("-".into(), |cpu| format!("{:.0} %", 100.0 * cpu.div_duration_f64(time)))
    };
    let mut each = String::new();
    for (handle, thread) in iter::zip(handles, threads) {
        handle.stop();
        let (answered, cpu) = thread.join().expect("no task of it panics the thread");
        each += &format!("   {} ({answered})", of_a_core(cpu));
    }
    let per_second = (clients * requests_of_each) as f64 / time.as_secs_f64();
    println!("{loops:>5} {per_second:>12.0} {:>12}{each}", of_a_core(cpu_of_clients));
    Ok(per_second)
}

fn main() -> ExitCode {
    match compare(40_000.0 * options::scale(HELP, 1.0)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cores: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures one loop, and then several, with that many requests each time.
fn compare(requests: f64) -> io::Result<()> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let loops = cores.max(2);
    let clients = 4 * loops;
    let of_each = (requests / clients as f64).ceil().max(1.0) as usize;
    println!("(cores: {cores}, clients: {clients}, requests of each: {of_each})");
    println!("loops   requests/s   clients: CPU, and each loop: CPU (requests)");
    let one = measure(1, clients, of_each)?;
    let several = measure(loops, clients, of_each)?;
    println!();
    println!("{loops} loops answer {:.2} times as many requests as one.", several / one);
    Ok(())
}
