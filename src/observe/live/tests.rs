use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::observe::{Ending, Origin};
use crate::trace::story::{self, Story, after};

/// Returns "queue [2, 3], polled [1], idle [4]".
fn summary(live: &Live) -> String {
    let ids = |state| {
        let tasks = live.tasks.values().filter(move |task| task.state == state);
        tasks.map(|task| task.id).collect::<Vec<_>>()
    };
    let (polled, idle) = (ids(TaskState::Polled), ids(TaskState::Idle));
    assert_eq!(polled, Vec::from_iter(live.polled));
    format!("queue {:?}, polled {polled:?}, idle {idle:?}", live.ready)
}

/// A gather, state by state: after each event in which a poll or a turn begins.
#[test]
fn it_follows_a_gather() {
    let story = story::gather();
    let mut live = Live::default();
    let mut log = Vec::new();
    for event in &story.events {
        live.apply(event);
        if matches!(event.kind, EventKind::TurnBegins | EventKind::PollBegins { .. }) {
            log.push(format!("{} {}", live.turn, summary(&live)));
        }
    }
    assert_eq!(
        log,
        [
            "1 queue [1], polled [], idle []",
            "1 queue [], polled [1], idle []",
            "2 queue [2, 3, 4], polled [], idle [1]",
            "2 queue [3, 4], polled [2], idle [1]",
            "2 queue [4], polled [3], idle [1, 2]",
            "2 queue [], polled [4], idle [1, 2, 3]",
            "3 queue [3], polled [], idle [1, 2, 4]",
            "3 queue [], polled [3], idle [1, 2, 4]",
            "4 queue [2], polled [], idle [1, 4]",
            "4 queue [], polled [2], idle [1, 4]",
            "5 queue [4], polled [], idle [1]",
            "5 queue [], polled [4], idle [1]",
            "6 queue [1], polled [], idle []",
            "6 queue [], polled [1], idle []",
        ]
    );
    assert!(live.tasks.is_empty() && live.timers.is_empty() && live.closed);
    assert!(live.is_virtual);
    assert_eq!(live.time, Duration::from_millis(1500));
}

/// What a task waits for is known from the end of its poll until the next one begins, and since when.
#[test]
fn it_knows_what_is_waited_for() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).sleeps(70);
    let live = after(&story.events);
    let (timer, deadline) = (1, Duration::from_millis(70));
    assert_eq!(live.timers[&timer], (deadline, Some(1)));
    assert_eq!(live.tasks[&1].waits, [WaitsFor::Timer { timer, deadline }]);
    assert_eq!(live.tasks[&1].since, Duration::ZERO);

    story.park(70).fires(1);
    let live = after(&story.events);
    assert!(live.timers.is_empty());
    assert_eq!(live.tasks[&1].since, deadline);
    assert_eq!(live.tasks[&1].waits.len(), 1);

    story.turn().poll(1);
    assert_eq!(after(&story.events).tasks[&1].waits, []);
}

/// A poll that goes round waits again for the same things: of each, the last wait is kept. Waits for other
/// timers, or by other functions, are kept beside it.
#[test]
fn what_is_waited_for_again_is_listed_once() {
    let timer = |timer, millis| WaitsFor::Timer { timer, deadline: Duration::from_millis(millis) };
    let tasks = |what, left| WaitsFor::Tasks { what, left };
    let (signal, accept) = (WaitsFor::Signal(2), WaitsFor::Readable(0));
    let waits = [
        signal,
        signal,
        timer(1, 10),
        timer(2, 10),
        tasks("TaskGroup", 1),
        signal,
        timer(1, 20),
        tasks("TaskGroup", 2),
        tasks("gather", 3),
        tasks("gather", 2),
        accept,
    ];
    let mut story = Story::new();
    story.enter(1).turn().poll(1).waits(&waits);
    let kept = [
        timer(2, 10),
        signal,
        timer(1, 20),
        tasks("TaskGroup", 2),
        tasks("gather", 3),
        tasks("gather", 2),
        accept,
    ];
    assert_eq!(after(&story.events).tasks[&1].waits, kept);
}

