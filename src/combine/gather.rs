//! `gather`, `try_gather`, `as_completed`: run several futures concurrently, and take their values: all at
//! the end, until the first error, or each when it comes.

use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::combine::group::{Child, Children, Group};
use crate::task::budget;
use crate::task::group_table::WakeOn;
use crate::task::join::{JoinError, JoinHandle};
use crate::task::spawn::Unspawned;

/// Runs futures concurrently and waits for all of them: asyncio's `gather`. Their values come in the order of
/// the futures, whatever the order in which they were ready.
///
/// Each future is moved to an allocation of its own at once, and becomes a task there at the first poll.
/// The parent is polled again once, when the last task is done: n futures cost n spawns and O(n) in all. A
/// gather of none is ready at once, with an empty list.
///
/// ```
/// use std::time::Duration;
///
/// async fn square_after(seconds: f64) -> f64 {
///     boucle::sleep(Duration::from_secs_f64(seconds / 100.0)).await;
///     seconds * seconds
/// }
///
/// let squares = boucle::run(boucle::gather([1.0, 0.5, 1.5].map(square_after)));
/// assert_eq!(squares, [1.0, 0.25, 2.25]);
/// ```
///
/// As [`trace`](crate::trace) shows it, under a virtual clock and with whole seconds: the children are
/// polled in one turn, and the last one to end wakes the parent.
///
/// ```text
/// turn                 1     2                      3     4  5    6
/// time                 0                            500ms 1s 1.5s
/// #1 main          run>[1]~gather 3~~~~~~~~~~~~~~~~~~~~~~~~~~#4==>[1] returned
/// #2 square_after      +#1==>[1]~until 1s~~~~~~~~~~~timer>[1] returned
/// #3 square_after      +#1==>[2]~until 500ms~~timer>[1] returned
/// #4 square_after      +#1==>[3]~until 1.5s~~~~~~~~~~~~timer>[1] returned
/// ```
///
/// For futures of different types there is [`gather!`](crate::gather!).
///
/// # Futures that borrow
///
/// The children are tasks, so the futures must be `'static`, where those of tokio's `join!` may borrow
/// from the function around it. For futures that do, await them in the parent's own task:
/// `futures_lite::future::zip`, or `join!` and `join_all` of the `futures` crate, which run on boucle
/// unchanged. These spawn nothing: whenever one of the futures is woken, the parent is polled.
///
/// # Cancellation
///
/// Dropping it aborts the children: each is dropped at its place in the ready queue. A gather that was never
/// polled has no children yet, and drops the futures.
///
/// If a child awaits a [`JoinHandle`], the child is aborted and the **task behind the
/// handle goes on**, detached, where asyncio's `gather` would cancel it. So do not spawn first: gather the
/// futures themselves. Or else keep handles that abort the tasks:
///
/// ```
/// # use std::time::Duration;
/// # async fn work(number: u32) -> u32 { number }
/// # boucle::run(async {
/// let second = Duration::from_secs(1);
/// // After a second the children are aborted.
/// let values = boucle::timeout(second, boucle::gather([1, 2].map(work))).await;
/// assert_eq!(values, Ok(vec![1, 2]));
///
/// // After a second the tasks are aborted by hand.
/// let tasks = [1, 2].map(|number| boucle::spawn(work(number)));
/// let (done, pending) = boucle::wait(tasks, boucle::ALL_COMPLETED).timeout(second).await;
/// pending.iter().for_each(|task| task.abort());
/// assert_eq!(done.len(), 2);
/// # });
/// ```
///
/// # Panics
///
/// If a child panics, its panic is resumed here, and the others are aborted. (asyncio lets them go
/// on.) If it is polled without a loop, on another loop, or again after it was ready.
#[doc(alias = "join_all")]
#[track_caller]
pub fn gather<I>(futures: I) -> Gather<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    Gather(Children::new(futures))
}

/// The future of [`gather`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Gather<F: Future>(Children<F>);

impl<F> Future for Gather<F>
where
    F: Future + 'static,
    F::Output: 'static,
{
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let children = &mut self.0;
        let panicked = ready!(children.poll_until(cx, "gather", WakeOn::Last, |_| true));
        let mut children = children.end();
        if let Some(position) = panicked {
            // The panic leaves from here. On its way out the others are aborted.
            children.tasks[position].value();
        }
        Poll::Ready(children.tasks.iter_mut().map(Child::value).collect())
    }
}

// The futures are not pinned here: they move into their tasks.
impl<F: Future> Unpin for Gather<F> {}

impl<F: Future> fmt::Debug for Gather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gather").field(&self.0).finish()
    }
}

