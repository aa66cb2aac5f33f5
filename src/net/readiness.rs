//! One side of a source: whether it is ready, and what waits until it is.
//!
//! An operation is tried while its side is ready. When the kernel has nothing more to do, the task
//! waits for the next edge:
//!
//! ```text
//!                      edge                            tried: WouldBlock, or a short read or write
//!   waiting ──────────────────────────▶ ready ──────────────────────────────────────────▶ waiting
//! ```
//!
//! **Short transfers.** A stream that fills only a part of the buffer is empty: the kernel would
//! answer the next read with `EAGAIN`, so the side is marked as waiting without asking, which saves
//! one system call in two. It is true for streams, where the kernel itself reports edges, and of
//! `0 < n < len` only; and not after an edge that brought more than bytes. The end of a stream comes in
//! one edge with the last of them, and urgent data ends a read, whatever stands behind it. After such an
//! edge the side is *drained first*: it stays ready until the kernel has said that there is nothing more.
//!
//! **Many waiters.** Mostly one task waits for a side. But several tasks may, and each of them is woken.
//! A future that waits may be dropped without a word, and some combinators poll with a new waker each time:
//! both leave stale waiters behind. So when a limit is reached all waiters are woken, to come again: that is
//! how the stale ones go. The limit doubles each time, so those that wait in earnest soon fit, however many
//! they are, and the loop comes to rest. By then all of them are back, and the limit is set to twice their
//! number; and so it is by an edge, which finds them all.

use std::io;
use std::mem;
use std::task::{Poll, ready};

use crate::net::poller::EDGE_TRIGGERED;
use crate::task::cell::drop_quietly;
use crate::task::id::TaskNumber;
use crate::wake::waiter::Waiter;

/// What is known of one side, and what waits for it.
pub(crate) struct Readiness {
    /// While it is, nothing waits.
    ready: bool,
    /// A short read may have left something. (A short write never has: after an end it would have
    /// failed.)
    drain_first: bool,
    /// What waits. If a task is gone by the time of the edge, its number wakes nothing.
    waiter: Option<Waiter>,
    /// What waits besides. Boxed, since most sides never have any: it saves 32 bytes for each.
    others: Option<Box<Others>>,
}

/// The waiters of a side beside the first.
struct Others {
    waiters: Vec<Waiter>,
    /// How many may wait, before all of them are woken to come again.
    limit: usize,
    /// How often the loop had rested when that was last done, if the limit is to be set anew.
    woken_at: Option<u64>,
}

/// Both sides of a source that is gone, with what waited for them.
pub(crate) struct Sides(pub(super) [Readiness; 2]);

/// The limit at first, 64 with the first waiter; and how many of the latest are searched for one that polls
/// again.
const MIN_LIMIT: usize = 63;

impl Readiness {
    pub(super) fn new(ready: bool) -> Self {
        Readiness {
            ready,
            drain_first: false,
            waiter: None,
            others: None,
        }
    }

    /// Tries an operation, if the side is ready: pending if it is not, or if the operation would
    /// block.
    pub(super) fn attempt<R>(
        &mut self,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        if !self.ready {
            return Poll::Pending;
        }
        match operation() {
            Err(error) => self.fail(error).map(Err),
            done => Poll::Ready(done),
        }
    }

