//! One side of a source: whether it is ready, and what waits until it is.
//!
//! An operation is tried while its side is ready; else the task waits for the next *edge*, the event by which
//! the kernel reports that the side has become ready:
//!
//! ```text
//!                       edge                           tried: WouldBlock, or a short read or write
//!   not ready ─────────────────────────▶ ready ─────────────────────────────────────────▶ not ready
//! ```
//!
//! **Short transfers.** A read that fills only a part of its buffer has emptied the stream (epoll(7) says so).
//! So the side is marked as not ready at once, which saves one system call in two: the read that would only find
//! `EAGAIN`. The same holds for writes.
//!
//! A short read may have left something in three cases. Then the side is *drained first*: it stays ready until
//! an operation would block.
//!
//! - The end of a stream, or an error, comes in one edge with its last bytes.
//! - A read ends before urgent data, even if more bytes follow. (The kernel reports urgent data on Linux only.)
//! - A read of a Unix stream ends after bytes that were sent with descriptors: see `stream.rs`.
//!
//! Without epoll or kqueue, a side always stays ready until an operation would block: only then is it watched
//! again.
//!
//! **Many waiters.** An edge wakes all waiters of its side. Some may be stale, and nothing tells which: a
//! dropped future leaves its waiter behind, and some combinators poll with a new waker each time. So the list of
//! those after the first has a limit.
//!
//! 1. At the limit, all in the list are woken. Those that still wait come back, the stale ones do not. As all
//!    may come back, the limit is doubled.
//! 2. When the loop has been idle since (its reactor counts how often), all that will come are back. So the next
//!    waiter sets the limit to twice their number.
//! 3. An edge only lowers the limit, to twice the number of waiters that it has woken: some of these may be
//!    stale.
//!
//! In a loop that is never idle, the limit only rises until there is an edge, so stale waiters may pile up. (To
//! set it back after a number of parks could wake the list for ever: an executor inside a task may poll a few of
//! its futures in each batch, and need longer than that to bring all of them back.)

use std::io;
use std::mem;
use std::task::Poll;

use crate::net::poller::EDGE_TRIGGERED;
use crate::task::id::TaskNumber;
use crate::wake::waiter::Waiter;

/// What is known of one side, and what waits for it.
#[derive(Default)]
pub(crate) struct Readiness {
    /// While this is set, nothing waits.
    pub(super) ready: bool,
    /// A short read may have left something, in one of the three cases. (A short write has filled the socket: at
    /// a closed end a write fails.)
    pub(crate) drain_first: bool,
    /// The kernel does not report this side yet: it is asked to when a task waits for it.
    pub(super) unwatched: bool,
    /// How many edges there were. It may wrap, since it is only compared for equality.
    pub(super) edges: u32,
    /// The first waiter. If its task is gone by the time of the edge, the number is stale and wakes nothing.
    first: Option<Waiter>,
    /// Those that came after the first. Few sides ever have any, so they stand aside.
    others: Option<Box<Others>>,
}

/// All waiters of a side but the first.
#[derive(Default)]
struct Others {
    waiters: Vec<Waiter>,
    /// How many may wait before all of them are woken, if that is more than [`MIN_LIMIT`].
    limit: usize,
    /// How often the loop had been idle when the limit last woke them; `None` if it was adjusted since.
    woken_at: Option<u32>,
}

/// The lowest limit, 64 with the first waiter; and how many of the latest waiters a new one is compared with.
const MIN_LIMIT: usize = 63;

impl Readiness {
    pub(super) fn new(ready: bool) -> Self {
        Readiness { ready, ..Readiness::default() }
    }

