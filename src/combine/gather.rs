//! `gather`, `gather!`, `try_gather`, `as_completed`: run several futures concurrently and take their values.

use std::fmt;
use std::future::poll_fn;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::combine::group::{Child, Children, Group, Unspawned};
use crate::task::budget;
use crate::task::group_table::WakeOn;
use crate::task::join::{JoinError, JoinHandle};

/// Runs futures concurrently and waits for all of them: asyncio's `gather`. Their values come in the order of
/// the futures. An `Err` is a value like any other, as with asyncio's `return_exceptions=True`; [`try_gather`]
/// ends at the first. For futures of different types there is [`gather!`](crate::gather!).
///
/// Each future moves to an allocation of its own at once, and is a task from the first poll on (asyncio's from
/// the call on). The parent is polled again when the last task is done, so n futures cost O(n). A gather of
/// none is ready at once.
///
/// ```
/// # use std::time::Duration;
/// async fn square_after(seconds: f64) -> f64 {
///     boucle::sleep(Duration::from_secs_f64(seconds / 100.0)).await;
///     seconds * seconds
/// }
///
/// let squares = boucle::run(boucle::gather([1.0, 0.5, 1.5].map(square_after)));
/// assert_eq!(squares, [1.0, 0.25, 2.25]);
/// ```
///
/// As [`trace`](crate::trace) shows it, in whole seconds: one turn polls the children; the last wakes main.
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
/// Children are tasks, so they must be `'static`. For futures that borrow, `futures` has `join_all`.
///
/// # Cancellation
///
/// Dropping it aborts the children, or drops the futures if it was never polled. Aborted children are dropped
/// by the end of the next batch, and what they gather one batch later: nothing waits for that, not even a
/// `timeout` around the `gather`. If a child awaits a [`JoinHandle`], the **task behind the handle goes on**,
/// detached; asyncio's `gather` would cancel it. So gather the futures themselves, or use
/// [`wait`](crate::wait), which gives the handles back.
///
/// # Panics
///
/// If a child panics: its panic is resumed here and the others are aborted, where asyncio lets them go on. If
/// the first poll of the `gather` finds no loop, or a full one (as [`spawn`](crate::spawn)); if it is polled on
/// another loop, when its loop is gone, or again after it was ready.
#[doc(alias("join_all", "return_exceptions"))]
#[track_caller]
pub fn gather<F: Future>(futures: impl IntoIterator<Item: IntoFuture<IntoFuture = F>>) -> Gather<F> {
    Gather(Children::new(futures))
}

/// The future of [`gather`].
///
/// ```
/// use std::future::{Ready, ready};
///
/// struct Two(boucle::Gather<Ready<u8>>); // its type has a name
///
/// let two = Two(boucle::gather([1, 2].map(ready)));
/// assert_eq!(boucle::run(two.0), [1, 2]);
/// ```
#[must_use = "a future does nothing until it is awaited"]
pub struct Gather<F: Future>(Children<F>);

impl<F: Future<Output: 'static> + 'static> Future for Gather<F> {
    type Output = Vec<F::Output>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let panicked = ready!(self.0.poll_until(cx, "gather", WakeOn::Last, |_| true));
        let mut children = self.0.end();
        if let Some(position) = panicked {
            // The panic leaves from here. On its way out it drops the children, which aborts the others.
            children[position].value();
        }
        Poll::Ready(children.iter_mut().map(Child::value).collect())
    }
}

impl<F: Future> fmt::Debug for Gather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gather({} children)", self.0.len())
    }
}

/// As [`gather`](fn@crate::gather), for futures that return a `Result`: waits for all or for the first error.
///
/// At an error the other children **go on, detached**, as in asyncio; tokio's `try_join!` drops them. The
/// values that are there by then are dropped; a panic of a destructor does not spread. The parent is polled
/// once in each turn in which a child was done, O(1) for each child.
///
/// ```
/// let parse = async |text: &str| text.parse::<i32>();
/// assert_eq!(boucle::run(boucle::try_gather(["1", "2"].map(parse))), Ok(vec![1, 2]));
/// assert!(boucle::run(boucle::try_gather(["1", "x"].map(parse))).is_err());
/// ```
///
/// # Cancellation
///
/// Dropping it before it is ready aborts the children.
///
/// # Errors
///
/// The error that comes first. Of [`JoinHandle`]s, only a panic or an abort is an error: a task's own `Err`
/// stays in its value. So gather the futures, or [`wait`](crate::wait) with
/// [`FIRST_EXCEPTION`](crate::FIRST_EXCEPTION).
///
/// # Panics
///
/// As [`gather`](fn@crate::gather).
#[doc(alias = "try_join_all")]
#[track_caller]
pub fn try_gather<F: Future<Output = Result<T, E>>, T, E>(
    futures: impl IntoIterator<Item: IntoFuture<IntoFuture = F>>,
) -> TryGather<F> {
    TryGather(Children::new(futures))
}

