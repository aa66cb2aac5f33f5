//! `as_completed`: run several futures concurrently, and take each value when it comes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::combine::group::Children;
use crate::task::budget;
use crate::task::group_table::WakeOn;
use crate::task::join::JoinError;

/// Runs futures concurrently, and returns a stream of their values in the order in which they come: asyncio's
/// `as_completed`.
///
/// Each future becomes a task when the stream is polled for the first time. Each item costs O(1),
/// and the stream ends after the last one. A child that panicked is an `Err` item, and the others
/// go on.
///
/// ```
/// use futures_lite::StreamExt;
/// use std::time::Duration;
///
/// boucle::run(async {
///     let mut values = boucle::as_completed([30, 10, 20].map(async |millis| {
///         boucle::sleep(Duration::from_millis(millis)).await;
///         millis
///     }));
///     let mut order = Vec::new();
///     while let Some(value) = values.next().await {
///         order.push(value.unwrap());
///     }
///     assert_eq!(order, [10, 20, 30]);
/// });
/// ```
///
/// # Cancellation
///
/// Dropping the stream aborts the children that are not done, and drops the values that were not taken.
/// (asyncio lets the children go on. For that, `spawn` them and pass their handles to this.)
///
/// # Panics
///
/// If it is polled without a loop, or on another loop than at first.
#[doc(alias = "JoinSet")]
#[doc(alias = "FuturesUnordered")]
#[track_caller]
pub fn as_completed<I>(futures: I) -> AsCompleted<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    let children = Children::new(futures);
    AsCompleted {
        left: children.len(),
        children,
    }
}

/// The stream of [`as_completed`].
#[must_use = "a stream does nothing until it is polled"]
pub struct AsCompleted<F: Future> {
    children: Children<F>,
    /// Items that are to come.
    left: usize,
}

impl<F> Stream for AsCompleted<F>
where
    F: Future + 'static,
    F::Output: 'static,
{
    type Item = Result<F::Output, JoinError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return budget::poll_spend(cx).map(|()| None);
        }
        let children = &mut self.children;
        let next = ready!(children.poll_until(cx, "as_completed", WakeOn::Each, |_| true));
        let item = next.and_then(|position| children.take(position));
        self.left -= 1;
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

// The futures are not pinned here: they move into their tasks.
impl<F: Future> Unpin for AsCompleted<F> {}

impl<F: Future> fmt::Debug for AsCompleted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsCompleted({} to come)", self.left)
    }
}
