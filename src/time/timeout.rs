//! `timeout`: a future, or a deadline.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::time::sleep::{Sleep, sleep};

/// Waits for a future, but no longer than `duration`: asyncio's `wait_for` and `timeout`.
///
/// The future is polled first: if it is ready when it is polled, its value wins, late or not (asyncio's
/// `timeout` raises if its timer's callback has run by then). The time counts from this call, as with [`sleep`].
/// If it is polled after [`Elapsed`], it polls the future again.
///
/// ```
/// # use std::time::Duration;
/// boucle::run(async {
///     let late = boucle::timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
///     assert_eq!(late.unwrap_err().to_string(), "the deadline has passed");
///     assert_eq!(boucle::timeout(Duration::ZERO, async { 5 }).await, Ok(5));
/// });
/// ```
///
/// A timeout of one second for a sleep of two, as [`trace`](crate::trace) shows it:
///
/// ```text
/// turn         1                               2
/// time         0                               1s
/// #1 main  run>[1]~until 2s or until 1s~~timer>[1] returned
/// ```
///
/// # Errors
///
/// [`Elapsed`], when the time is over. The future is dropped with the `Timeout`, not before.
///
/// # Cancellation
///
/// Dropping it drops the future and the timer. The task of a `JoinHandle` goes on, where asyncio would cancel
/// it. The children of a `gather`, or of a `TaskGroup` that the future owns, are aborted, and dropped by the end
/// of the next batch.
///
/// # Panics
///
/// As [`sleep`].
#[doc(alias = "wait_for")]
// With optimization, inlining avoids copies of a large future on the stack. Without, it would add some.
#[cfg_attr(not(debug_assertions), inline(always))]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), sleep: sleep(duration) }
}

pin_project! {
    /// The future of [`timeout`].
    ///
    /// ```
    /// use std::{future::Ready, time::Duration};
    ///
    /// # boucle::run(async {
    /// let soon: boucle::Timeout<Ready<u8>> = boucle::timeout(Duration::ZERO, std::future::ready(5));
    /// assert_eq!(soon.await, Ok(5));
    /// # });
    /// ```
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Sleep,
    }
}

/// The error of [`timeout`]: the time is over.
///
/// ```
/// use std::time::Duration;
///
/// # boucle::run(async {
/// async fn patient() -> std::io::Result<()> {
///     boucle::timeout(Duration::from_millis(1), std::future::pending::<()>()).await?;
///     Ok(())
/// }
/// assert_eq!(patient().await.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
/// # });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(value) = this.future.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        // Even if the future has spent the budget, this yields at most once: see `sleep.rs`.
        this.sleep.poll_over(cx).map(|_| Err(Elapsed))
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline has passed")
    }
}

impl Error for Elapsed {}

/// Its kind is `TimedOut`, so that `timeout(limit, read).await??` works in a function that returns `io::Result`.
impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}