    /// An operation gave an error: that it would block, that a signal came between, or one for the
    /// caller.
    ///
    /// After a signal the side is still ready, so the task is woken at once (see [`wait`](Self::wait)) and
    /// tries again. What does not block is hardly ever interrupted.
    #[cold]
    fn fail(&mut self, error: io::Error) -> Poll<io::Error> {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                self.ready = false;
                self.drain_first = false;
                Poll::Pending
            }
            io::ErrorKind::Interrupted => Poll::Pending,
            _ => Poll::Ready(error),
        }
    }

    /// As [`attempt`](Self::attempt), for a transfer of up to `len` bytes of a stream.
    pub(super) fn attempt_transfer(
        &mut self,
        len: usize,
        transfer: impl FnOnce() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.attempt(transfer))?;
        if EDGE_TRIGGERED && count < len {
            self.ready = self.drain_first || count == 0;
        }
        Poll::Ready(Ok(count))
    }

    /// Lets a task wait for the next edge, if that takes no more than a look: not if another waiter is
    /// first, or the side is ready all the same.
    #[inline]
    pub(super) fn wait_first(&mut self, task: TaskNumber) -> bool {
        if self.ready {
            return false;
        }
        match &self.waiter {
            None => {
                self.waiter = Some(Waiter::Task(task));
                true
            }
            Some(Waiter::Task(first)) => *first == task,
            Some(Waiter::Foreign(_)) => false,
        }
    }

    /// Adds a waiter, unless it waits already: then it comes back in `waiter`. Returns what is to be
    /// woken: nothing mostly; all waiters if they are too many; the waiter itself if the side is ready by
    /// now. `rests` is how often the loop has rested.
    pub(super) fn wait(&mut self, waiter: &mut Option<Waiter>, rests: u64) -> Vec<Waiter> {
        if self.ready {
            return waiter.take().into_iter().collect();
        }
        let Some(first) = &self.waiter else {
            self.waiter = waiter.take();
            return Vec::new();
        };
        if waiter.as_ref().is_some_and(|waiter| first.is(waiter)) {
            return Vec::new();
        }
        self.others.get_or_insert_default().add(waiter, rests)
    }

    /// An edge brings more than bytes.
    pub(super) fn drain_first(&mut self) {
        self.drain_first = true;
    }

    /// An edge: returns the first waiter, and moves the others to `others`.
    ///
    /// The kernel reports both sides with every edge, and most often one can be written to all along:
    /// that is no news.
    #[inline(always)]
    pub(super) fn set_ready(&mut self, others: &mut Vec<Waiter>) -> Option<Waiter> {
        if self.ready {
            return None;
        }
        self.ready = true;
        self.take_waiters(others)
    }

    #[inline(always)]
    pub(super) fn take_waiters(&mut self, others: &mut Vec<Waiter>) -> Option<Waiter> {
        if self.others.is_some() {
            self.take_others(others);
        }
        self.waiter.take()
    }

    #[cold]
    #[inline(never)]
    fn take_others(&mut self, others: &mut Vec<Waiter>) {
        if let Some(besides) = &mut self.others {
            besides.set_limit();
            others.append(&mut besides.waiters);
        }
    }

    pub(super) fn is_awaited(&self) -> bool {
        let others = self.others.as_ref();
        self.waiter.is_some() || others.is_some_and(|others| !others.waiters.is_empty())
    }
}

impl Default for Others {
    fn default() -> Self {
        Others {
            waiters: Vec::new(),
            limit: MIN_LIMIT,
            woken_at: None,
        }
    }
}

impl Others {
    fn add(&mut self, waiter: &mut Option<Waiter>, rests: u64) -> Vec<Waiter> {
        // A task that polls again was among the last to come; the rest is not searched.
        let latest = || self.waiters.iter().rev().take(MIN_LIMIT);
        let Some(waiter) = waiter.take_if(|waiter| !latest().any(|other| other.is(waiter))) else {
            return Vec::new();
        };
        if self.woken_at.is_some_and(|then| then < rests) {
            self.set_limit();
        }
        let mut woken = Vec::new();
        if self.waiters.len() >= self.limit {
            self.limit *= 2;
            self.woken_at = Some(rests);
            woken = mem::take(&mut self.waiters);
        }
        self.waiters.push(waiter);
        woken
    }

    /// All that wait in earnest are there.
    fn set_limit(&mut self) {
        self.limit = MIN_LIMIT.max(2 * self.waiters.len());
        self.woken_at = None;
    }
}

