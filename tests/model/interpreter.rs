//! Runs a program on a runtime, and logs what happens.

use std::any::Any;
use std::future::poll_fn;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use crate::log::{Line, PHASE, Payload, Phase, log, log_at, log_joined, log_values, take_log};
use crate::program::{Act, Program, Restart, Run, Sent, Step, When};
use crate::runtime::{Coroutine, Returned, Runtime, Setup, Value};
use crate::world::{Borrowed, Shared, World, the_world};

/// Runs a program, and returns its log.
pub(crate) fn run<R: Runtime>(runs: &[Run], setup: Setup) -> Vec<Line> {
    PHASE.set(Phase::Runs);
    let world = World::<R>::open();
    let event_loop = R::open(setup);
    // Reads the loop's time at its beginning.
    let begin = Program { label: 0, steps: Vec::new() };
    log_main(R::block_on(&event_loop, coroutine(&world, begin)));
    for run in runs.iter().cloned() {
        let ran = catch_unwind(AssertUnwindSafe(|| do_run(&world, &event_loop, run)));
        if let Err(payload) = ran {
            log_at(Duration::ZERO, 0, reason(&*payload), 0);
        }
    }
    log_at(Duration::ZERO, 0, "end", 0);
    PHASE.set(Phase::Ends);
    let handle = R::handle(Some(&event_loop));
    drop(event_loop);
    PHASE.set(Phase::Gone);
    let is_spawned = R::spawn_by(&handle, || unreachable!("the loop is gone"));
    log_at(Duration::ZERO, 0, "ended", is_spawned as u128);
    world.wakers.borrow().iter().for_each(Waker::wake_by_ref);
    world.close();
    drop(world);
    PHASE.set(Phase::Over);
    take_log()
}

fn do_run<R: Runtime>(world: &Shared<R>, event_loop: &R::Loop, run: Run) {
    match run {
        Run::BlockOn(program) => log_main(R::block_on(event_loop, coroutine(world, program))),
        Run::SpawnFromOutside(program) => {
            world.keep(R::spawn_from_outside(event_loop, coroutine(world, program)))
        }
        Run::Forever => R::run_forever(event_loop),
        Run::Turn(limit) => {
            let turn = R::turn(event_loop, limit.map(Duration::from_nanos));
            let counts = [
                ("turn: polled", turn.polled),
                ("turn: woken by sources", turn.woken_by_sources),
                ("turn: woken by the inbox", turn.woken_by_inbox),
                ("turn: woken by timers", turn.woken_by_timers),
                ("turn: ready", turn.ready),
                ("turn: left", turn.left),
                ("turn: stopped", usize::from(turn.stopped)),
            ];
            counts.into_iter().for_each(|(what, number)| log_at(turn.time, 0, what, number as u128));
        }
        Run::StopFromOutside => R::stop_from_outside(event_loop),
        Run::OnAnotherThread(sent) => elsewhere::<R>(sendables(world, Some(event_loop), sent)),
        Run::OnAnotherLoop(sent) => {
            // A handle that is dropped there may drop a value, which would act on that loop.
            let sent = sent.into_iter().filter(|sent| !matches!(sent, Sent::DropHandle(_))).collect();
            let acts = sendables(world, Some(event_loop), sent);
            R::on_another_loop(|| acts.into_iter().for_each(|act| act()));
        }
    }
}

/// Returns why the loop has panicked, by the first words of the message.
fn reason(payload: &(dyn Any + Send)) -> &'static str {
    let message = payload.downcast_ref::<String>().map(String::as_str);
    let message = message.or(payload.downcast_ref::<&str>().copied()).unwrap_or("");
    if message.starts_with("deadlock") {
        "run: deadlock"
    } else if message.starts_with("event loop stopped") {
        "run: stopped"
    } else {
        "run: panicked"
    }
}

/// Logs what a main future has returned, and drops it without its acts: no loop runs any more.
fn log_main(returned: Returned) {
    let (what, mut value) = match returned {
        Ok(value) => ("main: Ok", value),
        Err(value) => ("main: Err", value),
    };
    value.on_drop = None;
    log_at(Duration::ZERO, value.label, what, 0);
}