    /// Tries an operation if the side is ready. Pending if it is not, or if the operation must be repeated.
    pub(super) fn attempt<R>(
        &mut self,
        operation: impl FnOnce(&mut Self) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        if !self.ready {
            return Poll::Pending;
        }
        match operation(self) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.set_not_ready(self.edges);
                Poll::Pending
            }
            // The side is still ready after a signal, so `wait` wakes the task at once, and it tries again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Poll::Pending,
            done => Poll::Ready(done),
        }
    }

    /// Marks the side as not ready after an operation that would block, unless an edge has come since it began,
    /// when the count was `edges`. (That may happen only to an `AsyncFd`: see `async_fd.rs`.)
    pub(super) fn set_not_ready(&mut self, edges: u32) {
        if edges == self.edges {
            self.ready = false;
            self.drain_first = false;
            self.unwatched |= FORGETS;
        }
    }

    /// Marks the side as not ready after a short transfer, of `count` bytes where `len` were asked for, unless
    /// it is to be drained first. A read of 0 bytes has found the end, where the next read need not wait.
    pub(super) fn transferred(&mut self, count: usize, len: usize) {
        if EDGE_TRIGGERED && count < len {
            self.ready = self.drain_first || count == 0;
        }
    }

    /// Lets a task wait for the next edge, in the common case: no other waiter is first, the side is not ready,
    /// and the kernel reports it. Returns false in any other case.
    #[inline]
    pub(super) fn wait_first(&mut self, task: TaskNumber) -> bool {
        if self.unwatched {
            return false;
        }
        if self.first.is_none() && !self.ready {
            self.first = Some(Waiter::Task(task));
        }
        matches!(self.first, Some(Waiter::Task(first)) if first == task)
    }

    /// Adds a waiter, unless it waits already: then it stays in `waiter`. Returns those that are to be woken:
    /// mostly none; the waiter itself, if the side is ready by now; all after the first, if they are too many.
    pub(super) fn wait(&mut self, waiter: &mut Option<Waiter>, idle_count: u32) -> Vec<Waiter> {
        // A task that polls again is among the latest waiters; the others are not searched.
        let others = self.others.iter().flat_map(|others| others.waiters.iter().rev().take(MIN_LIMIT));
        let mut latest = self.first.iter().chain(others);
        let Some(waiter) = waiter.take_if(|waiter| !latest.any(|other| other.will_wake(waiter))) else {
            return Vec::new();
        };
        if self.ready {
            return vec![waiter];
        }
        if self.first.is_none() {
            self.first = Some(waiter);
            return Vec::new();
        }
        self.others.get_or_insert_default().add(waiter, idle_count)
    }

    /// Marks the side as ready, and wakes its waiters in order.
    #[inline(always)]
    pub(super) fn set_ready(&mut self, mut wake: impl FnMut(Waiter)) {
        self.edges = self.edges.wrapping_add(1);
        let was_ready = mem::replace(&mut self.ready, true);
        debug_assert!(!was_ready || self.first.is_none(), "while a side is ready, nothing waits");
        if !was_ready && let Some(first) = self.first.take() {
            wake(first);
            if let Some(others) = &mut self.others {
                others.take().into_iter().for_each(wake);
            }
        }
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.first.is_some()
    }
}

impl Others {
    /// Adds a waiter. Returns those that are to be woken since they were too many: mostly none.
    fn add(&mut self, waiter: Waiter, idle_count: u32) -> Vec<Waiter> {
        if self.woken_at.is_some_and(|then| then != idle_count) {
            // 2: all that still wait have come back.
            self.limit = 2 * self.waiters.len();
            self.woken_at = None;
        }
        let mut woken = Vec::new();
        let limit = self.limit.max(MIN_LIMIT);
        if self.waiters.len() >= limit {
            // 1: those that still wait will come back.
            self.limit = 2 * limit;
            self.woken_at = Some(idle_count);
            woken = mem::take(&mut self.waiters);
        }
        self.waiters.push(waiter);
        woken
    }

    /// Takes all, for an edge.
    #[cold]
    #[inline(never)]
    fn take(&mut self) -> Vec<Waiter> {
        if !self.waiters.is_empty() {
            // 3: some of these may be stale.
            self.limit = self.limit.min(2 * self.waiters.len());
            self.woken_at = None;
        }
        mem::take(&mut self.waiters)
    }
}

