//! A pool of threads, and the work that waits for one.
//!
//! The pool makes a thread when work finds none free, up to a bound; a thread ends after a second without
//! work. One lock guards the queue and the counts, so:
//!
//! - Work leaves the queue in one step under the lock, whether it begins or is given up. So work that is
//!   given up, or that belongs to a loop that ends, either has begun or never will.
//! - A thread ends only when it finds the queue empty, so while one exists, all that is queued will run. If the
//!   system refuses another, the work waits its turn; if there is none, the caller gets the error at once.
//!
//! The lock is held while the system makes a thread, so the counts are exact. Work is run and dropped outside
//! of it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::task::id::LoopNumber;
use crate::task::quiet::drop_quietly;

/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(1);

/// A pool. It lives as long as the process.
pub(crate) struct Pool {
    /// The name of its threads, at most 15 bytes, which is what Linux shows.
    name: &'static str,
    max_threads: usize,
    contents: Mutex<Contents>,
    /// A thread without work waits here.
    submitted: Condvar,
    /// A loop at its end waits here.
    ended: Condvar,
}

/// Work has a number, and belongs to the loop that waits for it at its end, or to none.
struct Contents {
    /// What has not begun, oldest first.
    queue: BTreeMap<u64, (LoopNumber, Work)>,
    /// What runs: one entry for each thread that is not free.
    running: BTreeMap<u64, LoopNumber>,
    next_number: u64,
    threads: usize,
}

/// Something to be run. It never unwinds.
type Work = Box<dyn FnOnce() + Send>;

impl Pool {
    pub(crate) const fn new(name: &'static str, max_threads: usize) -> Self {
        let contents =
            Contents { queue: BTreeMap::new(), running: BTreeMap::new(), next_number: 0, threads: 0 };
        let submitted = Condvar::new();
        let ended = Condvar::new();
        Pool { name, max_threads, contents: Mutex::new(contents), submitted, ended }
    }

    /// Queues work, and returns its number. If there is no thread and none can be made, drops the work.
    pub(super) fn submit(&'static self, loop_number: LoopNumber, work: Work) -> io::Result<u64> {
        let mut contents = self.lock();
        let waiting = contents.queue.len() + 1;
        if let Err(error) = self.grow(&mut contents, waiting)
            && contents.threads == 0
        {
            drop(contents);
            drop_quietly(work);
            // Not with the system's kind, `WouldBlock`, which means something else for a socket.
            return Err(io::Error::other(format!("cannot start a thread: {error}")));
        }
        let number = contents.next_number;
        contents.next_number += 1;
        contents.queue.insert(number, (loop_number, work));
        drop(contents);
        self.submitted.notify_one();
        Ok(number)
    }

    /// Drops work that has not begun.
    pub(super) fn give_up(&self, number: u64) {
        let given_up = self.lock().queue.remove(&number);
        drop_quietly(given_up);
    }

    /// Drops the loop's work that has not begun, and waits for the rest, up to `timeout`. Nothing may be
    /// submitted for the loop any more. O(n) in what is queued.
    pub(super) fn end(&self, loop_number: LoopNumber, timeout: Option<Duration>) {
        let mut contents = self.lock();
        let own = contents.queue.iter().filter(|(_, (owner, _))| *owner == loop_number);
        let own: Vec<_> = own.map(|(number, _)| *number).collect();
        let given_up: Vec<_> = own.iter().map(|number| contents.queue.remove(number)).collect();
        drop(contents);
        given_up.into_iter().for_each(drop_quietly);
        let is_running =
            |contents: &mut Contents| contents.running.values().any(|running| *running == loop_number);
        // Without a bound, as long as it takes.
        let timeout = timeout.unwrap_or(Duration::MAX);
        drop(self.ended.wait_timeout_while(self.lock(), timeout, is_running));
    }

    /// Makes a thread, unless enough of them are free for the work that waits.
    fn grow(&'static self, contents: &mut Contents, waiting: usize) -> io::Result<()> {
        let free = contents.threads - contents.running.len();
        if waiting > free && contents.threads < self.max_threads {
            thread::Builder::new().name(self.name.to_owned()).spawn(|| self.work())?;
            contents.threads += 1;
        }
        Ok(())
    }

    /// Runs queued work, on a thread of the pool, until none has come for a second.
    fn work(&'static self) {
        let mut contents = self.lock();
        loop {
            let is_idle = |contents: &mut Contents| contents.queue.is_empty();
            let waited = self.submitted.wait_timeout_while(contents, IDLE, is_idle);
            (contents, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let Some((number, (loop_number, work))) = contents.queue.pop_first() else {
                contents.threads -= 1;
                return;
            };
            contents.running.insert(number, loop_number);
            // The system may have refused threads for what is queued, and grant one now.
            let waiting = contents.queue.len();
            let _ = self.grow(&mut contents, waiting);
            drop(contents);
            work();
            contents = self.lock();
            contents.running.remove(&number);
            self.ended.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        // Nothing panics under the lock; if it did, what is there would still be whole.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Work that is submitted wakes a free thread. (The test stands in for that thread. Without a wake it
    /// would find the work only at the end of its wait.)
    #[test]
    fn submitted_work_wakes_a_free_thread() {
        static POOL: Pool = Pool::new("a-test", 1);
        let mut contents = POOL.lock();
        contents.threads = 1;
        let submitter = thread::spawn(|| POOL.submit(LoopNumber::NONE, Box::new(|| ())).unwrap());
        while contents.queue.is_empty() {
            let (woken, waited) = POOL.submitted.wait_timeout(contents, Duration::from_secs(60)).unwrap();
            assert!(!waited.timed_out(), "it is not woken");
            contents = woken;
        }
        drop(contents);
        POOL.give_up(submitter.join().unwrap());
    }
}
