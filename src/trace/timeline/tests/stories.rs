//! Which mark each event has.

use super::*;

/// A gather of three sleeps, with the legend.
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

        run> main begins   [1] polled, first in its turn   === ready, waits for the thread
        ~~~ waits for what it says   +#1 spawned by #1   #1==> woken by #1   timer> woken by a timer
        ",
    );
    assert_eq!(trace.loops[0].to_string(), trace.to_string());
}

/// A task's name stands for its type.
#[test]
fn names_are_shown() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1);
    story.spawn(2, "demo::say_after::{{closure}}").name(2, "hello");
    story.spawn(3, "demo::say_after::{{closure}}").name(3, "world").joins(2);
    story.turn().poll(2).sleeps(2000).poll(3).sleeps(1000);
    story.park(1000).fires(3).turn().poll(3).returns();
    story.park(1000).fires(2).turn().poll(2).returns();
    story.wake(1, Origin::Task(2)).turn().poll(1).returns().close();
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

/// A name cannot break its row, nor colour the terminal.
#[test]
fn a_name_stays_in_its_row() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "demo::a").name(2, "two\nlines\u{1b}[31m").joins(2);
    expect(
        &plain(&story.trace()),
        "
        turn                   1
        time                   0
        #1 main            run>[1]~#2
        #2 two\u{fffd}lines\u{fffd}[31m      +#1===

        left at 0:
          #1 main waits for task 2 (since 0)
          #2 two\u{fffd}lines\u{fffd}[31m is ready (since 0)
        ",
    );
}

/// Every cause, wait and end has its mark, and the tasks that are left are listed.
#[test]
fn causes_waits_and_ends_have_marks() {
    let mut story = Story::new();
    let (timer, deadline) = (9, Duration::from_secs(5));
    let either = [WaitsFor::Readable(3), WaitsFor::Timer { timer, deadline }];
    let abort = |task| EventKind::Aborted { task, by: Origin::Task(2) };
    story.spawn(1, "demo::early").enter(2).turn().poll(1).waits(&either);
    story.poll(2).spawn(3, "demo::unborn").spawn(4, "demo::bomb").spawn(5, "demo::idle");
    story.spawn(6, "demo::worker").record(abort(3)).joins(4);
    story.turn().finish(3, Ending::Cancelled).poll(4).panics().wake(2, Origin::Task(4));
    story.poll(5).waits(&[]).poll(6).waits(&[WaitsFor::Job]);
    story.park(3).wake(1, Origin::Source(3)).wake(6, Origin::Job);
    story.turn().poll(2).record(abort(5)).joins(1);
    story.poll(1).waits(&[WaitsFor::Writable(3)]).poll(6).waits(FOREIGN);
    story.turn().finish(5, Ending::Cancelled).park(20).wake(6, Origin::Thread);
    story.turn().poll(6).returns();
    expect(
        &story.trace().to_string(),
        "
        turn           1        2                       3    4              5
        time           0                                3ms                 23ms
        #1 early     +>[1]~read 3 or until 5s~~source 3>[2]~write 3~~~~~~~~~~~~~~~~~~~~~
        #2 main    run>[2]~#4~~~#4=====================>[1]~#1~~~~~~~~~~~~~~~~~~~~~~~~~~
        #3 unborn      +#2=!#2==[x] cancelled
        #4 bomb        +#2=====>[1] panicked
        #5 idle        +#2=====>[2]~~~~~~~~~~~~~~~~~~~~~!#2==[x] cancelled
        #6 worker      +#2=====>[3]~job~~~~~~~~~~~~~job>[3]~unknown~~thread>[1] returned

        left at 23ms:
          #1 early waits for source 3 to be writable (since 3ms)
          #2 main waits for task 1 (since 3ms)

        run> main begins   [1] polled, first in its turn   === ready, waits for the thread
        ~~~ waits for what it says   ~unknown~ say, a channel or a lock   +#1 spawned by #1
        +> spawned by no task   #1==> woken by #1   source 1> woken by source 1
        job> woken by a job of the executor   thread> woken by another thread   !#1 aborted by #1
        [x] dropped
        ",
    );
}

