//! A pool of threads, and the work that waits for one.
//!
//! The pool makes a thread when work finds none free, up to a bound. A thread ends when it has been idle for
//! a second. The queue owns the work that has not begun; one lock guards it and every count, so:
//!
//! - Work that is given up, or that belongs to a loop that ends, either has begun or never will: to take it
//!   out of the queue is one step under the lock, and so is to begin it.
//! - A thread ends only when it finds the queue empty. So while one exists, the queue is worked off.
//!   If the system refuses another, the work waits its turn; if there is none at all, the caller gets
//!   the system's error. Nothing here waits for a thread, or tries again.
//!
//! The lock is held while the system makes a thread, so that no count is ever a guess. No user code
//! runs under it: work is boxed, and is run and dropped outside.
//!
//! The `blocking` crate would do most of this, but if a thread is refused it tries again and again, on
//! the caller's thread.

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
    /// The work that has not begun, oldest first.
    queue: BTreeMap<u64, Queued>,
    next_number: u64,
    threads: usize,
    /// Those of the threads that have no work: each of them looks at the queue before it sleeps.
    free: usize,
    /// How much work each loop has that has not ended, queued or running.
    loops: BTreeMap<LoopNumber, usize>,
}

/// Something to be run. It never unwinds.
type Work = Box<dyn FnOnce() + Send>;

struct Queued {
    /// The loop that waits for it at its end, if one does.
    of: Option<LoopNumber>,
    work: Work,
}

/// The place of a piece of work in the queue. Dropping it gives up work that has not begun.
pub(super) struct Place {
    pool: &'static Pool,
    number: u64,
}

impl Pool {
    pub(crate) const fn new(name: &'static str, max_threads: usize) -> Self {
        Pool {
            name,
            max_threads,
            state: Mutex::new(Shared {
                queue: BTreeMap::new(),
                next_number: 0,
                threads: 0,
                free: 0,
                loops: BTreeMap::new(),
            }),
            submitted: Condvar::new(),
            ended: Condvar::new(),
        }
    }

    /// Queues work. Drops it and returns the system's error if there is no thread and none can be
    /// made.
    pub(super) fn submit(&'static self, of: Option<LoopNumber>, work: Work) -> io::Result<Place> {
        let mut state = self.lock();
        let number = state.next_number;
        state.next_number += 1;
        state.queue.insert(number, Queued { of, work });
        if let Some(of) = of {
            *state.loops.entry(of).or_default() += 1;
        }
        if let Err(error) = self.grow(&mut state)
            && state.threads == 0
        {
            let refused = state.take(number);
            drop(state);
            drop_quietly(refused);
            // Not with the system's kind, `WouldBlock`, which means something else for a socket.
            let message = format!("the system refuses a thread: {error}");
            return Err(io::Error::other(message));
        }
        drop(state);
        self.submitted.notify_one();
        Ok(Place { pool: self, number })
    }

    /// Ends what a loop has here: drops its work that has not begun, and waits for the rest, up to
    /// `timeout`. Nothing may be submitted for it any more. If it has any work, O(n) in what is queued.
    pub(super) fn end(&self, of: LoopNumber, timeout: Option<Duration>) {
        let mut state = self.lock();
        let has_work = |state: &mut Shared| state.loops.contains_key(&of);
        if !has_work(&mut state) {
            return;
        }
        let own = state.queue.iter().filter(|(_, queued)| queued.of == Some(of));
        let own: Vec<_> = own.map(|(number, _)| *number).collect();
        let given_up: Vec<_> = own.into_iter().map(|number| state.take(number)).collect();
        drop(state);
        given_up.into_iter().for_each(drop_quietly);
        // Without a bound, as long as it takes.
        let timeout = timeout.unwrap_or(Duration::MAX);
        drop(self.ended.wait_timeout_while(self.lock(), timeout, has_work));
    }

    /// Makes a thread, unless enough of them are free for what is queued.
    fn grow(&'static self, state: &mut Shared) -> io::Result<()> {
        if state.queue.len() <= state.free || state.threads == self.max_threads {
            return Ok(());
        }
        let thread = thread::Builder::new().name(self.name.to_owned());
        thread.spawn(|| self.work())?;
        state.threads += 1;
        state.free += 1;
        Ok(())
    }

    /// What a thread does.
    fn work(&'static self) {
        let mut state = self.lock();
        loop {
            while let Some((_, Queued { of, work })) = state.queue.pop_first() {
                state.free -= 1;
                // The system may have refused threads for what is queued, and grant one now.
                let _ = self.grow(&mut state);
                drop(state);
                work();
                state = self.lock();
                state.free += 1;
                state.end_one(of);
                self.ended.notify_all();
            }
            let waited = self.submitted.wait_timeout(state, IDLE);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if timeout.timed_out() && state.queue.is_empty() {
                state.threads -= 1;
                state.free -= 1;
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing panics under the lock; if it did, what is there would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Takes out work that has not begun.
    fn take(&mut self, number: u64) -> Option<Queued> {
        let taken = self.queue.remove(&number)?;
        self.end_one(taken.of);
        Some(taken)
    }

    /// Counts one piece of work less. A loop that has none left is forgotten.
    fn end_one(&mut self, of: Option<LoopNumber>) {
        if let Some(of) = of
            && let Some(left) = self.loops.get_mut(&of)
        {
            *left -= 1;
            if *left == 0 {
                self.loops.remove(&of);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let given_up = self.pool.lock().take(self.number);
        drop_quietly(given_up);
    }
}
