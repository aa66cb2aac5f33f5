//! The five programs from scratch: each prints what its header says, and shows something that its loop cannot
//! do. The tests here run that on the program's loop, which fails, and on boucle, which does not.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::{pending, poll_fn};
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use boucle::EventLoop;
use boucle::observe::{Event, Live, Observer};
use stage::testing::{documented, expect_usage, lines, program, run, wait};

#[allow(dead_code)]
#[path = "../from_scratch/1_poll.rs"]
mod scratch_1;
#[allow(dead_code)]
#[path = "../from_scratch/2_wake.rs"]
mod scratch_2;
#[allow(dead_code)]
#[path = "../from_scratch/3_tasks.rs"]
mod scratch_3;
#[allow(dead_code)]
#[path = "../from_scratch/4_timers.rs"]
mod scratch_4;
#[allow(dead_code)]
#[path = "../from_scratch/5_sockets/event_loop.rs"]
mod scratch_5;

#[test]
fn the_programs_print_what_their_headers_say() {
    for (program, source) in [
        ("scratch_1", "1_poll.rs"),
        ("scratch_2", "2_wake.rs"),
        ("scratch_3", "3_tasks.rs"),
        ("scratch_4", "4_timers.rs"),
        ("scratch_5", "5_sockets/main.rs"),
    ] {
        let output = run(program, &[]);
        assert_eq!(lines(&output), documented(format!("from_scratch/{source}")), "{output:?}");
        assert!(output.status.success());
    }
}

/// asyncio's loop in Python prints what its header says, where there is a Python. (CI has one.)
#[test]
fn the_loop_in_python_prints_what_its_header_says() {
    let program = "from_scratch/0_asyncio.py";
    let python = |arguments: &[&str]| Command::new("python3").args(arguments).env("PYTHONUTF8", "1").output();
    let is_there = python(&["--version"]).is_ok_and(|output| output.status.success());
    if !is_there && (cfg!(windows) || std::env::var_os("CI").is_none()) {
        return;
    }
    let ran = python(&[program]).unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let source = std::fs::read_to_string(program).unwrap();
    let (_, documented) = source.split_once("prints, in 1.5 seconds,\n\n").unwrap();
    let (documented, _) = documented.split_once("\"\"\"").unwrap();
    let documented: Vec<&str> = documented.lines().map(str::trim_start).collect();
    assert_eq!(lines(&ran), documented);
}

#[test]
fn the_programs_print_the_same_on_boucle_except_the_last_line() {
    let last_lines = [
        "polled 4 times: two wait, and two are woken",
        "woken during its poll, and polled again: the wake is not lost",
        "a panic of one task has ended that task: the other stood at step 2 of 2",
        "100,000 sleeps are dropped, and 0 deadlines are in the wheel",
        "the task that was next has had its turn during await 129",
    ];
    for (program, expected) in (1..).zip(last_lines) {
        let output = run("on_boucle", &[&program.to_string()]);
        assert_eq!(lines(&output).pop().as_deref(), Some(expected), "{output:?}");
    }
    assert_eq!(lines(&run("on_boucle", &["1"]))[..5], documented("from_scratch/1_poll.rs")[..5]);
    assert_eq!(lines(&run("on_boucle", &["3"]))[..6], documented("from_scratch/3_tasks.rs")[..6]);
    assert_eq!(lines(&run("on_boucle", &["4"])), documented("from_scratch/on_boucle.rs"));
}

#[test]
fn on_boucle_answers_help_and_refuses_what_is_no_program() {
    expect_usage("on_boucle", "usage: on_boucle N");
    for (arguments, why) in [
        (&["x"][..], "\"x\" is not a number from 1 to 5"),
        (&["6"], "\"6\" is not a number from 1 to 5"),
        (&["1", "2"], "unexpected argument \"2\""),
        (&[], "which of the five programs? A number from 1 to 5 is missing"),
    ] {
        let refused = run("on_boucle", arguments);
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(stderr, format!("on_boucle: {why} (try --help)\n"));
        assert_eq!(refused.status.code(), Some(2));
    }
}

/// Files of at most 220 lines, comments included: each can be read whole.
#[test]
fn a_loop_from_scratch_is_a_page_or_two() {
    for source in ["1_poll.rs", "2_wake.rs", "3_tasks.rs", "4_timers.rs", "5_sockets/event_loop.rs"] {
        let lines = std::fs::read_to_string(format!("from_scratch/{source}")).unwrap().lines().count();
        assert!((40..=220).contains(&lines), "{source}: {lines}");
    }
}

type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// Returns how often a loop polls a future that is ready after 50 ms, and that a thread wakes shortly after
/// that.
fn polls_of_a_wait(run: impl FnOnce(Boxed)) -> u64 {
    let polls = Rc::new(Cell::new(0));
    let counter = polls.clone();
    let mut end = None;
    run(Box::pin(poll_fn(move |cx| {
        counter.set(counter.get() + 1);
        let waker = cx.waker().clone();
        let end = *end.get_or_insert_with(|| {
            let end = Instant::now() + Duration::from_millis(50);
            thread::spawn(|| {
                thread::sleep(Duration::from_millis(60));
                waker.wake();
            });
            end
        });
        if Instant::now() < end { Poll::Pending } else { Poll::Ready(()) }
    })));
    polls.get()
}