/// The future of [`try_gather`].
///
/// ```
/// let parsed: boucle::TryGather<_> = boucle::try_gather(["1", "x"].map(async |text| text.parse::<u8>()));
/// assert_eq!(boucle::run(parsed).unwrap_err().to_string(), "invalid digit found in string");
/// ```
#[must_use = "a future does nothing until it is awaited"]
pub struct TryGather<F: Future>(Children<F>);

impl<F: Future<Output = Result<T, E>> + 'static, T: 'static, E: 'static> Future for TryGather<F> {
    type Output = Result<Vec<T>, E>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let failed = ready!(self.0.poll_until(cx, "try_gather", WakeOn::Each, JoinHandle::has_failed));
        let mut children = self.0.end();
        // A panic leaves from here, as that of `gather`.
        if let Some(position) = failed
            && let Err(error) = children[position].value()
        {
            children.iter_mut().for_each(Child::detach);
            return Poll::Ready(Err(error));
        }
        Poll::Ready(children.iter_mut().map(Child::value).collect())
    }
}

impl<F: Future> fmt::Debug for TryGather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TryGather({} children)", self.0.len())
    }
}

/// Runs futures concurrently, and returns a stream of their values as they come: asyncio's `as_completed`.
///
/// Each future is a task from the first poll on. Each item costs O(1). A child that panics gives an `Err`
/// item, and the others go on. To add futures later, spawn them in a [`TaskGroup`](crate::TaskGroup).
///
/// ```
/// use futures_lite::StreamExt;
/// # use std::time::Duration;
/// let values = boucle::as_completed([30, 10, 20].map(async |millis| {
///     boucle::sleep(Duration::from_millis(millis)).await;
///     millis
/// }));
/// let order: Vec<u64> = boucle::run(values.map(Result::unwrap).collect());
/// assert_eq!(order, [10, 20, 30]);
/// ```
///
/// # Cancellation
///
/// Dropping the stream aborts the children that are not done, and drops the values that were not taken. To
/// let the children go on, as asyncio does, spawn them and pass their handles.
///
/// # Panics
///
/// If its first poll finds no loop, or a full one (as [`spawn`](crate::spawn)); if it is polled on another loop
/// than at first, or when that is gone.
#[doc(alias("JoinSet", "FuturesUnordered"))]
#[track_caller]
pub fn as_completed<F: Future>(
    futures: impl IntoIterator<Item: IntoFuture<IntoFuture = F>>,
) -> AsCompleted<F> {
    let children = Children::new(futures);
    AsCompleted { left: children.len(), children }
}

/// The stream of [`as_completed`].
///
/// ```
/// use futures_lite::{Stream, StreamExt};
///
/// # boucle::run(async {
/// let mut values = boucle::as_completed([1, 2].map(async |n| n));
/// assert_eq!(values.size_hint(), (2, Some(2))); // how many are to come
/// values.next().await;
/// assert_eq!(values.size_hint(), (1, Some(1)));
/// # });
/// ```
///
/// It is no [`TaskGroup`](crate::TaskGroup), whose tasks may change while it waits: these children are known at
/// the call, boxed there, and spawned by the first poll, as those of a `gather`.
#[must_use = "a stream does nothing until it is polled"]
pub struct AsCompleted<F: Future> {
    children: Children<F>,
    /// How many items are to come.
    left: usize,
}

impl<F: Future<Output: 'static> + 'static> Stream for AsCompleted<F> {
    type Item = Result<F::Output, JoinError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return budget::poll_spend(cx).map(|()| None);
        }
        let next = ready!(self.children.poll_until(cx, "as_completed", WakeOn::Each, |_| true));
        let item = next.and_then(|position| self.children.tasks[position].0.take());
        self.left -= 1;
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<F: Future> fmt::Debug for AsCompleted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsCompleted({} to come)", self.left)
    }
}

/// As [`gather`](fn@crate::gather), for up to twelve futures of different types: a tuple comes out.
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

/// What `gather!` calls for each future.
#[doc(hidden)]
pub fn __unspawned<F: IntoFuture>(future: F) -> Unspawned<F::IntoFuture> {
    Unspawned::new(future)
}

/// What `gather!` calls for all of them.
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
        impl<$($future: Future<Output: 'static> + 'static),+> Tuple for ($(Unspawned<$future>,)+) {
            type Outputs = ($($future::Output,)+);

            async fn gather(self, location: &'static Location<'static>) -> Self::Outputs {
                // The children drop before the group, the first one first.
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
