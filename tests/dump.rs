//! Dumps: who is there, who waits for what, and what is said of a loop that gives no answer.

mod common;

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use boucle::observe::{Dump, DumpedTask, Event, EventKind, Observer, TaskState, WaitsFor};
use boucle::{DumpError, EventLoop, JoinHandle, LoopHandle};
use boucle::{dump, gather, sleep, spawn, spawn_named, timeout, yield_now};
use common::{OnDrop, panic_of, virtual_loop};
use futures_lite::future::poll_once;

const SECOND: Duration = Duration::from_secs(1);

/// Long enough for any loop that answers at all.
const LONG: Duration = Duration::from_secs(60);

/// Somebody who observes, so that the loop is an observed one.
struct Nobody;

impl Observer for Nobody {
    fn observe(&mut self, _: &Event) {}
}

fn observed_loop() -> EventLoop {
    let builder = EventLoop::builder().virtual_clock().observe(Nobody);
    builder.build().unwrap()
}

/// What a dump looks like, without the loop's number.
fn lines(dump: &Dump) -> Vec<String> {
    let text = dump.to_string();
    let number = format!("loop {} ", dump.event_loop);
    assert!(text.starts_with(&number), "{text}");
    text[number.len()..].lines().map(str::to_owned).collect()
}

fn task(dump: &Dump, id: u64) -> &DumpedTask {
    dump.tasks.iter().find(|task| task.id == id).unwrap()
}

async fn sleeper(seconds: u64) -> u64 {
    sleep(SECOND * seconds as u32).await;
    seconds
}

async fn parent() -> Vec<u64> {
    gather([2, 3, 4].map(sleeper)).await
}

/// A parent of three, who also spawned somebody it does not wait for, and a task that asks.
async fn family() -> Dump {
    let (channel, dumped) = async_channel::bounded(1);
    let _parent = spawn_named("parent", async {
        drop(spawn_named("free", pending::<()>()));
        parent().await
    });
    drop(spawn(async move {
        sleep(SECOND).await;
        channel.send(dump()).await.unwrap();
    }));
    dumped.recv().await.unwrap()
}

/// A loop that nobody observes knows its tasks, how they stand, and who awaits whom: a parent its
/// own children alone.
#[test]
fn a_dump_is_a_table_and_a_tree() {
    let dump = virtual_loop().block_on(family());
    assert_eq!(
        lines(&dump),
        [
            "at 1 s: the main future and 6 tasks",
            "  task        state   future",
            "  1 main      idle    family",
            "  2 \"parent\"  idle    family::{closure}",
            "  3           polled  ?",
            "  4 \"free\"    idle    Pending<()>",
            "  5           idle    sleeper",
            "  6           idle    sleeper",
            "  7           idle    sleeper",
            "",
            "who awaits whom",
            "  2 \"parent\"",
            "  ├─ 5 sleeper",
            "  ├─ 6 sleeper",
            "  └─ 7 sleeper",
        ]
    );
}

