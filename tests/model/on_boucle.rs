//! boucle as a runtime.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use boucle::trace::Recorder;
use boucle::{
    ALL_COMPLETED, AbortHandle, AsCompleted, Builder, ClockHold, EventLoop, FIRST_COMPLETED, FIRST_EXCEPTION,
    Interval, JoinHandle, LoopHandle, MissedTickBehavior, Sleep, TaskGroup, Turn, Wait,
};
use futures_lite::Stream;

use crate::runtime::{Coroutine, Failure, JoinError, Joined, Mode, Name, Returned, Runtime, Setup, Value};

pub(crate) struct OnBoucle;

pub(crate) struct Handle(JoinHandle<Returned>);

impl Future for Handle {
    type Output = Joined;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Joined> {
        Pin::new(&mut self.0).poll(cx).map_err(join_error)
    }
}

fn join_error(error: boucle::JoinError) -> JoinError {
    let name = error.name().map(|name| name.parse().expect("a name is a number"));
    let id = error.id() as usize;
    let failure = error.try_into_panic().map_or(Failure::Cancelled, Failure::Panicked);
    JoinError { id, name, failure }
}

fn handles(handles: Vec<JoinHandle<Returned>>) -> Vec<Handle> {
    handles.into_iter().map(Handle).collect()
}

