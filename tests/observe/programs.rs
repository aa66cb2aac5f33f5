//! Random programs, run by a loop that is observed and by one that is not: both do the same, turn by turn,
//! and the events agree with each other.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use boucle::observe::{Event, EventKind, Live, Observer, TaskState};
use boucle::{EventLoop, FIRST_COMPLETED, JoinHandle, Turn};
use futures_lite::future;
use proptest::prelude::*;

use crate::common::{Observing, foreign};

/// What a task does next. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Sleep(u64),
    /// Polls a sleep once, and keeps it until a `DropSleep` or the end of the task.
    KeepSleep(u64),
    DropSleep,
    Yield,
    Wake(usize),
    WakeItself,
    /// Is pending until the second poll.
    Suspend,
    Send,
    Receive,
    Spawn(Vec<Step>),
    Await(usize),
    Abort(usize),
    Detach(usize),
    Gather(Vec<Vec<Step>>),
    Wait,
    Timeout(u64, Vec<Step>),
    Panic,
    Dump,
    /// Dumps when the task's future is dropped.
    DumpLater,
    /// A sleep that is polled with a foreign waker.
    Foreign(u64),
}

fn program() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..5u64).prop_map(Step::Sleep),
        1 => (0..5u64).prop_map(Step::KeepSleep),
        1 => Just(Step::DropSleep),
        2 => Just(Step::Yield),
        2 => any::<usize>().prop_map(Step::Wake),
        1 => Just(Step::WakeItself),
        1 => Just(Step::Suspend),
        1 => Just(Step::Send),
        1 => Just(Step::Receive),
        1 => any::<usize>().prop_map(Step::Await),
        2 => any::<usize>().prop_map(Step::Abort),
        1 => any::<usize>().prop_map(Step::Detach),
        1 => Just(Step::Wait),
        1 => Just(Step::Panic),
        2 => Just(Step::Dump),
        1 => Just(Step::DumpLater),
        1 => (0..5u64).prop_map(Step::Foreign),
    ];
    let steps = prop::collection::vec(step, 0..6);
    steps.prop_recursive(4, 40, 6, |steps| {
        let nested = prop_oneof![
            3 => steps.clone().prop_map(|steps| vec![Step::Spawn(steps)]),
            1 => prop::collection::vec(steps.clone(), 0..3).prop_map(|all| vec![Step::Gather(all)]),
            1 => (0..4u64, steps.clone()).prop_map(|(limit, steps)| vec![Step::Timeout(limit, steps)]),
        ];
        prop::collection::vec(prop_oneof![nested, steps], 1..5).prop_map(|all| all.concat())
    })
}

/// The tasks of a dump: number, name and state.
type Dumped = Vec<(u64, Option<String>, TaskState)>;

/// What the tasks of a program share.
struct World {
    handles: RefCell<Vec<JoinHandle<()>>>,
    wakers: RefCell<Vec<Waker>>,
    channel: (async_channel::Sender<()>, async_channel::Receiver<()>),
    spawned: Cell<usize>,
    dumps: RefCell<Vec<Dumped>>,
}

impl Default for World {
    fn default() -> Self {
        World {
            handles: RefCell::default(),
            wakers: RefCell::default(),
            channel: async_channel::unbounded(),
            spawned: Cell::new(0),
            dumps: RefCell::default(),
        }
    }
}

impl World {
    fn dump(&self) {
        let dump = boucle::dump();
        let tasks = dump.tasks.iter();
        let name = |name: &std::sync::Arc<str>| name.to_string();
        let dumped = tasks.map(|task| (task.id, task.name.as_ref().map(name), task.state));
        self.dumps.borrow_mut().push(dumped.collect());
    }

    fn take(&self, which: usize) -> Option<JoinHandle<()>> {
        let mut handles = self.handles.borrow_mut();
        let len = handles.len();
        (len > 0).then(|| handles.swap_remove(which % len))
    }

    fn spawn(self: &Rc<Self>, steps: Vec<Step>) {
        if self.spawned.replace(self.spawned.get() + 1) < 50 {
            let task = perform(Rc::clone(self), steps);
            let handle = match self.spawned.get() % 3 {
                0 => boucle::spawn_named("named", task),
                _ => boucle::spawn(task),
            };
            self.handles.borrow_mut().push(handle);
        }
    }
}

/// Dumps when it is dropped.
struct DumpsLater(Rc<World>);

impl Drop for DumpsLater {
    fn drop(&mut self) {
        self.0.dump();
        if let Some(handle) = self.0.take(3) {
            handle.abort();
        }
    }
}