impl Sides {
    /// Drops the waiters one by one: a foreign one may panic.
    pub(crate) fn drop_quietly(self) {
        let mut waiters = Vec::new();
        for mut side in self.0 {
            let first = side.take_waiters(&mut waiters);
            waiters.extend(first);
        }
        waiters.into_iter().for_each(drop_quietly);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::id::LoopNumber;

    /// What the kernel answers to an operation.
    fn answer<R>(kind: io::ErrorKind) -> impl FnOnce() -> io::Result<R> {
        move || Err(kind.into())
    }

    /// A side that is to be drained stays ready after a short read, until one has found nothing.
    #[test]
    fn a_side_is_drained_until_a_read_finds_nothing() {
        let mut side = Readiness::new(true);
        let read = |side: &mut Readiness| side.attempt_transfer(8, || Ok(3)).is_ready();
        side.drain_first();
        assert!((0..3).all(|_| read(&mut side)));
        assert!(
            side.attempt(answer::<()>(io::ErrorKind::WouldBlock))
                .is_pending()
        );
        side.set_ready(&mut Vec::new());
        assert!(read(&mut side) && read(&mut side) != EDGE_TRIGGERED);
    }

    /// To read nothing is to have come to the end, where the next read need not wait.
    #[test]
    fn the_end_is_no_short_read() {
        let mut side = Readiness::new(true);
        let read = |side: &mut Readiness, count| side.attempt_transfer(8, || Ok(count)).is_ready();
        assert!(read(&mut side, 0) && read(&mut side, 8) && read(&mut side, 7));
        assert!(read(&mut side, 7) != EDGE_TRIGGERED);
    }

    /// An operation that a signal interrupts leaves the side ready: the task does not wait, since no
    /// edge will come, and is woken at once. One that would block makes it wait.
    #[test]
    fn an_interrupted_operation_is_tried_again() {
        let mut side = Readiness::new(true);
        let task = task(1);
        let interrupted = side.attempt(answer::<()>(io::ErrorKind::Interrupted));
        assert!(interrupted.is_pending() && !side.wait_first(task));
        let woken = side.wait(&mut Some(Waiter::Task(task)), 0);
        assert!(woken.len() == 1 && woken[0].is(&Waiter::Task(task)));
        assert!(!side.is_awaited());

        assert!(matches!(side.attempt(|| Ok(7)), Poll::Ready(Ok(7))));
        let blocked = side.attempt(answer::<()>(io::ErrorKind::WouldBlock));
        assert!(blocked.is_pending() && side.wait_first(task));
        assert!(side.is_awaited());
    }

    fn task(id: u64) -> TaskNumber {
        TaskNumber::new(LoopNumber::new(1, 1), id, 0)
    }

    /// Lets a task wait; returns how many are woken to make room.
    fn wait(side: &mut Readiness, id: u64, rests: u64) -> usize {
        side.wait(&mut Some(Waiter::Task(task(id))), rests).len()
    }

    /// Every waiter of a side is woken by an edge; one that polls again waits once.
    #[test]
    fn an_edge_wakes_all_waiters() {
        let mut side = Readiness::new(false);
        for id in [1, 2, 3, 2, 1, 3] {
            assert_eq!(wait(&mut side, id, 0), 0);
        }
        let mut others = Vec::new();
        let first = side.set_ready(&mut others).unwrap();
        let woken = [1, 2, 3].map(|id| Waiter::Task(task(id)));
        assert!(
            woken[0].is(&first)
                && woken[1..]
                    .iter()
                    .zip(&others)
                    .all(|(one, other)| one.is(other))
        );
        assert_eq!(others.len(), 2);
        assert!(!side.is_awaited() && side.set_ready(&mut Vec::new()).is_none());
    }

    /// Lets new waiters come until all are woken, and returns how many these were.
    fn fill(side: &mut Readiness, rests: u64) -> usize {
        let woken = (0..).map(|id| wait(side, id, rests));
        woken.into_iter().find(|woken| *woken > 0).unwrap()
    }

    /// Stale waiters do not pile up: when the limit is reached all are woken. The limit doubles while the
    /// loop does not rest, so that those that come back fit in the end; then it is set back. After an edge
    /// it has room for as many as there were.
    #[test]
    fn too_many_waiters_are_woken_to_come_again() {
        let mut side = Readiness::new(false);
        let doubling = [0, 0, 0].map(|rests| fill(&mut side, rests));
        assert_eq!(doubling, [MIN_LIMIT, 2 * MIN_LIMIT, 4 * MIN_LIMIT]);
        assert_eq!(fill(&mut side, 1), MIN_LIMIT);

        let mut side = Readiness::new(false);
        let woken = (0..100).map(|id| wait(&mut side, id, 0)).max();
        assert_eq!(woken, Some(MIN_LIMIT));
        assert!((1..=63).all(|id| wait(&mut side, id, 0) == 0));
        for _ in 0..3 {
            side.set_ready(&mut Vec::new());
            assert!(!side.is_awaited());
            let blocked = side.attempt(answer::<()>(io::ErrorKind::WouldBlock));
            assert!(blocked.is_pending());
            assert!((0..100).all(|id| wait(&mut side, id, 1) == 0));
        }
    }
}
