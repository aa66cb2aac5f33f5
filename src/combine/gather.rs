//! `gather`: run several futures concurrently, and wait for all of them.

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::combine::group::{Child, Group};
use crate::task::budget;
use crate::task::cell::Quiet;
use crate::task::group::WakeOn;
use crate::task::spawn::Unspawned;

/// Runs futures concurrently and waits for all of them; their values come in the order of the
/// futures, whatever the order in which they were ready: asyncio's `gather`.
///
/// Each future is moved to an allocation of its own at once, and becomes a task there when the gather is
/// polled for the first time. The parent is polled again once, when the last of them is done: n futures
/// cost n spawns and O(n) in all. Of none, it is ready at once, with an empty list.
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
/// unchanged. Nothing is spawned; whenever one of the futures is woken, the parent is polled.
///
/// # Cancellation
///
/// Dropping it aborts the children: each is dropped at its place in the ready queue. One that was never
/// polled has no children yet, and drops the futures.
///
/// A child that awaits a [`JoinHandle`](crate::JoinHandle) is such a child; the **task behind the handle
/// goes on**, detached, where asyncio's `gather` would cancel it. So do not spawn first: gather the
/// futures themselves. Or else keep what aborts the tasks:
///
/// ```
/// # use std::time::Duration;
/// # async fn work(number: u32) -> u32 { number }
/// # boucle::run(async {
/// let second = Duration::from_secs(1);
/// // Given up after a second, the children are aborted.
/// let values = boucle::timeout(second, boucle::gather([1, 2].map(work))).await;
/// assert_eq!(values, Ok(vec![1, 2]));
///
/// // Given up after a second, the tasks are aborted by hand.
/// let tasks = [1, 2].map(|number| boucle::spawn(work(number)));
/// let (done, pending) = boucle::wait(tasks, boucle::ALL_COMPLETED).timeout(second).await;
/// pending.iter().for_each(|task| task.abort());
/// assert_eq!(done.len(), 2);
/// # });
/// ```
///
/// # Panics
///
/// If a child panics, its panic goes on here, and the others are aborted. (asyncio lets them go
/// on.) If it is polled without a loop, on another loop, or again after it was ready.
#[doc(alias = "join_all")]
#[track_caller]
pub fn gather<I>(futures: I) -> Gather<<I::Item as IntoFuture>::IntoFuture>
where
    I: IntoIterator<Item: IntoFuture>,
{
    Gather {
        state: State::Unstarted(unspawned(futures), Location::caller()),
    }
}

/// The future of [`gather`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Gather<F: Future> {
    state: State<F>,
}

/// Moves each future into an allocation of its own.
pub(crate) fn unspawned<I>(futures: I) -> Vec<Unspawned<<I::Item as IntoFuture>::IntoFuture>>
where
    I: IntoIterator<Item: IntoFuture>,
{
    // A loop, since each adapter of an iterator has one more copy of the future on the stack.
    let mut unspawned = Vec::new();
    for future in futures {
        unspawned.push(Unspawned::new(future));
    }
    unspawned
}

/// Futures, then tasks, then nothing.
enum State<F: Future> {
    /// And where the program asked for it.
    Unstarted(Vec<Unspawned<F>>, &'static Location<'static>),
    /// The children go before the group that they are members of.
    Running(Vec<Child<F::Output>>, Group),
    Over,
}

impl<F> State<F>
where
    F: Future + 'static,
    F::Output: 'static,
{
    /// The children and their group; spawns them if it has not been done.
    fn start(
        &mut self,
        what: &'static str,
        wake_on: WakeOn,
    ) -> (&mut Vec<Child<F::Output>>, &Group) {
        if let State::Unstarted(futures, location) = self {
            let location = *location;
            let group = Group::new(what, futures.len(), wake_on);
            let futures = mem::take(futures);
            let spawn = |(position, future)| group.spawn(position, location, future);
            let children = futures.into_iter().enumerate().map(spawn).collect();
            *self = State::Running(children, group);
        }
        match self {
            State::Running(children, group) => (children, group),
            _ => panic!("{what} was polled after it was ready"),
        }
    }
}

