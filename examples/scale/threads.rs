//! Threads in a ring: the standard library's, with its stack of two megabytes.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle, Thread};

use crate::ring::{Ring, after};

pub(crate) struct Threads {
    token: Arc<Token>,
    threads: Vec<JoinHandle<()>>,
}

struct Token {
    holder: AtomicUsize,
    /// All members; set when all have been started.
    members: OnceLock<Vec<Thread>>,
}

/// The holder of the token when the ring ends.
const NONE: usize = usize::MAX;

/// Waits until it has the token, and hands it on.
fn member(me: usize, token: &Token) {
    while token.comes_to(me) {
        token.hand_to(me + 1);
    }
}

impl Ring for Threads {
    fn start(number: usize) -> io::Result<Threads> {
        let token = Arc::new(Token { holder: AtomicUsize::new(number), members: OnceLock::new() });
        let mut ring = Threads { token, threads: Vec::new() };
        for me in 0..number {
            let token = Arc::clone(&ring.token);
            let thread = thread::Builder::new().spawn(move || member(me, &token));
            ring.threads.push(thread.map_err(|why| after(me, &why))?);
        }
        let threads = ring.threads.iter().map(JoinHandle::thread).cloned();
        let members = threads.chain([thread::current()]).collect();
        ring.token.members.get_or_init(|| members);
        Ok(ring)
    }

    fn round(&mut self) -> io::Result<()> {
        self.token.hand_to(0);
        self.token.comes_to(self.threads.len());
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.token.holder.store(NONE, Ordering::Release);
        for thread in &self.threads {
            thread.thread().unpark();
        }
        for thread in self.threads.drain(..) {
            // If the thread has panicked, it has printed so.
            let _ = thread.join();
        }
    }
}

impl Token {
    /// Waits for the token. Returns false if the ring has ended.
    fn comes_to(&self, me: usize) -> bool {
        loop {
            match self.holder.load(Ordering::Acquire) {
                NONE => return false,
                holder if holder == me => return true,
                _ => thread::park(),
            }
        }
    }

    fn hand_to(&self, next: usize) {
        self.holder.store(next, Ordering::Release);
        if let Some(members) = self.members.get() {
            members[next].unpark();
        }
    }
}
