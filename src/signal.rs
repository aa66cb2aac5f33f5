//! Signals of the process: Ctrl-C as a future, eleven kinds as streams. Unix only.
//!
//! ```no_run
//! use boucle::signal;
//!
//! boucle::run(async {
//!     drop(boucle::spawn(async { /* serve */ }));
//!     signal::ctrl_c().await?;
//!     println!("cleaning up"); // a second Ctrl-C ends a program that hangs here
//!     std::io::Result::Ok(())
//! })
//! .unwrap();
//! ```
//!
//! Any number of futures and streams may wait for one signal, on any threads and loops, or on another executor:
//! each receives it. While a stream or a polled [`ctrl_c`] exists, the signal's default action does not happen.
//! When none is left, it happens again: Ctrl-C ends the process. (A Ctrl-C just before that may do so, too.) If
//! several wait and one hangs, see [`ctrl_c`].
//!
//! If the process ignored the signal, or had a handler of its own, before this module first waited for it, that
//! is in force again instead. (On Linux. Elsewhere the module cannot tell, and takes the default action; but
//! SIGPIPE is ignored again, since Rust's runtime ignores it.)
//!
//! A wait for a signal does not hold a virtual clock: time jumps to the next deadline. If there is none, the
//! loop waits for the signal, and that is no deadlock.
//!
//! # How it works
//!
//! A signal handler may take no lock, so it can wake no task. The handler, which is signal-hook's, only marks
//! the signal and writes to a socket. One thread of the process reads from this socket. It takes what waits
//! for the signal, under the signal's lock, and wakes it as any other thread would. If nothing waits, the
//! thread carries out the default action itself, since signal-hook's handler stays installed.
//!
//! No user code runs under such a lock, and nothing is allocated or freed, since the allocator may be the
//! program's. (signal-hook allocates under a lock of its own when the process first waits for a signal. A
//! hook of the allocator may poll and drop streams then, and must not make any.)

use std::ffi::c_int;
use std::future::poll_fn;
use std::io::ErrorKind::{NotFound, PermissionDenied};
use std::ops::BitOr;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::{fs, io, mem, thread};

use futures_core::Stream;
use signal_hook::consts::signal::*;
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;
use slab::Slab;

use crate::current;
use crate::observe::event::WaitsFor;
use crate::task::budget;
use crate::wake::loop_handle::LoopHandle;
use crate::wake::waiter::Waiter;
use crate::wake::waker::{waiter, wake_quietly};

/// A signal that can be waited for.
///
/// ```
/// use boucle::signal::SignalKind;
///
/// assert_eq!(SignalKind::Terminate as i32, 15); // its number
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum SignalKind {
    /// SIGALRM: a timer of the system has expired.
    Alarm = SIGALRM,
    /// SIGCHLD: a child process has ended or stopped. By default it does nothing.
    Child = SIGCHLD,
    /// SIGCONT: the process goes on after a stop.
    Continue = SIGCONT,
    /// SIGHUP: the terminal is gone; for a daemon, often "read the configuration again".
    Hangup = SIGHUP,
    /// SIGINT: Ctrl-C.
    Interrupt = SIGINT,
    /// SIGPIPE: a write to a pipe that is not read any more. Rust's runtime ignores it from the start.
    Pipe = SIGPIPE,
    /// SIGQUIT: Ctrl-\.
    Quit = SIGQUIT,
    /// SIGTERM: the request to end, as sent by `kill`, systemd and containers.
    Terminate = SIGTERM,
    /// SIGUSR1: its meaning is up to the program.
    UserDefined1 = SIGUSR1,
    /// SIGUSR2: its meaning is up to the program.
    UserDefined2 = SIGUSR2,
    /// SIGWINCH: the terminal has another size. By default it does nothing.
    WindowChange = SIGWINCH,
}

