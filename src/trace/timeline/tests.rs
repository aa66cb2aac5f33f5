//! Timelines of loops whose stories are told by hand: each is compared as it is written.

use std::ops::Range;
use std::time::Duration;

use crate::observe::words::short_duration;
use crate::observe::{Ending, EventKind, Origin, WaitsFor};
use crate::trace::story::{self, Story};
use crate::trace::{Recorder, Timeline, Trace};

/// Compares what is written with what is expected, which is indented here.
#[track_caller]
fn expect(written: &str, expected: &str) {
    let expected = expected
        .strip_prefix('\n')
        .expect("it begins on a line of its own");
    let lines = expected
        .lines()
        .map(|line| line.strip_prefix("        ").unwrap_or(line));
    let expected: Vec<&str> = lines.collect();
    let written: Vec<&str> = written.lines().collect();
    let both = || {
        format!(
            "written:\n{}\nexpected:\n{}",
            written.join("\n"),
            expected.join("\n")
        )
    };
    assert!(written == expected[..expected.len() - 1], "{}", both());
}

/// What is written without the legend.
fn plain(trace: &Trace) -> String {
    trace.timeline().legend(false).to_string()
}

const FOREIGN: &[WaitsFor] = &[WaitsFor::Foreign];

/// Main spawns `busy`, which yields at every turn until the thousandth, and a sleeper of 10 ms,
/// which is woken in turn 700.
fn starvation() -> Story {
    let mut story = Story::new();
    story
        .enter(1)
        .turn()
        .poll(1)
        .spawn(2, "demo::busy")
        .spawn(3, "demo::sleeper")
        .joins(2);
    story.turn().poll(2).yields().poll(3).sleeps(10);
    for _ in 3..700 {
        story.turn().poll(2).yields();
    }
    story
        .park(10)
        .fires(3)
        .turn()
        .poll(2)
        .yields()
        .poll(3)
        .returns();
    for _ in 701..1000 {
        story.turn().poll(2).yields();
    }
    story.turn().poll(2).returns().wake(1, Origin::Task(2));
    story.turn().poll(1).returns().close();
    story
}

/// Main gathers 30 sleepers.
fn thirty() -> Story {
    let mut story = Story::new();
    story.enter(1).turn().poll(1);
    for task in 2..32 {
        story.spawn(task, "demo::a_sleeper_with_a_long_name::{{closure}}");
    }
    story.waits(&[WaitsFor::Tasks {
        what: "gather",
        left: 30,
    }]);
    story.turn();
    for task in 2..32 {
        story.poll(task).sleeps(1000 + task % 2);
    }
    for half in 0..2 {
        let half: Vec<u64> = (2..32).filter(|task| task % 2 == half).collect();
        story.park(if half[0] == 2 { 1000 } else { 1 });
        for &task in &half {
            story.fires(task);
        }
        story.turn();
        for &task in &half {
            story.poll(task).returns();
        }
    }
    story
        .wake(1, Origin::Task(31))
        .turn()
        .poll(1)
        .returns()
        .close();
    story
}

/// The demo of the course, and what the signs mean.
#[test]
fn a_gather_reads_from_left_to_right() {
    let trace = story::gather().trace();
    expect(
        &trace.to_string(),
        "
        turn            1     2                      3     4  5    6
        time            0                            500ms 1s 1.5s
        #1 main     run>[1]~gather 3~~~~~~~~~~~~~~~~~~~~~~~~~~#4==>[1] returned
        #2 mysleep      +#1==>[1]~until 1s~~~~~~~~~~~timer>[1] returned
        #3 mysleep      +#1==>[2]~until 500ms~~timer>[1] returned
        #4 mysleep      +#1==>[3]~until 1.5s~~~~~~~~~~~~timer>[1] returned

        [2] polled, second in its turn   === ready, waits for the thread
        ~~~ waits for what it says   +#1 spawned by #1   #1 woken by #1   timer> woken by a timer
        !#1 aborted by #1   [x] dropped   ... as before
        ",
    );
    assert_eq!(trace.loops[0].to_string(), trace.to_string());
}

