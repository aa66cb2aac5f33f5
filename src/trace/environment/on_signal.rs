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
//! The loops are observed, so that a dump shows what each task waits for, at the cost that
//! [`Builder::observe`](crate::Builder::observe) names.
//!
//! The thread holds a [stream](crate::signal::stream) that it never polls: while there is one, the signal
//! does not end the process. The program may wait for the signal too: both receive it.

use std::ffi::OsStr;
use std::io;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;

use crate::observe::dump::Request;
use crate::observe::{Event, Observer};
use crate::signal::{self, SignalKind};
use crate::trace::environment::variable;
use crate::trace::stderr;
use crate::wake::inbox;

/// How long a loop has for its answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Returns the observer that the environment asks for. The first call starts the thread.
pub(super) fn observer() -> Option<Box<dyn Observer>> {
    static LISTENS: LazyLock<bool> = LazyLock::new(|| variable::read("BOUCLE_DUMP", listen).unwrap_or(false));
    if *LISTENS { Some(Box::new(Silent)) } else { None }
}

/// An observer that does nothing: a dump needs only what an observed loop keeps.
struct Silent;

impl Observer for Silent {
    fn observe(&mut self, _: &Event) {}
}

/// Starts the thread, and returns true: for `1`, or any other word but `0`.
fn listen(value: &OsStr) -> io::Result<bool> {
    if value == "0" {
        return Ok(false);
    }
    let stream = signal::stream(SignalKind::UserDefined1)?; // first: it reads how the process was started
    let mut signals = Signals::new([SIGUSR1])?;
    let listen = move || {
        let _stream = stream;
        signals.forever().for_each(|_| stderr::print(ask_all()));
    };
    let name = "boucle dump".to_owned();
    thread::Builder::new().name(name).spawn(listen).map(|_| true)
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