/// A coroutine that logs its polls and its drop.
struct Logged<R: Runtime> {
    label: u32,
    polls: usize,
    steps: Pin<Box<dyn Future<Output = Option<Returned>>>>,
    world: Shared<R>,
}

fn coroutine<R: Runtime>(world: &Shared<R>, program: Program) -> Coroutine {
    let Program { label, steps } = program;
    let steps = do_steps(world.clone(), label, steps);
    Box::pin(Logged { label, polls: 0, steps, world: world.clone() })
}

fn coroutines<R: Runtime>(world: &Shared<R>, programs: Vec<Program>) -> Vec<Coroutine> {
    programs.into_iter().map(|program| coroutine(world, program)).collect()
}

impl<R: Runtime> Future for Logged<R> {
    type Output = Returned;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Returned> {
        self.polls += 1;
        log::<R>(self.label, "polled", self.polls);
        let polled = self.steps.as_mut().poll(cx);
        log::<R>(self.label, "poll ends", usize::from(polled.is_ready()));
        polled.map(|returned| returned.unwrap_or_else(|| Ok(value(&self.world, self.label, Vec::new()))))
    }
}

impl<R: Runtime> Drop for Logged<R> {
    fn drop(&mut self) {
        log::<R>(self.label, "dropped", self.polls);
    }
}

fn value<R: Runtime>(world: &Shared<R>, label: u32, acts: Vec<Act>) -> Value {
    let world = world.clone();
    let on_drop = move || {
        log::<R>(label, "value dropped", 0);
        acts.into_iter().for_each(|act| do_act(&world, label, act));
    };
    Value { label, on_drop: Some(Box::new(on_drop)) }
}

/// Acts when it is dropped.
struct Deferred<R: Runtime> {
    world: Shared<R>,
    label: u32,
    acts: Vec<Act>,
}

impl<R: Runtime> Drop for Deferred<R> {
    fn drop(&mut self) {
        log::<R>(self.label, "deferred", self.acts.len());
        mem::take(&mut self.acts).into_iter().for_each(|act| do_act(&self.world, self.label, act));
    }
}

/// Does the steps. Returns `Some` if one of them returns.
fn do_steps<R: Runtime>(
    world: Shared<R>,
    label: u32,
    steps: Vec<Step>,
) -> Pin<Box<dyn Future<Output = Option<Returned>>>> {
    Box::pin(async move {
        let mut deferred = Vec::new();
        for step in steps {
            match step {
                Step::Do(act) => do_act(&world, label, act),
                Step::Defer(acts) => deferred.push(Deferred { world: world.clone(), label, acts }),
                Step::Return(is_ok, acts) => {
                    let value = value(&world, label, acts);
                    return Some(if is_ok { Ok(value) } else { Err(value) });
                }
                Step::Timeout(limit, steps) => {
                    let steps = do_steps(world.clone(), label, steps);
                    let in_time = R::timeout(Duration::from_nanos(limit), steps).await;
                    log::<R>(label, "in time", usize::from(in_time.is_some()));
                    if let Some(Some(returned)) = in_time {
                        return Some(returned);
                    }
                }
                Step::Race(one, other) => {
                    let mut one = do_steps(world.clone(), label, one);
                    let mut other = do_steps(world.clone(), label, other);
                    let first = poll_fn(|cx| match one.as_mut().poll(cx) {
                        Poll::Ready(returned) => Poll::Ready((returned, 0)),
                        Poll::Pending => other.as_mut().poll(cx).map(|returned| (returned, 1)),
                    });
                    let (returned, which) = first.await;
                    log::<R>(label, "race won", which);
                    if returned.is_some() {
                        return returned;
                    }
                }
                Step::Foreign(steps) => {
                    let mut steps = do_steps(world.clone(), label, steps);
                    let polled = poll_fn(|cx| {
                        let waker = Waker::from(Arc::new(Foreign(label, cx.waker().clone())));
                        steps.as_mut().poll(&mut Context::from_waker(&waker))
                    });
                    if let Some(returned) = polled.await {
                        return Some(returned);
                    }
                }
                leaf => do_leaf(&world, label, leaf).await,
            }
        }
        None
    })
}

