//! The same server twice: with callbacks, on mio alone, and with coroutines, on boucle.
//!
//! From the slides "programmation asynchrone" by Thierry Parmentelat, "callback vs coroutine".
//!
//! ```sh
//! cargo run --release --example echo
//! ```
//!
//! prints (the ports vary), and serves until Ctrl-C
//!
//! ```text
//! (callbacks:  try `nc 127.0.0.1 33219`)
//! (coroutines: try `nc 127.0.0.1 45067`)
//! ```
//!
//! Each server sends back what a client sends first, and closes the connection. Each runs on one thread, and
//! while one client is silent, it serves the others.
//!
//! The coroutine reads like a program that blocks: read, write, flush, close. With callbacks the same four
//! steps are functions that pass on the client and the bytes that are left to be written, and a table says
//! which of them to call when a socket is ready. A loop for coroutines has that table inside, once for all
//! programs: a future is the callback, and the compiler cuts the function into pieces.
//!
//! Read next: `coroutines.rs` beside this file, then `callbacks.rs`; then `src/net/reactor.rs`, the
//! table. Run next: `cargo run --release --example chat`.

mod callbacks;
mod coroutines;
mod report;

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::thread;

use stage::{options, println};

const HELP: &str = "\
Sends back what a client sends first, and closes: with callbacks on mio, and with coroutines.

usage: echo [--once]

  --once  end when each of the two servers has served a client; otherwise serve until Ctrl-C";

fn main() -> ExitCode {
    serve(options::flag(HELP, "once")).unwrap_or_else(|error| failure(&error))
}

fn failure(error: &io::Error) -> ExitCode {
    eprintln!("echo: cannot serve: {error}");
    ExitCode::FAILURE
}

fn serve(once: bool) -> io::Result<ExitCode> {
    let for_callbacks = TcpListener::bind("127.0.0.1:0")?;
    let for_coroutines = TcpListener::bind("127.0.0.1:0")?;
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    println!("(callbacks:  try `nc 127.0.0.1 {}`)", port(&for_callbacks)?);
    println!("(coroutines: try `nc 127.0.0.1 {}`)", port(&for_coroutines)?);
    // It says itself why it ends: without `--once` the other server goes on, and nothing joins the thread.
    let callbacks = thread::spawn(move || match callbacks::serve(for_callbacks, once) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error),
    });
    boucle::run(coroutines::serve(for_coroutines, once))?;
    Ok(callbacks.join().expect("it does not panic"))
}
