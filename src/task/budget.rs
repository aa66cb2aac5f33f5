//! Yielding: `yield_now`, and the budget of ready operations per poll.
//!
//! A task whose every await is ready at once would never leave its poll. So a poll has a budget of 128 ready
//! *leaf operations*: a read, an accept, a joined handle, a sleep that is over, a gather, the end of a stream,
//! and the like. When it is spent, a leaf wakes its task and is pending. The task goes to the end of the ready
//! queue, and its next poll has a new budget. Idea and number are tokio's ("Reducing tail latencies with
//! automatic cooperative task yielding", 2020).

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Ready operations per poll.
pub(crate) const BUDGET: i64 = 128;

/// What a thread has while no loop runs, and from a park to the next poll: more than it can spend.
const UNLIMITED: i64 = i64::MAX;

thread_local! {
    /// What is left; from zero on it counts refusals, downwards. It is read without the loop's state.
    static LEFT: Cell<i64> = const { Cell::new(UNLIMITED) };
}

/// Refills the budget for a poll that begins.
#[inline]
pub(crate) fn refill() {
    LEFT.set(BUDGET);
}

/// Makes the budget unlimited: nothing is counted until the next [`refill`].
pub(crate) fn end() {
    LEFT.set(UNLIMITED);
}

/// Restores the unlimited budget when the run of a loop ends, even by a panic.
pub(crate) struct EndOnDrop;

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        end();
    }
}

/// Returns ready if some budget is left. Otherwise it wakes the task and returns pending, so that the task
/// yields. A leaf calls this before it tries its operation, and [`spend`] after one that was ready.
///
/// A poll that goes on after 128 refusals gets a new budget. Another executor may be blocking inside it: that
/// cannot yield, and would poll for ever.
#[inline]
pub(crate) fn poll_left(cx: &mut Context<'_>) -> Poll<()> {
    let left = LEFT.get();
    if left > 0 {
        return Poll::Ready(());
    }
    LEFT.set(if left > 1 - BUDGET { left - 1 } else { BUDGET });
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Spends one unit, after [`poll_left`] was ready, and the operation too.
#[inline]
pub(crate) fn spend() {
    LEFT.set(LEFT.get() - 1);
}

/// Spends one unit. Returns false, and wakes nothing, if none is left.
#[inline]
pub(crate) fn try_spend() -> bool {
    let left = LEFT.get();
    LEFT.set(if left > 0 { left - 1 } else { left });
    left > 0
}

/// Polls an operation that is always ready: [`poll_left`], then [`spend`].
pub(crate) fn poll_spend(cx: &mut Context<'_>) -> Poll<()> {
    ready!(poll_left(cx));
    spend();
    Poll::Ready(())
}

/// Spends one unit of the budget of 128 that each poll has, and yields to other tasks if none is left.
///
/// Sockets, timers and joined handles count by themselves. Code that awaits something else which is always
/// ready (a decoder with a full buffer, another crate's channel) takes part by awaiting this; asyncio's users
/// write `sleep(0)`. It costs a thread-local read and write. Outside of a boucle loop it is ready at once.
///
/// To yield, it wakes its task and is pending. If the same poll goes on nevertheless, as an executor inside it
/// does (`LocalPool` of `futures`), no other task runs; after 128 refusals it has a new budget.
///
/// ```
/// # boucle::run(async {
/// let mut sum = 0;
/// for n in 0..10_000 {
///     sum += n; // a piece of work
///     boucle::consume_budget().await; // once in 128 rounds the others are polled
/// }
/// # });
/// ```
///
/// # Cancellation
///
/// Dropping it has no effect.
pub async fn consume_budget() {
    poll_fn(poll_spend).await;
}

/// Yields once, as asyncio's `sleep(0)`: everything that is ready now is polled before the task goes on. It
/// costs one pass through the queue, and no system call of its own. A `sleep` of zero does not yield.
///
/// A task that something has woken earlier in this poll is queued already, and keeps that place: what became
/// ready since is polled after it. And the yield is ready the second time it is polled. If that is in the same
/// poll of the task, by a `FuturesUnordered` or an executor inside the poll, no other task has run in between.
///
/// ```
/// boucle::run(async {
///     drop(boucle::spawn(async { println!("first") }));
///     boucle::yield_now().await;
///     println!("second");
/// });
/// ```
///
/// # Cancellation
///
/// Dropping it has no effect.
#[doc(alias = "sleep(0)")]
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
///
/// ```
/// use std::{future::Future, pin::pin, task::Poll};
///
/// # boucle::run(async {
/// let mut pause = pin!(boucle::yield_now());
/// let polled = std::future::poll_fn(|cx| Poll::Ready(pause.as_mut().poll(cx))).await;
/// assert!(polled.is_pending());
/// pause.await; // ready at its second poll
/// # });
/// ```
#[derive(Debug)]
#[must_use = "a future does nothing until it is awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