/// A waker that is not the loop's own.
struct Foreign(u32, Waker);

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {
        // The order in which the end of a loop wakes what waits on it is not documented.
        if PHASE.get() == Phase::Runs {
            log_at(Duration::ZERO, self.0, "foreign wake", 0);
        }
        self.1.wake_by_ref();
    }
}

/// Does a step that has no steps in itself: here those that wait for no task.
async fn do_leaf<R: Runtime>(world: &Shared<R>, label: u32, step: Step) {
    match step {
        Step::Yield(times) => {
            for _ in 0..times {
                R::yield_now().await;
            }
        }
        Step::Spend(times) => {
            for _ in 0..times {
                R::consume_budget().await;
            }
        }
        Step::Try(times) => {
            let ready = poll_fn(|cx| {
                let polled = (0..times).map(|_| pin!(R::consume_budget()).poll(cx));
                Poll::Ready(polled.filter(Poll::is_ready).count())
            });
            log::<R>(label, "tried", ready.await);
        }
        Step::Sleep(when) => sleep::<R>(when).await,
        Step::HoldClock => {
            let hold = R::hold_clock(&R::handle(None));
            R::yield_now().await; // the task stays in the queue, so that the loop is not idle
            drop(hold);
        }
        Step::SendSleep(time) => {
            let mut sleep = R::sleep(Duration::from_nanos(time));
            poll_fn(|cx| Poll::Ready(_ = Pin::new(&mut sleep).poll(cx))).await;
            elsewhere::<R>(vec![Box::new(|| drop(sleep))]);
        }
        Step::Reset(first, second) => {
            let mut sleep = sleep::<R>(first);
            let is_over = poll_fn(|cx| Poll::Ready(Pin::new(&mut sleep).poll(cx).is_ready())).await;
            log::<R>(label, "sleep: is over", usize::from(is_over));
            log_sleep::<R>(label, &sleep);
            R::reset(&mut sleep, deadline::<R>(second));
            log_sleep::<R>(label, &sleep);
            sleep.await;
        }
        Step::Ticks { period, missed, ticks, limit, pause } => {
            let mut interval = R::interval(Duration::from_nanos(period), missed);
            for _ in 0..ticks {
                let tick = R::timeout(Duration::from_nanos(limit), R::tick(&mut interval)).await;
                log_at(R::now(), label, "tick", tick.map_or(1, |due| due.as_nanos()));
                R::sleep(Duration::from_nanos(pause)).await;
            }
        }
        Step::Tick(interval, period, missed) => {
            let make = || R::interval(Duration::from_nanos(period), missed);
            let due = poll_fn(|cx| {
                let mut intervals = world.intervals.borrow_mut();
                R::poll_tick(intervals[interval].get_or_insert_with(make), cx)
            });
            let due = due.await;
            log_at(R::now(), label, "shared tick", due.as_nanos());
        }
        Step::Pass(gate) => {
            let gate = &world.gates[gate];
            poll_fn(|cx| {
                if gate.is_open.take() {
                    return Poll::Ready(());
                }
                gate.waiting.borrow_mut().push(cx.waker().clone());
                world.wakers.borrow_mut().push(cx.waker().clone());
                Poll::Pending
            })
            .await;
        }
        other => do_wait(world, label, other).await,
    }
}

fn sleep<R: Runtime>(when: When) -> R::Sleep {
    match when {
        When::After(time) => R::sleep(Duration::from_nanos(time)),
        When::At(time) => R::sleep_until(Duration::from_nanos(time)),
    }
}

fn deadline<R: Runtime>(when: When) -> Duration {
    match when {
        When::After(time) => R::now() + Duration::from_nanos(time),
        When::At(time) => Duration::from_nanos(time),
    }
}

fn log_sleep<R: Runtime>(label: u32, sleep: &R::Sleep) {
    log_at(R::now(), label, "sleep: deadline", R::deadline(sleep).as_nanos());
    log::<R>(label, "sleep: is elapsed", usize::from(R::is_elapsed(sleep)));
}