/// Whether mio stops watching a side that it has reported: where it uses `poll`, or event ports.
const FORGETS: bool = cfg!(unix) && !EDGE_TRIGGERED;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::id::LoopNumber;

    /// Reads into a buffer of 8 bytes; the kernel has `count`.
    fn read(side: &mut Readiness, count: usize) -> Poll<io::Result<usize>> {
        side.attempt(|side| {
            side.transferred(count, 8);
            Ok(count)
        })
    }

    /// Tries an operation that fails.
    fn fail(side: &mut Readiness, kind: io::ErrorKind) -> Poll<io::Result<usize>> {
        side.attempt(|_| Err(kind.into()))
    }

    /// A side that is to be drained stays ready after a short read, until one has found nothing.
    #[test]
    fn a_side_is_drained_until_a_read_finds_nothing() {
        let mut side = Readiness::new(true);
        let read = |side: &mut Readiness| read(side, 3).is_ready();
        side.drain_first = true;
        assert!((0..3).all(|_| read(&mut side)));
        assert!(fail(&mut side, io::ErrorKind::WouldBlock).is_pending());
        side.set_ready(drop);
        assert!(read(&mut side) && read(&mut side) != EDGE_TRIGGERED);
    }

    /// After a read of 0 bytes, which has found the end, the next read does not wait.
    #[test]
    fn the_end_is_no_short_read() {
        let mut side = Readiness::new(true);
        let read = |side: &mut Readiness, count| read(side, count).is_ready();
        assert!(read(&mut side, 0) && read(&mut side, 8) && read(&mut side, 7));
        assert!(read(&mut side, 7) != EDGE_TRIGGERED);
    }

    /// An operation that a signal interrupts leaves the side ready: the task does not wait, since no
    /// edge will come, and is woken at once. One that would block makes it wait.
    #[test]
    fn an_interrupted_operation_is_tried_again() {
        let mut side = Readiness::new(true);
        let task = task(1);
        let interrupted = fail(&mut side, io::ErrorKind::Interrupted);
        assert!(interrupted.is_pending() && !side.wait_first(task));
        let woken = side.wait(&mut Some(Waiter::Task(task)), 0);
        assert!(woken.len() == 1 && woken[0].will_wake(&Waiter::Task(task)));
        assert!(!side.is_awaited());

        assert!(matches!(side.attempt(|_| Ok(7)), Poll::Ready(Ok(7))));
        let blocked = fail(&mut side, io::ErrorKind::WouldBlock);
        side.unwatched = false; // as if the kernel was asked, where mio forgets
        assert!(blocked.is_pending() && side.wait_first(task));
        assert!(side.is_awaited());
    }

    /// An operation that would block leaves its side ready if an edge has come since it began.
    #[test]
    fn an_edge_during_an_operation_counts() {
        let mut side = Readiness::new(true);
        let edges = side.edges;
        side.set_ready(drop);
        side.set_not_ready(edges);
        assert!(side.ready);
        side.set_not_ready(side.edges);
        assert!(!side.ready);
    }

    fn task(id: u64) -> TaskNumber {
        TaskNumber::new(LoopNumber::new(1, 1), id, 0)
    }

    /// Lets a task wait; returns how many are woken to make room.
    fn wait(side: &mut Readiness, id: u64, idle_count: u32) -> usize {
        side.wait(&mut Some(Waiter::Task(task(id))), idle_count).len()
    }

    /// Every waiter of a side is woken by an edge; one that polls again waits once.
    #[test]
    fn an_edge_wakes_all_waiters() {
        let mut side = Readiness::new(false);
        for id in [1, 2, 3, 2, 1, 3] {
            assert_eq!(wait(&mut side, id, 0), 0);
        }
        let mut woken = Vec::new();
        side.set_ready(|waiter| woken.push(waiter));
        let all = [1, 2, 3].map(|id| Waiter::Task(task(id)));
        assert!(woken.len() == 3 && all.iter().zip(&woken).all(|(one, other)| one.will_wake(other)));
        assert!(!side.is_awaited());
        side.set_ready(|_| panic!("it was ready already"));
    }

    /// Stale waiters do not pile up across edges either, even if the loop is idle after each poll.
    #[test]
    fn an_edge_does_not_raise_the_limit() {
        let mut side = Readiness::new(false);
        let mut polls = MIN_LIMIT as u64;
        for _ in 0..5 {
            (0..polls).for_each(|id| _ = wait(&mut side, id, id as u32));
            let mut woken = 0;
            side.set_ready(|_| woken += 1);
            assert!(woken <= MIN_LIMIT + 1, "{woken} of {polls}");
            polls = 2 * polls - 2;
            let blocked = fail(&mut side, io::ErrorKind::WouldBlock);
            assert!(blocked.is_pending());
        }
    }

    /// A limit that many waiters have raised is lowered by an edge that finds few.
    #[test]
    fn an_edge_lowers_the_limit() {
        let mut side = Readiness::new(false);
        assert_eq!([0, 0].map(|idle_count| fill(&mut side, idle_count)), [MIN_LIMIT, 2 * MIN_LIMIT]);
        side.set_ready(drop);
        let blocked = fail(&mut side, io::ErrorKind::WouldBlock);
        assert!(blocked.is_pending());
        assert_eq!(fill(&mut side, 0), MIN_LIMIT);
    }

    /// Lets new waiters come until all are woken, and returns how many these were.
    fn fill(side: &mut Readiness, idle_count: u32) -> usize {
        let woken = (0..).map(|id| wait(side, id, idle_count));
        woken.into_iter().find(|woken| *woken > 0).unwrap()
    }

    /// Stale waiters do not pile up: when the limit is reached all are woken. The limit doubles while the
    /// loop is never idle, so that those that come back fit in the end; then it is set back. After an edge
    /// it has room for as many as there were.
    #[test]
    fn too_many_waiters_are_woken_to_come_again() {
        let mut side = Readiness::new(false);
        let doubling = [0, 0, 0].map(|idle_count| fill(&mut side, idle_count));
        assert_eq!(doubling, [MIN_LIMIT, 2 * MIN_LIMIT, 4 * MIN_LIMIT]);
        assert_eq!(fill(&mut side, 1), MIN_LIMIT);

        let mut side = Readiness::new(false);
        let woken = (0..100).map(|id| wait(&mut side, id, 0)).max();
        assert_eq!(woken, Some(MIN_LIMIT));
        assert!((1..=63).all(|id| wait(&mut side, id, 0) == 0));
        for _ in 0..3 {
            side.set_ready(drop);
            assert!(!side.is_awaited());
            let blocked = fail(&mut side, io::ErrorKind::WouldBlock);
            assert!(blocked.is_pending());
            assert!((0..100).all(|id| wait(&mut side, id, 1) == 0));
        }
    }
}
