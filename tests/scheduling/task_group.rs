//! `TaskGroup`: the order of its results, and what a failure, an abort and a drop do.

use std::future::{pending, ready};
use std::pin::pin;
use std::rc::Rc;
use std::thread;

use boucle::trace::Recorder;
use boucle::{EventLoop, TaskGroup, now, sleep, spawn, timeout, yield_now};
use futures_lite::future::poll_once;

use crate::common::{Bomb, Log, OnDrop, SECOND, counted, holds, ms, panic_of, turn, virtual_loop, virtually};

/// Owns a value, and is pending for ever: a task of any group.
async fn holds_up<T>(_value: impl Sized) -> T {
    pending().await
}

/// Results come in the order in which the tasks are done, at that time; a panic and an abort are errors, and
/// the others go on.
#[test]
fn results_come_as_the_tasks_are_done() {
    virtually(async {
        let start = now();
        let group = TaskGroup::new();
        for count in [3, 1, 2, 1] {
            group.spawn(async move {
                sleep(count * SECOND).await;
                assert_ne!(count, 2);
                count
            });
        }
        let aborted = group.spawn(pending());
        aborted.abort();
        assert_eq!(format!("{group:?}, {}", group.is_empty()), "TaskGroup(5 to come), false");
        let mut seen = Vec::new();
        while let Some(result) = group.join_next().await {
            let result = result.map_err(|error| (error.id(), error.is_panic()));
            seen.push(((now() - start).as_secs(), result));
        }
        let expected = [(0, Err((6, false))), (1, Ok(1)), (1, Ok(1)), (2, Err((4, true))), (3, Ok(3))];
        assert_eq!(seen, expected);
        assert!(group.is_empty());
    });
}

/// A group may grow while it is joined, by its own tasks and by others. `join_next` returns `None` when the
/// group is empty, and the group can be used again.
#[test]
fn a_group_grows_while_it_is_waited_for() {
    let log = Log::default();
    virtually(async {
        let group = Rc::new(TaskGroup::new());
        let (inner, outer) = (Rc::downgrade(&group), Rc::downgrade(&group));
        let added = log.clone();
        group.spawn(async move {
            sleep(SECOND).await;
            inner.upgrade().unwrap().spawn(async move {
                added.add("sibling");
                sleep(SECOND).await;
                "sibling"
            });
            "first"
        });
        spawn(async move {
            sleep(ms(1_500)).await;
            outer.upgrade().unwrap().spawn(ready("from outside"));
        });
        let start = now();
        while let Some(result) = group.join_next().await {
            log.add(format!("{} after {:?}", result.unwrap(), now() - start));
        }
        assert!(group.join_next().await.is_none());
        group.spawn(ready("again"));
        log.add(group.join_next().await.unwrap().unwrap());
    });
    let expected = ["sibling", "first after 1s", "from outside after 1.5s", "sibling after 2s", "again"];
    assert_eq!(log.take(), expected);
}

/// However many tasks are done in a turn, they wake the joining task once. It yields after each budget of
/// results.
#[test]
fn a_join_all_is_woken_once_a_turn() {
    let (main, polls) = counted(async {
        let group = TaskGroup::new();
        for position in 0..1_000 {
            group.spawn(async move {
                sleep(position % 4 * SECOND).await;
                position
            });
        }
        assert_eq!(group.join_all().await, Vec::from_iter(0..1_000));
    });
    virtually(main);
    // One poll to begin, and two for each of four turns: 250 results are more than the budget of 128.
    assert_eq!(polls.get(), 1 + 4 * 2);
}

/// The first panic aborts the others. It is resumed when all of them are dropped, in spawn order, and not
/// before.
#[test]
fn the_first_panic_aborts_the_others_and_waits_for_them() {
    let log = Log::default();
    let panicked = panic_of(|| {
        virtually(async {
            let group = TaskGroup::new();
            let busy = log.clone();
            group.spawn(holds(log.on_drop("first is dropped")));
            group.spawn(async {
                sleep(SECOND).await;
                panic!("the second fails");
            });
            group.spawn(holds((log.on_drop("third is dropped"), Bomb("the third fails too"))));
            group.spawn(async move {
                sleep(SECOND).await;
                busy.add("fourth returns");
            });
            let _end = log.on_drop("the wait is over");
            group.join_all().await;
        });
    });
    assert_eq!(panicked, "the second fails");
    let expected = ["fourth returns", "first is dropped", "third is dropped", "the wait is over"];
    assert_eq!(log.take(), expected);
}