/// The polls of a task are counted, and their times added up.
#[test]
fn it_counts_polls() {
    let mut story = Story::new();
    story.enter(1);
    for millis in [2, 5, 3] {
        story.turn().poll(1).wake(1, Origin::Task(1)).record(EventKind::PollEnds {
            task: 1,
            outcome: Outcome::Pending,
            took: Duration::from_millis(millis),
        });
    }
    let live = after(&story.events);
    assert_eq!(live.tasks[&1].polls, 3);
    assert_eq!(live.tasks[&1].busy, Duration::from_millis(10));
    assert_eq!(live.tasks[&1].longest, Duration::from_millis(5));
    assert_eq!(live.tasks[&1].state, TaskState::Ready);
}

/// A task that wakes itself counts as polled until its poll is over; then it is ready.
#[test]
fn a_poll_goes_on_after_a_wake() {
    let mut story = Story::new();
    story.enter(1).turn().poll(1).wake(1, Origin::Task(1));
    assert_eq!(summary(&after(&story.events)), "queue [1], polled [1], idle []");
    story.waits(&[WaitsFor::Turn]);
    let live = after(&story.events);
    assert_eq!(summary(&live), "queue [1], polled [], idle []");
    assert_eq!(live.tasks[&1].state, TaskState::Ready);
}

/// A task that is aborted stands in the queue once, idle or ready; one that aborts itself is gone when its
/// poll is over.
#[test]
fn an_abort_queues_once() {
    let mut story = Story::new();
    let abort = |task| EventKind::Aborted { task, by: Origin::Task(1) };
    story.enter(1).spawn(2, "a").spawn(3, "b").turn();
    story.poll(1).waits(&[]).poll(2).waits(&[]).poll(3).waits(&[]);
    story.wake(1, Origin::Outside).wake(3, Origin::Outside).turn();
    story.poll(1).record(abort(2)).record(abort(3)).record(abort(1));
    let live = after(&story.events);
    assert_eq!(live.ready, [3, 2]);
    assert_eq!(live.tasks[&2].state, TaskState::Aborted);
    assert_eq!(live.tasks[&3].state, TaskState::Aborted);

    story.finish(1, Ending::Cancelled).finish(2, Ending::Cancelled);
    assert_eq!(after(&story.events).ready, [3]);
}

/// Sources are added and dropped, and a wake of a task that is ready already changes nothing.
#[test]
fn it_follows_sources() {
    let mut story = Story::new();
    story.enter(1).record(EventKind::SourceAdded { source: 4 });
    story.record(EventKind::SourceAdded { source: 5 });
    story.record(EventKind::SourceDropped { source: 4 });
    story.record(EventKind::Woken { task: 1, by: Origin::Source(5), already: true });
    let live = after(&story.events);
    assert_eq!(live.sources, BTreeSet::from([5]));
    assert_eq!(live.ready, [1]);
}

proptest! {
    /// Whatever a loop does, each task that is not idle stands once in the queue, and no other does.
    #[test]
    fn the_queue_and_the_states_agree(steps in prop::collection::vec((0..5, 1..6_u64), 0..200)) {
        let mut story = Story::new();
        story.enter(1);
        for task in 2..6 {
            story.spawn(task, "task");
        }
        let mut live = after(&story.events);
        for (step, task) in steps {
            let before = story.events.len();
            let Some(live_task) = live.tasks.get(&task) else { continue };
            let is_queued = live.ready.contains(&task);
            match step {
                0 if is_queued && live_task.state == TaskState::Aborted => {
                    story.finish(task, Ending::Cancelled);
                }
                0 if is_queued => {
                    story.turn().poll(task).yields();
                }
                1 if is_queued && live_task.state == TaskState::Ready => {
                    story.turn().poll(task).waits(&[WaitsFor::Foreign]);
                }
                2 if is_queued && live_task.state == TaskState::Ready => {
                    story.turn().poll(task).returns();
                }
                3 if !is_queued => {
                    story.wake(task, Origin::Thread);
                }
                4 => {
                    story.record(EventKind::Aborted { task, by: Origin::Outside });
                }
                _ => continue,
            }
            for event in &story.events[before..] {
                live.apply(event);
            }
            let mut queue = Vec::from(live.ready.clone());
            queue.sort_unstable();
            let queued = live.tasks.values().filter(|task| task.state != TaskState::Idle);
            prop_assert_eq!(queue, queued.map(|task| task.id).collect::<Vec<_>>());
            prop_assert_eq!(live.polled, None);
        }
    }
}
