//! The server: a loop in each of several threads, and a thread that hands the connections to them.

use std::cell::Cell;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, iter, net};

use boucle::net::TcpStream;
use boucle::{EventLoop, LoopHandle};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

thread_local! {
    /// How many requests the loop of this thread has answered.
    static ANSWERED: Cell<usize> = const { Cell::new(0) };
}

/// Answers the requests of one client until it closes.
async fn answer(stream: net::TcpStream) -> io::Result<()> {
    let mut stream = TcpStream::from_std(stream)?;
    let mut question = [0; 8];
    loop {
        stream.read_exact(&mut question).await?;
        let answer = work(u64::from_le_bytes(question));
        ANSWERED.set(ANSWERED.get() + 1);
        stream.write_all(&answer.to_le_bytes()).await?;
    }
}

/// The work of a request: returns the 20,000th number after this one (Marsaglia's xorshift).
pub(crate) fn work(number: u64) -> u64 {
    (0..20_000).fold(number, |mut number, _| {
        number ^= number << 13;
        number ^= number >> 7;
        number ^ (number << 17)
    })
}

/// Starts a loop in a thread of its own, which runs until it is stopped. The thread returns how many requests
/// it answered, and its CPU time.
pub(crate) fn start_loop() -> (LoopHandle, JoinHandle<(usize, Option<Duration>)>) {
    let (give, handle) = mpsc::channel();
    let thread = thread::spawn(move || {
        let event_loop = EventLoop::new().expect("the system gives a poller");
        give.send(event_loop.handle()).expect("it is awaited");
        event_loop.run_forever();
        (ANSWERED.get(), super::cpu_time())
    });
    (handle.recv().expect("the thread gives it"), thread)
}

/// Accepts that many clients, and hands each to the next of the loops.
pub(crate) fn hand_over(listener: &net::TcpListener, clients: usize, loops: &[LoopHandle]) -> io::Result<()> {
    for (stream, next) in iter::zip(listener.incoming().take(clients), loops.iter().cycle()) {
        let stream = stream?;
        next.spawn(move || answer(stream)).expect("the loop runs until it is stopped");
    }
    Ok(())
}