impl<F> Future for Gather<F>
where
    F: Future + 'static,
    F::Output: 'static,
{
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(budget::poll_left(cx));
        let this = &mut *self;
        let (children, group) = this.state.start("gather", WakeOn::Last);
        let panicked = ready!(group.poll_all(cx, "gather"));
        if let Some(position) = panicked {
            // The others are aborted, and the panic leaves from here.
            let mut child = mem::take(children).remove(position);
            this.state = State::Over;
            child.value();
            unreachable!("the child has panicked");
        }
        let values = children.iter_mut().map(Child::value).collect();
        this.state = State::Over;
        budget::spend();
        Poll::Ready(values)
    }
}

// The futures are not pinned here: they move into their tasks.
impl<F: Future> Unpin for Gather<F> {}

impl<F: Future> fmt::Debug for Gather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt_as("Gather", f)
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
/// The parent is polled once in each turn in which a child was done, O(1) for each child. At an error
/// the values that were there are dropped first, each by itself; a panic of a destructor stops there.
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
    TryGather {
        state: State::Unstarted(unspawned(futures), Location::caller()),
        values: Vec::new(),
    }
}

/// The future of [`try_gather`].
#[must_use = "a future does nothing until it is awaited"]
pub struct TryGather<F: Future> {
    state: State<F>,
    /// What came so far.
    values: Vec<Quiet<F::Output>>,
}

impl<F, T, E> Future for TryGather<F>
where
    F: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: 'static,
{
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(budget::poll_left(cx));
        let this = &mut *self;
        let (children, group) = this.state.start("try_gather", WakeOn::Each);
        this.values.resize_with(children.len(), || Quiet::EMPTY);
        // One round for each child that is done, and one that finds no more.
        while let Some(position) = ready!(group.poll(cx, "try_gather", |group| {
            let next = group.done.pop_front().map(|position| position as usize);
            (next.is_some() || group.left == 0).then_some(next)
        })) {
            match children[position].value() {
                Err(error) => {
                    mem::take(children).into_iter().for_each(Child::detach);
                    this.state = State::Over;
                    this.values.clear();
                    budget::spend();
                    return Poll::Ready(Err(error));
                }
                value => this.values[position] = Quiet::new(value),
            }
        }
        this.state = State::Over;
        budget::spend();
        let values = mem::take(&mut this.values).into_iter().map(Quiet::take);
        Poll::Ready(values.collect())
    }
}

// As for `Gather`.
impl<F: Future> Unpin for TryGather<F> {}

impl<F: Future> fmt::Debug for TryGather<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt_as("TryGather", f)
    }
}

impl<F: Future> State<F> {
    fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Unstarted(futures, _) => write!(f, "{name}({} futures)", futures.len()),
            State::Running(children, _) => write!(f, "{name}({} tasks)", children.len()),
            State::Over => write!(f, "{name}(over)"),
        }
    }
}

/// Runs futures of different types concurrently and waits for all of them: a tuple comes out.
///
/// As [`gather`](fn@crate::gather) in all else: each becomes a task at the first poll, a panic goes
/// on in the parent, and dropping the future that this makes aborts them. They must be `'static`, unlike
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

/// Waits for the children of a `gather!`, which is one operation of the budget.
fn poll_counted(cx: &mut Context<'_>, group: &Group) -> Poll<Option<usize>> {
    ready!(budget::poll_left(cx));
    let panicked = ready!(group.poll_all(cx, "gather!"));
    budget::spend();
    Poll::Ready(panicked)
}

macro_rules! tuple {
    ($count:literal: $($future:ident $position:tt),+) => {
        impl<$($future),+> Tuple for ($(Unspawned<$future>,)+)
        where
            $($future: Future<Output: 'static> + 'static,)+
        {
            type Outputs = ($($future::Output,)+);

            async fn gather(self, location: &'static Location<'static>) -> Self::Outputs {
                // The children go before the group that they are members of, the first one first.
                let group = Group::new("gather!", $count, WakeOn::Last);
                let mut children = ($(group.spawn($position, location, self.$position),)+);
                match poll_fn(|cx| poll_counted(cx, &group)).await {
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
