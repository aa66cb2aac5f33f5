//! Every leaf spends budget: a table of all that can be awaited, and a search of `src` for what the table
//! lacks. Time is virtual: it stands still while a task is ready.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::future::{Future, Ready, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use boucle::{
    ALL_COMPLETED, FIRST_COMPLETED, JoinHandle, TaskGroup, as_completed, consume_budget, gather, interval,
    now, sleep, sleep_until, spawn, timeout, try_gather, wait, yield_now,
};
use futures_core::Stream;
use futures_lite::future::poll_once;

use super::budget::MANY;
use crate::common::{HOUR, SECOND, virtual_loop};

const MILLISECOND: Duration = Duration::from_millis(1);

type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// A future that is ready at once, made anew each time.
type Leaf = Box<dyn FnMut() -> Boxed<()>>;

/// One row of the table.
struct Row {
    /// The file and the name of the leaf in `src`.
    of: &'static str,
    /// The case.
    what: &'static str,
    rounds: Rounds,
    make: Box<dyn FnOnce() -> Boxed<Leaf>>,
}

/// How many rounds of a leaf fit into one poll.
#[derive(Clone, Copy)]
enum Rounds {
    Exactly(usize),
    /// It depends on other threads.
    #[cfg_attr(not(feature = "blocking"), allow(dead_code))]
    AtMost(usize),
}
use Rounds::{AtMost, Exactly};

/// The whole budget.
const ALL: Rounds = Exactly(128);

fn row<F>(of: &'static str, what: &'static str, rounds: Rounds, make: impl FnOnce() -> F + 'static) -> Row
where
    F: Future<Output = Leaf> + 'static,
{
    Row { of, what, rounds, make: Box::new(|| Box::pin(make())) }
}

/// Returns a leaf that is made anew for each round.
fn each<F: Future + 'static>(mut make: impl FnMut() -> F + 'static) -> Leaf {
    Box::new(move || {
        let leaf = make();
        Box::pin(async move { drop(leaf.await) })
    })
}

/// Returns a leaf from futures that were made before and are ready by now, one for each round.
fn supply<F: Future + 'static>(mut leaves: Vec<F>) -> Leaf {
    each(move || leaves.pop().expect("there are enough of them"))
}

/// Makes such futures: each is polled once, and is ready a second later.
async fn begun<F: Future + Unpin + 'static>(make: impl FnMut() -> F) -> Leaf {
    let mut leaves: Vec<_> = std::iter::repeat_with(make).take(MANY).collect();
    for leaf in &mut leaves {
        assert!(poll_once(leaf).await.is_none());
    }
    sleep(SECOND).await;
    supply(leaves)
}

/// Returns a leaf that is the next item of a stream.
fn items<S: Stream + Unpin + 'static>(stream: S) -> Leaf {
    let stream = Rc::new(RefCell::new(stream));
    each(move || {
        let stream = stream.clone();
        poll_fn(move |cx| Pin::new(&mut *stream.borrow_mut()).poll_next(cx))
    })
}

/// Returns tasks that are done.
async fn done() -> Vec<JoinHandle<()>> {
    let tasks = (0..MANY).map(|_| spawn(ready(()))).collect();
    yield_now().await;
    tasks
}

fn table() -> Vec<Row> {
    let parts = [
        of_time(),
        of_tasks(),
        of_gathers(),
        of_streams_and_waits(),
        of_task_groups(),
        of_the_executor(),
        of_signals(),
    ];
    parts.into_iter().flatten().collect()
}

fn of_time() -> Vec<Row> {
    vec![
        row("time/sleep.rs: Sleep", "of zero", ALL, async || each(|| sleep(Duration::ZERO))),
        row("time/sleep.rs: Sleep", "until now", ALL, async || each(|| sleep_until(now()))),
        row("time/sleep.rs: Sleep", "that has fired", ALL, async || begun(|| sleep(MILLISECOND)).await),
        row("time/sleep.rs: Sleep", "polled again", ALL, async || {
            let over = Rc::new(RefCell::new(sleep(Duration::ZERO)));
            each(move || {
                let over = over.clone();
                poll_fn(move |cx| Pin::new(&mut *over.borrow_mut()).poll(cx))
            })
        }),
        row("time/timeout.rs: Timeout", "of zero", ALL, async || {
            each(|| timeout(Duration::ZERO, pending::<()>()))
        }),
        row("time/timeout.rs: Timeout", "that has passed", ALL, async || {
            begun(|| timeout(MILLISECOND, pending::<()>())).await
        }),
        row("time/timeout.rs: Timeout", "with a value", ALL, async || {
            each(|| timeout(HOUR, sleep(Duration::ZERO)))
        }),
        row("time/timeout.rs: Timeout", "in a timeout", ALL, async || {
            each(|| timeout(HOUR, timeout(Duration::ZERO, pending::<()>())))
        }),
        row("time/interval.rs: tick", "missed", ALL, async || {
            let ticks = Rc::new(RefCell::new(interval(MILLISECOND)));
            sleep(HOUR).await;
            each(move || {
                let ticks = ticks.clone();
                poll_fn(move |cx| ticks.borrow_mut().poll_tick(cx))
            })
        }),
    ]
}