/// Waits for the next Ctrl-C (SIGINT) after the first poll: tokio's `ctrl_c`.
///
/// When it is ready, the next Ctrl-C ends the process again, so a program that hangs while it cleans up can
/// be ended by hand. If several wait, the next Ctrl-C ends the process as soon as one of them is ready, even if
/// the others are not polled again. To receive every Ctrl-C, use a [`stream`].
///
/// ```
/// # use std::time::Duration;
/// # boucle::run(async {
/// let pressed = boucle::timeout(Duration::from_millis(1), boucle::signal::ctrl_c()).await;
/// assert!(pressed.is_err()); // not in time
/// # });
/// ```
///
/// # Errors
///
/// As [`stream`].
///
/// # Cancellation
///
/// Dropping the future gives up the wait: Ctrl-C ends the process again, unless something else waits for it.
/// A Ctrl-C that nothing has received counts as if it arrived after the drop: whatever else waits gets it, or
/// the process ends. (In tokio it is lost.) A program that must survive Ctrl-C between two waits, as in a loop
/// around a `select`, keeps a [`stream`].
#[doc(alias("SIGINT", "KeyboardInterrupt"))]
pub async fn ctrl_c() -> io::Result<()> {
    let mut presses = stream(SignalKind::Interrupt)?;
    lock(SIGINT).streams[presses.slot].is_ctrl_c = true;
    presses.recv().await;
    Ok(())
}

/// Receives a signal from now on: asyncio's `add_signal_handler`, tokio's `signal`.
///
/// It may be called, and the stream polled, on any thread and executor.
///
/// ```
/// use boucle::signal::{self, SignalKind};
///
/// boucle::run(async {
///     let mut resized = signal::stream(SignalKind::WindowChange)?;
///     # signal_hook::low_level::raise(SignalKind::WindowChange as i32)?;
///     resized.recv().await; // it comes from outside, as by `kill -WINCH`
///     std::io::Result::Ok(())
/// })
/// .unwrap();
/// ```
///
/// # Cost
///
/// The first call in a process makes a thread and two descriptors. A call or a poll takes a few locks; a call
/// also allocates for the signal's first stream, and when the signal's table of streams is full. A signal takes
/// a lock for each place in the table, and wakes each stream that waits, across threads. (A burst of streams
/// keeps its places until all streams are dropped.)
///
/// # Errors
///
/// If the system gives no thread or no descriptor.
#[doc(alias("add_signal_handler", "signal"))]
pub fn stream(kind: SignalKind) -> io::Result<SignalStream> {
    watch(kind as c_int)?;
    let mut larger = Slab::new();
    let mut signal = lock(kind as c_int);
    while signal.streams.len() == signal.streams.capacity() {
        let len = signal.streams.len();
        if len < larger.capacity() {
            // The table is full, so all keep their slots if they move in order.
            signal.streams.drain().for_each(|entry| _ = larger.insert(entry));
            mem::swap(&mut signal.streams, &mut larger);
        } else {
            drop(signal);
            larger = Slab::with_capacity(2 * len + 4); // while nothing is locked
            signal = lock(kind as c_int);
        }
    }
    let entry = Entry { received: signal.count, is_ctrl_c: false, waiting: None };
    let slot = signal.streams.insert(entry);
    Ok(SignalStream { kind, slot })
}

/// The stream of [`stream`]. It never ends.
///
/// No signal is received twice. Signals that arrive between two polls count as one, as do those that arrive
/// faster than the process can handle them.
///
/// Dropping it lets the signal act as before, unless something else waits for it. A signal that was not received
/// is lost; one that came just before the drop may act as before instead, as if it had come after it.
///
/// ```
/// use boucle::signal::{self, SignalKind};
/// use futures_lite::{StreamExt, future};
///
/// # boucle::run(async {
/// let terminate = signal::stream(SignalKind::Terminate)?;
/// let interrupt = signal::stream(SignalKind::Interrupt)?;
/// # signal_hook::low_level::raise(SignalKind::Terminate as i32)?;
/// let mut either = terminate.or(interrupt); // they are streams
/// assert_eq!(either.next().await, Some(()));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "while it exists, the signal does nothing but arrive here"]
pub struct SignalStream {
    kind: SignalKind,
    /// Its slot among the signal's streams.
    slot: usize,
}