/// Does a step that waits for tasks.
async fn do_wait<R: Runtime>(world: &Shared<R>, label: u32, step: Step) {
    match step {
        Step::Await(task) => {
            if let Some((_, handle)) = world.take(task) {
                log_joined::<R>(label, handle.await);
            }
        }
        Step::AwaitBorrowed(task) => {
            if let Some((index, handle)) = world.take(task) {
                let mut borrowed = Borrowed { world, index, handle: Some(handle) };
                let joined = borrowed.handle.as_mut().expect("it was not given back").await;
                borrowed.handle = None;
                log_joined::<R>(label, joined);
            }
        }
        Step::Gather(programs) => {
            let returned = R::gather(coroutines(world, programs)).await;
            log::<R>(label, "gathered", returned.len());
            returned.into_iter().for_each(|returned| log_joined::<R>(label, Ok(returned)));
        }
        Step::GatherBoth(one, other) => {
            let (one, other) = R::gather_both(coroutine(world, one), coroutine(world, other)).await;
            log_joined::<R>(label, Ok(one));
            log_joined::<R>(label, Ok(other));
        }
        Step::TryGather(programs) => {
            let returned = R::try_gather(coroutines(world, programs)).await;
            log_values::<R>(label, returned);
        }
        Step::AsCompleted(programs, items) => {
            let mut completed = R::as_completed(coroutines(world, programs));
            for _ in 0..items {
                match poll_fn(|cx| R::poll_next(&mut completed, cx)).await {
                    Some(joined) => log_joined::<R>(label, joined),
                    None => log::<R>(label, "end of items", 0),
                }
            }
        }
        Step::Wait(mode, tasks, limit) => {
            let handles = tasks.into_iter().filter_map(|task| Some(world.take(task)?.1)).collect();
            let (done, pending) = R::wait(handles, mode, limit.map(Duration::from_nanos)).await;
            log::<R>(label, "done", done.len());
            done.into_iter().chain(pending).for_each(|handle| world.keep(handle));
        }
        Step::JoinNext(group) => match R::join_next(&world.group(group)).await {
            Some(joined) => log_joined::<R>(label, joined),
            None => log::<R>(label, "no task is left", 0),
        },
        Step::PollJoinNext(group) => {
            let group = world.group(group);
            while let Poll::Ready(Some(joined)) =
                poll_fn(|cx| Poll::Ready(R::poll_join_next(&group, cx))).await
            {
                log_joined::<R>(label, joined);
            }
        }
        Step::JoinAll(group) => {
            let returned = R::join_all(&world.group(group)).await;
            log::<R>(label, "joined", returned.len());
            returned.into_iter().for_each(|returned| log_joined::<R>(label, Ok(returned)));
        }
        Step::TryJoinAll(group) => {
            let returned = R::try_join_all(&world.group(group)).await;
            log_values::<R>(label, returned);
        }
        _ => unreachable!("`do_steps` and `do_leaf` do the others"),
    }
}

/// Does an act, in a poll or in a destructor.
fn do_act<R: Runtime>(world: &Shared<R>, label: u32, act: Act) {
    match act {
        Act::Here(sent) => sendable(world, None, sent)(),
        Act::Elsewhere(sent) => elsewhere::<R>(sendables(world, None, sent)),
        _ if PHASE.get() == Phase::Gone => {}
        Act::Spawn(program) => {
            let handle = R::spawn(coroutine(world, program));
            log::<R>(label, "spawned", R::id(&handle));
            world.keep(handle);
        }
        Act::SpawnNamed(program) => world.keep(R::spawn_named(program.label, coroutine(world, program))),
        Act::SpawnMany(tasks, program) => {
            for _ in 0..tasks {
                world.keep(R::spawn(coroutine(world, program.clone())));
            }
        }
        Act::SpawnInGroup(group, program) => {
            match R::try_spawn(&world.group(group), coroutine(world, program)) {
                Ok(aborts) => {
                    log::<R>(label, "spawned in a group", R::id_of(&aborts));
                    world.keep_aborts(aborts);
                }
                Err(_refused) => log::<R>(label, "refused by a group", group),
            }
        }
        Act::SpawnNamedInGroup(group, program) => {
            let group = world.group(group);
            if !R::is_closed(&group) {
                let name = program.label;
                world.keep_aborts(R::spawn_named_in(&group, name, coroutine(world, program)));
            }
        }
        Act::IsFinished(task) => {
            if let Some(is_finished) = world.with_task(task, R::is_finished) {
                log::<R>(label, "is finished", usize::from(is_finished));
            }
        }
        Act::Count(group) => {
            let group = world.group(group);
            log::<R>(label, "results to come", R::len(&group));
            log::<R>(label, "is empty", usize::from(R::is_empty(&group)));
            log::<R>(label, "is closed", usize::from(R::is_closed(&group)));
        }
        Act::AbortAll(group) => R::abort_all(&world.group(group)),
        Act::CloseGroup(group) => R::close(&world.group(group)),
        Act::DropGroup(group) => {
            let dropped = world.groups.borrow_mut()[group].take();
            drop(dropped); // its values may act on groups
        }
        Act::ResetInterval(interval, restart) => {
            if let Some(interval) = &mut world.intervals.borrow_mut()[interval] {
                reset_interval::<R>(interval, restart);
            }
        }
        Act::DropInterval(interval) => world.intervals.borrow_mut()[interval] = None,
        Act::Stop => R::stop(),
        // A second panic would end the process.
        Act::Panic if thread::panicking() => {}
        Act::Panic => resume_unwind(Box::new(Payload(label))),
    }
}