fn of_tasks() -> Vec<Row> {
    vec![
        row("task/join.rs: JoinHandle", "that is done", ALL, async || supply(done().await)),
        row("task/join.rs: JoinHandle", "of no loop", ALL, async || {
            let event_loop = virtual_loop();
            let tasks = (0..MANY).map(|_| event_loop.spawn(ready(()))).collect();
            drop(event_loop);
            supply::<JoinHandle<()>>(tasks)
        }),
        row("task/budget.rs: consume_budget", "", ALL, async || each(consume_budget)),
        row("task/budget.rs: YieldNow", "", Exactly(1), async || each(yield_now)),
    ]
}

fn of_gathers() -> Vec<Row> {
    vec![
        row("combine/gather.rs: Gather", "of none", ALL, async || each(|| gather([] as [Ready<()>; 0]))),
        row("combine/gather.rs: Gather", "that is done", ALL, async || {
            begun(|| gather([ready(1), ready(2)])).await
        }),
        row("combine/gather.rs: gather!", "that is done", ALL, async || {
            begun(|| Box::pin(boucle::gather!(ready(1), ready("2")))).await
        }),
        row("combine/gather.rs: gather!", "of one", ALL, async || {
            begun(|| Box::pin(boucle::gather!(ready(1)))).await
        }),
        row("combine/gather.rs: TryGather", "of none", ALL, async || {
            each(|| try_gather([] as [Ready<Result<(), ()>>; 0]))
        }),
        row("combine/gather.rs: TryGather", "that is done", ALL, async || {
            begun(|| try_gather([ready(Ok::<_, ()>(1)), ready(Ok(2))])).await
        }),
        row("combine/gather.rs: TryGather", "that failed", ALL, async || {
            begun(|| try_gather([ready(Ok(1)), ready(Err(2))])).await
        }),
    ]
}

fn of_streams_and_waits() -> Vec<Row> {
    vec![
        row("combine/gather.rs: AsCompleted", "items", ALL, async || {
            let mut values = as_completed((0..MANY).map(ready));
            assert!(poll_next_once(&mut values).await.is_pending());
            yield_now().await;
            items(values)
        }),
        row("combine/gather.rs: AsCompleted", "its end", ALL, async || {
            items(as_completed([] as [Ready<()>; 0]))
        }),
        row("combine/wait.rs: Wait", "of what is done", ALL, async || {
            let mut tasks = done().await;
            each(move || wait([tasks.pop().unwrap()], FIRST_COMPLETED))
        }),
        row("combine/wait.rs: Wait", "no longer than", ALL, async || {
            let mut tasks = done().await;
            each(move || wait([tasks.pop().unwrap()], ALL_COMPLETED).timeout(Duration::ZERO))
        }),
        row("combine/wait.rs: Wait", "in vain", ALL, async || {
            let mut tasks: Vec<_> = (0..MANY).map(|_| spawn(pending::<()>())).collect();
            yield_now().await;
            each(move || wait([tasks.pop().unwrap()], ALL_COMPLETED).timeout(Duration::ZERO))
        }),
    ]
}

/// Returns a group whose tasks are done.
async fn group() -> TaskGroup<Result<(), ()>> {
    let group = TaskGroup::new();
    for _ in 0..MANY {
        group.spawn(ready(Ok(())));
    }
    yield_now().await;
    group
}

fn of_task_groups() -> Vec<Row> {
    let next = |group: TaskGroup<_>| {
        let group = Rc::new(group);
        each(move || {
            let group = group.clone();
            async move { group.join_next().await }
        })
    };
    vec![
        row("combine/task_group.rs: join_next", "", ALL, async move || next(group().await)),
        row("combine/task_group.rs: join_next", "that a dropped join_all has seen", ALL, async move || {
            let group = group().await;
            group.spawn(pending());
            let mut all = Box::pin(group.join_all());
            for _ in 0..=MANY / 128 {
                assert!(poll_once(&mut all).await.is_none());
                yield_now().await;
            }
            drop(all);
            next(group)
        }),
        row("combine/task_group.rs: join_next", "of none", ALL, async move || next(TaskGroup::new())),
        row("combine/task_group.rs: join_all", "of none", ALL, async || {
            each(|| async { TaskGroup::<()>::new().join_all().await })
        }),
        row("combine/task_group.rs: try_join_all", "of none", ALL, async || {
            each(|| async { TaskGroup::<Result<(), ()>>::new().try_join_all().await })
        }),
    ]
}

async fn poll_next_once<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *stream).poll_next(cx))).await
}

#[cfg(feature = "blocking")]
fn of_the_executor() -> Vec<Row> {
    vec![row("executor/run_in_executor.rs: RunInExecutor", "whose work is done", AtMost(128), async || {
        let jobs: Vec<_> = (0..MANY).map(|_| boucle::run_in_executor(|| {})).collect();
        boucle::run_in_executor(|| {}).await;
        supply(jobs)
    })]
}

