//! Timelines of loops that have run: under a virtual clock they are the same to the byte.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use boucle::trace::Recorder;
use boucle::{EventLoop, FIRST_COMPLETED, TaskGroup, gather, sleep, spawn, spawn_named, timeout, wait};

/// Returns the timeline of a loop with a virtual clock that runs a future.
fn timeline<F: Future>(main: F) -> String {
    let recorder = Recorder::new();
    let builder = EventLoop::builder().virtual_clock();
    let event_loop = builder.observe(recorder.clone()).build().unwrap();
    event_loop.block_on(main);
    drop(event_loop);
    recorder.trace().timeline().legend(false).to_string()
}

/// Asserts that a timeline is what is expected, without the indentation here.
#[track_caller]
fn expect(timeline: &str, expected: &str) {
    let lines = expected.lines().skip(1).map(|line| line.strip_prefix("        ").unwrap_or(line));
    let expected: Vec<&str> = lines.collect();
    let both = || format!("written:\n{timeline}\nexpected:\n{}", expected.join("\n"));
    assert!(timeline == expected.join("\n"), "{}", both());
}

/// Asserts that a timeline stands in the documentation of a file.
#[track_caller]
fn expect_documented(timeline: &str, source: &str) {
    let lines = timeline.lines().map(|line| format!("/// {line}"));
    let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
    let block = format!("/// ```text\n{}\n/// ```\n", lines.join("\n"));
    assert!(source.contains(&block), "not documented:\n{block}");
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

async fn square_after(duration: f64) -> f64 {
    sleep(seconds(duration)).await;
    duration * duration
}

#[test]
fn the_timeline_of_a_sleep_is_as_documented() {
    let timeline = timeline(async {
        sleep(seconds(1.0)).await;
    });
    expect(
        &timeline,
        "
        turn         1                   2
        time         0                   1s
        #1 main  run>[1]~until 1s~~timer>[1] returned
        ",
    );
    expect_documented(&timeline, include_str!("../src/time/sleep.rs"));
}

#[test]
fn the_timeline_of_a_gather_is_as_documented() {
    let timeline = timeline(gather([1.0, 0.5, 1.5].map(square_after)));
    expect(
        &timeline,
        "
        turn                 1     2                      3     4  5    6
        time                 0                            500ms 1s 1.5s
        #1 main          run>[1]~gather 3~~~~~~~~~~~~~~~~~~~~~~~~~~#4==>[1] returned
        #2 square_after      +#1==>[1]~until 1s~~~~~~~~~~~timer>[1] returned
        #3 square_after      +#1==>[2]~until 500ms~~timer>[1] returned
        #4 square_after      +#1==>[3]~until 1.5s~~~~~~~~~~~~timer>[1] returned
        ",
    );
    expect_documented(&timeline, include_str!("../src/combine/gather.rs"));
}

#[test]
fn the_timeline_of_a_task_group_is_as_documented() {
    let timeline = timeline(async {
        let group = TaskGroup::new();
        for duration in [1.0, 0.5] {
            group.spawn(square_after(duration));
        }
        while group.join_next().await.is_some() {}
    });
    expect(
        &timeline,
        "
        turn                 1     2                      3     4                5    6
        time                 0                            500ms                  1s
        #1 main          run>[1]~TaskGroup 2~~~~~~~~~~~~~~#3===>[1]~TaskGroup 1~~#2==>[1] returned
        #2 square_after      +#1==>[1]~until 1s~~~~~~~~~~~~~~~~~~~~~~~~~~~~timer>[1] returned
        #3 square_after      +#1==>[2]~until 500ms~~timer>[1] returned
        ",
    );
    expect_documented(&timeline, include_str!("../src/combine/task_group.rs"));
}

#[test]
fn the_timeline_of_a_wait_is_as_documented() {
    let timeline = timeline(async {
        let tasks = [1.0, 0.5].map(square_after).map(spawn);
        let (done, pending) = wait(tasks, FIRST_COMPLETED).await;
        assert_eq!((done.len(), pending.len()), (1, 1));
    });
    expect(
        &timeline,
        "
        turn                 1     2                      3     4 end
        time                 0                            500ms
        #1 main          run>[1]~wait 2~~~~~~~~~~~~~~~~~~~#3===>[1] returned
        #2 square_after      +#1==>[1]~until 1s~~~~~~~~~~~~~~~~~~~[x] cancelled
        #3 square_after      +#1==>[2]~until 500ms~~timer>[1] returned

        left at 500ms:
          #2 square_after waits until 1s (since 0)
        ",
    );
    expect_documented(&timeline, include_str!("../src/combine/wait.rs"));
}

#[test]
fn the_timeline_of_a_timeout_is_as_documented() {
    let timeline = timeline(async {
        assert!(timeout(seconds(1.0), square_after(2.0)).await.is_err());
    });
    expect(
        &timeline,
        "
        turn         1                               2
        time         0                               1s
        #1 main  run>[1]~until 2s or until 1s~~timer>[1] returned
        ",
    );
    expect_documented(&timeline, include_str!("../src/time/timeout.rs"));
}

#[test]
fn the_timeline_of_two_tasks_is_as_documented() {
    let timeline = timeline(async {
        let hello = spawn_named("hello", square_after(2.0));
        let world = spawn_named("world", square_after(1.0));
        hello.await.unwrap();
        world.await.unwrap();
    });
    expect(
        &timeline,
        "
        turn          1     2                   3  4    5
        time          0                         1s 2s
        #1 main   run>[1]~#2~~~~~~~~~~~~~~~~~~~~~~~#2==>[1] returned
        #2 hello      +#1==>[1]~until 2s~~~~~timer>[1] returned
        #3 world      +#1==>[2]~until 1s~~timer>[1] returned
        ",
    );
    expect_documented(&timeline, include_str!("../src/task/spawn.rs"));
}

/// An abort is drawn where it was requested, and the drop where it happened, with or without a poll before.
#[test]
fn an_abort_and_its_drop_are_drawn() {
    expect(
        &timeline(async {
            let unborn = spawn_named("unborn", square_after(1.0));
            unborn.abort();
            let idle = spawn_named("idle", square_after(1.0));
            assert!(unborn.await.is_err());
            idle.abort();
            assert!(idle.await.is_err());
        }),
        "
        turn           1        2             3       4    5
        time           0
        #1 main    run>[1]~#2~~~#2===========>[1]~#3~~#3==>[1] returned
        #2 unborn      +#1=!#1==[x] cancelled
        #3 idle        +#1=====>[1]~until 1s~~!#1=====[x] cancelled
        ",
    );
}

#[test]
fn a_task_that_panics_is_drawn_as_panicked() {
    expect(
        &timeline(async {
            let bomb = spawn_named("bomb", async { panic!("on purpose") });
            let _: Result<(), _> = bomb.await;
        }),
        "
        turn         1       2    3
        time         0
        #1 main  run>[1]~#2~~#2==>[1] returned
        #2 bomb      +#1====>[1] panicked
        ",
    );
}

/// A task that yields a thousand times, beside one that sleeps.
#[test]
fn a_thousand_yields() {
    expect(
        &timeline(async {
            let sleeper = spawn_named("sleeper", sleep(seconds(1.0)));
            let busy = async {
                for _ in 0..1000 {
                    boucle::yield_now().await;
                }
            };
            spawn_named("busy", busy).await.unwrap();
            sleeper.await.unwrap();
        }),
        "
        turn            1     2           3          ..997 more.. 1001        1002 1003
        time            0
        #1 main     run>[1]~#3~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~#3==>[1]~#2~
        #2 sleeper      +#1==>[1]~until 1s~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
        #3 busy         +#1==>[2]=yield==>[1]=yield==...=========>[1]=yield==>[1] returned

        turn                         1004 1005
        time                         1s
        #1 main     ~#2~~~~~~~~~~~~~~#2==>[1] returned
        #2 sleeper  ~until 1s~~timer>[1] returned
        ",
    );
}

/// Of many things that a task waits for, a cell names a few, and so does the list of what is left.
#[test]
fn a_cell_names_a_few_waits() {
    let recorder = Recorder::new();
    let builder = EventLoop::builder().virtual_clock();
    let event_loop = builder.observe(recorder.clone()).build().unwrap();
    drop(event_loop.spawn(async {
        let mut handles = Vec::from_iter((0..1_000).map(|_| spawn(sleep(seconds(2.0)))));
        poll_fn(|cx| handles.iter_mut().map(|handle| Pin::new(handle).poll(cx).map(drop)).last().unwrap())
            .await;
    }));
    event_loop.block_on(sleep(seconds(1.0)));
    drop(event_loop);
    let timeline = recorder.trace().timeline().legend(false).to_string();
    assert!(timeline.contains("~#3 or #4 or #5 or #6 or 996 more~"), "{timeline}");
    assert!(
        timeline.contains(
            " waits for task 3 or for task 4 or for task 5 or for task 6 or for 996 more (since 0)"
        )
    );
    assert!(timeline.lines().all(|line| line.chars().count() < 200));
}

/// Wherever a recording begins, a task that has returned is not drawn as dropped.
#[test]
fn a_recording_that_begins_late_draws_no_other_end() {
    for limit in 1..60 {
        let recorder = Recorder::with_limit(limit);
        let builder = EventLoop::builder().virtual_clock();
        let event_loop = builder.observe(recorder.clone()).build().unwrap();
        for _ in 0..5 {
            event_loop.block_on(async { gather([1.0, 2.0].map(square_after)).await });
            let timeline = recorder.trace().timeline().legend(false).to_string();
            assert!(!timeline.contains("[x]"), "{limit} events:\n{timeline}");
        }
    }
}
