//! What a program needs of the loop that it runs on. boucle and the model both implement it.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use boucle::{MissedTickBehavior, Turn};

/// What every coroutine of a program returns, so that each can be a child of any combinator.
pub(crate) type Returned = Result<Value, Value>;
pub(crate) type Coroutine = Pin<Box<dyn Future<Output = Returned>>>;

/// What a task leaves.
pub(crate) type Outcome = Result<Returned, Failure>;

pub(crate) enum Failure {
    Cancelled,
    Panicked(Box<dyn Any + Send>),
}

/// What a handle gives.
pub(crate) type Joined = Result<Returned, JoinError>;

pub(crate) struct JoinError {
    /// The task's.
    pub(crate) id: usize,
    pub(crate) name: Option<Name>,
    pub(crate) failure: Failure,
}

/// A task's name, which boucle is given in digits.
pub(crate) type Name = u32;

/// A coroutine's value, whose destructor may act.
pub(crate) struct Value {
    pub(crate) label: u32,
    pub(crate) on_drop: Option<Box<dyn FnOnce()>>,
}

impl Drop for Value {
    fn drop(&mut self) {
        if let Some(on_drop) = self.on_drop.take() {
            on_drop();
        }
    }
}

/// The modes of `wait`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    First,
    FirstException,
    All,
}

/// How to open a loop.
#[derive(Clone, Copy, Default)]
pub(crate) struct Setup {
    pub(crate) shuffle: Option<u64>,
    pub(crate) is_observed: bool,
}

/// The functions have the names of boucle's.
pub(crate) trait Runtime: Sized + 'static {
    type Loop;
    type LoopHandle: Send;
    type ClockHold: Send;
    type Handle: Future<Output = Joined> + Unpin + Send;
    type Aborts: Clone + Send;
    type Sleep: Future<Output = ()> + Unpin + Send;
    type Interval;
    type AsCompleted;
    type Group;

    fn open(setup: Setup) -> Self::Loop;
    fn block_on(event_loop: &Self::Loop, main: Coroutine) -> Returned;
    fn run_forever(event_loop: &Self::Loop);
    fn turn(event_loop: &Self::Loop, limit: Option<Duration>) -> Turn;
    fn stop_from_outside(event_loop: &Self::Loop);
    fn spawn_from_outside(event_loop: &Self::Loop, future: Coroutine) -> Self::Handle;

    /// Returns a handle of this loop, or of the one that runs.
    fn handle(event_loop: Option<&Self::Loop>) -> Self::LoopHandle;
    /// Returns false if the loop is gone.
    fn spawn_by(handle: &Self::LoopHandle, make: impl FnOnce() -> Coroutine + Send + 'static) -> bool;
    fn stop_by(handle: &Self::LoopHandle);
    fn hold_clock(handle: &Self::LoopHandle) -> Self::ClockHold;
    /// Another thread acts, while this one waits for it.
    fn elsewhere(act: impl FnOnce() + Send);
    /// Acts in a coroutine of another loop, which is there for this alone.
    fn on_another_loop(act: impl FnOnce());

    fn spawn(future: Coroutine) -> Self::Handle;
    fn spawn_named(name: Name, future: Coroutine) -> Self::Handle;
    fn id(handle: &Self::Handle) -> usize;
    fn aborts(handle: &Self::Handle) -> Self::Aborts;
    fn abort(handle: &Self::Aborts);
    fn is_finished(handle: &Self::Aborts) -> bool;
    fn id_of(handle: &Self::Aborts) -> usize;
    fn stop();
    /// The loop's time.
    fn now() -> Duration;
    fn yield_now() -> impl Future<Output = ()>;
    fn consume_budget() -> impl Future<Output = ()>;
    fn sleep(duration: Duration) -> Self::Sleep;
    /// Deadlines are times of the loop, as `now` is.
    fn sleep_until(deadline: Duration) -> Self::Sleep;
    fn deadline(sleep: &Self::Sleep) -> Duration;
    fn is_elapsed(sleep: &Self::Sleep) -> bool;
    fn reset(sleep: &mut Self::Sleep, deadline: Duration);
    fn timeout<F: Future>(duration: Duration, future: F) -> impl Future<Output = Option<F::Output>>;
    fn interval(period: Duration, missed: MissedTickBehavior) -> Self::Interval;
    fn tick(interval: &mut Self::Interval) -> impl Future<Output = Duration>;
    fn poll_tick(interval: &mut Self::Interval, cx: &mut Context<'_>) -> Poll<Duration>;
    fn reset_interval(interval: &mut Self::Interval);
    fn reset_immediately(interval: &mut Self::Interval);
    fn reset_after(interval: &mut Self::Interval, wait: Duration);
    fn reset_at(interval: &mut Self::Interval, deadline: Duration);

    fn gather(futures: Vec<Coroutine>) -> impl Future<Output = Vec<Returned>>;
    /// `gather!`, of two.
    fn gather_both(one: Coroutine, other: Coroutine) -> impl Future<Output = (Returned, Returned)>;
    fn try_gather(futures: Vec<Coroutine>) -> impl Future<Output = Result<Vec<Value>, Value>>;
    fn as_completed(futures: Vec<Coroutine>) -> Self::AsCompleted;
    fn poll_next(completed: &mut Self::AsCompleted, cx: &mut Context<'_>) -> Poll<Option<Joined>>;
    fn wait(
        handles: Vec<Self::Handle>,
        mode: Mode,
        limit: Option<Duration>,
    ) -> impl Future<Output = (Vec<Self::Handle>, Vec<Self::Handle>)>;

    fn group() -> Self::Group;
    fn try_spawn(group: &Self::Group, future: Coroutine) -> Result<Self::Aborts, Coroutine>;
    /// The group is open.
    fn spawn_named_in(group: &Self::Group, name: Name, future: Coroutine) -> Self::Aborts;
    fn join_next(group: &Self::Group) -> impl Future<Output = Option<Joined>>;
    fn poll_join_next(group: &Self::Group, cx: &mut Context<'_>) -> Poll<Option<Joined>>;
    fn join_all(group: &Self::Group) -> impl Future<Output = Vec<Returned>>;
    fn try_join_all(group: &Self::Group) -> impl Future<Output = Result<Vec<Value>, Value>>;
    fn abort_all(group: &Self::Group);
    fn close(group: &Self::Group);
    fn is_closed(group: &Self::Group) -> bool;
    fn len(group: &Self::Group) -> usize;
    fn is_empty(group: &Self::Group) -> bool;
}
