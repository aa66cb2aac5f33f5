//! Rows, lines and columns: what is shown if there is little room.

use super::*;

/// Main gathers 30 sleepers.
fn thirty() -> Story {
    let mut story = Story::new();
    story.enter(1).turn().poll(1);
    for task in 2..32 {
        story.spawn(task, "demo::a_sleeper_with_a_long_name::{{closure}}");
    }
    story.waits(&[WaitsFor::Tasks { what: "gather", left: 30 }]);
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
    story.wake(1, Origin::Task(31)).turn().poll(1).returns().close();
    story
}

/// There are as many rows as tasks, and long names are cut.
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

/// Turns that have no room go on below, and a line names the tasks that wait meanwhile.
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

        run> main begins
        [1] polled, first in its turn
        === ready, waits for the thread
        ~~~ waits for what it says
        +#1 spawned by #1   #1==> woken by #1
        timer> woken by a timer
        ",
    );
    let stories = [story::gather(), starvation(), thirty()];
    for trace in stories.map(|it| it.trace()) {
        expect_widths(&trace, 56..100);
    }
    // The widest part of the last column is its time.
    let mut story = Story::new();
    story.enter(1).turn().poll(1).yields().later(1234).turn();
    expect_widths(&story.poll(1).trace(), 27..56);
}

/// Checks that no line is wider than the width.
#[track_caller]
fn expect_widths(trace: &Trace, widths: Range<usize>) {
    for width in widths {
        let written = trace.timeline().width(width).legend(false).to_string();
        let panels = written.split("left at").next().unwrap();
        assert!(panels.lines().all(|line| line.len() <= width), "{panels}");
    }
}

/// Of many tasks that wait, a few are named, and the others counted.
#[test]
fn many_tasks_that_wait_are_counted() {
    let trace = thirty().trace();
    let written = trace.timeline().width(50).legend(false).to_string();
    let waiting = written.lines().find(|line| line.contains("meanwhile")).unwrap();
    assert_eq!(waiting.trim(), "(meanwhile wait: #1 #3 #5 #7 #9 #11 #13 #15 and 8 more)");
}

/// When the lines are used up, the timeline says what is missing.
#[test]
fn a_long_timeline_is_cut() {
    let trace = thirty().trace();
    let options = |timeline: Timeline<'_>| timeline.width(60).lines(3).legend(false).to_string();
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

/// Of many tasks that are left at the end, a few are listed, and the others counted.
#[test]
fn many_tasks_that_are_left_are_counted() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "a").spawn(3, "b");
    let trace = story.trace();
    let written = trace.timeline().lines(1).to_string();
    let left = written.split("left at 0:\n").last().unwrap();
    assert!(left.starts_with("  #1 main is being polled (since 0)\n  and 2 more\n\n"));
}

/// Without its colour codes, a timeline in colours is the plain one.
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
