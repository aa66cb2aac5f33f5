//! `BOUCLE_DUMP`: prints what the tasks of a program are waiting for, when it hangs.
//!
//! ```console
//! $ BOUCLE_DUMP=1 cargo run --example echo &
//! $ kill -USR1 $!
//! ```
//!
//! A thread waits for SIGUSR1, asks each loop of the process for a [dump](crate::Dump), and prints the
//! answers on stderr. A signal handler could not do this, because it may take no lock. Only Unix has this
//! signal.
//!
//! The thread has a [stream](crate::signal::stream) of its own, so the program may wait for the signal too:
//! both receive it. The signal no longer ends the process.

use std::env;
use std::io;
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::observe::dump::Request;
use crate::signal::{self, SignalKind};
use crate::trace::stderr;
use crate::wake::inbox;

const VARIABLE: &str = "BOUCLE_DUMP";

/// How long a loop has for its answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Starts the thread, once, if the environment asks for it.
pub(super) fn listen() {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| {
        let value = env::var(VARIABLE).unwrap_or_default();
        if is_asked(&value)
            && let Err(error) = spawn_listener()
        {
            stderr::print(format_args!("boucle: {VARIABLE}={value}: {error}"));
        }
    });
}

/// Returns true if a value of the variable asks for it: `1` does, or any other word but `0`.
fn is_asked(value: &str) -> bool {
    !matches!(value, "" | "0")
}

fn spawn_listener() -> io::Result<()> {
    let mut signals = signal::stream(SignalKind::UserDefined1)?;
    let listen = move || {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match signals.poll_recv(&mut Context::from_waker(&waker)) {
                Poll::Ready(()) => stderr::print(ask_all()),
                Poll::Pending => thread::park(),
            }
        }
    };
    let name = "boucle dump".to_owned();
    thread::Builder::new().name(name).spawn(listen).map(drop)
}

/// A waker that unparks the thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Returns the answers of all loops of the process. Each loop is asked before the first answer is awaited, so
/// that all answer at the same time.
fn ask_all() -> String {
    let requests: Vec<_> = inbox::living().into_iter().map(Request::send).collect();
    if requests.is_empty() {
        return "no event loop is alive".to_owned();
    }
    let answers =
        requests.into_iter().map(|request| match request.and_then(|request| request.wait(PATIENCE)) {
            Ok(dump) => format!("{dump}\n"),
            Err(error) => format!("{error}\n"),
        });
    answers.collect::<Vec<_>>().join("\n")
}