thread_local! {
    /// When the loop of this thread began.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

fn began() -> Instant {
    BEGAN.get().expect("the loop's time was asked for")
}

impl Runtime for OnBoucle {
    type Loop = EventLoop;
    type LoopHandle = LoopHandle;
    type ClockHold = ClockHold;
    type Handle = Handle;
    type Aborts = AbortHandle;
    type Sleep = Sleep;
    type Interval = Interval;
    type AsCompleted = AsCompleted<Coroutine>;
    type Group = TaskGroup<Returned>;

    fn open(setup: Setup) -> EventLoop {
        let mut builder = EventLoop::builder();
        if let Some(seed) = setup.shuffle {
            builder = builder.shuffle(seed);
        }
        if setup.is_observed {
            builder = builder.observe(Recorder::new());
        }
        let event_loop = build(builder);
        BEGAN.set(None);
        event_loop
    }

    fn block_on(event_loop: &EventLoop, main: Coroutine) -> Returned {
        event_loop.block_on(main)
    }

    fn run_forever(event_loop: &EventLoop) {
        event_loop.run_forever();
    }

    fn turn(event_loop: &EventLoop, limit: Option<Duration>) -> Turn {
        event_loop.turn(limit).expect("there is no socket")
    }

    fn stop_from_outside(event_loop: &EventLoop) {
        event_loop.stop();
    }

    fn spawn_from_outside(event_loop: &EventLoop, future: Coroutine) -> Handle {
        Handle(event_loop.spawn(future))
    }

    fn handle(event_loop: Option<&EventLoop>) -> LoopHandle {
        let handle = event_loop.map_or_else(LoopHandle::current, EventLoop::handle);
        handle.clone() // the loop counts it, and is not left without a handle when the first one drops
    }

    fn spawn_by(handle: &LoopHandle, make: impl FnOnce() -> Coroutine + Send + 'static) -> bool {
        handle.spawn(make).is_ok()
    }

    fn stop_by(handle: &LoopHandle) {
        handle.stop();
    }

    fn hold_clock(handle: &LoopHandle) -> ClockHold {
        handle.hold_clock()
    }

    fn elsewhere(act: impl FnOnce() + Send) {
        thread::scope(|scope| scope.spawn(act).join().expect("it does not panic"));
    }

    fn on_another_loop(act: impl FnOnce()) {
        build(EventLoop::builder()).block_on(async { act() });
    }

    fn spawn(future: Coroutine) -> Handle {
        Handle(boucle::spawn(future))
    }

    fn spawn_named(name: Name, future: Coroutine) -> Handle {
        Handle(boucle::spawn_named(name.to_string(), future))
    }

    fn id(handle: &Handle) -> usize {
        handle.0.id() as usize
    }

    fn aborts(handle: &Handle) -> AbortHandle {
        handle.0.abort_handle()
    }

    fn abort(handle: &AbortHandle) {
        handle.abort();
    }

    fn is_finished(handle: &AbortHandle) -> bool {
        handle.is_finished()
    }

    fn id_of(handle: &AbortHandle) -> usize {
        handle.id() as usize
    }

    fn stop() {
        boucle::stop();
    }

    fn now() -> Duration {
        let now = boucle::now();
        let began = BEGAN.get().unwrap_or(now);
        BEGAN.set(Some(began));
        now - began
    }

    fn yield_now() -> impl Future<Output = ()> {
        boucle::yield_now()
    }

    fn consume_budget() -> impl Future<Output = ()> {
        boucle::consume_budget()
    }

    fn sleep(duration: Duration) -> Sleep {
        boucle::sleep(duration)
    }

    fn sleep_until(deadline: Duration) -> Sleep {
        boucle::sleep_until(began() + deadline)
    }

    fn deadline(sleep: &Sleep) -> Duration {
        sleep.deadline().expect("a loop ran when it was made") - began()
    }

    fn is_elapsed(sleep: &Sleep) -> bool {
        sleep.is_elapsed()
    }

    fn reset(sleep: &mut Sleep, deadline: Duration) {
        sleep.reset(began() + deadline);
    }

    async fn timeout<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
        boucle::timeout(duration, future).await.ok()
    }

    fn interval(period: Duration, missed: MissedTickBehavior) -> Interval {
        let mut interval = boucle::interval(period);
        interval.set_missed_tick_behavior(missed);
        interval
    }

    async fn tick(interval: &mut Interval) -> Duration {
        interval.tick().await - began()
    }

    fn poll_tick(interval: &mut Interval, cx: &mut Context<'_>) -> Poll<Duration> {
        interval.poll_tick(cx).map(|due| due - began())
    }

    fn reset_interval(interval: &mut Interval) {
        interval.reset();
    }

    fn reset_immediately(interval: &mut Interval) {
        interval.reset_immediately();
    }

    fn reset_after(interval: &mut Interval, wait: Duration) {
        interval.reset_after(wait);
    }

    fn reset_at(interval: &mut Interval, deadline: Duration) {
        interval.reset_at(began() + deadline);
    }

    fn gather(futures: Vec<Coroutine>) -> impl Future<Output = Vec<Returned>> {
        boucle::gather(futures)
    }

    fn gather_both(one: Coroutine, other: Coroutine) -> impl Future<Output = (Returned, Returned)> {
        boucle::gather!(one, other)
    }

    fn try_gather(futures: Vec<Coroutine>) -> impl Future<Output = Result<Vec<Value>, Value>> {
        boucle::try_gather(futures)
    }

    fn as_completed(futures: Vec<Coroutine>) -> AsCompleted<Coroutine> {
        boucle::as_completed(futures)
    }

    fn poll_next(completed: &mut AsCompleted<Coroutine>, cx: &mut Context<'_>) -> Poll<Option<Joined>> {
        Pin::new(completed).poll_next(cx).map(|item| item.map(|outcome| outcome.map_err(join_error)))
    }

    async fn wait(tasks: Vec<Handle>, mode: Mode, limit: Option<Duration>) -> (Vec<Handle>, Vec<Handle>) {
        let tasks = tasks.into_iter().map(|handle| handle.0);
        let (done, pending) = match mode {
            Mode::First => up_to(limit, boucle::wait(tasks, FIRST_COMPLETED)).await,
            Mode::FirstException => up_to(limit, boucle::wait(tasks, FIRST_EXCEPTION)).await,
            Mode::All => up_to(limit, boucle::wait(tasks, ALL_COMPLETED)).await,
        };
        (handles(done), handles(pending))
    }

    fn group() -> TaskGroup<Returned> {
        TaskGroup::new()
    }

    fn try_spawn(group: &TaskGroup<Returned>, future: Coroutine) -> Result<AbortHandle, Coroutine> {
        group.try_spawn(future)
    }

    fn spawn_named_in(group: &TaskGroup<Returned>, name: Name, future: Coroutine) -> AbortHandle {
        group.spawn_named(name.to_string(), future)
    }

    async fn join_next(group: &TaskGroup<Returned>) -> Option<Joined> {
        group.join_next().await.map(|outcome| outcome.map_err(join_error))
    }

    fn poll_join_next(group: &TaskGroup<Returned>, cx: &mut Context<'_>) -> Poll<Option<Joined>> {
        group.poll_join_next(cx).map(|next| next.map(|outcome| outcome.map_err(join_error)))
    }

    fn join_all(group: &TaskGroup<Returned>) -> impl Future<Output = Vec<Returned>> {
        group.join_all()
    }

    fn try_join_all(group: &TaskGroup<Returned>) -> impl Future<Output = Result<Vec<Value>, Value>> {
        group.try_join_all()
    }

    fn abort_all(group: &TaskGroup<Returned>) {
        group.abort_all();
    }

    fn close(group: &TaskGroup<Returned>) {
        group.close();
    }

    fn is_closed(group: &TaskGroup<Returned>) -> bool {
        group.is_closed()
    }

    fn len(group: &TaskGroup<Returned>) -> usize {
        group.len()
    }

    fn is_empty(group: &TaskGroup<Returned>) -> bool {
        group.is_empty()
    }
}

fn build(builder: Builder) -> EventLoop {
    builder.virtual_clock().build().expect("a loop with a virtual clock needs nothing of the system")
}

fn up_to<M: boucle::Mode<Returned>>(limit: Option<Duration>, wait: Wait<Returned, M>) -> Wait<Returned, M> {
    match limit {
        Some(limit) => wait.timeout(limit),
        None => wait,
    }
}