/// A task's name stands for its type.
#[test]
fn names_are_shown() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1);
    story
        .spawn(2, "demo::say_after::{{closure}}")
        .name(2, "hello");
    story
        .spawn(3, "demo::say_after::{{closure}}")
        .name(3, "world")
        .joins(2);
    story.turn().poll(2).sleeps(2000).poll(3).sleeps(1000);
    story.park(1000).fires(3).turn().poll(3).returns();
    story.park(1000).fires(2).turn().poll(2).returns();
    story
        .wake(1, Origin::Task(2))
        .turn()
        .poll(1)
        .returns()
        .close();
    expect(
        &plain(&story.trace()),
        "
        turn          1     2                   3  4    5
        time          0                         1s 2s
        #1 main   run>[1]~#2~~~~~~~~~~~~~~~~~~~~~~~#2==>[1] returned
        #2 hello      +#1==>[1]~until 2s~~~~~timer>[1] returned
        #3 world      +#1==>[2]~until 1s~~timer>[1] returned
        ",
    );
}

/// A thousand turns are a few, and a number; what interrupts them is shown.
#[test]
fn turns_that_repeat_are_counted() {
    expect(
        &plain(&starvation().trace()),
        "
        turn            1     2           3          ..694 more.. 698         699
        time            0
        #1 main     run>[1]~#2~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
        #2 busy         +#1==>[1]=yield==>[1]=yield==...=========>[1]=yield==>[1]=yield
        #3 sleeper      +#1==>[2]~until 10ms~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~

        turn                           700         701        ..297 more.. 999         1000
        time                           10ms
        #1 main     ~#2~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~#2==========
        #2 busy     ==================>[1]=yield==>[1]=yield==...=========>[1]=yield==>[1] returned
        #3 sleeper  ~until 10ms~~timer>[2] returned

        turn            1001
        time            10ms
        #1 main     ===>[1] returned
        ",
    );
}