/// When a group fails, panics in the destructors of its values are caught, before the failure and after it.
#[test]
fn the_values_of_a_group_that_fails_are_dropped_quietly() {
    let panicked = panic_of(|| {
        virtually(async {
            let group = TaskGroup::new();
            group.spawn(ready(Bomb("before")));
            group.spawn(async { panic!("the second fails") });
            group.spawn(ready(Bomb("after")));
            group.join_all().await;
        });
    });
    assert_eq!(panicked, "the second fails");
    virtually(async {
        let group = TaskGroup::new();
        group.spawn(ready(Ok(Bomb("before"))));
        group.spawn(ready(Err(1)));
        group.spawn(ready(Ok(Bomb("after"))));
        assert_eq!(group.try_join_all().await.map(|_| ()).unwrap_err(), 1);
    });
}

/// With `try_join_all` the first `Err` aborts the others, too. Without one, the values come in spawn order.
#[test]
fn the_first_error_aborts_the_others() {
    let log = Log::default();
    let after = async |count: u32| {
        sleep(count * SECOND).await;
        if count == 2 || count == 4 { Err(count) } else { Ok(count) }
    };
    virtually(async {
        let start = now();
        let group = TaskGroup::new();
        [3, 2, 1, 4].map(|count| group.spawn(after(count)));
        group.spawn(holds_up(log.on_drop("dropped")));
        assert_eq!(group.try_join_all().await, Err(2));
        assert_eq!((now() - start, log.take()), (2 * SECOND, vec!["dropped".to_owned()]));

        let group = TaskGroup::new();
        [3, 1, 5].map(|count| group.spawn(after(count)));
        assert_eq!(group.try_join_all().await, Ok(vec![3, 1, 5]));
    });
}

/// An aborted task is no failure: its value is missing. What was joined before does not come again.
#[test]
fn an_aborted_task_has_no_value_and_fails_nothing() {
    virtually(async {
        let group = TaskGroup::new();
        let tasks = [1, 2, 3, 4].map(|count: u32| {
            group.spawn(async move {
                sleep(count * SECOND).await;
                count
            })
        });
        assert_eq!(group.join_next().await.unwrap().unwrap(), 1);
        tasks[2].abort();
        assert_eq!(group.join_all().await, [2, 4]);
        assert_eq!(TaskGroup::<()>::new().join_all().await, []);
    });
}

/// A group that is dropped aborts its tasks in spawn order, also if one has the slot of an earlier task. A
/// `join_all` that is dropped aborts nothing.
#[test]
fn a_group_that_is_dropped_aborts_its_tasks() {
    let log = Log::default();
    let event_loop = virtual_loop();
    event_loop.block_on(async {
        let group = TaskGroup::default();
        group.spawn(async {});
        group.spawn(holds(log.on_drop("1")));
        assert!(group.join_next().await.unwrap().is_ok());
        group.spawn(holds(log.on_drop("2"))); // in the slot of the task that is done
        yield_now().await;
        drop(group);
        log.add("the drop has returned");
        yield_now().await;
        assert_eq!(log.take(), ["the drop has returned", "1", "2"]);

        let group = TaskGroup::new();
        group.spawn(holds(log.on_drop("3")));
        assert!(timeout(SECOND, group.join_all()).await.is_err());
        sleep(SECOND).await;
        assert_eq!((log.take(), group.len()), (vec![], 1));
    });
    assert_eq!((turn(&event_loop).left, log.take()), (0, vec!["3".to_owned()]));
}