#[test]
fn without_a_waker_a_loop_polls_in_vain() {
    let polls = polls_of_a_wait(|future| drop(scratch_1::run(vec![future])));
    assert!(polls > 1_000, "{polls}");
    assert_eq!(polls_of_a_wait(boucle::run), 2);
}

/// Returns whether a loop finishes a future that is woken during its poll, and whose poll parks the thread. A
/// loop that has not finished it in time is woken again, so that it ends.
fn is_the_wake_kept(run: impl FnOnce(scratch_2::Parks) + Send + 'static) -> bool {
    /// Long enough for a wake that is not lost.
    const PATIENCE: Duration = Duration::from_secs(2);

    let (ended, end) = mpsc::channel();
    let thread = thread::spawn(move || {
        run(scratch_2::Parks::default());
        let _ = ended.send(());
    });
    let is_kept = end.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout);
    while !thread.is_finished() {
        thread.thread().unpark();
        thread::yield_now();
    }
    thread.join().unwrap();
    is_kept
}

/// A poll that parks the thread takes the token by which it was woken. A loop that queues its wakes loses none.
#[test]
fn a_wake_that_is_a_token_of_the_thread_is_lost() {
    assert!(!is_the_wake_kept(|future| _ = scratch_2::run(future)));
    assert!(is_the_wake_kept(boucle::run));
}

/// Returns how many steps a task takes beside one that panics. `run` spawns the two.
fn steps_beside_a_panic(run: impl FnOnce(Boxed, Boxed)) -> u32 {
    let step = Rc::new(Cell::new(0));
    let other = step.clone();
    let other = async move {
        other.set(1);
        yield_once().await;
        other.set(2);
    };
    let faulty = async { panic!("a fault in this task alone") };
    let _ = catch_unwind(AssertUnwindSafe(|| run(Box::pin(other), Box::pin(faulty))));
    step.get()
}

/// Goes to the end of the queue once, on any loop.
async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A program whose output is no longer read panics in a task, and ends by that panic alone, though the tasks that
/// are left are dropped after it.
#[test]
fn a_panic_of_a_task_ends_the_program() {
    for (scratch, printed) in [("scratch_4", 3), ("scratch_5", 7)] {
        let mut child = Command::new(program(scratch));
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        (0..printed).for_each(|_| _ = output.next().unwrap().unwrap());
        drop(output);
        assert_eq!(wait(&mut child).code(), Some(101), "{scratch}");
    }
}

#[test]
fn a_panic_ends_a_loop_that_does_not_catch_it() {
    let from_scratch = steps_beside_a_panic(|other, faulty| {
        scratch_3::run(async {
            let other = scratch_3::spawn(other);
            drop(scratch_3::spawn(faulty));
            other.await;
        });
    });
    let on_boucle = steps_beside_a_panic(|other, faulty| {
        boucle::run(async {
            let other = boucle::spawn(other);
            drop(boucle::spawn(faulty));
            other.await.unwrap();
        });
    });
    assert_eq!((from_scratch, on_boucle), (1, 2));
}

/// Returns whether a loop drops the task that is left when its main future is done.
fn is_the_rest_dropped(run: impl FnOnce(Boxed), spawn: impl FnOnce(Boxed) + 'static) -> bool {
    let rest = Rc::new(());
    let of_task = rest.clone();
    run(Box::pin(async {
        spawn(Box::pin(async {
            let _of_task = of_task;
            pending().await
        }));
    }));
    Rc::strong_count(&rest) == 1
}

/// The end of a run drops the tasks that are left, so the next one does not go on with them.
#[test]
fn a_loop_that_ends_drops_what_is_left() {
    assert!(is_the_rest_dropped(scratch_3::run, |task| drop(scratch_3::spawn(task))), "3");
    assert!(is_the_rest_dropped(scratch_4::run, |task| drop(scratch_4::spawn(task))), "4");
    assert!(is_the_rest_dropped(scratch_5::run, |task| drop(scratch_5::spawn(task))), "5");
    assert!(is_the_rest_dropped(boucle::run, |task| drop(boucle::spawn(task))), "boucle");
}

/// Polls a sleep once, and drops it.
async fn arm_and_drop(mut sleep: impl Future<Output = ()> + Unpin) {
    let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut sleep).poll(cx))).await;
    assert!(polled.is_pending());
}