fn reset_interval<R: Runtime>(interval: &mut R::Interval, restart: Restart) {
    match restart {
        Restart::InAPeriod => R::reset_interval(interval),
        Restart::Immediately => R::reset_immediately(interval),
        Restart::To(When::After(wait)) => R::reset_after(interval, Duration::from_nanos(wait)),
        Restart::To(When::At(time)) => R::reset_at(interval, Duration::from_nanos(time)),
    }
}

type Sendable = Box<dyn FnOnce() + Send>;

fn sendables<R: Runtime>(world: &Shared<R>, event_loop: Option<&R::Loop>, sent: Vec<Sent>) -> Vec<Sendable> {
    sent.into_iter().map(|sent| sendable(world, event_loop, sent)).collect()
}

/// Prepares what any thread may do. A call of the closure does it.
fn sendable<R: Runtime>(world: &Shared<R>, event_loop: Option<&R::Loop>, sent: Sent) -> Sendable {
    match sent {
        Sent::Abort(task, times) => {
            let task = world.with_task(task, R::Aborts::clone);
            Box::new(move || task.iter().for_each(|task| (0..times).for_each(|_| R::abort(task))))
        }
        Sent::DropHandle(task) => {
            let task = world.take(task);
            Box::new(move || drop(task))
        }
        Sent::Open(gate) => {
            let gate = &world.gates[gate];
            gate.is_open.set(true);
            let waiting = gate.waiting.take();
            Box::new(move || waiting.into_iter().for_each(Waker::wake))
        }
        Sent::WakeAgain(waker, times) => {
            let wakers = world.wakers.borrow();
            let waker = waker.checked_rem(wakers.len()).map(|index| wakers[index].clone());
            Box::new(move || waker.iter().for_each(|waker| (0..times).for_each(|_| waker.wake_by_ref())))
        }
        Sent::SpawnByHandle(_) | Sent::StopByHandle if PHASE.get() == Phase::Gone => Box::new(|| {}),
        Sent::SpawnByHandle(program) => {
            let (handle, plan) = (R::handle(event_loop), Plan(program));
            let make = move || coroutine(&the_world::<R>(), plan.0.clone());
            Box::new(move || _ = R::spawn_by(&handle, make))
        }
        Sent::StopByHandle => {
            let handle = R::handle(event_loop);
            Box::new(move || R::stop_by(&handle))
        }
    }
}

/// Acts on another thread. What is called there is not logged.
fn elsewhere<R: Runtime>(acts: Vec<Sendable>) {
    let phase = PHASE.replace(Phase::Over);
    R::elsewhere(|| acts.into_iter().for_each(|act| act()));
    PHASE.set(phase);
}

/// A program that a `LoopHandle` sends to the loop.
struct Plan(Program);

impl Drop for Plan {
    fn drop(&mut self) {
        log_at(Duration::ZERO, self.0.label, "plan dropped", 0);
    }
}