/// A closed group refuses a task, and `try_spawn` gives the future back. Its other tasks go on.
#[test]
fn a_closed_group_refuses() {
    virtually(async {
        let group = TaskGroup::new();
        group.spawn(ready(1));
        assert!(!group.is_closed());
        group.close();
        assert!(group.is_closed());
        assert_eq!(group.try_spawn(ready(2)).unwrap_err().await, 2);
        let refusal = panic_of(|| group.spawn(ready(3)));
        assert_eq!(refusal, "the TaskGroup is closed: it takes no more tasks");
        assert_eq!(group.join_all().await, [1]);

        // By the conversion of the name. The future is dropped before the panic, as that of `spawn` is.
        struct Name<'a>(&'a TaskGroup<()>);
        impl From<Name<'_>> for String {
            fn from(name: Name<'_>) -> String {
                name.0.close();
                "late".to_owned()
            }
        }
        let (group, log) = (TaskGroup::new(), Log::default());
        for _ in 0..2 {
            let dropped = log.clone();
            let on_drop = OnDrop(move || dropped.add(thread::panicking()));
            let refused = panic_of(|| group.spawn_named(Name(&group), async move { drop(on_drop) }));
            assert_eq!((refused, group.len()), (refusal.clone(), 0));
        }
        assert_eq!(log.take(), ["false", "false"]);
    });
}

/// A group that has failed is closed: the destructors of its tasks can spawn nothing on it.
#[test]
fn a_group_that_has_failed_is_closed() {
    let log = Log::default();
    virtually(async {
        let group = Rc::new(TaskGroup::new());
        let (weak, refused) = (Rc::downgrade(&group), log.clone());
        group.spawn(holds_up(OnDrop(move || {
            let spawned = weak.upgrade().unwrap().try_spawn(ready(Ok(())));
            refused.add(if spawned.is_err() { "refused" } else { "taken" });
        })));
        group.spawn(ready(Err("it fails")));
        assert_eq!(group.try_join_all().await, Err("it fails"));
        assert!(group.is_closed() && group.is_empty());
    });
    assert_eq!(log.take(), ["refused"]);
}

/// A task of a group may have a name, which its error and a dump show. It counts as spawned where the program
/// calls the group.
#[test]
fn a_task_of_a_group_may_have_a_name() {
    let observed = EventLoop::builder().virtual_clock().observe(Recorder::new()).build().unwrap();
    observed.block_on(async {
        let group = TaskGroup::new();
        group.spawn(ready(1));
        let waits = group.spawn_named("waits", pending());
        let here = format!("{}:{}:", file!(), line!() - 1);
        let dump = boucle::dump().to_string();
        let line = dump.lines().find(|line| line.contains("\"waits\"")).unwrap();
        assert!(line.contains(&here), "{dump}");
        waits.abort();
        assert_eq!(group.join_next().await.unwrap().unwrap(), 1);
        let error = group.join_next().await.unwrap().unwrap_err();
        assert_eq!((error.id(), error.name()), (waits.id(), Some("waits")));
    });
}

/// `abort_all` aborts the tasks of the group, which stays open.
#[test]
fn abort_all_leaves_the_group_open() {
    virtually(async {
        let group = TaskGroup::new();
        group.spawn(pending());
        group.spawn(ready(1));
        yield_now().await;
        group.abort_all();
        group.spawn(ready(2));
        let mut results = Vec::new();
        while let Some(result) = group.join_next().await {
            results.push(result.map_err(|error| error.is_cancelled()));
        }
        assert_eq!(results, [Ok(1), Err(true), Ok(2)]);
    });
}

/// A `join_next` that is dropped while it waits loses no result.
#[test]
fn a_wait_for_the_next_can_be_dropped() {
    virtually(async {
        let group = TaskGroup::new();
        group.spawn(async {
            sleep(2 * SECOND).await;
            7
        });
        assert!(timeout(SECOND, group.join_next()).await.is_err());
        let mut next = pin!(group.join_next());
        assert!(poll_once(&mut next).await.is_none());
        sleep(2 * SECOND).await;
        assert_eq!(group.join_next().await.unwrap().unwrap(), 7);
        assert!(next.await.is_none());
    });
}

/// A `join_all` that is dropped loses nothing: what it has seen comes from the next call, in spawn order, or
/// from `join_next`, in the order in which the tasks were done.
#[test]
fn a_join_all_that_is_dropped_loses_no_value() {
    virtually(async {
        let group = TaskGroup::new();
        let spawn = |count: u32| {
            group.spawn(async move {
                sleep(count * SECOND).await;
                count
            })
        };
        [3, 2, 1].map(spawn);
        assert!(timeout(ms(2_500), group.join_all()).await.is_err());
        assert_eq!(group.len(), 3);
        assert_eq!(group.join_all().await, [3, 2, 1]);

        [3, 2, 1].map(spawn)[0].abort();
        assert!(timeout(ms(1_500), group.join_all()).await.is_err());
        let mut results = Vec::new();
        while let Some(result) = group.join_next().await {
            results.push(result.map_err(|error| error.is_cancelled()));
        }
        assert_eq!(results, [Err(true), Ok(1), Ok(2)]);
        assert!(group.is_empty());
    });
}