/// Runs futures concurrently and waits for all of them, or for the first error: asyncio's `gather`
/// where coroutines may raise.
///
/// As [`gather`], for futures that return a `Result`. The first `Err` is returned at once. The
/// other children then **go on, detached**, as in asyncio; this differs from tokio's `try_join!`,
/// which drops them.
///
/// ```
/// let sum = boucle::run(async {
///     let parts = boucle::try_gather(["1", "2", "x"].map(async |text: &str| text.parse::<i32>())).await;
///     parts.map(|parts| parts.iter().sum::<i32>())
/// });
/// assert!(sum.is_err());
/// ```
///
/// The parent is polled once in each turn in which a child was done, O(1) for each child. At an error the
/// values of the children that are done are dropped first; a panic of a destructor stops there.
///
/// # Cancellation
///
/// Dropping it before it is ready aborts the children. For children that await a `JoinHandle`, and for
/// futures that borrow, see [`gather`](fn@crate::gather).
///
/// # Errors
///
/// The first one among the children, in time.
///
/// # Panics
///
/// As [`gather`].
#[doc(alias = "try_join_all")]
#[track_caller]
pub fn try_gather<I, F, T, E>(futures: I) -> TryGather<F>
where
    I: IntoIterator<Item: IntoFuture<IntoFuture = F>>,
    F: Future<Output = Result<T, E>>,
{
    TryGather(Children::new(futures))
}

/// The future of [`try_gather`].
#[must_use = "a future does nothing until it is awaited"]
pub struct TryGather<F: Future>(Children<F>);

impl<F, T, E> Future for TryGather<F>
where
    F: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: 'static,
{
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let children = &mut self.0;
        let failed = children.poll_until(cx, "try_gather", WakeOn::Each, JoinHandle::has_failed);
        let failed = ready!(failed);
        let mut children = children.end();
        // A panic leaves from here, as that of `gather`.
        if let Some(position) = failed
            && let Err(error) = children.tasks[position].value()
        {
            children.tasks.into_iter().for_each(Child::detach);
            return Poll::Ready(Err(error));
        }
        Poll::Ready(children.tasks.iter_mut().map(Child::value).collect())
    }
}

// As for `Gather`.
impl<F: Future> Unpin for TryGather<F> {}

impl<F: Future> fmt::Debug for TryGather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TryGather").field(&self.0).finish()
    }
}

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
    AsCompleted { left: children.len(), children }
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

/// Runs futures of different types concurrently and waits for all of them: a tuple comes out.
///
/// As [`gather`](fn@crate::gather) in all else: each becomes a task at the first poll, a panic is resumed in
/// the parent, and dropping the future that this makes aborts them. They must be `'static`, unlike
/// those of tokio's `join!`. Up to twelve futures.
///
/// ```
/// let (number, text) = boucle::run(boucle::gather!(async { 1 }, async { "one" }));
/// assert_eq!((number, text), (1, "one"));
/// ```
#[macro_export]
#[doc(alias = "join")]
macro_rules! gather {
    ($($future:expr),+ $(,)?) => {
        $crate::__gather(($($crate::__unspawned($future),)+))
    };
}

/// What [`gather!`](crate::gather!) calls for each future.
#[doc(hidden)]
pub fn __unspawned<F: IntoFuture>(future: F) -> Unspawned<F::IntoFuture> {
    Unspawned::new(future)
}

/// What [`gather!`](crate::gather!) calls for all of them.
#[doc(hidden)]
#[track_caller]
pub fn __gather<T: Tuple>(futures: T) -> impl Future<Output = T::Outputs> {
    futures.gather(Location::caller())
}

/// A tuple of futures.
#[doc(hidden)]
pub trait Tuple {
    /// The tuple of their outputs.
    type Outputs;

    /// Spawns them and waits.
    fn gather(self, location: &'static Location<'static>) -> impl Future<Output = Self::Outputs>;
}

macro_rules! tuple {
    ($count:literal: $($future:ident $position:tt),+) => {
        impl<$($future),+> Tuple for ($(Unspawned<$future>,)+)
        where
            $($future: Future<Output: 'static> + 'static,)+
        {
            type Outputs = ($($future::Output,)+);

            async fn gather(self, location: &'static Location<'static>) -> Self::Outputs {
                // The children drop before the group that they are members of, the first one first.
                let group = Group::new("gather!", $count, WakeOn::Last);
                let mut children = ($(group.spawn($position, location, self.$position),)+);
                match poll_fn(|cx| group.poll_until(cx, |_| true)).await {
                    // The panic leaves from here; the others are aborted on its way out.
                    $(Some($position) => drop(children.$position.value()),)+
                    _ => {}
                }
                ($(children.$position.value(),)+)
            }
        }
    };
}

tuple!(1: A 0);
tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