impl SignalStream {
    /// Waits for the next signal, or takes one that has arrived since the last.
    ///
    /// ```
    /// use boucle::signal::{self, SignalKind};
    ///
    /// # boucle::run(async {
    /// let mut hangup = signal::stream(SignalKind::Hangup)?;
    /// # signal_hook::low_level::raise(SignalKind::Hangup as i32)?;
    /// hangup.recv().await; // and then read the configuration again
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no signal, and drops its waker.
    pub async fn recv(&mut self) {
        let recv = Recv(self);
        poll_fn(|cx| recv.0.poll_recv(cx)).await;
    }

    /// [`recv`](Self::recv) as a poll. Only the task of the last poll is woken.
    ///
    /// The stream keeps the waker until a signal arrives, or the stream is polled again or dropped, even if a
    /// `next` of the stream is dropped; until then the loop of that poll does not count as deadlocked.
    ///
    /// ```
    /// use boucle::signal::{self, SignalKind};
    ///
    /// # boucle::run(async {
    /// let mut asked = signal::stream(SignalKind::UserDefined2)?;
    /// # signal_hook::low_level::raise(SignalKind::UserDefined2 as i32)?;
    /// std::future::poll_fn(|cx| asked.poll_recv(cx)).await;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(budget::poll_left(cx));
        let waiting = (waiter(cx.waker()), current::running_number().map(LoopHandle::new));
        let mut signal = lock(self.kind as c_int);
        let count = signal.count;
        let entry = &mut signal.streams[self.slot];
        let has_arrived = mem::replace(&mut entry.received, count) != count;
        let _before = if has_arrived { entry.waiting.take() } else { entry.waiting.replace(waiting) };
        if has_arrived {
            signal.claimed = count;
        }
        drop(signal);
        if has_arrived {
            budget::spend();
            return Poll::Ready(());
        }
        current::running(|state| state.record_wait(WaitsFor::Signal(self.kind as i32)));
        Poll::Pending
    }
}

/// A `recv` that has been polled.
struct Recv<'a>(&'a mut SignalStream);

impl Drop for Recv<'_> {
    fn drop(&mut self) {
        let _waiting = lock(self.0.kind as c_int).streams[self.0.slot].waiting.take();
    }
}

impl Stream for SignalStream {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.poll_recv(cx).map(Some)
    }
}

impl Drop for SignalStream {
    fn drop(&mut self) {
        let mut signal = lock(self.kind as c_int);
        let entry = signal.streams.remove(self.slot);
        let _emptied = signal.streams.is_empty().then(|| mem::take(&mut signal.streams));
        let has_arrived = entry.received != signal.count;
        let is_unclaimed = signal.claimed != signal.count;
        if has_arrived && is_unclaimed && entry.is_ctrl_c {
            // Under the same lock, before another stream receives it. It stays unclaimed, so another `ctrl_c`
            // that has it prevents the default action.
            deliver(self.kind as c_int, signal);
        } else {
            drop(signal); // the waiter and the table drop after it, when nothing is locked
        }
    }
}

/// A signal of the process.
struct Signal {
    /// Whether it had its default action when it was first waited for; `None` until then. If it had another, the
    /// thread takes none.
    has_default: Option<bool>,
    /// Called before the default action.
    first: Option<fn()>,
    /// How often it has arrived.
    count: u64,
    /// The count of the last signal that was received.
    claimed: u64,
    /// Its streams, by slot.
    streams: Slab<Entry>,
}

/// A stream of a signal.
struct Entry {
    /// The signal's count when the stream was made, or received last.
    received: u64,
    /// Whether it is that of a `ctrl_c`, which takes one signal. If it drops with a signal that nothing has
    /// received, that is delivered again. If it has one that another has received, it prevents no default
    /// action.
    is_ctrl_c: bool,
    /// The waiter of the last poll, and a handle of its loop, so that the idle loop is not deadlocked.
    waiting: Option<(Waiter, Option<LoopHandle>)>,
}

/// The signals, by number. Every [`SignalKind`] is below 32.
static SIGNALS: [Mutex<Signal>; 32] = [const {
    Mutex::new(Signal { has_default: None, first: None, count: 0, claimed: 0, streams: Slab::new() })
}; 32];

/// Adds signals to those that the thread waits for, once there is a thread.
static THREAD: OnceLock<Handle> = OnceLock::new();

fn lock(number: c_int) -> MutexGuard<'static, Signal> {
    SIGNALS[number as usize].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has `first` called when the signal arrives and nothing waits for it, before its default action.