#[cfg(not(feature = "blocking"))]
fn of_the_executor() -> Vec<Row> {
    Vec::new()
}

#[cfg(all(unix, feature = "signal"))]
fn of_signals() -> Vec<Row> {
    use boucle::signal::{SignalKind, ctrl_c, stream};

    /// Returns streams of a signal that has come to all of them.
    async fn arrived(kind: SignalKind) -> Vec<boucle::signal::SignalStream> {
        let mut streams: Vec<_> = (0..=MANY).map(|_| stream(kind).unwrap()).collect();
        signal_hook::low_level::raise(kind as i32).unwrap();
        streams.pop().unwrap().recv().await;
        streams
    }
    vec![
        row("signal.rs: SignalStream", "", ALL, async || {
            let mut streams = arrived(SignalKind::UserDefined1).await;
            each(move || {
                let mut stream = streams.pop().unwrap();
                poll_fn(move |cx| Pin::new(&mut stream).poll_next(cx))
            })
        }),
        row("signal.rs: recv", "", ALL, async || {
            let mut streams = arrived(SignalKind::UserDefined2).await;
            each(move || {
                let mut stream = streams.pop().unwrap();
                async move { stream.recv().await }
            })
        }),
        row("signal.rs: ctrl_c", "", ALL, async || {
            let mut pressed: Vec<_> = (0..MANY).map(|_| Box::pin(ctrl_c())).collect();
            for pressed in &mut pressed {
                assert!(poll_once(pressed).await.is_none());
            }
            arrived(SignalKind::Interrupt).await;
            supply(pressed)
        }),
    ]
}

#[cfg(not(all(unix, feature = "signal")))]
fn of_signals() -> Vec<Row> {
    Vec::new()
}

/// Runs a task that awaits a leaf again and again. Returns the rounds of each of five polls.
fn rounds_of_each_poll(make: impl FnOnce() -> Boxed<Leaf>) -> Vec<usize> {
    virtual_loop().block_on(async {
        let mut leaf = make().await;
        let rounds = Rc::new(Cell::new(0));
        let count = rounds.clone();
        let busy = spawn(async move {
            while count.get() < 10 * MANY {
                leaf().await;
                count.set(count.get() + 1);
            }
            panic!("the task never yields");
        });
        let mut seen = Vec::new();
        for _ in 0..5 {
            let before = rounds.get();
            yield_now().await;
            seen.push(rounds.get() - before);
        }
        busy.abort();
        let ended = busy.await.unwrap_err();
        assert!(ended.is_cancelled(), "{ended}");
        seen
    })
}

/// Whatever a task awaits, it yields after 128 rounds, and the next poll begins with the whole budget.
#[test]
fn every_leaf_spends_budget() {
    for row in table() {
        let name = format!("{} {}", row.of, row.what);
        let seen = catch_unwind(AssertUnwindSafe(|| rounds_of_each_poll(row.make)));
        let seen = seen.unwrap_or_else(|_| panic!("{name}: the task never yields"));
        match row.rounds {
            Exactly(rounds) => assert_eq!(seen[1..], [rounds; 4], "{name}"),
            AtMost(rounds) => assert!(seen.iter().all(|&seen| seen <= rounds), "{name}: {seen:?}"),
        }
    }
}

/// The table has every future, stream, async function and macro of `src`, except those of `net`, whose budget
/// the tests of `net` count.
#[test]
fn the_table_has_every_leaf() {
    let mut found = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path != source.join("net") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let file = path.strip_prefix(&source).unwrap().to_str().unwrap();
                let names = text.lines().filter_map(awaited);
                found.extend(names.map(|name| format!("{}: {name}", file.replace('\\', "/"))));
            }
        }
    }
    // The task itself, which no program awaits.
    assert!(found.remove("task/cell.rs: TaskCell"));
    if cfg!(not(feature = "blocking")) {
        found.remove("executor/run_in_executor.rs: RunInExecutor");
    }
    if cfg!(not(all(unix, feature = "signal"))) {
        found.retain(|leaf| !leaf.starts_with("signal.rs"));
    }
    let table: BTreeSet<String> = table().iter().map(|row| row.of.to_string()).collect();
    let missing: Vec<_> = found.difference(&table).collect();
    assert!(
        missing.is_empty(),
        "no row of the table in tests/scheduling/leaves.rs has an `of` of {missing:?}"
    );
    let unknown: Vec<_> = table.difference(&found).collect();
    assert!(unknown.is_empty(), "the table has rows of what src does not have: {unknown:?}");
}

/// Returns the name of the awaitable that a line of source declares.
fn awaited(line: &str) -> Option<&str> {
    let name = line
        .split_once("Future for ")
        .or_else(|| line.split_once("Stream for "))
        .filter(|_| line.starts_with("impl"))
        .or_else(|| line.split_once("pub async fn "))
        .or_else(|| line.split_once("macro_rules! gather"))?
        .1;
    if line.starts_with("macro_rules!") {
        return Some("gather!");
    }
    name.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()
}
