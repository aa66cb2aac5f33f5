//! What is reported of a program that fails under some schedule, and what a replay of that schedule does.

use std::cell::Cell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use boucle::explore::{Explore, Explored, Strategy, choose};
use boucle::{sleep, spawn, yield_now};

use crate::common::{Bomb, child, is_child, own_binary, passes_alone};

/// What the report of a program that is not deterministic ends with.
const NOT_DETERMINISTIC: &str = "\
not deterministic: something besides the schedule decides what it does. Look for
  - what an earlier run has left, in a static or in what the closure captures
  - random numbers, as in `futures::select!`, in `fastrand`, and in the order of a `HashMap`
  - the system's clock, sockets, other threads and their panic hooks
";

/// Returns the report of an exploration that fails.
fn failure(explore: impl FnOnce() -> Explored) -> String {
    let payload = catch_unwind(AssertUnwindSafe(explore)).expect_err("the program should fail");
    *payload.downcast().expect("the message is a String")
}

/// How a line that replays a test begins. The package is known if cargo runs the test.
fn cargo_test() -> String {
    let package = std::env::var("CARGO_PKG_NAME").map_or(String::new(), |name| format!(" -p {name}"));
    format!("cargo test{package}")
}

/// The line that replays a failure names a test, and no thread whose name a test cannot have.
#[test]
fn a_thread_that_is_no_test_has_no_command() {
    let report = |name: &str| {
        let fails = || Explore::new().try_run(|| async { panic!("always") }).unwrap_err().to_string();
        thread::Builder::new().name(name.into()).spawn(fails).unwrap().join().unwrap()
    };
    assert!(
        report("bank::race")
            .ends_with(&format!("BOUCLE_SCHEDULE=fifo {} bank::race -- --exact", cargo_test()))
    );
    for name in ["worker-1", "big stack"] {
        assert!(report(name).ends_with("To run it alone: BOUCLE_SCHEDULE=fifo"), "{name}");
    }
}

/// A failure under FIFO is found by the first schedule.
#[test]
fn a_failure_of_fifo_is_the_first() {
    let report =
        failure(|| boucle::explore(|| async { spawn(async { panic!("always") }).await.unwrap_err() }));
    assert!(report.starts_with("schedule 1 fails: panicked at "), "{report}");
    assert!(report.contains(": always\n\nIt is the first, FIFO:\n\n"), "{report}");
    assert!(
        report.contains(&format!("=fifo {} failures::a_failure_of_fifo_is_the_first", cargo_test())),
        "{report}"
    );
}

/// A race that FIFO hides is found by each strategy, shortened to one deviation, and drawn beside FIFO.
#[test]
fn a_race_is_found_and_drawn() {
    async fn race() {
        let count = Rc::new(Cell::new(0));
        let writer = spawn({
            let count = count.clone();
            async move { count.set(1) }
        });
        let reader = spawn(async move { assert_eq!(count.get(), 1, "read before it was written") });
        let noise: Vec<_> = (0..3).map(|_| spawn(yield_now())).collect();
        writer.await.unwrap();
        reader.await.unwrap();
        for task in noise {
            task.await.unwrap();
        }
    }
    for strategy in [Strategy::Mixed, Strategy::Exhaustive, Strategy::Random] {
        let report = failure(|| Explore::new().strategy(strategy).run(race));
        assert!(report.contains("read before it was written"), "{report}");
        assert!(report.contains("leaves FIFO at 1 of "), "{report}");
        assert!(report.contains("\n\nFIFO, which passes:\n\n"), "{report}");
    }
    // On a thread of its own: the line that replays it has the number of the thread's explorations.
    let random = |threads| {
        let explores =
            move || failure(|| Explore::new().strategy(Strategy::Random).threads(threads).run(race));
        let thread = thread::Builder::new().name("race".to_owned()).spawn(explores).unwrap();
        thread.join().unwrap()
    };
    assert_eq!(random(1), random(3));
    assert!(random(1).ends_with(&format!("=0:1 {} race -- --exact", cargo_test())), "{}", random(1));
}