/// Two tasks that wake each other repeat every second turn.
#[test]
fn a_ping_pong_is_folded() {
    let mut story = Story::new();
    story
        .enter(1)
        .turn()
        .poll(1)
        .spawn(2, "demo::ping")
        .spawn(3, "demo::pong")
        .joins(3);
    story
        .turn()
        .poll(2)
        .waits(FOREIGN)
        .poll(3)
        .wake(2, Origin::Task(3))
        .waits(FOREIGN);
    for _ in 0..50 {
        story.turn().poll(2).wake(3, Origin::Task(2)).waits(FOREIGN);
        story.turn().poll(3).wake(2, Origin::Task(3)).waits(FOREIGN);
    }
    expect(
        &plain(&story.trace()),
        "
        turn         1     2                3            4            ..96 more.. 101
        time         0
        #1 main  run>[1]~#3~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
        #2 ping      +#1==>[1]~foreign~#3==>[1]~foreign~~#3===========...========>[1]~foreign
        #3 pong      +#1==>[2]~foreign~~~~~~#2==========>[1]~foreign~~...~~~~~~~~~#2=========

        turn               102
        time               0
        #2 ping  ~foreign~~#3=========
        #3 pong  =========>[1]~foreign
                 (meanwhile wait: #1)

        left at 0:
          #1 main waits for task 3 (since 0)
          #2 ping is ready (since 0)
          #3 pong waits for something that the loop does not know (since 0)
        ",
    );
}

/// A task that was woken in each turn by a timer was not ready before: also where turns are left
/// out. And it is left when the loop ends.
#[test]
fn a_ticker_is_folded() {
    let mut story = Story::new();
    story
        .enter(1)
        .turn()
        .poll(1)
        .spawn(2, "demo::ticker")
        .sleeps(100_500);
    story.turn().poll(2).sleeps(1000);
    for tick in 1..101 {
        story
            .park(1000)
            .fires(2)
            .turn()
            .poll(2)
            .sleeps(1000 * (tick + 1));
    }
    story.park(500).fires(1).turn().poll(1).returns();
    story.finish(2, Ending::Cancelled).close();
    expect(
        &plain(&story.trace()),
        "
        turn           1     2             ..98 more.. 101                   102  103
        time           0                   1s          99s                   100s 100.5s
        #1 main    run>[1]~until 100.5s~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~timer>[1] returned
        #2 ticker      +#1==>[1]~until 1s~~...~~~timer>[1]~until 100s~~timer>[1]~until 101s~~~

        turn                    end
        time                    100.5s
        #2 ticker  ~until 101s~~[x] cancelled

        left at 100.5s:
          #2 ticker waits until 101s (since 100s)
        ",
    );
}

/// Whatever may happen to a task: each has its sign, and who is left is told.
#[test]
fn mishaps_are_told() {
    let mut story = Story::new();
    let (timer, deadline) = (9, Duration::from_secs(5));
    let either = [WaitsFor::Readable(3), WaitsFor::Timer { timer, deadline }];
    let abort = |task| EventKind::Aborted {
        task,
        by: Origin::Task(2),
    };
    story
        .spawn(1, "demo::early")
        .enter(2)
        .turn()
        .poll(1)
        .waits(&either);
    story
        .poll(2)
        .spawn(3, "demo::unborn")
        .spawn(4, "demo::bomb")
        .spawn(5, "demo::idle");
    story.spawn(6, "demo::worker").tell(abort(3)).joins(4);
    story
        .turn()
        .finish(3, Ending::Cancelled)
        .poll(4)
        .panics()
        .wake(2, Origin::Task(4));
    story.poll(5).waits(&[]).poll(6).waits(&[WaitsFor::Job]);
    story
        .park(3)
        .wake(1, Origin::Source(3))
        .wake(6, Origin::Job);
    story.turn().poll(2).tell(abort(5)).joins(1);
    story
        .poll(1)
        .waits(&[WaitsFor::Writable(3)])
        .poll(6)
        .waits(FOREIGN);
    story
        .turn()
        .finish(5, Ending::Cancelled)
        .park(20)
        .wake(6, Origin::Thread);
    story.turn().poll(6).returns();
    expect(
        &plain(&story.trace()),
        "
        turn           1        2                       3    4              5
        time           0                                3ms                 23ms
        #1 early     +>[1]~read 3 or until 5s~~source 3>[2]~write 3~~~~~~~~~~~~~~~~~~~~~
        #2 main    run>[2]~#4~~~#4=====================>[1]~#1~~~~~~~~~~~~~~~~~~~~~~~~~~
        #3 unborn      +#2=!#2==[x] cancelled
        #4 bomb        +#2=====>[1] panicked
        #5 idle        +#2=====>[2]~~~~~~~~~~~~~~~~~~~~~!#2==[x] cancelled
        #6 worker      +#2=====>[3]~job~~~~~~~~~~~~~job>[3]~foreign~~thread>[1] returned

        left at 23ms:
          #1 early waits for source 3 to be writable (since 3ms)
          #2 main waits for task 1 (since 3ms)
        ",
    );
}

/// When a main future is done, its loop may have another one; what was aborted meanwhile is dropped
/// at its place, and what is left, or was aborted at last, is dropped when the loop ends.
#[test]
fn a_loop_may_run_twice() {
    let mut story = Story::new();
    let abort = |task| EventKind::Aborted {
        task,
        by: Origin::Outside,
    };
    story.enter(1).turn().poll(1).spawn(2, "demo::a");
    story.spawn(3, "demo::b").spawn(4, "demo::c").yields();
    story.turn().poll(2).waits(&[]).poll(3).waits(&[]);
    story.poll(4).waits(&[]).poll(1).returns();
    story.tell(abort(2)).enter(5);
    story.turn().finish(2, Ending::Cancelled).poll(5).yields();
    story.turn().poll(5).returns();
    story.tell(abort(3)).finish(3, Ending::Cancelled);
    story.finish(4, Ending::Cancelled).close();
    expect(
        &plain(&story.trace()),
        "
        turn         1           2              3           4 end
        time         0
        #1 main  run>[1]=yield==>[4] returned
        #2 a         +#1========>[1]~~~!outside=[x] cancelled
        #3 b         +#1========>[2]~~~~~~~~~~~~~~~~~!outside=[x] cancelled
        #4 c         +#1========>[3]~~~~~~~~~~~~~~~~~~~~~~~~~~[x] cancelled
        #5 main                             run>[1]=yield==>[1] returned

        left at 0:
          #3 b was aborted (since 0)
          #4 c waits (since 0)
        ",
    );
}

/// Who was left when a main future was given up is not left any more if it ends later.
#[test]
fn a_loop_may_be_stopped_and_go_on() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "demo::a").waits(&[]);
    story.turn().poll(2).waits(&[]).park(1);
    story.finish(1, Ending::Cancelled).enter(3);
    story.wake(2, Origin::Thread).turn().poll(3).waits(&[]);
    story.poll(2).returns().wake(3, Origin::Task(2));
    story.turn().poll(3).returns().close();
    expect(
        &plain(&story.trace()),
        "
        turn         1     2            3         4
        time         0                  1ms
        #1 main  run>[1]~~~~~~~~~~~~~~~~[x] cancelled
        #2 a         +#1==>[1]~~~thread>[2] returned
        #3 main                     run>[1]~~#2==>[1] returned
        ",
    );
}