#[cfg(feature = "trace")]
pub(crate) fn before_default(number: c_int, first: fn()) -> io::Result<()> {
    watch(number)?;
    lock(number).first = Some(first);
    Ok(())
}

/// Lets the thread wait for a signal, for as long as the process lives. First reads whether the signal has
/// its default action; if several threads do this at once, the first reading counts.
fn watch(number: c_int) -> io::Result<()> {
    let thread = THREAD.get().map_or_else(start, Ok)?;
    if lock(number).has_default.is_none() {
        let status = match fs::read("/proc/self/status") {
            Err(error) if !matches!(error.kind(), NotFound | PermissionDenied) => return Err(error),
            status => status.unwrap_or_default(),
        };
        // The name of the process, which is in there, need not be text.
        let is_taken = is_taken(&String::from_utf8_lossy(&status), number);
        lock(number).has_default.get_or_insert(!is_taken);
    }
    thread.add_signal(number)
}

/// Starts the thread, which waits for no signal yet. If there is another by then, this one ends at once.
fn start() -> io::Result<&'static Handle> {
    let mut signals = Signals::new([] as [c_int; 0])?;
    let handle = signals.handle();
    let run = move || signals.forever().for_each(|number| deliver(number, lock(number)));
    let started = thread::Builder::new().name("boucle signal".to_owned()).spawn(run);
    // Not with the system's kind, `WouldBlock`, which means something else for a stream.
    started.map_err(|error| io::Error::other(format!("cannot start a thread: {error}")))?;
    if let Err(second) = THREAD.set(handle) {
        second.close();
    }
    Ok(THREAD.wait())
}

/// Gives a signal to every stream, and takes the default action if none prevents it. This is decided in one
/// step, before anything is woken: what a woken task does to the streams changes nothing.
fn deliver(number: c_int, mut signal: MutexGuard<'_, Signal>) {
    signal.count += 1;
    let claimed = signal.claimed;
    // A `ctrl_c` that has a claimed signal may never be polled again, as its loop may hang in a clean-up.
    let is_awaited = signal.streams.iter().any(|(_, entry)| !entry.is_ctrl_c || entry.received >= claimed);
    let (slots, first, has_default) = (signal.streams.capacity(), signal.first, signal.has_default);
    drop(signal);
    for slot in 0..slots {
        // A stream that was polled again meanwhile may be woken in vain.
        let waiting = lock(number).streams.get_mut(slot).and_then(|entry| entry.waiting.take());
        if let Some((waiter, _handle)) = waiting {
            wake_quietly(waiter); // before the handle drops, so that its loop sees the wake first
        }
    }
    if !is_awaited {
        if let Some(first) = first {
            first();
        }
        if has_default == Some(true) {
            let _ = emulate_default_handler(number);
        }
    }
}

/// Returns true if a process with this status catches or ignores a signal. If the status does not say, returns
/// true for SIGPIPE alone, which Rust's runtime ignores.
fn is_taken(status: &str, signal: c_int) -> bool {
    let sets = status.lines().filter_map(|line| {
        let set = line.strip_prefix("SigIgn:").or_else(|| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(set.trim(), 16).ok()
    });
    sets.reduce(BitOr::bitor).map_or(signal == SIGPIPE, |taken| taken & 1 << (signal - 1) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SIGINT is the second bit of either set. A status that cannot be read says that SIGPIPE alone is taken.
    #[test]
    fn a_signal_that_is_caught_or_ignored_is_taken() {
        let status = |ignored: &str, caught: &str| {
            format!("Name:\tx\nSigBlk:\t0000000000000002\nSigIgn:\t{ignored}\nSigCgt:\t{caught}\n")
        };
        let is_taken = |status: &str| is_taken(status, SIGINT);
        let (none, others, interrupt) = ("0000000000000000", "0000000000001401", "0000000000000402");
        assert!(is_taken(&status(none, interrupt)) && is_taken(&status(interrupt, none)));
        assert!(!is_taken(&status(none, others)) && !is_taken(&status(others, none)));
        assert!(!is_taken("") && super::is_taken("", SIGPIPE));
    }
}
