//! The end of a loop while its tasks are in every state.
//!
//! Each case has two tasks, in any two states, and one way to end. Every value that a task owns records where
//! it is dropped. Each must be dropped once, in spawn order, on the loop's thread, inside the loop.

use std::future::{pending, ready};
use std::mem;
use std::panic::{catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

use boucle::net::TcpStream;
use boucle::{
    ALL_COMPLETED, AbortHandle, EventLoop, JoinHandle, LoopHandle, TaskGroup, as_completed, gather, interval,
    sleep, spawn, timeout, wait, yield_now,
};
use futures::stream::FuturesUnordered;
use futures_lite::{AsyncReadExt, AsyncWriteExt, StreamExt};

use crate::common::{Gate, HOUR, listen, look, message, own_binary, pair_with_std, panic_of, passes_alone};
#[cfg(feature = "blocking")]
use crate::executor::take_threads;
use crate::open_descriptors;

/// How a loop ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// `run`, and main returns.
    Value,
    /// `run`, and main panics.
    Panic,
    /// `run`, and main stops the loop.
    Stop,
    /// The `EventLoop` is dropped after `block_on`.
    Drop,
    /// The `EventLoop` is dropped when its thread unwinds.
    Unwinding,
}

const ENDS: [End; 5] = [End::Value, End::Panic, End::Stop, End::Drop, End::Unwinding];

/// What the tasks of a case own, and their handles.
#[derive(Default)]
struct Record {
    /// The values of tasks, in spawn order.
    owned: Vec<&'static str>,
    /// The values in messages that the loop does not read, and drops last.
    sent: Vec<&'static str>,
    /// What was dropped, and where.
    dropped: Vec<(&'static str, String)>,
    /// Where all of it is to be dropped.
    place: String,
    /// Handles, and whether their tasks are finished before the end.
    handles: Vec<(Task, bool)>,
    /// What is asserted after the end.
    checks: Vec<Box<dyn FnOnce() + Send>>,
}

type Task = JoinHandle<Option<Owned>>;

/// A value that records its drop.
struct Owned {
    name: &'static str,
    record: Arc<Mutex<Record>>,
}

impl Drop for Owned {
    fn drop(&mut self) {
        let place = place();
        self.record.lock().unwrap().dropped.push((self.name, place));
    }
}

/// Returns the running loop and the thread.
fn place() -> String {
    let handle = catch_unwind(LoopHandle::current).map_err(message);
    format!("{handle:?} on {:?}", thread::current().id())
}

type Action = Box<dyn FnOnce(&mut Stage)>;

/// What main does in a case, step by step.
#[derive(Default)]
struct Stage {
    record: Arc<Mutex<Record>>,
    /// What is done when the loop has parked, a turn before the end.
    late: Vec<Action>,
    /// What is done just before the end.
    last: Vec<Action>,
    /// How many threads of the executor the case has taken.
    #[cfg(feature = "blocking")]
    threads: usize,
    /// Senders of the jobs that run: a job ends when the last of its own is dropped.
    #[cfg(feature = "blocking")]
    running: Vec<std::sync::mpsc::Sender<()>>,
}

impl Stage {
    /// Returns a value that the next task is to own.
    fn own(&self, name: &'static str) -> Owned {
        let record = Arc::clone(&self.record);
        record.lock().unwrap().owned.push(name);
        Owned { name, record }
    }

    /// Spawns a task that waits for a future. If it ends before its loop does, the case fails.
    fn task(&self, name: &'static str, future: impl Future + 'static) -> AbortHandle {
        self.keep(spawn(holding(self.own(name), future)), false)
    }

    fn keep(&self, task: Task, is_finished: bool) -> AbortHandle {
        let handle = task.abort_handle();
        self.record.lock().unwrap().handles.push((task, is_finished));
        handle
    }

    #[cfg(feature = "blocking")]
    fn check(&self, check: impl FnOnce() + Send + 'static) {
        self.record.lock().unwrap().checks.push(Box::new(check));
    }

    fn late(&mut self, action: impl FnOnce(&mut Stage) + 'static) {
        self.late.push(Box::new(action));
    }