/// Who was polled in the last turn and waits is left: its poll has not ended it. But who aborts
/// itself ends with its poll.
#[test]
fn a_poll_in_the_last_turn_may_be_pending() {
    let mut story = Story::new();
    let abort = EventKind::Aborted {
        task: 3,
        by: Origin::Task(3),
    };
    story.enter(1).turn().poll(1).spawn(2, "demo::a");
    story.spawn(3, "demo::b").yields().turn().poll(2).sleeps(20);
    story.poll(3).tell(abort).waits(&[]);
    story.finish(3, Ending::Cancelled).poll(1).returns();
    story.finish(2, Ending::Cancelled).close();
    expect(
        &plain(&story.trace()),
        "
        turn         1           2               end
        time         0
        #1 main  run>[1]=yield==>[3] returned
        #2 a         +#1========>[1]~until 20ms~~[x] cancelled
        #3 b         +#1========>[2]!#3 cancelled

        left at 0:
          #2 a waits until 20ms (since 0)
        ",
    );
}

/// So it is in a loop that has no main future.
#[test]
fn a_loop_may_have_no_main_future() {
    let mut story = Story::new();
    story.spawn(1, "demo::a").turn().poll(1).sleeps(20);
    story.finish(1, Ending::Cancelled).close();
    expect(
        &plain(&story.trace()),
        "
        turn    1               end
        time    0
        #1 a  +>[1]~until 20ms~~[x] cancelled

        left at 0:
          #1 a waits until 20ms (since 0)
        ",
    );
}

/// What was woken and not polled yet stands before the next turn.
#[test]
fn a_wake_may_come_last() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).sleeps(20).park(20).fires(1);
    expect(
        &plain(&story.trace()),
        "
        turn         1               next
        time         0               20ms
        #1 main  run>[1]~until 20ms~~timer

        left at 20ms:
          #1 main is ready (since 20ms)
        ",
    );
}

