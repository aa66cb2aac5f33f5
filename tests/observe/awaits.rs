//! Dumps: what waits for what, and tasks that wait for each other.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use boucle::net::UdpSocket;
use boucle::observe::WaitsFor;
use boucle::trace::Recorder;
use boucle::{EventLoop, JoinHandle, TaskGroup, dump, sleep, spawn, timeout, yield_now};
use futures_lite::future::poll_once;

use super::{observed_loop, task};
use crate::common::{LONG, SECOND, panic_of, virtual_loop};

/// Tasks are in spawn order, even if a slot was used again; no task is shown to await what the previous task in
/// its slot awaited.
#[test]
fn a_dump_is_right_after_a_slot_is_used_again() {
    virtual_loop().block_on(async {
        let first = spawn(async {});
        let mut early = spawn(pending::<()>());
        first.await.unwrap();
        let mut late = spawn(pending::<()>()); // in the slot of the first one
        let gone = spawn(async move {
            assert!(poll_once(&mut early).await.is_none());
            (early,)
        });
        let (mut early,) = gone.await.unwrap();
        drop(spawn(pending::<()>())); // in the slot of the one that has polled `early`
        yield_now().await;
        let dumped: Vec<_> = dump().tasks.iter().map(|task| (task.id, task.awaits.clone())).collect();
        assert_eq!(dumped, [(1, vec![]), (3, vec![]), (4, vec![]), (6, vec![])]);

        drop(spawn(async move { futures::join!(&mut late, &mut early) }));
        yield_now().await;
        assert_eq!(task(&dump(), 7).awaits, [3, 4]);
    });
}

/// Spawns tasks in a cycle, each of which awaits the one before it.
fn cycle(tasks: usize) {
    type Place = Rc<RefCell<Option<JoinHandle<()>>>>;
    let places: Vec<Place> = (0..tasks).map(|_| Place::default()).collect();
    for own in 0..tasks {
        let before = places[(own + tasks - 1) % tasks].clone();
        let handle = spawn(async move {
            let before = before.take().unwrap();
            before.await.unwrap();
        });
        *places[own].borrow_mut() = Some(handle);
    }
}

/// A dump names each cycle of tasks that wait for each other once, without the tasks that merely wait
/// for one in the cycle.
#[test]
fn tasks_that_wait_for_each_other_are_named() {
    for event_loop in [virtual_loop(), observed_loop()] {
        let dump = event_loop.block_on(async {
            cycle(2);
            cycle(3);
            drop(spawn(async { drop(spawn(pending::<()>()).await) }));
            sleep(SECOND).await;
            dump()
        });
        assert_eq!(dump.cycles(), [vec![2, 3], vec![4, 6, 5]]);
        let text = dump.to_string();
        let named: Vec<_> = text.lines().filter(|line| line.contains("each other")).collect();
        assert_eq!(
            named,
            [
                "task 2 → task 3 → task 2 wait for each other",
                "task 4 → task 6 → task 5 → task 4 wait for each other"
            ]
        );
        let again: Vec<_> = text.lines().filter(|line| line.ends_with("(see above)")).collect();
        assert_eq!(again.len(), 2, "{text}");
    }
}

/// The message of a deadlock names tasks that wait for each other, too.
#[test]
fn a_deadlock_names_tasks_that_wait_for_each_other() {
    let message = panic_of(|| {
        virtual_loop().block_on(async {
            cycle(2);
            pending::<()>().await;
        })
    });
    assert!(message.starts_with("deadlock: "), "{message}");
    let end = "\n\ntask 2 → task 3 → task 2 wait for each other";
    assert!(message.ends_with(end), "{message}");
}

/// A task that has stopped waiting for another one, but keeps the handle, does not await it. An observed loop
/// shows that from the task's next poll on.
#[test]
fn a_task_that_gave_up_does_not_await() {
    observed_loop().block_on(async {
        let mut other = spawn(pending::<()>());
        drop(spawn(async move {
            timeout(SECOND, &mut other).await.unwrap_err();
            yield_now().await;
            sleep(SECOND).await;
            drop(other);
        }));
        sleep(SECOND / 2).await;
        assert_eq!(task(&dump(), 3).awaits, [2]);
        sleep(SECOND).await;
        assert_eq!(task(&dump(), 3).awaits, [] as [u64; 0]);
    });
}

/// A task that was woken by the end of another one has not been polled since: it awaits that one no more.
#[test]
fn a_task_that_is_done_is_not_awaited() {
    for event_loop in [virtual_loop(), observed_loop()] {
        let dump = event_loop.block_on(async {
            let awaited = spawn(async {});
            let dumps = spawn(async { dump() });
            awaited.await.unwrap();
            dumps.await.unwrap()
        });
        assert_eq!(task(&dump, 1).awaits, [] as [u64; 0]);
        assert!(dump.to_string().lines().all(|line| line != "which task awaits which"), "{dump}");
    }
}