/// A deadlock under one order is a failure. A program that does not end is stopped.
#[test]
fn what_hangs_is_a_failure() {
    let deadlock = failure(|| {
        boucle::explore(|| async {
            let late = Rc::new(Cell::new(false));
            let flag = late.clone();
            let task = spawn(async move {
                if flag.get() {
                    pending::<()>().await;
                }
            });
            let other = spawn(async move { late.set(true) });
            other.await.unwrap();
            task.await.unwrap();
        })
    });
    assert!(deadlock.contains(" fails: deadlock: nothing is ready"), "{deadlock}");
    assert!(deadlock.contains("leaves FIFO at 1 of "), "{deadlock}");
    assert!(!deadlock.contains("BOUCLE_DUMP"), "it would show nothing more: {deadlock}");
    let own = failure(|| boucle::explore(|| async { panic!("deadlock: two locks") }));
    assert!(own.starts_with("schedule 1 fails: panicked at "), "{own}");
    let endless = failure(|| {
        Explore::new().polls(500).run(|| async {
            loop {
                yield_now().await;
            }
        })
    });
    assert!(endless.starts_with("schedule 1 fails: the program has not ended after 500 polls"), "{endless}");
}

/// A deadlock is shortened like any failure, though its message differs in each run: it has the loop's number.
#[test]
fn a_deadlock_is_shortened() {
    let failure = Explore::new().strategy(Strategy::Random).try_run(|| async {
        let tasks = [0, 1, 2, 3].map(|_| spawn(yield_now()));
        let late = Rc::new(Cell::new(false));
        let flag = late.clone();
        let task = spawn(async move {
            if flag.get() {
                pending::<()>().await;
            }
        });
        spawn(async move { late.set(true) }).await.unwrap();
        task.await.unwrap();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let report = failure.unwrap_err().to_string();
    assert!(report.contains("deadlock: nothing is ready"), "{report}");
    assert!(report.contains("leaves FIFO at 1 of "), "{report}");
    // The program's own place and type, not those of what explores it.
    assert!(report.contains(file!()) && !report.contains("src/explore"), "{report}");
    assert!(!report.contains("run<"), "{report}");
}

/// A random schedule is shortened to the fewest deviations, also where none of those that it has can be left
/// out: its other ones have changed what the last one chooses among.
#[test]
fn a_random_failure_of_a_small_program_is_the_shortest() {
    async fn one_deviation_is_enough() {
        let is_set = Rc::new(Cell::new(false));
        let flag = is_set.clone();
        let parent = spawn(async move {
            drop(spawn(async {}));
            drop(spawn(async move { is_set.set(true) }));
        });
        let reader = spawn(async move { assert!(!flag.get(), "it is set") });
        let other = spawn(async {});
        for task in [parent, reader, other] {
            task.await.unwrap();
        }
    }
    // Of a mixed exploration that is small, the random half finds it too.
    for (explore, at_least) in
        [(Explore::new().strategy(Strategy::Random), 20), (Explore::new().schedules(8), 10)]
    {
        let failures =
            (0..20).filter_map(|seed| explore.clone().seed(seed).try_run(one_deviation_is_enough).err());
        let failures: Vec<_> = failures.collect();
        assert!(failures.len() >= at_least, "{}", failures.len());
        for failure in failures {
            assert_eq!(failure.schedule.split(',').count(), 1, "{failure}");
        }
    }
}

/// Another failure, which leaves FIFO less often, does not take the place of the one that was found.
#[test]
fn a_random_failure_is_not_exchanged_for_another() {
    let mut found = [0, 0];
    for seed in 0..20 {
        let explore = Explore::new().strategy(Strategy::Random).seed(seed);
        let failure = explore.try_run(|| async {
            let choices = [choose(2), choose(2), choose(2)];
            assert!(choices != [0, 1, 1], "two");
            assert!(choices[0] == 0, "one");
        });
        let failure = failure.unwrap_err();
        let (index, schedule) = if failure.message.ends_with("two") { (1, "1:1,2:1") } else { (0, "0:1") };
        assert!(
            failure.schedule == schedule && failure.to_string().contains("FIFO, which passes"),
            "{failure}"
        );
        found[index] += 1;
    }
    assert!(found[0] > 0 && found[1] > 0, "{found:?}");
}

/// After a failure the limit of time begins anew for each of the two searches for a shorter schedule, and ends
/// them. (The program fails only with the very choices of the first failure, so nothing is shorter.)
#[test]
fn the_shortest_is_not_looked_for_beyond_the_limit_of_time() {
    let (runs, shortens, fails_with) = (AtomicU32::new(0), AtomicU32::new(0), OnceLock::new());
    let explore = Explore::new().strategy(Strategy::Random).time(Duration::from_millis(800));
    let explored = explore.try_run(|| async {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        let chosen: Vec<_> = (0..40).map(|_| choose(2)).collect();
        // The schedules that are tried have used up the time; and each search has ten runs, or eleven.
        thread::sleep(Duration::from_millis([0, 800, 80][run.min(2) as usize]));
        // The first search leaves some of the deviations out, the second begins with few.
        let deviations = chosen.iter().sum::<usize>();
        shortens.fetch_add(u32::from(run > 1 && deviations > 2), Ordering::Relaxed);
        assert!(run == 0 || chosen != *fails_with.get_or_init(|| chosen.clone()));
    });
    assert_eq!(explored.unwrap_err().schedules, 2);
    let (runs, shortens) = (runs.into_inner(), shortens.into_inner() - 1); // one is drawn
    // (The second tries FIFO in any case.)
    assert!(shortens > 0 && shortens + 5 < runs, "one has no time: {shortens} of {runs}");
    assert!(runs <= 2 + 11 + 11 + 2); // two are drawn
}

/// A choice that has other options than it had in an earlier run under the same schedule, fewer or more, or that
/// is never made, is a failure that says so.
#[test]
fn a_program_that_does_not_repeat_itself_is_refused() {
    for (until, tasks) in [(1, [5, 2]), (5, [3, 1]), (1, [2, 3]), (3, [2, 4])] {
        let runs = AtomicU32::new(0);
        let program = || {
            let is_later = runs.fetch_add(1, Ordering::Relaxed) >= until;
            async move {
                let tasks: Vec<_> = (0..tasks[usize::from(is_later)]).map(|_| spawn(yield_now())).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        };
        let failure = Explore::new().try_run(program).unwrap_err();
        let (message, schedule) = (&failure.message, &failure.schedule);
        assert!(message.starts_with("the schedule does not fit the program: choice "), "{failure}");
        assert!(message.ends_with(" has other options than before, or is never made"), "{failure}");
        let tried = failure.schedules;
        let report = format!("schedule {tried} fails: {message}\n\nSo the program is {NOT_DETERMINISTIC}");
        assert_eq!(failure.to_string(), report);
        assert_ne!(schedule, "fifo");
    }
}

/// A failure that the same schedule does not show again is reported as that, without a picture.
#[test]
fn a_failure_that_does_not_come_again_is_reported_as_that() {
    for (passes, again) in [(true, "passes"), (false, "fails in another way")] {
        let runs = AtomicU32::new(0);
        let program = || {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            async move {
                for task in [0, 1, 2].map(|_| spawn(yield_now())) {
                    task.await.unwrap();
                }
                assert!(run != 1, "only in run 1");
                assert!(passes || run == 0, "in every later run");
            }
        };
        let failure = Explore::new().try_run(program).unwrap_err();
        assert_eq!((&*failure.schedule, failure.schedules), ("0:1", 2));
        assert!(failure.message.ends_with(": only in run 1"), "{failure}");
        let report = failure.to_string();
        let begins = format!(
            "schedule 2 fails: {}\n\nThe same schedule, 0:1, {again} when it is run again",
            failure.message
        );
        assert!(report.starts_with(&begins), "{report}");
        assert_eq!(report.contains("in every later run"), !passes, "{report}");
        assert!(report.ends_with(&format!("So the program is {NOT_DETERMINISTIC}")), "{report}");
        assert!(!report.contains("turn") && !report.contains("BOUCLE_SCHEDULE"), "{report}");
    }
}

/// FIFO is tried first. If shortening comes back to it, something else than the schedule decides.
#[test]
fn a_failure_that_comes_back_to_fifo_is_reported_as_that() {
    let runs = AtomicU32::new(0);
    let explore = Explore::new().strategy(Strategy::Random);
    let failure = explore.try_run(|| {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        async move {
            for task in [0, 1, 2].map(|_| spawn(yield_now())) {
                task.await.unwrap();
            }
            assert!(run < 3, "from the fourth run on");
        }
    });
    let report = failure.unwrap_err().to_string();
    let ends = format!("FIFO, which has passed, fails like this now. So the program is {NOT_DETERMINISTIC}");
    assert!(report.starts_with("schedule 4 fails: ") && report.ends_with(&ends), "{report}");
}

/// A panic without a place, as `resume_unwind` gives, is not taken for another one.
#[test]
fn a_resumed_panic_is_not_taken_for_another() {
    let failure = Explore::new().strategy(Strategy::Random).seed(3).try_run(async || {
        match boucle::explore::choose(3) {
            0 => {}
            chosen => std::panic::resume_unwind(Box::new(format!("chose {chosen}"))),
        }
    });
    let failure = failure.unwrap_err();
    assert_eq!((&*failure.message, &*failure.schedule), ("panicked: chose 2", "0:2"));
}

/// A panic that the program handles is a failure also after the program has set a hook of its own.
#[test]
fn panics_are_kept_though_the_program_sets_a_hook() {
    if passes_alone(own_binary(), "failures::panics_are_kept_though_the_program_sets_a_hook") {
        return;
    }
    static HOOKED: AtomicU32 = AtomicU32::new(0);
    let handled = || async { drop(spawn(async { panic!("handled") }).await) };
    for _ in 0..3 {
        let failure = Explore::new().try_run(handled).unwrap_err();
        assert!(failure.message.ends_with(": handled"), "{failure}");
        std::panic::set_hook(Box::new(|panic| {
            assert_eq!(panic.location().unwrap().file(), file!(), "the place of `run` is the caller's");
            HOOKED.fetch_add(1, Ordering::Relaxed);
        }));
    }
    assert_eq!(HOOKED.load(Ordering::Relaxed), 0);
    let other = catch_unwind(|| _ = Explore::new().run(handled));
    assert!(other.is_err());
    assert_eq!(HOOKED.load(Ordering::Relaxed), 1, "other panics go to the program's hook");
}

/// A choice among billions is made smaller by as many attempts as any other, and no more.
#[test]
fn a_large_choice_is_shortened_in_bounded_time() {
    const MANY: usize = u32::MAX as usize;
    let failure = Explore::new().strategy(Strategy::Random).try_run(async || {
        assert!(boucle::explore::choose(MANY) < MANY / 2, "too large");
    });
    assert!(failure.unwrap_err().message.ends_with("too large"));
}

/// As [`passes_alone`], in a process that replays a schedule.
fn passes_under(schedule: &str, test: &str) -> bool {
    let mut replay = own_binary();
    replay.env("BOUCLE_SCHEDULE", schedule);
    passes_alone(replay, test)
}

/// Yields in that many tasks.
async fn yields(tasks: usize) {
    for task in (0..tasks).map(|_| spawn(yield_now())).collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// A schedule that is replayed and passes is all that was asked for. It is one of the first exploration alone.
#[test]
fn a_replay_that_passes_is_complete() {
    if passes_under("1:1", "failures::a_replay_that_passes_is_complete") {
        return;
    }
    let explored = boucle::explore(|| yields(3));
    assert_eq!((explored.schedules, explored.complete, explored.replayed), (1, true, true));
    assert_eq!(explored.to_string(), "1 schedule, replayed");
    let explored = boucle::explore(|| yields(2));
    assert!(explored.schedules > 1 && explored.complete && !explored.replayed, "{explored}");
}

/// A schedule of the second exploration is replayed by that one. One that does not fit may be of an older
/// program.
#[test]
fn a_replay_that_does_not_fit_says_so() {
    if passes_under("2/1:1", "failures::a_replay_that_does_not_fit_says_so") {
        return;
    }
    let explored = boucle::explore(|| yields(2));
    assert!(explored.schedules > 1 && explored.complete, "{explored}");
    let failure = Explore::new().try_run(|| yields(1)).unwrap_err();
    let report = format!(
        "schedule 1:1 fails: {}\n\nThe program has changed since, or it is {NOT_DETERMINISTIC}",
        failure.message
    );
    assert_eq!(failure.to_string(), report);
}

/// A replay prints the panic by which the program fails, with its backtrace if that is asked for, and no panic
/// of the loop's. Elsewhere only the report has it.
#[test]
fn a_replay_prints_the_panic() {
    const TEST: &str = "failures::a_replay_prints_the_panic";
    if is_child("in main") {
        boucle::explore(|| async { panic!("here it is") });
    } else if is_child("in a task") {
        boucle::explore(|| async { drop(spawn(async { panic!("here it is") }).await) });
    } else if is_child("deadlock") {
        boucle::explore(std::future::pending::<()>);
    } else if is_child("too many polls") {
        boucle::explore(|| async {
            loop {
                yield_now().await
            }
        });
    } else {
        let panics = |part: &str, schedule: &str| {
            let mut run = child(TEST, part);
            let ended = run.env("BOUCLE_SCHEDULE", schedule).env("RUST_BACKTRACE", "1").output().unwrap();
            assert!(!ended.status.success());
            String::from_utf8_lossy(&ended.stderr).matches("stack backtrace:").count()
        };
        for (part, replayed) in [("in main", 2), ("in a task", 2), ("deadlock", 1), ("too many polls", 1)] {
            assert_eq!((part, panics(part, ""), panics(part, "fifo")), (part, 1, replayed));
        }
    }
}

/// Two panics at once end the process, and so does one that cannot unwind. Before that, the schedule and the
/// first panic are printed.
#[test]
fn a_run_that_ends_the_process_is_named() {
    extern "C" fn cannot_unwind() {
        panic!("inside of C")
    }
    const TEST: &str = "failures::a_run_that_ends_the_process_is_named";
    if is_child("two panics") {
        boucle::explore(|| async {});
        boucle::explore(|| async {
            let is_late = Rc::new(Cell::new(false));
            let late = is_late.clone();
            let task = spawn(async move {
                let second = Bomb("the second");
                assert!(!late.get(), "the first");
                std::mem::forget(second);
            });
            spawn(async move { is_late.set(true) }).await.unwrap();
            task.await.unwrap();
        });
        return;
    } else if is_child("cannot unwind") {
        boucle::explore(|| async { cannot_unwind() });
        return;
    }
    for (part, schedule, first) in
        [("two panics", "2/0:1", "the first"), ("cannot unwind", "fifo", "inside of C")]
    {
        let ended = child(TEST, part).output().unwrap();
        let shown = String::from_utf8_lossy(&ended.stderr).replace('\\', "/");
        assert!(!ended.status.success(), "{shown}");
        let named = format!("explore: the process ends in schedule {schedule}, which fails: panicked at ");
        let line = shown.lines().find(|line| line.contains(&named)).unwrap_or_else(|| panic!("{shown}"));
        assert!(line.contains("failures.rs:") && line.ends_with(&format!(": {first}")), "{line}");
    }
}

/// Under any order, a timer fires only when no task is ready.
#[test]
fn time_does_not_pass_while_tasks_run() {
    let explored = boucle::explore(|| async {
        let slow = spawn(async {
            for _ in 0..3 {
                yield_now().await;
            }
        });
        sleep(Duration::from_micros(1)).await;
        assert!(slow.is_finished());
    });
    assert!(explored.complete);
}