/// Three decimals, and no more of them than it needs.
#[test]
fn times_are_short() {
    let nanos = [0, 7, 1_000, 20_050, 1_500_000, 12_034_567, 2_000_000_000];
    let times = nanos.map(|nanos| short_duration(Duration::from_nanos(nanos)));
    let expected = ["0", "7ns", "1us", "20.05us", "1.5ms", "12.035ms", "2s"];
    assert_eq!(times, expected);
    assert_eq!(short_duration(Duration::from_secs(600)), "600s");
}

/// As many rows as tasks, and long names that are cut.
#[test]
fn thirty_tasks_have_thirty_rows() {
    let written = plain(&thirty().trace());
    let rows: Vec<&str> = written.lines().collect();
    assert_eq!(rows.len(), 33);
    expect(
        &[&rows[..4], &rows[31..]].concat().join("\n"),
        "
        turn                      1     2                    3   4      5
        time                      0                          1s  1.001s
        #1 main               run>[1]~gather 30~~~~~~~~~~~~~~~~~~#31===>[1] returned
        #2 a_sleeper_with_..      +#1==>[1]~until 1s~~~timer>[1] returned
        #30 a_sleeper_with..      +#1==>[29]~until 1s~~timer>[15] returned
        #31 a_sleeper_with..      +#1==>[30]~until 1.001s~~timer>[15] returned
        ",
    );
}

/// What has no room goes on below, with who waits meanwhile.
#[test]
fn a_narrow_timeline_wraps() {
    let trace = story::gather().trace();
    expect(
        &trace.timeline().width(44).to_string(),
        "
        turn            1     2
        time            0
        #1 main     run>[1]~gather 3~~~~~~~~~
        #2 mysleep      +#1==>[1]~until 1s~~~
        #3 mysleep      +#1==>[2]~until 500ms
        #4 mysleep      +#1==>[3]~until 1.5s~

        turn                            3
        time                            500ms
        #3 mysleep  ~until 500ms~~timer>[1] returned
                    (meanwhile wait: #1 #2 #4)

        turn                         4  5
        time                         1s 1.5s
        #1 main     ~gather 3~~~~~~~~~~~#4==========
        #2 mysleep  ~until 1s~~timer>[1] returned
        #4 mysleep  ~until 1.5s~~~timer>[1] returned

        turn            6
        time            1.5s
        #1 main     ===>[1] returned

        [2] polled, second in its turn
        === ready, waits for the thread
        ~~~ waits for what it says
        +#1 spawned by #1   #1 woken by #1
        timer> woken by a timer   !#1 aborted by #1
        [x] dropped   ... as before
        ",
    );
    let stories = [story::gather(), starvation(), thirty()];
    for trace in stories.map(|it| it.trace()) {
        expect_widths(&trace, 56..100);
    }
    // The last column has nothing in it that is as wide as its time.
    let mut story = Story::new();
    story.enter(1).turn().poll(1).yields().later(1234).turn();
    expect_widths(&story.poll(1).trace(), 27..56);
}

/// Whatever the width is, no line is wider.
#[track_caller]
fn expect_widths(trace: &Trace, widths: Range<usize>) {
    for width in widths {
        let written = trace.timeline().width(width).legend(false).to_string();
        let panels = written.split("left at").next().unwrap();
        assert!(panels.lines().all(|line| line.len() <= width), "{panels}");
    }
}

/// Of tasks to which nothing happens, a few are named.
#[test]
fn a_crowd_that_waits_is_counted() {
    let trace = thirty().trace();
    let written = trace.timeline().width(50).legend(false).to_string();
    let crowd = written
        .lines()
        .find(|line| line.contains("meanwhile"))
        .unwrap();
    assert_eq!(
        crowd.trim(),
        "(meanwhile wait: #1 #3 #5 #7 #9 #11 #13 #15 and 8 more)"
    );
}

/// Where there is no room at all, it is said what is missing.
#[test]
fn a_long_timeline_ends() {
    let trace = thirty().trace();
    let options = |it: Timeline<'_>| it.width(60).lines(3).legend(false).to_string();
    expect(
        &options(trace.timeline()),
        "
        turn                      1     2
        time                      0
        #1 main               run>[1]~gather 30~~~~~~~~~~
        #2 a_sleeper_with_..      +#1==>[1]~until 1s~~~~~
        #3 a_sleeper_with_..      +#1==>[2]~until 1.001s~
                              (and 28 more)

        (not shown: turn 3 and what follows)
        ",
    );
}

/// That holds also for those who are left at last.
#[test]
fn many_who_are_left_are_counted() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "a").spawn(3, "b");
    let trace = story.trace();
    let written = trace.timeline().lines(1).to_string();
    let left = written.split("left at 0:\n").last().unwrap();
    assert!(left.starts_with("  #1 main is being polled (since 0)\n  and 2 more\n\n"));
}