/// An observed one knows more: what is waited for and since when, polls, who spawned whom and
/// where.
#[test]
fn an_observed_loop_tells_more() {
    let event_loop = observed_loop();
    let dump = event_loop.block_on(family());
    // Places are of different lengths: they are looked at one by one.
    let table: Vec<String> = lines(&dump)
        .iter()
        .take(9)
        .map(|line| {
            let place = line.find("tests/dump.rs");
            let line = &line[..place.unwrap_or(line.len())];
            line.trim_end().to_owned()
        })
        .collect();
    assert_eq!(
        table,
        [
            "at 1 s: the main future and 6 tasks",
            "  task        state         waits for                              polls  busy  longest  \
             spawned at            future",
            "  1 main      idle for 1 s  something that the loop does not know  1      0     0",
            "  2 \"parent\"  idle for 1 s  gather: 3 tasks left                   1      0     0",
            "  3           polled for 0                                         2      0     0",
            "  4 \"free\"    idle for 1 s  something that the loop does not know  1      0     0",
            "  5           idle for 1 s  timer 1, until 2 s                     1      0     0",
            "  6           idle for 1 s  timer 2, until 3 s                     1      0     0",
            "  7           idle for 1 s  timer 3, until 4 s                     1      0     0",
        ]
    );
    let tree = [
        "  2 \"parent\"",
        "  ├─ 5 sleeper",
        "  ├─ 6 sleeper",
        "  └─ 7 sleeper",
    ];
    assert_eq!(
        lines(&dump)[9..],
        [&["", "who awaits whom"], &tree[..]].concat()
    );

    // The one that asks is polled, and its type is known here.
    let asker = task(&dump, 3);
    assert_eq!(asker.state, TaskState::Polled);
    assert!(asker.future.unwrap().contains("family::{{closure}}"));
    let free = task(&dump, 4).seen.as_ref().unwrap();
    assert_eq!((free.parent, free.location.file()), (Some(2), file!()));
    assert_eq!(
        (&free.waits, free.since),
        (&vec![WaitsFor::Foreign], Duration::ZERO)
    );
    assert!(task(&dump, 1).is_main);
}

/// Who is ready, who is to be dropped, and who asks: the main future too, whether it is queued or
/// not.
#[test]
fn each_state_is_told() {
    for event_loop in [virtual_loop(), observed_loop()] {
        event_loop.block_on(async {
            let ready = spawn(yield_now());
            let aborted = spawn(pending::<()>());
            drop(spawn(pending::<()>()));
            yield_now().await;
            aborted.abort();
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::Ready(())
            })
            .await;
            let states: Vec<_> = dump().tasks.iter().map(|task| task.state).collect();
            let (polled, idle) = (TaskState::Polled, TaskState::Idle);
            assert_eq!(states, [polled, TaskState::Ready, TaskState::Aborted, idle]);
            ready.await.unwrap();
        });
        // A loop that does not run has no main future.
        let dump = event_loop.handle().dump(Duration::ZERO).unwrap();
        assert_eq!(lines(&dump)[0], "at 0: 1 task");
    }
}

/// Tasks that are done are not there, also if a handle still holds the output.
#[test]
fn who_is_done_is_not_told() {
    let event_loop = virtual_loop();
    let done = event_loop.spawn(async { 7 });
    event_loop.turn(None).unwrap();
    let dump = event_loop.handle().dump(Duration::ZERO).unwrap();
    assert_eq!(lines(&dump), ["at 0: 0 tasks"]);
    assert_eq!(event_loop.block_on(done).unwrap(), 7);
}

/// Tasks are told in the order of their spawns, also where the slot of one that is done was used
/// again; and who is in such a slot has not awaited what the one before has.
#[test]
fn a_slot_that_is_used_again_misleads_nobody() {
    virtual_loop().block_on(async {
        let first = spawn(async {});
        let mut early = spawn(pending::<()>());
        first.await.unwrap();
        let mut late = spawn(pending::<()>()); // in the slot of the first one
        let gone = spawn(async move {
            assert!(poll_once(&mut early).await.is_none());
            (early,)
        });
        let (mut early,) = gone.await.unwrap();
        drop(spawn(pending::<()>())); // in the slot of the one that has polled `early`
        yield_now().await;
        let dumped: Vec<_> = dump()
            .tasks
            .iter()
            .map(|task| (task.id, task.awaits.clone()))
            .collect();
        assert_eq!(dumped, [(1, vec![]), (3, vec![]), (4, vec![]), (6, vec![])]);

        drop(spawn(async move { futures::join!(&mut late, &mut early) }));
        yield_now().await;
        assert_eq!(task(&dump(), 7).awaits, [3, 4]);
    });
}

