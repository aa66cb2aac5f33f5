//! The model as a runtime.

use std::task::{Context, Poll};
use std::time::Duration;

use boucle::{MissedTickBehavior, Turn};

use crate::combine::{self, AsCompleted, TaskGroup, Wait};
use crate::event_loop::EventLoop;
use crate::inbox::{self, ClockHold, LoopHandle};
use crate::leaves::{self, Handle, public_id};
use crate::model::{self, Id, with};
use crate::runtime::{Coroutine, Joined, Mode, Name, Returned, Runtime, Setup, Value};
use crate::timers::{self, Interval, Sleep};

pub(crate) struct OnModel;

impl Runtime for OnModel {
    type Loop = EventLoop;
    type LoopHandle = LoopHandle;
    type ClockHold = ClockHold;
    type Handle = Handle;
    type Aborts = Option<Id>;
    type Sleep = Sleep;
    type Interval = Interval;
    type AsCompleted = AsCompleted;
    type Group = TaskGroup;

    fn open(setup: Setup) -> EventLoop {
        EventLoop::new(setup.shuffle)
    }

    fn block_on(event_loop: &EventLoop, main: Coroutine) -> Returned {
        event_loop.block_on(main)
    }

    fn run_forever(event_loop: &EventLoop) {
        event_loop.run_forever();
    }

    fn turn(event_loop: &EventLoop, limit: Option<Duration>) -> Turn {
        event_loop.turn(limit)
    }

    fn stop_from_outside(_: &EventLoop) {
        model::stop();
    }

    fn spawn_from_outside(_: &EventLoop, future: Coroutine) -> Handle {
        model::spawn(future)
    }

    fn handle(_: Option<&EventLoop>) -> LoopHandle {
        LoopHandle::new()
    }

    fn spawn_by(handle: &LoopHandle, make: impl FnOnce() -> Coroutine + Send + 'static) -> bool {
        handle.spawn(make)
    }

    fn stop_by(handle: &LoopHandle) {
        handle.stop();
    }

    fn hold_clock(handle: &LoopHandle) -> ClockHold {
        handle.hold_clock()
    }

    fn elsewhere(act: impl FnOnce() + Send) {
        inbox::elsewhere(act);
    }

    fn on_another_loop(act: impl FnOnce()) {
        act();
    }

    fn spawn(future: Coroutine) -> Handle {
        model::spawn(future)
    }

    fn spawn_named(name: Name, future: Coroutine) -> Handle {
        model::spawn_named(name, future)
    }

    fn id(handle: &Handle) -> usize {
        OnModel::id_of(&handle.0)
    }

    fn aborts(handle: &Handle) -> Option<Id> {
        handle.0
    }

    fn abort(handle: &Option<Id>) {
        Handle::abort_task(*handle);
    }

    fn is_finished(handle: &Option<Id>) -> bool {
        handle.is_none_or(|id| with(|model| model.tasks[id].is_done))
    }

    /// A task that was refused has none.
    fn id_of(handle: &Option<Id>) -> usize {
        handle.map_or(0, public_id)
    }

    fn stop() {
        model::stop();
    }

    fn now() -> Duration {
        with(|model| model.now)
    }

    fn yield_now() -> impl Future<Output = ()> {
        leaves::yield_now()
    }

    fn consume_budget() -> impl Future<Output = ()> {
        leaves::consume_budget()
    }

    fn sleep(duration: Duration) -> Sleep {
        timers::sleep(duration)
    }

    fn sleep_until(deadline: Duration) -> Sleep {
        timers::sleep_until(deadline)
    }

    fn deadline(sleep: &Sleep) -> Duration {
        sleep.deadline
    }

    fn is_elapsed(sleep: &Sleep) -> bool {
        with(|model| model.now) >= sleep.deadline
    }

    fn reset(sleep: &mut Sleep, deadline: Duration) {
        *sleep = timers::sleep_until(deadline);
    }

    fn timeout<F: Future>(duration: Duration, future: F) -> impl Future<Output = Option<F::Output>> {
        timers::timeout(duration, future)
    }

    fn interval(period: Duration, missed: MissedTickBehavior) -> Interval {
        Interval::new(period, missed)
    }

    fn tick(interval: &mut Interval) -> impl Future<Output = Duration> {
        interval.tick()
    }

    fn poll_tick(interval: &mut Interval, cx: &mut Context<'_>) -> Poll<Duration> {
        interval.poll_tick(cx)
    }

    fn reset_interval(interval: &mut Interval) {
        interval.sleep = timers::sleep(interval.period);
    }

    fn reset_immediately(interval: &mut Interval) {
        interval.sleep = timers::sleep(Duration::ZERO);
    }

    fn reset_after(interval: &mut Interval, wait: Duration) {
        interval.sleep = timers::sleep(wait);
    }

    fn reset_at(interval: &mut Interval, deadline: Duration) {
        interval.sleep = timers::sleep_until(deadline);
    }

    fn gather(futures: Vec<Coroutine>) -> impl Future<Output = Vec<Returned>> {
        combine::gather(futures)
    }

    async fn gather_both(one: Coroutine, other: Coroutine) -> (Returned, Returned) {
        let mut both = combine::gather(vec![one, other]).await.into_iter();
        both.next().zip(both.next()).expect("each has a value")
    }

    fn try_gather(futures: Vec<Coroutine>) -> impl Future<Output = Result<Vec<Value>, Value>> {
        combine::try_gather(futures)
    }

    fn as_completed(futures: Vec<Coroutine>) -> AsCompleted {
        AsCompleted::new(futures)
    }

    fn poll_next(completed: &mut AsCompleted, cx: &mut Context<'_>) -> Poll<Option<Joined>> {
        completed.poll_next(cx)
    }

    fn wait(
        handles: Vec<Handle>,
        mode: Mode,
        limit: Option<Duration>,
    ) -> impl Future<Output = (Vec<Handle>, Vec<Handle>)> {
        Wait::new(handles, mode, limit)
    }

    fn group() -> TaskGroup {
        TaskGroup::new()
    }

    fn try_spawn(group: &TaskGroup, future: Coroutine) -> Result<Option<Id>, Coroutine> {
        group.try_spawn(future)
    }

    fn spawn_named_in(group: &TaskGroup, name: Name, future: Coroutine) -> Option<Id> {
        group.spawn_named(name, future)
    }

    fn join_next(group: &TaskGroup) -> impl Future<Output = Option<Joined>> {
        group.join_next()
    }

    fn poll_join_next(group: &TaskGroup, cx: &mut Context<'_>) -> Poll<Option<Joined>> {
        group.poll_join_next(cx)
    }

    fn join_all(group: &TaskGroup) -> impl Future<Output = Vec<Returned>> {
        group.join_all()
    }

    fn try_join_all(group: &TaskGroup) -> impl Future<Output = Result<Vec<Value>, Value>> {
        group.try_join_all()
    }

    fn abort_all(group: &TaskGroup) {
        group.abort_all();
    }

    fn close(group: &TaskGroup) {
        group.close();
    }

    fn is_closed(group: &TaskGroup) -> bool {
        group.is_closed()
    }

    fn len(group: &TaskGroup) -> usize {
        group.len()
    }

    fn is_empty(group: &TaskGroup) -> bool {
        group.len() == 0
    }
}