/// Two loops are numbered.
#[test]
fn two_loops_have_titles() {
    let recorder = Recorder::new();
    let mut one = Story::of(1, &recorder, false);
    let mut two = Story::of(2, &recorder, false);
    one.enter(1).turn().poll(1).sleeps(20);
    two.enter(1).turn().poll(1).waits(&[WaitsFor::Readable(0)]);
    one.park(20).fires(1).turn().poll(1).returns().close();
    two.park(20)
        .wake(1, Origin::Source(0))
        .turn()
        .poll(1)
        .returns()
        .close();
    let mut trace = recorder.trace();
    trace.loops[1].began = trace.loops[0].began + Duration::from_millis(3);
    expect(
        &plain(&trace),
        "
        loop 1

        turn         1                     2
        time         0                     20ms
        #1 main  run>[1]~until 20ms~~timer>[1] returned

        loop 2, which began 3ms later

        turn         1                    2
        time         0                    20ms
        #1 main  run>[1]~read 0~~source 0>[1] returned
        ",
    );
}

/// A recording whose beginning was not kept says so, and begins with what the tasks did then.
#[test]
fn a_recording_that_was_cut_begins_with_who_was_there() {
    let whole = story::gather();
    let recorder = Recorder::with_limit(30);
    let mut story = Story::of(1, &recorder, true);
    for event in &whole.events[1..] {
        story.retell(event);
    }
    expect(
        &plain(&story.trace()),
        "
        loop 1; its first 19 events were not kept

        turn         2                  3     4  5    6
        time         0                  500ms 1s 1.5s
        #1 main     ~gather 3~~~~~~~~~~~~~~~~~~~~#4==>[1] returned
        #2 mysleep  ~until 1s~~~~~~~~~~~timer>[1] returned
        #3 mysleep  ~until 500ms~~timer>[1] returned
        #4 mysleep  >[.]~until 1.5s~~~~~~~~timer>[1] returned
        ",
    );
}

/// The loop may be stuck in a poll when it is looked at.
#[test]
fn a_poll_that_lasts_is_told() {
    let mut story = Story::new();
    story
        .enter(1)
        .turn()
        .poll(1)
        .spawn(2, "demo::endless")
        .joins(2)
        .turn()
        .poll(2);
    expect(
        &plain(&story.trace()),
        "
        turn            1     2
        time            0
        #1 main     run>[1]~#2~~~
        #2 endless      +#1==>[1]

        left at 0:
          #1 main waits for task 2 (since 0)
          #2 endless is being polled (since 0)
        ",
    );
}

/// Colours change nothing but the look.
#[test]
fn colours_are_only_added() {
    let trace = story::gather().trace();
    let coloured = trace.timeline().colours(true).to_string();
    assert!(coloured.contains("\x1b[1;32m[1]\x1b[0m\x1b[34m~gather 3~~"));
    let mut parts = coloured.split("\x1b[");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain += part.split_once('m').unwrap().1;
    }
    assert_eq!(plain, trace.to_string());
}
