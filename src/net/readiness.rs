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
//! `0 < n < len` only; and not after an edge that brought more than bytes. The end of a stream comes in one edge with the last of
//! them, and urgent data ends a read, whatever stands behind it. Such an edge leaves a *doubt*: the
//! side stays ready until the kernel has said that there is nothing more.
//!
//! **What waits** is mostly one task, and a task of ours has a number. To note a number runs no user
//! code, so it is done in the same borrow as the attempt. A task that comes while another one waits, or
//! with a waker that is not of this crate, joins the [`Crowd`]. (A list of wakers for all of them would
//! be simpler. It takes a clone and a second borrow of the loop for each wait, and an allocation for
//! each socket.)

use std::io;
use std::task::{Poll, Waker, ready};

use crate::net::crowd::Crowd;
use crate::net::poller::EDGE_TRIGGERED;
use crate::observe::Origin;
use crate::task::id::TaskNumber;
use crate::wake::waker::task_of;

/// What is known of one side, and what waits for it.
pub(crate) struct Readiness {
    /// While it is, nothing waits.
    ready: bool,
    /// A short read may have left something. (A short write leaves no doubt: after an end it would
    /// have failed.)
    doubtful: bool,
    /// The task that waits. If it is gone by the time of the edge, its number wakes nothing.
    task: Option<TaskNumber>,
    /// What else waits. Boxed, since most sides never have one: 40 bytes less for each.
    crowd: Option<Box<Crowd>>,
}

impl Readiness {
    pub(super) fn new(ready: bool) -> Self {
        Readiness {
            ready,
            doubtful: false,
            task: None,
            crowd: None,
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
    /// caller. (It stands apart, so that the attempt that succeeds is straight.)
    ///
    /// After a signal the side is ready, and the task comes again: see [`note`](Self::note). What
    /// does not block is hardly ever interrupted; to try again here, every attempt would keep its
    /// arguments until the end.
    #[cold]
    fn fail(&mut self, error: io::Error) -> Poll<io::Error> {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                self.ready = false;
                self.doubtful = false;
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
            self.ready = self.doubtful || count == 0;
        }
        Poll::Ready(Ok(count))
    }

    /// Notes the task whose waker this is, to be woken by the next edge. False if that cannot be:
    /// another task is noted, the side is ready all the same, or the waker is an observed loop's or
    /// not of this crate.
    #[inline]
    pub(super) fn note(&mut self, waker: &Waker) -> bool {
        match task_of(waker) {
            Some(task) if !self.ready => *self.task.get_or_insert(task) == task,
            _ => false,
        }
    }

    /// Adds a waker to the crowd, unless it waits there already: then it is left where it is. Returns
    /// those that are to be woken: none mostly; all the others if they were too many; the waker itself
    /// if the side is ready by now.
    pub(super) fn join_crowd(&mut self, waker: &mut Option<Waker>, lulls: u64) -> Vec<Waker> {
        if self.ready {
            return waker.take().into_iter().collect();
        }
        self.crowd.get_or_insert_default().join(waker, lulls)
    }

    /// An edge that brings more than bytes.
    pub(super) fn doubt(&mut self) {
        self.doubtful = true;
    }

    /// An edge. Returns the task that waited for it; the crowd is put among the woken.
    ///
    /// The kernel reports both sides with every edge, and most often one can be written to all along:
    /// that is no news, and costs two instructions.
    #[inline]
    pub(super) fn rouse(
        &mut self,
        by: Origin,
        lulls: u64,
        woken: &mut Vec<(Waker, Origin)>,
    ) -> Option<TaskNumber> {
        if self.ready {
            return None;
        }
        self.ready = true;
        self.take_waiting(by, lulls, woken)
    }

    #[inline]
    pub(super) fn take_waiting(
        &mut self,
        by: Origin,
        lulls: u64,
        woken: &mut Vec<(Waker, Origin)>,
    ) -> Option<TaskNumber> {
        if let Some(crowd) = &mut self.crowd {
            crowd.leave(lulls, by, woken);
        }
        self.task.take()
    }

    pub(super) fn is_awaited(&self) -> bool {
        let crowd = self.crowd.as_ref();
        self.task.is_some() || crowd.is_some_and(|crowd| !crowd.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::id::{LoopNumber, TaskNumber};
    use crate::wake::waker::waker;

    /// What the kernel answers to an operation.
    fn answer<R>(kind: io::ErrorKind) -> impl FnOnce() -> io::Result<R> {
        move || Err(kind.into())
    }

    /// While there is a doubt, a short read leaves the side ready; until one has found nothing.
    #[test]
    fn a_doubt_ends_with_a_read_that_finds_nothing() {
        let mut side = Readiness::new(true);
        let read = |side: &mut Readiness| side.attempt_transfer(8, || Ok(3)).is_ready();
        side.doubt();
        assert!((0..3).all(|_| read(&mut side)));
        assert!(
            side.attempt(answer::<()>(io::ErrorKind::WouldBlock))
                .is_pending()
        );
        side.rouse(Origin::Source(0), 0, &mut Vec::new());
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

    /// An operation that a signal interrupts leaves the side ready: the task is not noted, since no
    /// edge will come, but woken at once. One that would block makes it wait.
    #[test]
    fn who_is_interrupted_comes_again() {
        let mut side = Readiness::new(true);
        let waker = waker(TaskNumber::new(LoopNumber::new(1, 1), 1, 0));
        let interrupted = side.attempt(answer::<()>(io::ErrorKind::Interrupted));
        assert!(interrupted.is_pending() && !side.note(&waker));
        let woken = side.join_crowd(&mut Some((*waker).clone()), 0);
        assert!(woken.len() == 1 && woken[0].will_wake(&waker));
        assert!(!side.is_awaited());

        assert!(matches!(side.attempt(|| Ok(7)), Poll::Ready(Ok(7))));
        let blocked = side.attempt(answer::<()>(io::ErrorKind::WouldBlock));
        assert!(blocked.is_pending() && side.note(&waker));
        assert!(side.is_awaited());
    }
}
