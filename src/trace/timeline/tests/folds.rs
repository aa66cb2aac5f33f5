//! Turns that repeat others.

use super::*;

/// Of a thousand turns that repeat each other, a few are shown, and the others counted. A turn that differs
/// is shown.
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

/// Two tasks that wake each other repeat two turns.
#[test]
fn a_ping_pong_is_folded() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "demo::ping").spawn(3, "demo::pong").joins(3);
    story.turn().poll(2).waits(FOREIGN).poll(3).wake(2, Origin::Task(3)).waits(FOREIGN);
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
        #2 ping      +#1==>[1]~unknown~#3==>[1]~unknown~~#3===========...========>[1]~unknown
        #3 pong      +#1==>[2]~unknown~~~~~~#2==========>[1]~unknown~~...~~~~~~~~~#2=========

        turn               102
        time               0
        #2 ping  ~unknown~~#3=========
        #3 pong  =========>[1]~unknown
                 (meanwhile wait: #1)

        left at 0:
          #1 main waits for task 3 (since 0)
          #2 ping is ready (since 0)
          #3 pong waits for something that the loop does not know (since 0)
        ",
    );
}

/// A task that a timer wakes before each turn waits up to then, also where turns are left out. It is left
/// when the loop ends.
#[test]
fn a_ticker_is_folded() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).spawn(2, "demo::ticker").sleeps(100_500);
    story.turn().poll(2).sleeps(1000);
    for tick in 1..101 {
        story.park(1000).fires(2).turn().poll(2).sleeps(1000 * (tick + 1));
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