    fn last(&mut self, action: impl FnOnce(&mut Stage) + 'static) {
        self.last.push(Box::new(action));
    }
}

/// Owns a value until a future ends.
async fn holding(owned: Owned, future: impl Future) -> Option<Owned> {
    future.await;
    Some(owned)
}

/// A state, and how a task gets there.
type State = (&'static str, fn(&mut Stage));

/// Every state.
const STATES: &[State] = &[
    ("unpolled", |stage| {
        stage.last(|stage| _ = stage.task("unpolled", pending::<()>()));
    }),
    ("ready", |stage| {
        let gate = Gate::default();
        stage.task("ready", gate.waits());
        stage.last(move |_| gate.open());
    }),
    ("yielding", |stage| {
        stage.task("yielding", async {
            loop {
                yield_now().await;
            }
        });
    }),
    ("woken by a thread", |stage| {
        let gate = Gate::default();
        stage.task("woken by a thread", gate.waits());
        stage.last(move |_| {
            let waker = gate.waker();
            thread::spawn(move || waker.wake()).join().unwrap();
        });
    }),
    ("detached", |stage| drop(spawn(holding(stage.own("detached"), pending::<()>())))),
    ("aborted", |stage| {
        let task = stage.task("aborted", pending::<()>());
        stage.last(move |_| task.abort());
    }),
    ("aborted and unpolled", |stage| {
        stage.last(|stage| stage.task("aborted and unpolled", pending::<()>()).abort());
    }),
    ("finished", |stage| {
        let owned = stage.own("finished");
        stage.keep(spawn(async { Some(owned) }), true);
    }),
    ("panicked", |stage| {
        let owned = stage.own("panicked");
        stage.keep(spawn(async { resume_unwind(Box::new(owned)) }), true);
    }),
    ("timer", |stage| _ = stage.task("timer", sleep(HOUR))),
    ("timeout", |stage| _ = stage.task("timeout", timeout(HOUR, pending::<()>()))),
    ("interval", |stage| {
        stage.task("interval", async {
            let mut ticks = interval(HOUR);
            ticks.tick().await;
            ticks.tick().await;
        });
    }),
    ("read", |stage| {
        stage.task("read", async {
            let (stream, _peer) = pair_with_std().await;
            (&stream).read(&mut [0]).await
        });
    }),
    ("write", |stage| {
        stage.task("write", async {
            let (stream, _peer) = pair_with_std().await;
            loop {
                (&stream).write(&[0; 100_000]).await.unwrap();
            }
        });
    }),
    ("accept", |stage| _ = stage.task("accept", async { listen().await.0.accept().await.map(drop) })),
    ("connect", |stage| {
        // On the loopback device it would end with the next park.
        stage.late(|stage| {
            stage.task("connect", async {
                let (_listener, address) = listen().await;
                TcpStream::connect(address).await
            });
        });
    }),
    #[cfg(unix)]
    ("descriptor", |stage| {
        stage.task("descriptor", async {
            let (here, _there) = std::os::unix::net::UnixStream::pair().unwrap();
            boucle::net::AsyncFd::new(here).unwrap().readable().await
        });
    }),
    #[cfg(all(unix, feature = "signal"))]
    ("signal", |stage| {
        let mut signals = boucle::signal::stream(boucle::signal::SignalKind::UserDefined1).unwrap();
        stage.task("signal", async move { signals.recv().await });
    }),
    ("join", |stage| {
        let other = spawn(holding(stage.own("joined"), pending::<()>()));
        stage.task("join", other);
    }),
    ("wait", |stage| {
        let other = spawn(holding(stage.own("waited for"), pending::<()>()));
        stage.task("wait", wait([other], ALL_COMPLETED));
    }),
    ("task group", |stage| {
        let group = TaskGroup::new();
        group.spawn(holding(stage.own("in the group"), pending::<()>()));
        stage.task("task group", async move { group.join_next().await });
    }),
    ("gather", |stage| {
        children(stage, "gather", ["gathered first", "gathered second"], |children| {
            Box::pin(async { drop(gather(children).await) })
        });
    }),
    ("as completed", |stage| {
        children(stage, "as completed", ["completed first", "completed second"], |children| {
            Box::pin(async { drop(as_completed(children).next().await) })
        });
    }),
    ("foreign future", |stage| {
        let (sender, receiver) = async_channel::bounded::<()>(1);
        stage.task("foreign future", async move {
            let _sender = sender;
            receiver.recv().await
        });
    }),
    ("foreign waker", |stage| {
        stage.task("foreign waker", async { FuturesUnordered::from_iter([sleep(HOUR)]).next().await });
    }),
    ("message", |stage| {
        stage.last(|stage| {
            let record = Arc::clone(&stage.record);
            record.lock().unwrap().sent.push("message");
            let (owned, handle) = (Owned { name: "message", record }, LoopHandle::current());
            let send = move || handle.spawn(move || holding(owned, pending::<()>()));
            thread::spawn(send).join().unwrap().unwrap();
        });
    }),
    #[cfg(feature = "blocking")]
    ("job running", jobs::running),
    #[cfg(feature = "blocking")]
    ("job done", jobs::done),
    #[cfg(feature = "blocking")]
    ("job queued", jobs::queued),
];

type Children = Vec<Pin<Box<dyn Future<Output = Option<Owned>>>>>;

/// Spawns a task that awaits two children, which its combinator spawns at its first poll.
fn children(
    stage: &Stage,
    name: &'static str,
    names: [&'static str; 2],
    combine: fn(Children) -> Pin<Box<dyn Future<Output = ()>>>,
) {
    let record = Arc::clone(&stage.record);
    stage.task(name, async move {
        let stage = Stage { record, ..Stage::default() };
        let child =
            |name| Box::pin(holding(stage.own(name), pending::<()>())) as Pin<Box<dyn Future<Output = _>>>;
        combine(names.map(child).into()).await;
    });
}

/// Jobs in every state. All but three threads of the executor are taken.
#[cfg(feature = "blocking")]
mod jobs {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::sync::{Arc, mpsc};
    use std::task::Context;
    use std::{future, mem, thread};

    use boucle::run_in_executor;

    use super::Stage;
    use crate::common::waker_of;
    use crate::executor::take_threads;

    /// How many threads of the executor are left for a case.
    pub(super) const LEFT: usize = 3;

    /// The job runs until its task is dropped, and the task of a queued job, which its thread would begin
    /// otherwise. The loop waits for it.
    pub(super) fn running(stage: &mut Stage) {
        let (task, is_dropped) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        let has_ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&has_ended);
        let job = run_in_executor(move || {
            started.send(()).unwrap();
            assert!(is_dropped.recv().is_err());
            thread::yield_now();
            end.store(true, Relaxed);
        });
        has_started.recv().unwrap();
        stage.threads += 1;
        stage.running.push(task.clone());
        stage.task("job running", async move {
            let _task = task;
            job.await;
        });
        stage.check(move || assert!(has_ended.load(Relaxed), "the loop has not waited for a job"));
    }

    /// The job's value has come, and is dropped with the task, which has not taken it.
    pub(super) fn done(stage: &mut Stage) {
        let value = stage.own("value of a job");
        let (go, may_go) = mpsc::channel();
        let mut job = run_in_executor(move || {
            may_go.recv().unwrap();
            value
        });
        let (woken, is_woken) = mpsc::channel();
        let waker = waker_of(move || woken.send(()).unwrap(), || ());
        assert!(Pin::new(&mut job).poll(&mut Context::from_waker(&waker)).is_pending());
        go.send(()).unwrap();
        is_woken.recv().unwrap();
        stage.task("job done", async move {
            let _job = job;
            future::pending::<()>().await
        });
    }

    /// The job is dropped with its task, and never begins.
    pub(super) fn queued(stage: &mut Stage) {
        stage.late(|stage| {
            // On another thread, so that the jobs belong to no loop.
            let free = LEFT - mem::replace(&mut stage.threads, LEFT);
            let held = thread::spawn(move || take_threads(free)).join().unwrap();
            stage.check(move || drop(held));
            let owned = stage.own("value in a job");
            let job = run_in_executor(move || drop(owned));
            let running = mem::take(&mut stage.running);
            stage.task("job queued", async move {
                let _running = running;
                job.await
            });
        });
    }
}

/// Spawns the tasks of a case, lets them get to their states, and ends.
async fn main(states: [State; 2], end: End, record: Arc<Mutex<Record>>) -> u8 {
    let mut stage = Stage { record, ..Stage::default() };
    stage.record.lock().unwrap().place = place();
    let _main = stage.own("main");
    // Two free slots, of which the second is the first to be used again.
    for short in [(); 2].map(|()| spawn(ready(()))) {
        short.await.unwrap();
    }
    for (_, enter) in states {
        enter(&mut stage);
    }
    // The loop parks after 61 polls.
    for _ in 0..70 {
        yield_now().await;
    }
    for action in mem::take(&mut stage.late) {
        action(&mut stage);
    }
    yield_now().await;
    yield_now().await;
    for action in mem::take(&mut stage.last) {
        action(&mut stage);
    }
    for (task, is_finished) in &stage.record.lock().unwrap().handles {
        assert_eq!(task.is_finished(), *is_finished, "{states:?}");
    }
    match end {
        End::Panic => resume_unwind(Box::new("main panics")),
        End::Stop => {
            boucle::stop();
            pending().await
        }
        End::Value | End::Drop | End::Unwinding => 7,
    }
}

/// Runs a case, and asserts what is dropped, and what its handles return then.
fn case(states: [State; 2], end: End) {
    let record = Arc::<Mutex<Record>>::default();
    let main = || main(states, end, Arc::clone(&record));
    match end {
        End::Value => assert_eq!(boucle::run(main()), 7),
        End::Panic => assert_eq!(panic_of(|| boucle::run(main())), "main panics"),
        End::Stop => {
            let message = panic_of(|| boucle::run(main()));
            assert_eq!(message, "event loop stopped before the future completed");
        }
        End::Drop => assert_eq!(EventLoop::new().unwrap().block_on(main()), 7),
        End::Unwinding => {
            let record = Arc::clone(&record);
            let unwinding = thread::spawn(move || {
                let event_loop = EventLoop::new().unwrap();
                assert_eq!(event_loop.block_on(self::main(states, end, record)), 7);
                resume_unwind(Box::new("the thread unwinds"));
            });
            assert_eq!(message(unwinding.join().unwrap_err()), "the thread unwinds");
        }
    }
    let states = states.map(|(name, _)| name);
    let Record { owned, sent, dropped, place, handles, checks } = mem::take(&mut *record.lock().unwrap());
    let names = owned.into_iter().chain(sent);
    let expected: Vec<_> = names.map(|name| (name, place.clone())).collect();
    assert_eq!(dropped, expected, "{states:?}, {end:?}");
    for (mut task, _) in handles {
        assert!(task.is_finished());
        let Poll::Ready(Err(error)) = look(&mut task) else { panic!("a handle without its loop") };
        assert!(error.is_cancelled());
    }
    checks.into_iter().for_each(|check| check());
    assert_eq!(Arc::strong_count(&record), 1, "{states:?}, {end:?}");
}

/// Whatever two tasks wait for, and however their loop ends, main's value is dropped first, and then theirs
/// in spawn order, inside the loop. The loop waits for the jobs that run. After the end every handle gives
/// `Cancelled`, and no descriptor is left.
#[test]
fn a_loop_ends_in_every_state() {
    if passes_alone(own_binary(), "ending::a_loop_ends_in_every_state") {
        return;
    }
    #[cfg(feature = "blocking")]
    let _held = take_threads(512 - jobs::LEFT);
    // The first runs make what the process keeps, such as the thread of signals.
    STATES.iter().for_each(|state| case([*state; 2], End::Value));
    let before = open_descriptors();
    let mut cases = 0;
    for end in ENDS {
        for one in STATES {
            for other in STATES {
                case([*one, *other], end);
                cases += 1;
            }
        }
    }
    if cfg!(all(unix, feature = "blocking", feature = "signal")) {
        assert_eq!((STATES.len(), cases), (29, 4_205));
    }
    assert_eq!(open_descriptors(), before);
}