/// After one main future, a loop may run another. A task that was aborted between them is dropped at its
/// place in the queue. Tasks that are left, or are aborted after the last turn, are dropped when the loop
/// ends.
#[test]
fn a_loop_may_run_twice() {
    let mut story = Story::new();
    let abort = |task| EventKind::Aborted { task, by: Origin::Outside };
    story.enter(1).turn().poll(1).spawn(2, "demo::a");
    story.spawn(3, "demo::b").spawn(4, "demo::c").yields();
    story.turn().poll(2).waits(&[]).poll(3).waits(&[]);
    story.poll(4).waits(&[]).poll(1).returns();
    story.record(abort(2)).enter(5);
    story.turn().finish(2, Ending::Cancelled).poll(5).yields();
    story.turn().poll(5).returns();
    story.record(abort(3)).finish(3, Ending::Cancelled);
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

/// A task that comes into the queue when the last turn has begun, or after it, is not in its batch: the end of
/// the loop drops it.
#[test]
fn the_last_turn_drops_nothing_that_was_queued_in_it() {
    let mut story = Story::new();
    let abort = |task, by| EventKind::Aborted { task, by };
    story.spawn(1, "demo::a").spawn(2, "demo::b").spawn(3, "demo::c").spawn(4, "demo::d");
    story.turn().poll(1).waits(&[]).poll(2).waits(&[]).poll(3).waits(&[]);
    story.poll(4).wake(1, Origin::Task(4)).record(abort(2, Origin::Task(4))).returns();
    story.record(abort(3, Origin::Outside));
    for task in 1..=3 {
        story.finish(task, Ending::Cancelled);
    }
    story.close();
    expect(
        &plain(&story.trace()),
        "
        turn    1              end
        time    0
        #1 a  +>[1]~~#4========[x] cancelled
        #2 b  +>[2]~~!#4=======[x] cancelled
        #3 c  +>[3]~~~!outside=[x] cancelled
        #4 d  +>[4] returned

        left at 0:
          #1 a is ready (since 0)
          #2 b was aborted (since 0)
          #3 c was aborted (since 0)
        ",
    );
}

/// When code outside has changed what was left by a run that was stopped, the list has what is left then.
#[test]
fn what_is_left_may_change_after_a_run() {
    let stopped = || {
        let mut story = Story::new();
        story.spawn(1, "demo::a").enter(2).turn().poll(1).sleeps(9).poll(2).waits(FOREIGN);
        story.finish(2, Ending::Cancelled);
        story
    };
    let mut changed = stopped();
    changed.spawn(3, "demo::b").record(EventKind::Aborted { task: 1, by: Origin::Outside });
    changed.finish(1, Ending::Cancelled).finish(3, Ending::Cancelled).close();
    expect(
        &plain(&changed.trace()),
        "
        turn         1                       end
        time         0
        #1 a       +>[1]~until 9ms~~!outside=[x] cancelled
        #2 main  run>[2]~unknown~~~~~~~~~~~~~[x] cancelled
        #3 b                               +=[x] cancelled

        left at 0:
          #1 a was aborted (since 0)
          #3 b is ready (since 0)
        ",
    );
    let mut entered = stopped();
    entered.enter(4).finish(4, Ending::Cancelled).finish(1, Ending::Cancelled).close();
    expect(
        &plain(&entered.trace()),
        "
        turn         1              end
        time         0
        #1 a       +>[1]~until 9ms~~[x] cancelled
        #2 main  run>[2]~unknown~~~~[x] cancelled
        #4 main                 run=[x] cancelled

        left at 0:
          #1 a waits until 9ms (since 0)
          #4 main is ready (since 0)
        ",
    );
}

/// A task that was left when a run was stopped is not listed as left if it ends in a later run.
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

/// A task that was polled in the last turn and waits is dropped when the loop ends. A task that aborts itself
/// ends with its poll.
#[test]
fn a_poll_in_the_last_turn_may_be_pending() {
    let mut story = Story::new();
    let abort = EventKind::Aborted { task: 3, by: Origin::Task(3) };
    story.enter(1).turn().poll(1).spawn(2, "demo::a");
    story.spawn(3, "demo::b").yields().turn().poll(2).sleeps(20);
    story.poll(3).record(abort).waits(&[]);
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

/// So it is on a loop that has no main future.
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

/// A task that the loop drops may wake another one, which is dropped next: both stand in the end column.
#[test]
fn a_task_that_is_dropped_at_the_end_may_wake() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "demo::a").spawn(3, "demo::b").yields();
    story.turn().poll(2).waits(FOREIGN).poll(3).waits(FOREIGN).poll(1).returns();
    story.finish(2, Ending::Cancelled).wake(3, Origin::Task(2));
    story.finish(3, Ending::Cancelled).close();
    expect(
        &plain(&story.trace()),
        "
        turn         1           2               end
        time         0
        #1 main  run>[1]=yield==>[3] returned
        #2 a         +#1========>[1]~unknown~~~~~[x] cancelled
        #3 b         +#1========>[2]~unknown~~#2=[x] cancelled

        left at 0:
          #2 a waits for something that the loop does not know (since 0)
          #3 b waits for something that the loop does not know (since 0)
        ",
    );
}

/// A wake after the last turn stands in a column of its own.
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

/// Times have at most three decimals, without zeros at the end.
#[test]
fn times_are_short() {
    let nanos = [0, 7, 1_000, 20_050, 1_500_000, 12_034_567, 2_000_000_000];
    let times = nanos.map(|nanos| short_duration(Duration::from_nanos(nanos)));
    let expected = ["0", "7ns", "1us", "20.05us", "1.5ms", "12.035ms", "2s"];
    assert_eq!(times, expected);
    assert_eq!(short_duration(Duration::from_secs(600)), "600s");
}

/// The titles of two loops have their numbers, and when the second began.
#[test]
fn two_loops_have_titles() {
    let recorder = Recorder::new();
    let mut one = Story::of(1, &recorder, false);
    let mut two = Story::of(2, &recorder, false);
    one.enter(1).turn().poll(1).sleeps(20);
    two.enter(1).turn().poll(1).waits(&[WaitsFor::Readable(0)]);
    one.park(20).fires(1).turn().poll(1).returns().close();
    two.park(20).wake(1, Origin::Source(0)).turn().poll(1).returns().close();
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
fn a_recording_that_was_cut_begins_with_its_tasks() {
    let whole = story::gather();
    let recorder = Recorder::with_limit(30);
    let mut story = Story::of(1, &recorder, true);
    for event in &whole.events[1..] {
        story.replay(event);
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

/// A poll may be under way at the end of a recording, as in a loop that is stuck.
#[test]
fn a_poll_that_is_under_way_is_listed() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "demo::endless").joins(2).turn().poll(2);
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
