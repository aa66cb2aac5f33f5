//! A pool of threads, and the work that waits for one.
//!
//! The pool makes a thread when work finds none free, up to a bound. A thread ends when it has been idle for a
//! second. The queue owns the work that has not begun; one lock guards it and what is counted, so:
//!
//! - Work that is given up, or that belongs to a loop that ends, either has begun or never will: to take it out
//!   of the queue is one step under the lock, and so is to begin it.
//! - A thread ends only when it finds the queue empty. So while one exists, the queue is worked off. If the
//!   system refuses another, the work waits its turn; if there is none at all, the caller gets the system's
//!   error. Nothing here waits for a thread, or tries again. (The `blocking` crate does, on the caller's
//!   thread.)
//!
//! The lock is held while the system makes a thread, so that no count is ever a guess. No user code runs under
//! it: work is boxed, and is run and dropped outside.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::task::cell::drop_quietly;
use crate::task::id::LoopNumber;

/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(1);

/// A pool. It lives as long as the process.
pub(crate) struct Pool {
    /// The name of its threads, at most 15 bytes, which is what Linux shows.
    name: &'static str,
    max_threads: usize,
    state: Mutex<Shared>,
    /// A thread without work waits here.
    submitted: Condvar,
    /// A loop at its end waits here.
    ended: Condvar,
}

struct Shared {
    /// The work that has not begun, by its number, oldest first.
    queue: BTreeMap<u64, Queued>,
    /// The loops whose work is running, by its number; one entry for each thread that is not free.
    running: BTreeMap<u64, LoopNumber>,
    next_number: u64,
    threads: usize,
}

/// Something to be run. It never unwinds.
type Work = Box<dyn FnOnce() + Send>;

struct Queued {
    /// The loop that waits for it at its end, or none.
    of: LoopNumber,
    work: Work,
}

impl Pool {
    pub(crate) const fn new(name: &'static str, max_threads: usize) -> Self {
        let shared = Shared { queue: BTreeMap::new(), running: BTreeMap::new(), next_number: 0, threads: 0 };
        let (submitted, ended) = (Condvar::new(), Condvar::new());
        Pool { name, max_threads, state: Mutex::new(shared), submitted, ended }
    }

    /// Queues work, and returns its number. Drops it and returns the system's error if there is no thread
    /// and none can be made.
    pub(super) fn submit(&'static self, of: LoopNumber, work: Work) -> io::Result<u64> {
        let mut state = self.lock();
        let waiting = state.queue.len() + 1;
        if let Err(error) = self.grow(&mut state, waiting)
            && state.threads == 0
        {
            drop(state);
            drop_quietly(work);
            // Not with the system's kind, `WouldBlock`, which means something else for a socket.
            return Err(io::Error::other(format!("the system refuses a thread: {error}")));
        }
        let number = state.next_number;
        state.next_number += 1;
        state.queue.insert(number, Queued { of, work });
        drop(state);
        self.submitted.notify_one();
        Ok(number)
    }

    /// Drops work that has not begun.
    pub(super) fn give_up(&self, number: u64) {
        let given_up = self.lock().queue.remove(&number);
        drop_quietly(given_up);
    }

    /// Ends what a loop has here: drops its work that has not begun, and waits for the rest, up to `timeout`.
    /// Nothing may be submitted for it any more. O(n) in what is queued.
    pub(super) fn end(&self, of: LoopNumber, timeout: Option<Duration>) {
        let mut state = self.lock();
        let numbers = state.queue.iter().filter(|(_, queued)| queued.of == of).map(|(number, _)| *number);
        let own: Vec<_> = numbers.collect();
        let given_up: Vec<_> = own.iter().map(|number| state.queue.remove(number)).collect();
        drop(state);
        given_up.into_iter().for_each(drop_quietly);
        let is_running = |state: &mut Shared| state.running.values().any(|running| *running == of);
        // Without a bound, as long as it takes.
        let timeout = timeout.unwrap_or(Duration::MAX);
        drop(self.ended.wait_timeout_while(self.lock(), timeout, is_running));
    }

    /// Makes a thread, unless enough of them are free for the work that waits.
    fn grow(&'static self, state: &mut Shared, waiting: usize) -> io::Result<()> {
        let free = state.threads - state.running.len();
        if waiting > free && state.threads < self.max_threads {
            let thread = thread::Builder::new().name(self.name.to_owned());
            thread.spawn(|| self.work())?;
            state.threads += 1;
        }
        Ok(())
    }

    /// What a thread does.
    fn work(&'static self) {
        let mut state = self.lock();
        loop {
            let is_idle = |state: &mut Shared| state.queue.is_empty();
            let waited = self.submitted.wait_timeout_while(state, IDLE, is_idle);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let Some((number, Queued { of, work })) = state.queue.pop_first() else {
                state.threads -= 1;
                return;
            };
            state.running.insert(number, of);
            // The system may have refused threads for what is queued, and grant one now.
            let waiting = state.queue.len();
            let _ = self.grow(&mut state, waiting);
            drop(state);
            work();
            state = self.lock();
            state.running.remove(&number);
            self.ended.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing panics under the lock; if it did, what is there would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