/// Is pending until its second poll, and leaves its waker to `Wake`.
fn suspend(world: &World) -> impl Future<Output = ()> {
    let mut polled = false;
    future::poll_fn(move |cx| {
        world.wakers.borrow_mut().push(cx.waker().clone());
        match std::mem::replace(&mut polled, true) {
            false => Poll::Pending,
            true => Poll::Ready(()),
        }
    })
}

async fn poll_foreign(inner: impl Future<Output = ()>) {
    let mut inner = pin!(inner);
    future::poll_fn(|cx| {
        let waker = foreign(cx.waker());
        inner.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await;
}

fn perform(world: Rc<World>, steps: Vec<Step>) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let mut sleeps = Vec::new();
        let mut later = Vec::new();
        for step in steps {
            match step {
                Step::Sleep(time) => boucle::sleep(Duration::from_secs(time)).await,
                Step::KeepSleep(time) => {
                    let mut sleep = Box::pin(boucle::sleep(Duration::from_secs(time)));
                    let _ = future::poll_once(&mut sleep).await;
                    sleeps.push(sleep);
                }
                Step::DropSleep => drop(sleeps.pop()),
                Step::Yield => boucle::yield_now().await,
                Step::Wake(which) => {
                    let wakers = world.wakers.borrow().clone();
                    if !wakers.is_empty() {
                        wakers[which % wakers.len()].wake_by_ref();
                    }
                }
                Step::WakeItself => {
                    future::poll_fn(|cx| {
                        cx.waker().wake_by_ref();
                        Poll::Ready(())
                    })
                    .await
                }
                Step::Suspend => suspend(&world).await,
                Step::Send => drop(world.channel.0.try_send(())),
                Step::Receive => drop(world.channel.1.recv().await),
                Step::Spawn(steps) => world.spawn(steps),
                Step::Await(which) => {
                    if let Some(handle) = world.take(which) {
                        // A task that awaits itself panics.
                        let _ = handle.await;
                    }
                }
                Step::Abort(which) => {
                    if let Some(handle) = world.take(which) {
                        handle.abort();
                        world.handles.borrow_mut().push(handle);
                    }
                }
                Step::Detach(which) => drop(world.take(which)),
                Step::Gather(all) => {
                    let all = all.into_iter().map(|steps| perform(world.clone(), steps));
                    drop(boucle::gather(all).await);
                }
                Step::Wait => {
                    let handles: Vec<_> = (0..2).filter_map(|_| world.take(1)).collect();
                    if !handles.is_empty() {
                        let (_, pending) = boucle::wait(handles, FIRST_COMPLETED).await;
                        world.handles.borrow_mut().extend(pending);
                    }
                }
                Step::Timeout(limit, steps) => {
                    let inner = perform(world.clone(), steps);
                    let _ = boucle::timeout(Duration::from_secs(limit), inner).await;
                }
                Step::Panic => panic::panic_any(()),
                Step::Dump => world.dump(),
                Step::DumpLater => later.push(DumpsLater(world.clone())),
                Step::Foreign(time) => poll_foreign(boucle::sleep(Duration::from_secs(time))).await,
            }
        }
    })
}

/// The result of a run.
#[derive(Debug, PartialEq)]
struct Ran {
    turns: Vec<Turn>,
    dumps: Vec<Dumped>,
}

/// Returns an observer that panics at the event with this number, from 1.
fn panics_at(mut left: usize) -> impl Observer + 'static {
    Observing(move |_: &Event| {
        left -= 1;
        assert!(left > 0, "the observer");
    })
}

/// Runs a program, then a number of turns by hand, and drops the loop with what is left.
fn run(builder: boucle::Builder, steps: &[Step], limit: usize) -> Ran {
    let event_loop = builder.virtual_clock().build().unwrap();
    let world = Rc::new(World::default());
    let mut turns = Vec::new();
    let first = perform(world.clone(), steps.to_vec());
    let first = event_loop.spawn(first);
    world.handles.borrow_mut().push(first);
    let main = async {
        world.dump();
        world.spawn(steps.to_vec());
        boucle::yield_now().await;
        boucle::sleep(Duration::from_secs(1)).await;
    };
    event_loop.block_on(main);
    while turns.len() < limit {
        turns.push(event_loop.turn(Some(Duration::from_secs(1))).unwrap());
    }
    drop(event_loop);
    drop(world.handles.take());
    let dumps = world.dumps.take();
    Ran { turns, dumps }
}