/// A failure stays in the group until it is returned: by the next `join_all`, once all tasks are done, or by
/// `join_next`.
#[test]
fn a_join_all_that_is_dropped_loses_no_failure() {
    let fails = || {
        let group = TaskGroup::new();
        group.spawn(ready(Ok(1)));
        group.spawn(ready(Err("an error")));
        group.spawn(holds_up(Bomb("what is dropped late")));
        group
    };
    virtually(async {
        let group = fails();
        assert!(poll_once(group.try_join_all()).await.is_none());
        yield_now().await;
        assert!(poll_once(group.try_join_all()).await.is_none());
        assert!(group.is_closed());
        assert_eq!(group.try_join_all().await, Err("an error"));
        assert_eq!(group.try_join_all().await, Ok(vec![]));

        let group = fails();
        yield_now().await;
        assert!(poll_once(group.try_join_all()).await.is_none());
        assert_eq!((group.len(), group.join_next().await.unwrap().unwrap()), (2, Err("an error")));
        assert!(group.join_next().await.unwrap().unwrap_err().is_panic());
        assert!(group.join_next().await.is_none());
    });
    let group = TaskGroup::new();
    let panicked = panic_of(|| {
        virtually(async {
            group.spawn(async { panic!("a panic") });
            group.spawn(pending());
            yield_now().await;
            assert!(poll_once(group.join_all()).await.is_none());
            group.join_all().await;
        });
    });
    assert_eq!(panicked, "a panic");
}

/// An `Err` that a dropped `join_all` has seen is a failure for a later `try_join_all`.
#[test]
fn an_error_that_a_join_all_has_seen_is_a_failure() {
    virtually(async {
        let group = TaskGroup::new();
        group.spawn(ready(Ok(1)));
        group.spawn(ready(Err("an error")));
        group.spawn(pending());
        yield_now().await;
        assert!(poll_once(group.join_all()).await.is_none());
        assert_eq!((group.len(), group.is_closed()), (3, false));
        assert_eq!(group.try_join_all().await, Err("an error"));
        assert!(group.is_closed());
    });
}

/// Values that a `join_all` has seen are dropped quietly with the group: several destructors may panic.
#[test]
fn a_group_drops_what_a_join_all_has_seen_quietly() {
    virtually(async {
        let group = TaskGroup::new();
        ["first", "second"].map(|bomb| group.spawn(ready(Bomb(bomb))));
        group.spawn(pending());
        yield_now().await;
        assert!(poll_once(group.join_all()).await.is_none());
    });
}

/// A group belongs to the loop of its first task.
#[test]
fn a_group_is_joined_on_its_own_loop() {
    let (own, other) = (virtual_loop(), virtual_loop());
    let group = TaskGroup::new();
    own.block_on(async { _ = group.spawn(pending::<()>()) });
    let refusal = panic_of(|| drop(other.block_on(group.join_next())));
    assert!(refusal.starts_with("TaskGroup of loop "), "{refusal}");
    assert!(refusal.ends_with("it can only be awaited on its own loop"), "{refusal}");
    drop(own);
    let refusal = panic_of(|| drop(other.block_on(group.join_next())));
    assert!(refusal.contains("TaskGroup was polled after its event loop"), "{refusal}");
    let refusal = panic_of(|| TaskGroup::new().spawn(ready(())));
    assert!(refusal.starts_with("TaskGroup needs an event loop"), "{refusal}");
}

/// A group can be awaited by a future that has to be `Send`: a task holds it.
#[test]
fn a_task_that_holds_a_group_is_awaited_by_a_future_that_is_send() {
    fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    let held_by_a_task = is_send(async {
        let task = spawn(async {
            let group = TaskGroup::new();
            group.spawn(async { 1 });
            group.join_all().await
        });
        task.await.unwrap()
    });
    virtually(async { assert_eq!(held_by_a_task.await, [1]) });
}