/// A deadline stays in the heap when its sleep is dropped. From boucle's wheel, it is removed at once.
#[test]
fn a_heap_keeps_what_is_cancelled() {
    const MINUTE: Duration = Duration::from_secs(60);
    scratch_4::run(async {
        for _ in 0..1_000 {
            arm_and_drop(scratch_4::sleep(MINUTE)).await;
        }
    });
    assert_eq!(scratch_4::timers(), 1_000);

    #[derive(Clone, Default)]
    struct Watch(Rc<RefCell<(Live, usize)>>);
    impl Observer for Watch {
        fn observe(&mut self, event: &Event) {
            let (live, most) = &mut *self.0.borrow_mut();
            live.apply(event);
            *most = live.timers.len().max(*most);
        }
    }
    let watch = Watch::default();
    let event_loop = EventLoop::builder().observe(watch.clone()).build().unwrap();
    event_loop.block_on(async {
        for _ in 0..1_000 {
            arm_and_drop(boucle::sleep(MINUTE)).await;
        }
        boucle::yield_now().await;
        assert_eq!(watch.0.borrow().0.timers.len(), 0);
        assert_eq!(watch.0.borrow().1, 1); // the observer has seen each
    });
}

#[test]
fn a_task_whose_every_await_is_ready_keeps_the_thread() {
    let awaits_before_the_next = Rc::new(Cell::new(None));
    let next = awaits_before_the_next.clone();
    scratch_5::run(async move {
        let awaits = Rc::new(Cell::new(0));
        let seen = awaits.clone();
        let other = scratch_5::spawn(async move { next.set(Some(seen.get())) });
        for _ in 0..10_000 {
            awaits.set(awaits.get() + 1);
            scratch_5::sleep(Duration::ZERO).await;
        }
        other.await;
    });
    assert_eq!(awaits_before_the_next.take(), Some(10_000));

    let next = awaits_before_the_next.clone();
    boucle::run(async move {
        let awaits = Rc::new(Cell::new(0));
        let seen = awaits.clone();
        let other = boucle::spawn(async move { next.set(Some(seen.get())) });
        for _ in 0..10_000 {
            awaits.set(awaits.get() + 1);
            boucle::sleep(Duration::ZERO).await;
        }
        other.await.unwrap();
    });
    assert_eq!(awaits_before_the_next.take(), Some(129));
}

/// Shortens the waits of a row of a timeline to one sign.
#[cfg(feature = "trace")]
fn narrow(row: &str) -> String {
    let mut narrow: Vec<char> = row.chars().collect();
    narrow.dedup_by(|next, before| next == before && "~= ".contains(*next));
    narrow.into_iter().collect()
}

/// The pictures in the guide are what the loop does now.
#[test]
#[cfg(feature = "trace")]
fn the_pictures_of_the_guide_are_recorded() {
    let guide = std::fs::read_to_string("from_scratch/README.md").unwrap();
    let pictures: Vec<&str> =
        guide.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(pictures.len(), 5);
    for (program, picture) in (1..).zip(pictures) {
        let mut command = Command::new(stage::testing::program("on_boucle"));
        let traced = command.arg(program.to_string()).env("BOUCLE_TRACE", "timeline").output().unwrap();
        let timeline = String::from_utf8(traced.stderr).unwrap();
        // The last program has sockets. Its times vary, and with them the widths of its turns.
        let is_recorded = match program {
            5 if cfg!(target_os = "linux") => picture.lines().skip(2).all(|row| {
                timeline.lines().any(|line| narrow(line).starts_with(narrow(row).trim_end_matches('~')))
            }),
            5 => true,
            _ => timeline.contains(picture),
        };
        assert!(is_recorded, "{picture}\n{timeline}");
    }
}

/// Each of the five loops can be read in one go.
#[test]
fn a_loop_has_at_most_220_lines() {
    let loops = ["1_poll.rs", "2_wake.rs", "3_tasks.rs", "4_timers.rs", "5_sockets/event_loop.rs"];
    for file in loops {
        let lines = std::fs::read_to_string(format!("from_scratch/{file}")).unwrap().lines().count();
        assert!((40..=220).contains(&lines), "{file} has {lines}");
    }
}

/// The guide's table names every file of `src`, except those of `observe`, `trace` and `explore`, and no other.
#[test]
fn the_guide_names_every_file_of_the_core() {
    let guide = std::fs::read_to_string("from_scratch/README.md").unwrap();
    let (_, table) = guide.split_once("| in five programs |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let named: BTreeSet<&str> =
        table.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs")).collect();
    let mut there = BTreeSet::new();
    let mut folders = vec![PathBuf::from("../src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix("../src").unwrap().to_str().unwrap().replace('\\', "/");
            match name.as_str() {
                "observe" | "trace" | "explore" => {}
                _ if path.is_dir() => folders.push(path),
                _ if name.ends_with("tests.rs") => {}
                _ => _ = there.insert(name),
            }
        }
    }
    let named: BTreeSet<String> = named.into_iter().map(str::to_owned).collect();
    let missing: Vec<_> = there.difference(&named).collect();
    assert!(
        missing.is_empty(),
        "the last table of examples/from_scratch/README.md does not name {missing:?}"
    );
    let unknown: Vec<_> = named.difference(&there).collect();
    assert!(unknown.is_empty(), "examples/from_scratch/README.md names what is not in src: {unknown:?}");
}