/// Checks each event against those before.
#[derive(Default)]
struct Checks {
    live: Live,
    fired: BTreeSet<u32>,
    finished: BTreeSet<u64>,
    names: BTreeMap<u64, String>,
    turn: u64,
    /// In which turn each task was polled last.
    polled: BTreeMap<u64, u64>,
}

impl Checks {
    fn check(&mut self, event: &Event) {
        let begins = event.kind == EventKind::TurnBegins;
        self.turn += u64::from(begins);
        assert_eq!(event.turn, self.turn);
        let live = &self.live;
        let lives = |task: &u64| assert!(live.tasks.contains_key(task), "{event:?}");
        match &event.kind {
            EventKind::Spawned { task, parent, .. } => {
                assert!(!live.tasks.contains_key(task));
                assert_eq!(*parent, live.polled.filter(|_| parent.is_some()));
            }
            EventKind::PollBegins { task } => {
                assert_eq!(live.ready.front(), Some(task), "{event:?}");
                assert_eq!(live.polled, None);
                assert_ne!(self.polled.insert(*task, self.turn), Some(self.turn));
            }
            EventKind::PollEnds { task, .. } => assert_eq!(live.polled, Some(*task)),
            EventKind::Waits { task, .. } => assert_eq!(live.polled, Some(*task)),
            EventKind::Woken { task, already, .. } => {
                lives(task);
                assert_eq!(live.ready.contains(task), *already, "{event:?}");
            }
            EventKind::Aborted { task, .. } => lives(task),
            EventKind::Named { task, name } => {
                lives(task);
                self.names.insert(*task, name.to_string());
            }
            EventKind::Finished { task, .. } => {
                lives(task);
                assert!(self.finished.insert(*task));
            }
            EventKind::TimerArmed { timer, .. } => {
                assert!(!live.timers.contains_key(timer) && !self.fired.contains(timer));
            }
            EventKind::TimerFired { timer } => {
                assert!(live.timers.contains_key(timer));
                self.fired.insert(*timer);
            }
            EventKind::TimerDropped { timer, cancelled } => {
                assert_eq!(live.timers.contains_key(timer), *cancelled, "{event:?}");
                assert_eq!(self.fired.remove(timer), !cancelled, "{event:?}");
            }
            EventKind::Closed => {
                assert!(live.tasks.is_empty() && live.ready.is_empty());
                assert!(live.timers.is_empty() && self.fired.is_empty());
            }
            _ => {}
        }
        self.live.apply(event);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// An observed loop has the same turns and dumps, and each event agrees with those before it.
    #[test]
    fn an_observed_loop_does_what_another_does(steps in program(), limit in 0..30usize) {
        let unseen = run(EventLoop::builder(), &steps, limit);
        let checks = Rc::new(RefCell::new(Checks::default()));
        let checked = checks.clone();
        let check = move |event: &Event| checked.borrow_mut().check(event);
        let seen = run(EventLoop::builder().observe(Observing(check)), &steps, limit);
        prop_assert_eq!(unseen, seen);
        prop_assert!(checks.borrow().live.closed, "an event does not fit");
    }

    /// A panic of an observer comes out once, whenever it comes; the loop goes on, and drops everything.
    #[test]
    fn a_panic_of_an_observer_harms_no_loop(steps in program(), at in 1..150usize) {
        let builder = EventLoop::builder().virtual_clock();
        let event_loop = builder.observe(panics_at(at)).build().unwrap();
        let world = Rc::new(World::default());
        let mut outs = 0;
        let mut call = |what: &mut dyn FnMut()| {
            outs += usize::from(panic::catch_unwind(AssertUnwindSafe(what)).is_err());
        };
        for _ in 0..2 {
            let task = perform(world.clone(), steps.clone());
            world.handles.borrow_mut().push(event_loop.spawn(task));
            call(&mut || event_loop.block_on(boucle::yield_now()));
            for _ in 0..20 {
                call(&mut || {
                    event_loop.turn(Some(Duration::from_secs(1))).unwrap();
                });
            }
        }
        prop_assert!(outs <= 1);
        if outs == 1 {
            // Without the observer, nothing can panic.
            let value = event_loop.block_on(async { boucle::spawn(async { 42 }).await });
            prop_assert_eq!(value.unwrap(), 42);
        }
        drop(event_loop);
        drop(world.handles.take());
        prop_assert_eq!(Rc::strong_count(&world), 1);
    }
}
