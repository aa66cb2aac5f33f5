//! Dumps: the table of tasks, and the tree of what awaits what.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use boucle::observe::{Dump, Event, EventKind, Observer, TaskState, WaitsFor};
use boucle::{EventLoop, dump, gather, sleep, spawn, spawn_named, yield_now};

use super::{observed_loop, sleeper, task};
use crate::common::{OnDrop, SECOND, holds, observed_by, panic_of, turn, virtual_loop};

/// Returns the lines of a dump, without the loop's number.
fn lines(dump: &Dump) -> Vec<String> {
    let text = dump.to_string();
    let number = format!("loop {} ", dump.event_loop);
    assert!(text.starts_with(&number), "{text}");
    text[number.len()..].lines().map(str::to_owned).collect()
}

async fn parent() -> Vec<u64> {
    gather([2, 3, 4].map(sleeper)).await
}

/// A parent that awaits three children and has spawned one task that it does not await, and a task that
/// takes the dump.
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

/// A dump of a loop that is not observed has the tasks, their states, and which task awaits which: a
/// parent only its own children.
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
            "which task awaits which",
            "  2 \"parent\"",
            "  ├─ 5 sleeper",
            "  ├─ 6 sleeper",
            "  └─ 7 sleeper",
        ]
    );
}

/// A dump of an observed loop also shows what each task waits for and since when, its polls, and where and by
/// which task it was spawned.
#[test]
fn an_observed_loop_shows_more() {
    let event_loop = observed_loop();
    let dump = event_loop.block_on(family());
    // The places have different lengths, and are cut off.
    let table: Vec<String> = lines(&dump)
        .iter()
        .take(9)
        .map(|line| {
            let place = line.find(file!());
            let line = &line[..place.unwrap_or(line.len())];
            line.trim_end().to_owned()
        })
        .collect();
    assert_eq!(
        table,
        [
            "at 1 s: the main future and 6 tasks",
            "  task        state         waits for                              polls  busy  longest  \
             spawned at                   future",
            "  1 main      idle for 1 s  something that the loop does not know  1      0     0",
            "  2 \"parent\"  idle for 1 s  tasks of gather                        1      0     0",
            "  3           polled for 0                                         2      0     0",
            "  4 \"free\"    idle for 1 s  something that the loop does not know  1      0     0",
            "  5           idle for 1 s  timer 1, until 2 s                     1      0     0",
            "  6           idle for 1 s  timer 2, until 3 s                     1      0     0",
            "  7           idle for 1 s  timer 3, until 4 s                     1      0     0",
        ]
    );
    let tree = ["  2 \"parent\"", "  ├─ 5 sleeper", "  ├─ 6 sleeper", "  └─ 7 sleeper"];
    assert_eq!(lines(&dump)[9..], [&["", "which task awaits which"], &tree[..]].concat());

    // The task that takes the dump is being polled, and the type of its future is known here.
    let own = task(&dump, 3);
    assert_eq!(own.state, TaskState::Polled);
    assert!(own.future.unwrap().contains("family::{{closure}}"));
    let free = task(&dump, 4).seen.as_ref().unwrap();
    assert_eq!((free.parent, free.location.file()), (Some(2), file!()));
    assert_eq!((&free.waits, free.since), (&vec![WaitsFor::Foreign], Duration::ZERO));
    assert!(task(&dump, 1).is_main);
}

/// A dump has ready, aborted, idle and polled tasks, and the main future, whether it is queued or not.
#[test]
fn a_dump_has_each_state() {
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

/// A dump has no task that is done, even if a handle still holds its output.
#[test]
fn a_dump_has_no_task_that_is_done() {
    let event_loop = virtual_loop();
    let done = event_loop.spawn(async { 7 });
    event_loop.turn(None).unwrap();
    let dump = event_loop.handle().dump(Duration::ZERO).unwrap();
    assert_eq!(lines(&dump), ["at 0: 0 tasks"]);
    assert_eq!(event_loop.block_on(done).unwrap(), 7);
}

/// Whatever a name contains, it takes one line of the table, and only a part of that.
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
    assert!(rows[1].starts_with(&format!("  3 \"{long}…  ready")), "{rows:?}");
    assert_eq!(rows.len(), 2);
}

/// `dump` panics where no loop runs, and in an observer.
#[test]
fn without_a_loop_there_is_no_dump() {
    let message = panic_of(dump);
    assert!(message.starts_with("dump needs an event loop"), "{message}");

    let event_loop = observed_by(|_| drop(dump()));
    let message = panic_of(|| event_loop.block_on(yield_now()));
    assert!(message.starts_with("dump was used by an observer"), "{message}");
}

/// A destructor may take a dump, when its task is aborted and when the loop ends.
#[test]
fn a_destructor_may_dump() {
    for event_loop in [virtual_loop(), observed_loop()] {
        let (sender, dumps) = mpsc::channel();
        let dumps_when_dropped = || {
            let sender = sender.clone();
            holds(OnDrop(move || sender.send(dump()).unwrap()))
        };
        let aborted = event_loop.spawn(dumps_when_dropped());
        drop(event_loop.spawn(dumps_when_dropped()));
        turn(&event_loop);
        aborted.abort();
        turn(&event_loop);
        assert_eq!(dumps.recv().unwrap().tasks.len(), 2);
        drop(event_loop);
        assert_eq!(dumps.recv().unwrap().tasks.len(), 0);
    }
}

/// The time that an observer takes is not part of the poll: otherwise a poll could be slow only because
/// it is observed.
#[test]
fn a_poll_takes_none_of_its_observers_time() {
    const OBSERVING: Duration = Duration::from_millis(20);
    struct Slow {
        began: Duration,
        polls: Rc<RefCell<u32>>,
    }
    impl Observer for Slow {
        fn observe(&mut self, event: &Event) {
            match event.kind {
                EventKind::PollBegins { .. } => {
                    self.began = event.time;
                    thread::sleep(OBSERVING);
                }
                EventKind::PollEnds { took, .. } => {
                    assert!(took <= event.time - self.began - OBSERVING, "{took:?}");
                    *self.polls.borrow_mut() += 1;
                }
                _ => {}
            }
        }
    }
    let polls = Rc::default();
    let slow = Slow { began: Duration::ZERO, polls: Rc::clone(&polls) };
    let event_loop = EventLoop::builder().observe(slow).build().unwrap();
    event_loop.block_on(yield_now());
    drop(event_loop);
    assert_eq!(*polls.borrow(), 2);
}
