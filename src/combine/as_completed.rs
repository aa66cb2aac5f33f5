//! `as_completed`: run several futures concurrently, and take each value when it is there.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::combine::gather::unspawned;
use crate::combine::group::{Child, Group};
use crate::task::budget;
use crate::task::group::WakeOn;
use crate::task::join::JoinError;
use crate::task::spawn::Unspawned;

/// Runs futures concurrently; a stream of their values, first come, first served: asyncio's
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
/// Dropping the stream aborts the children that are not done. (asyncio lets them go on: `spawn`
/// them, and give it the handles, to have that.) The values that were not taken are dropped.
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
    let futures = unspawned(futures);
    AsCompleted {
        left: futures.len(),
        futures,
        location: Location::caller(),
        children: Vec::new(),
        group: None,
    }
}

/// The stream of [`as_completed`].
#[must_use = "a stream does nothing until it is polled"]
pub struct AsCompleted<F: Future> {
    /// Not spawned yet.
    futures: Vec<Unspawned<F>>,
    /// Where the program asked for it.
    location: &'static Location<'static>,
    /// They go before the group that they are members of.
    children: Vec<Child<F::Output>>,
    group: Option<Group>,
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
        ready!(budget::poll_left(cx));
        if self.left == 0 {
            budget::spend();
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let group = this
            .group
            .get_or_insert_with(|| Group::new("as_completed", this.left, WakeOn::Each));
        for (position, future) in this.futures.drain(..).enumerate() {
            this.children
                .push(group.spawn(position, this.location, future));
        }
        let next = group.poll(cx, "as_completed", |group| group.done.pop_front());
        let position = ready!(next) as usize;
        this.left -= 1;
        budget::spend();
        Poll::Ready(this.children[position].take())
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