/// Of two tasks that join the next of a group, the last is woken. The other one still waits when no task of
/// the group is left: neither a dump nor a timeline says how many there were at its poll.
#[test]
fn a_task_that_waits_for_a_group_shows_no_old_number() {
    let recorder = Recorder::new();
    let builder = EventLoop::builder().virtual_clock();
    let event_loop = builder.observe(recorder.clone()).build().unwrap();
    let dump = event_loop.block_on(async {
        let group = Rc::new(TaskGroup::new());
        group.spawn(sleep(SECOND));
        group.spawn(sleep(SECOND * 2));
        for _ in 0..2 {
            let group = Rc::clone(&group);
            drop(spawn(async move { group.join_next().await }));
        }
        sleep(SECOND * 3).await;
        dump()
    });
    drop(event_loop);
    assert_eq!(dump.tasks.len(), 2);
    let waits = "  4       idle for 3 s  tasks of TaskGroup  ";
    assert!(dump.to_string().contains(waits), "{dump}");
    let timeline = recorder.trace().to_string();
    assert!(timeline.contains(" waits for tasks of TaskGroup (since 0)\n"), "{timeline}");
}

/// A task that was woken or aborted no longer waits, so the dump does not show what it waited for.
#[test]
fn only_idle_tasks_wait() {
    let dump = observed_loop().block_on(async {
        let aborted = spawn(sleep(SECOND));
        yield_now().await;
        assert!(dump().to_string().contains("timer 0, until 1 s"));
        aborted.abort();
        dump()
    });
    assert!(!dump.to_string().contains("timer 0"), "{dump}");
}

/// A dump shows everything that one task waits for.
#[test]
fn one_task_may_wait_for_several_things() {
    let event_loop = observed_loop();
    let dump = event_loop.block_on(async {
        let others = [(); 2].map(|()| spawn(pending::<()>()));
        drop(spawn(async {
            let [mut one, mut other] = others;
            let mut both = Box::pin(async { futures::join!(&mut one, &mut other) });
            let _ = timeout(LONG, &mut both).await;
        }));
        yield_now().await;
        yield_now().await;
        dump()
    });
    assert_eq!(task(&dump, 4).awaits, [2, 3]);
    let waits = "  4       idle for 0    timer 0, until 60 s; 2 tasks  ";
    let text = dump.to_string();
    assert!(text.contains(waits), "{text}");
}

/// A task does not wait for a timer or a socket that its poll has dropped, though the poll began with it.
#[test]
fn what_a_poll_drops_is_not_waited_for() {
    observed_loop().block_on(async {
        drop(spawn(async {
            assert!(poll_once(sleep(SECOND)).await.is_none());
            pending::<()>().await;
        }));
        drop(spawn(async {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            assert!(poll_once(socket.recv_from(&mut [0])).await.is_none());
            drop(socket);
            sleep(LONG).await;
        }));
        sleep(SECOND).await;
        let waits = |id| task(&dump(), id).seen.as_ref().unwrap().waits.clone();
        assert_eq!(waits(2), [WaitsFor::Foreign]);
        assert!(matches!(waits(3)[..], [WaitsFor::Timer { .. }]));
    });
}

/// The table and the tree agree: neither has a task whose handle is gone.
#[test]
fn the_table_has_no_handle_that_is_gone() {
    let dump = observed_loop().block_on(async {
        let [one, other] = [(); 2].map(|()| spawn(pending::<()>()));
        drop(spawn(async {
            assert!(poll_once(one).await.is_none());
            other.await.unwrap();
        }));
        sleep(SECOND).await;
        dump()
    });
    assert_eq!(task(&dump, 4).awaits, [3]);
    assert!(dump.to_string().contains("  4       idle for 1 s  task 3  "), "{dump}");
}

/// A task does not await what it has given up, though the last poll began with it: here a `timeout` is over,
/// and the one whose handle it has dropped awaits this task.
#[test]
fn a_handle_that_was_dropped_makes_no_cycle() {
    for event_loop in [virtual_loop(), observed_loop()] {
        let dump = event_loop.block_on(async {
            let handle: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
            let taken = handle.clone();
            let gives_up = spawn(async move {
                let other = taken.take().unwrap();
                timeout(SECOND, other).await.unwrap_err();
                sleep(LONG).await;
            });
            *handle.borrow_mut() = Some(spawn(async move { gives_up.await.unwrap() }));
            sleep(2 * SECOND).await;
            dump()
        });
        assert_eq!(dump.cycles(), Vec::<Vec<u64>>::new());
        assert_eq!((&task(&dump, 2).awaits[..], &task(&dump, 3).awaits[..]), (&[][..], &[2][..]));
    }
}