/// Whatever a name is, it takes one line of a table, and not much of that.
#[test]
fn a_name_breaks_no_line() {
    let dump = virtual_loop().block_on(async {
        drop(spawn_named("two\nlines", pending::<()>()));
        drop(spawn_named("long ".repeat(20), pending::<()>()));
        dump()
    });
    let rows = lines(&dump).split_off(3);
    assert!(rows[0].starts_with(r#"  2 "two\nlines"   "#), "{rows:?}");
    let long = &"long ".repeat(20)[..32];
    assert!(
        rows[1].starts_with(&format!("  3 \"{long}…  ready")),
        "{rows:?}"
    );
    assert_eq!(rows.len(), 2);
}

/// Puts `tasks` tasks in a circle, each of which awaits the one before it.
fn circle(tasks: usize) {
    type Place = Rc<RefCell<Option<JoinHandle<()>>>>;
    let places: Vec<Place> = (0..tasks).map(|_| Place::default()).collect();
    for own in 0..tasks {
        let before = places[(own + tasks - 1) % tasks].clone();
        let handle = spawn(async move {
            let before = before.take().unwrap();
            before.await.unwrap();
        });
        *places[own].borrow_mut() = Some(handle);
    }
}

/// Tasks that wait for each other are named, of each circle once; and a task that waits for one in
/// a circle is not in it.
#[test]
fn tasks_that_wait_for_each_other_are_named() {
    for event_loop in [virtual_loop(), observed_loop()] {
        let dump = event_loop.block_on(async {
            circle(2);
            circle(3);
            drop(spawn(async { drop(spawn(pending::<()>()).await) }));
            sleep(SECOND).await;
            dump()
        });
        assert_eq!(dump.circles(), [vec![2, 3], vec![4, 6, 5]]);
        let text = dump.to_string();
        let told: Vec<_> = text
            .lines()
            .filter(|line| line.contains("each other"))
            .collect();
        assert_eq!(
            told,
            [
                "task 2 → task 3 → task 2 wait for each other",
                "task 4 → task 6 → task 5 → task 4 wait for each other"
            ]
        );
        let again: Vec<_> = text
            .lines()
            .filter(|line| line.ends_with("(see above)"))
            .collect();
        assert_eq!(again.len(), 2, "{text}");
    }
}

/// The panic of a deadlock names them.
#[test]
fn a_deadlock_names_who_waits_for_each_other() {
    let message = panic_of(|| {
        virtual_loop().block_on(async {
            circle(2);
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock: "), "{message}");
    let end = "\n\ntask 2 → task 3 → task 2 wait for each other";
    assert!(message.ends_with(end), "{message}");
}

/// Who has given up to wait for a task, but keeps its handle, does not await it. An observed loop
/// knows that from the next poll on.
#[test]
fn who_gave_up_does_not_await() {
    observed_loop().block_on(async {
        let mut other = spawn(pending::<()>());
        drop(spawn(async move {
            timeout(SECOND, &mut other).await.unwrap_err();
            yield_now().await;
            sleep(SECOND).await;
            drop(other);
        }));
        sleep(SECOND / 2).await;
        assert_eq!(task(&dump(), 3).awaits, [2]);
        sleep(SECOND).await;
        assert_eq!(task(&dump(), 3).awaits, [] as [u64; 0]);
    });
}

/// A task that was woken or aborted does not wait any more, and what it waited for is not told.
#[test]
fn only_who_is_idle_waits() {
    let dump = observed_loop().block_on(async {
        let aborted = spawn(sleep(SECOND));
        yield_now().await;
        assert!(dump().to_string().contains("timer 0, until 1 s"));
        aborted.abort();
        dump()
    });
    assert!(!dump.to_string().contains("timer 0"), "{dump}");
}

/// What one task waits for at once is told, all of it.
#[test]
fn one_task_may_wait_for_several_things() {
    let event_loop = observed_loop();
    let dump = event_loop.block_on(async {
        let others = [(); 2].map(|()| spawn(pending::<()>()));
        drop(spawn(async {
            let [mut one, mut other] = others;
            let mut both = Box::pin(async { futures::join!(&mut one, &mut other) });
            let _ = timeout(LONG, &mut both).await;
        }));
        yield_now().await;
        yield_now().await;
        dump()
    });
    assert_eq!(task(&dump, 4).awaits, [2, 3]);
    let waits = "  4       idle for 0    timer 0, until 60 s; 2 tasks  ";
    let text = dump.to_string();
    assert!(text.contains(waits), "{text}");
}

/// A dump is asked for within a loop, and not by an observer.
#[test]
fn without_a_loop_there_is_no_dump() {
    let message = panic_of(dump);
    assert!(message.starts_with("dump needs an event loop"), "{message}");

    struct Asks;
    impl Observer for Asks {
        fn observe(&mut self, _: &Event) {
            dump();
        }
    }
    let event_loop = EventLoop::builder().observe(Asks).build().unwrap();
    let message = panic_of(|| event_loop.block_on(yield_now()));
    assert!(
        message.starts_with("dump was used by an observer"),
        "{message}"
    );
}

/// Destructors may ask, when a task is aborted and when the loop ends.
#[test]
fn a_destructor_may_ask() {
    for event_loop in [virtual_loop(), observed_loop()] {
        let (told, dumps) = mpsc::channel();
        let asks = || {
            let told = told.clone();
            let guard = OnDrop(move || told.send(dump()).unwrap());
            async move {
                let _guard = guard;
                pending::<()>().await;
            }
        };
        let aborted = event_loop.spawn(asks());
        drop(event_loop.spawn(asks()));
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        aborted.abort();
        event_loop.turn(Some(Duration::ZERO)).unwrap();
        assert_eq!(dumps.recv().unwrap().tasks.len(), 2);
        drop(event_loop);
        assert_eq!(dumps.recv().unwrap().tasks.len(), 0);
    }
}

/// How long an observer takes to hear of a poll is not the poll's time: none would be slow else but
/// for those who look for it.
#[test]
fn a_poll_takes_none_of_its_observers_time() {
    const LISTENS: Duration = Duration::from_millis(20);
    struct Slow {
        began: Duration,
        polls: Rc<RefCell<u32>>,
    }
    impl Observer for Slow {
        fn observe(&mut self, event: &Event) {
            match event.kind {
                EventKind::PollBegins { .. } => {
                    self.began = event.time;
                    thread::sleep(LISTENS);
                }
                EventKind::PollEnds { took, .. } => {
                    assert!(took <= event.time - self.began - LISTENS, "{took:?}");
                    *self.polls.borrow_mut() += 1;
                }
                _ => {}
            }
        }
    }
    let polls = Rc::default();
    let slow = Slow {
        began: Duration::ZERO,
        polls: Rc::clone(&polls),
    };
    let event_loop = EventLoop::builder().observe(slow).build().unwrap();
    event_loop.block_on(yield_now());
    drop(event_loop);
    assert_eq!(*polls.borrow(), 2);
}

// From other threads.

/// A loop that sleeps answers, whatever its clock is, and sleeps on.
#[test]
fn a_loop_that_sleeps_answers_another_thread() {
    let real = EventLoop::new().unwrap();
    for event_loop in [real, virtual_loop(), observed_loop()] {
        let (done, is_done) = async_channel::bounded(1);
        let handle = event_loop.handle();
        let other = thread::spawn(move || {
            let dumps = [(); 3].map(|()| handle.dump(LONG).unwrap());
            done.send_blocking(()).unwrap();
            dumps
        });
        drop(event_loop.spawn(pending::<()>()));
        event_loop.block_on(is_done.recv()).unwrap();
        for dump in other.join().unwrap() {
            assert_eq!(task(&dump, 1).state, TaskState::Idle);
        }
    }
}

/// Runs a loop with a task that holds its thread, by calling what it is given, until another thread
/// has asked in vain. Gives back what that one was told.
fn ask_in_vain(event_loop: &EventLoop, spawn_held: impl FnOnce(Box<dyn FnMut()>)) -> String {
    let (holds, is_held) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let (done, is_done) = async_channel::bounded(1);
    let handle = event_loop.handle();
    let other = thread::spawn(move || {
        is_held.recv().unwrap();
        let limit = Duration::from_millis(20);
        let error = handle.dump(limit).unwrap_err();
        go_on.send(()).unwrap();
        // Now it answers.
        handle.dump(LONG).unwrap();
        done.send_blocking(()).unwrap();
        let DumpError::NoAnswer {
            timeout, holder, ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(*timeout, limit);
        if let Some(holder) = holder {
            assert!(holder.held >= limit, "{holder:?}");
        }
        error.to_string()
    });
    event_loop.block_on(async {
        spawn_held(Box::new(move || {
            holds.send(()).unwrap();
            may_go_on.recv().unwrap();
        }));
        is_done.recv().await.unwrap();
    });
    other.join().unwrap()
}

/// A loop that is held by a poll, or by a destructor, gives no answer in time. If it is observed,
/// it is said which task holds it. When that lets go, the loop answers.
#[test]
fn a_loop_that_is_held_is_told_with_its_task() {
    let unknown = ": something holds its thread, or it is not being run";
    let known = ": task 2 \"held\" has held its thread for ";
    for (event_loop, why) in [(virtual_loop(), unknown), (observed_loop(), known)] {
        let told = ask_in_vain(&event_loop, |mut hold| {
            drop(spawn_named("held", async move { hold() }));
        });
        assert!(told.starts_with("loop "), "{told}");
        assert!(
            told.contains(&format!(" has not answered within 20 ms{why}")),
            "{told}"
        );
    }
    for (event_loop, why) in [(virtual_loop(), unknown), (observed_loop(), known)] {
        let told = ask_in_vain(&event_loop, |hold| {
            let guard = OnDrop(hold);
            let held = spawn_named("held", async move {
                let _guard = guard;
                pending::<()>().await;
            });
            held.abort();
        });
        assert!(told.contains(why), "{told}");
    }
}

/// An observed loop that is not run is held by nobody: not by the last one that was polled, nor by
/// the last one that was dropped.
#[test]
fn a_loop_that_is_not_run_is_held_by_nobody() {
    let event_loop = observed_loop();
    let ask = || {
        let handle = event_loop.handle();
        let other = thread::spawn(move || handle.dump(Duration::ZERO).unwrap_err());
        let error = other.join().unwrap();
        let is_free = matches!(error, DumpError::NoAnswer { holder: None, .. });
        assert!(is_free, "{error}");
    };
    let task = event_loop.spawn(pending::<()>());
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    ask();
    task.abort();
    // It has the question still, and nobody waits for the answer.
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    ask();
    event_loop.spawn(async {}).abort();
    event_loop.block_on(async {});
    ask();
}

/// Of a loop that is gone, or goes without an answer, it is said that it is gone.
#[test]
fn a_loop_that_is_gone_is_told() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    let (asks, is_asked) = mpsc::channel();
    let other = thread::spawn({
        let handle = handle.clone();
        move || {
            asks.send(()).unwrap();
            handle.dump(LONG).unwrap_err()
        }
    });
    is_asked.recv().unwrap();
    // Most probably the question comes meanwhile. If not, it comes to a loop that is gone.
    thread::sleep(Duration::from_millis(20));
    drop(event_loop);
    assert_eq!(other.join().unwrap(), DumpError::Gone);
    assert_eq!(handle.dump(LONG).unwrap_err(), DumpError::Gone);
    let nowhere = thread::spawn(move || handle.dump(LONG).unwrap_err());
    let error = nowhere.join().unwrap();
    assert_eq!(error.to_string(), "the event loop is gone");
}

/// What is asked by a handle of another loop of the same thread is answered at once, also from
/// within.
#[test]
fn a_loop_of_the_same_thread_answers_at_once() {
    let other = virtual_loop();
    drop(other.spawn(pending::<()>()));
    let handle = other.handle();
    virtual_loop().block_on(async move {
        assert_eq!(handle.dump(Duration::ZERO).unwrap().tasks.len(), 1);
        let own = LoopHandle::current().dump(Duration::ZERO).unwrap();
        assert!(own.tasks[0].is_main);
    });
}

// With the help of a process, which the environment tells what to show.

#[cfg(all(unix, feature = "trace"))]
mod environment {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};

    use boucle::run;

    use super::*;

    /// Runs one test of this file in a process of its own, with a variable set that tells it so.
    fn child(test: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", test, "--nocapture"])
            .env("BOUCLE_TEST_CHILD", test)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn is_child(test: &str) -> bool {
        std::env::var("BOUCLE_TEST_CHILD").is_ok_and(|name| name == test)
    }

    /// What the child says on stderr.
    fn told(mut command: Command) -> String {
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{text}");
        text
    }

    /// A program that was started with `BOUCLE_DUMP` shows on a signal all loops that live in it:
    /// one that sleeps, and one of another thread that gives no answer.
    #[test]
    fn a_signal_shows_all_loops() {
        const TEST: &str = "environment::a_signal_shows_all_loops";
        if is_child(TEST) {
            let _stuck = EventLoop::new().unwrap();
            let sleeping = thread::spawn(|| {
                run(async {
                    drop(spawn_named("sleeper", sleeper(3_600)));
                    yield_now().await;
                    println!("ready");
                    // Its parent ends it before.
                    sleeper(30).await;
                });
            });
            return sleeping.join().unwrap();
        }
        let mut child = child(TEST).env("BOUCLE_DUMP", "1").spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while line.trim() != "ready" {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child has ended");
        }
        let pid = child.id().to_string();
        let killed = Command::new("kill").args(["-USR1", &pid]).status();
        assert!(killed.unwrap().success());
        let mut told = String::new();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        while !told.contains("sleeper\n") || !told.contains("not being run\n") {
            assert_ne!(err.read_line(&mut told).unwrap(), 0, "{told}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        out.read_to_string(&mut line).unwrap();
        let mut lines = told.lines();
        let silent = "loop 1 has not answered within 1 s: something holds its thread, \
                      or it is not being run";
        assert_eq!(lines.next(), Some(silent));
        assert_eq!(lines.next(), Some(""));
        let begin = lines.next().unwrap();
        assert!(begin.starts_with("loop 2 at "), "{told}");
        assert!(begin.ends_with(": the main future and 1 task"), "{told}");
        assert!(told.contains("  2 \"sleeper\"  idle   sleeper\n"), "{told}");
    }

    /// A program that was started with `BOUCLE_SLOW_POLL` tells of its slow polls; a value that
    /// means nothing is told once, and the program runs as ever.
    #[test]
    fn a_variable_asks_for_slow_polls() {
        const TEST: &str = "environment::a_variable_asks_for_slow_polls";
        if is_child(TEST) {
            for _ in 0..2 {
                let own = async { thread::sleep(Duration::from_millis(2)) };
                run(async { spawn_named("slow", own).await.unwrap() });
            }
            return;
        }
        let with = |value| {
            let mut command = child(TEST);
            command.env("BOUCLE_SLOW_POLL", value);
            let text = told(command);
            let ours = text.lines().filter(|line| line.starts_with("boucle: "));
            ours.map(str::to_owned).collect::<Vec<_>>()
        };
        let slow = with("1ms");
        for number in [1, 2] {
            let begin = format!("boucle: slow poll in loop {number}: task 2 \"slow\", spawned at ");
            let of = |line: &&String| line.starts_with(&begin) && line.ends_with(" in turn 2");
            let line = slow.iter().find(of).unwrap_or_else(|| panic!("{slow:?}"));
            let place = format!("{begin}{}:", file!());
            assert!(
                line.starts_with(&place) && line.contains(", took "),
                "{line}"
            );
        }
        assert_eq!(with(""), [] as [&str; 0]);
        assert_eq!(with("3600s"), [] as [&str; 0]);
        let wrong = "boucle: BOUCLE_SLOW_POLL=often: it is a time, like 100ms, 1s or 250us";
        assert_eq!(with("often"), [wrong]);
    }
}
