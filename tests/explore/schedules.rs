//! Which schedules are tried, in which order, and how many.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use boucle::explore::{Explore, Strategy, choose};
use boucle::observe::EventKind;
use boucle::{ALL_COMPLETED, EventLoop, TaskGroup, explore, gather, sleep, spawn, wait, yield_now};

use crate::common::{observed_by, panic_of};

/// What the tasks have written, in order.
type Written = Rc<RefCell<Vec<u32>>>;

/// Runs tasks that write their number before each yield and at their end. Returns what was written.
async fn writers(tasks: u32, yields: u32) -> Vec<u32> {
    let written = Written::default();
    gather((0..tasks).map(|task| {
        let written = written.clone();
        async move {
            for _ in 0..yields {
                written.borrow_mut().push(task);
                yield_now().await;
            }
            written.borrow_mut().push(task);
        }
    }))
    .await;
    written.take()
}

/// Explores the writers. Returns the number of schedules, and of distinct orders of what was written.
fn orders(explore: &Explore, tasks: u32, yields: u32) -> (boucle::explore::Explored, usize) {
    let orders = Mutex::new(BTreeSet::new());
    let explored = explore.run(|| async {
        let written = writers(tasks, yields).await;
        orders.lock().unwrap().insert(written);
    });
    (explored, orders.into_inner().unwrap().len())
}

/// Each order is tried once: n! orders of n tasks of one poll, and all interleavings of longer ones.
#[test]
fn every_schedule_is_tried_once() {
    let explore = Explore::new().strategy(Strategy::Exhaustive);
    for (tasks, yields, expected) in
        [(1, 5, 1), (2, 0, 2), (3, 0, 6), (5, 0, 120), (2, 2, 20), (3, 1, 90), (2, 5, 924)]
    {
        let (explored, orders) = orders(&explore, tasks, yields);
        assert_eq!((explored.schedules, explored.complete, orders), (expected, true, expected as usize));
    }
}

/// No more schedules are tried than the bound, which are distinct; and the result says that there were more.
#[test]
fn the_number_of_schedules_is_bounded() {
    for bound in [1, 2, 89] {
        let explore = Explore::new().strategy(Strategy::Exhaustive).schedules(bound);
        let (explored, orders) = orders(&explore, 3, 1);
        assert_eq!((explored.schedules, explored.complete, orders), (bound, false, bound as usize));
    }
    let none = panic_of(|| Explore::new().schedules(0));
    assert_eq!(none, "an exploration needs one schedule at least");
    for bound in [90, u64::MAX] {
        let explore = Explore::new().strategy(Strategy::Exhaustive).schedules(bound).time(Duration::MAX);
        let (explored, _) = orders(&explore, 3, 1);
        assert_eq!((explored.schedules, explored.complete), (90, true));
    }
}

/// When the time is over, no further schedule is begun: one that another thread has begun comes to its end.
#[test]
fn the_time_is_looked_at_after_each_schedule() {
    const LIMIT: Duration = Duration::from_millis(200);
    for (strategy, threads) in
        [(Strategy::Exhaustive, 1), (Strategy::Random, 1), (Strategy::Exhaustive, 2), (Strategy::Random, 2)]
    {
        let runs = AtomicU64::new(0);
        let explore = Explore::new().strategy(strategy).threads(threads).time(LIMIT);
        let explored = explore.run(async || {
            if runs.fetch_add(1, Ordering::Relaxed) >= 2 {
                std::thread::sleep(LIMIT);
            }
            writers(3, 1).await;
        });
        assert!(explored.schedules < 3 + threads as u64 && !explored.complete, "{strategy:?}, {explored}");
    }
}

/// How a program waits for its tasks decides how many schedules it has: the figures of the documentation, for
/// three tasks of two yields.
#[test]
fn how_tasks_are_joined_decides_how_many_schedules_there_are() {
    async fn task() {
        yield_now().await;
        yield_now().await;
    }
    fn count<F: Future>(program: impl Fn() -> F + Sync) -> (u64, bool) {
        let explored = Explore::new().strategy(Strategy::Exhaustive).schedules(20_000).run(program);
        (explored.schedules, explored.complete)
    }
    let spawned = || [0, 1, 2].map(|_| spawn(task()));
    assert_eq!(count(|| async { drop(gather([0, 1, 2].map(|_| task())).await) }), (1_680, true));
    assert_eq!(count(|| async { drop(wait(spawned(), ALL_COMPLETED).await) }), (1_680, true));
    let one_by_one = || async {
        for handle in spawned() {
            handle.await.unwrap();
        }
    };
    assert_eq!(count(one_by_one), (4_875, true));
    let in_a_group = || async {
        let group = TaskGroup::new();
        for _ in 0..3 {
            group.spawn(task());
        }
        group.join_all().await
    };
    assert_eq!(count(in_a_group), (11_130, true));
    assert_eq!(count(|| async { drop(gather(spawned()).await) }), (20_000, false));
}

/// Timers that are due together fire in every order, others in the order of their deadlines.
#[test]
fn timers_that_are_due_together_fire_in_every_order() {
    let orders = Mutex::new(BTreeSet::new());
    let explored = explore(|| async {
        let woken = Written::default();
        gather([(0, 1), (1, 2), (2, 2), (3, 3)].map(|(task, seconds)| {
            let woken = woken.clone();
            async move {
                sleep(Duration::from_secs(seconds)).await;
                woken.borrow_mut().push(task);
            }
        }))
        .await;
        orders.lock().unwrap().insert(woken.take());
    });
    assert!(explored.complete);
    let orders: Vec<_> = orders.into_inner().unwrap().into_iter().collect();
    assert_eq!(orders, [[0, 1, 2, 3], [0, 2, 1, 3]]);
}

/// The same seed draws the same schedules, on any number of threads; another draws others.
#[test]
fn a_seed_draws_the_same_schedules_on_any_number_of_threads() {
    let drawn = |seed, threads| {
        let seen = Mutex::new(BTreeSet::new());
        let explore = Explore::new().strategy(Strategy::Random).schedules(300).seed(seed).threads(threads);
        let explored = explore.run(|| async {
            let written = writers(4, 3).await;
            seen.lock().unwrap().insert(written);
        });
        assert_eq!((explored.schedules, explored.complete), (300, false));
        seen.into_inner().unwrap()
    };
    assert_eq!(drawn(1, 1), drawn(1, 3));
    assert_ne!(drawn(1, 1), drawn(2, 1));
    assert!(drawn(1, 1).len() > 150);
    let complete = orders(&Explore::new().threads(3), 3, 1);
    assert_eq!((complete.0.schedules, complete.1), (90, 90));
}

/// Half of the random schedules are drawn by priorities. They find an order in which one task goes on and on
/// while another is ready: of those that are drawn evenly, one in 2^31 has it.
#[test]
fn some_random_schedules_are_drawn_by_priorities() {
    let failure = Explore::new().strategy(Strategy::Random).schedules(100).try_run(|| async {
        let is_done = Rc::new(Cell::new(false));
        let done = is_done.clone();
        let quick = spawn(async move { assert!(!is_done.get(), "the other has overtaken it") });
        let slow = spawn(async move {
            for _ in 0..30 {
                yield_now().await;
            }
            done.set(true);
        });
        quick.await.unwrap();
        slow.await.unwrap();
    });
    assert!(failure.unwrap_err().message.ends_with("the other has overtaken it"));
}

/// A task that yields until another one has done something is not preferred for ever.
#[test]
fn a_task_that_yields_starves_no_other() {
    let most = AtomicU64::new(0);
    let explore = Explore::new().schedules(300).strategy(Strategy::Random);
    explore.run(|| async {
        let done = Rc::new(Cell::new(false));
        let task = spawn({
            let done = done.clone();
            async move { done.set(true) }
        });
        let mut polls = 0;
        while !done.get() {
            yield_now().await;
            polls += 1;
        }
        most.fetch_max(polls, Ordering::Relaxed);
        task.await.unwrap();
    });
    assert!(most.into_inner() <= 65);
}

/// A time limit that runs out with the last schedule cuts nothing short.
#[test]
fn what_was_tried_in_time_is_complete() {
    let explored = Explore::new().time(Duration::ZERO).run(|| async {});
    assert_eq!(explored.to_string(), "1 schedule, complete");
}

/// What a time limit leaves out is not complete, even if it is the last schedules.
#[test]
fn what_was_cut_short_is_not_complete() {
    let explored = Explore::new().time(Duration::from_millis(7)).run(|| async {
        choose(4);
        thread::sleep(Duration::from_millis(5)); // so that at most two of the four are tried
    });
    assert!(explored.schedules <= 2 && !explored.complete, "{explored}");
}

/// A run may have as many polls as the limit says, and no more.
#[test]
fn a_run_may_have_so_many_polls() {
    let two_polls = || async { yield_now().await };
    assert!(Explore::new().polls(2).try_run(two_polls).is_ok());
    let failure = Explore::new().polls(1).try_run(two_polls).unwrap_err();
    assert_eq!(failure.message, "the program has not ended after 1 polls");
}

/// The program's own choices are tried beside the orders of its tasks. Outside an exploration, they are 0.
#[test]
fn own_choices_are_explored() {
    let seen = Mutex::new(BTreeSet::new());
    let explored = explore(|| async {
        let tasks = [0, 1].map(|task| spawn(async move { (task, choose(3)) }));
        for task in tasks {
            let chosen = task.await.unwrap();
            seen.lock().unwrap().insert(chosen);
        }
    });
    assert!(explored.complete && seen.lock().unwrap().len() == 6);
    assert_eq!(choose(5), 0);
}

/// So they are in a destructor of a thread that ends, after exploration's own thread-local is gone.
#[test]
fn a_thread_that_ends_may_choose() {
    struct Chooses;
    impl Drop for Chooses {
        fn drop(&mut self) {
            assert_eq!(choose(2), 0);
        }
    }
    thread_local! {
        static CHOOSES: Chooses = const { Chooses };
    }
    let thread = thread::spawn(|| {
        CHOOSES.with(|_| ());
        choose(2) // the thread-local that is used last is destroyed first
    });
    assert_eq!(thread.join().unwrap(), 0);
}

/// An attempt to explore inside an exploration fails, and leaves that one as it was.
#[test]
fn an_exploration_survives_one_inside_of_it() {
    let chosen = Mutex::new(BTreeSet::new());
    let explored = explore(|| async {
        let inner = Explore::new().try_run(|| async {});
        assert!(inner.unwrap_err().message.contains("where no loop is running"));
        chosen.lock().unwrap().insert(choose(2));
    });
    assert_eq!((explored.schedules, chosen.into_inner().unwrap().len()), (2, 2));
}

/// So does one in an observer.
#[test]
fn an_observer_may_not_explore() {
    let message = Rc::new(RefCell::new(None));
    let failed = Rc::clone(&message);
    let event_loop = observed_by(move |event| {
        if let EventKind::PollBegins { .. } = event.kind {
            let failure = Explore::new().try_run(|| async {}).unwrap_err();
            failed.replace(Some(failure.message));
        }
    });
    event_loop.block_on(async {});
    let message = message.take().unwrap();
    assert!(message.contains("where no loop is running"), "{message}");
}

/// A choice that is too large to be written down is refused.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_choice_has_a_bound() {
    let failure = Explore::new().try_run(async || _ = choose(1 << 32)).unwrap_err();
    assert!(
        failure.message.ends_with("a choice may have at most 2^32 - 1 options, not 4294967296"),
        "{failure}"
    );
}

/// A future that takes every poll for a wake is found only with spurious polls.
#[test]
fn spurious_polls_find_what_relies_on_wakes() {
    let relies_on_wakes = || async {
        let mut is_woken = false;
        let waits = spawn(poll_fn(move |cx| {
            if is_woken {
                return Poll::Ready(boucle::now());
            }
            is_woken = true;
            let waker = cx.waker().clone();
            drop(spawn(async move {
                sleep(Duration::from_secs(1)).await;
                waker.wake();
            }));
            Poll::Pending
        }));
        let began = boucle::now();
        assert!(waits.await.unwrap() - began == Duration::from_secs(1), "it was polled too early");
    };
    assert!(explore(relies_on_wakes).complete);
    let failure = Explore::new().spurious_polls(true).try_run(relies_on_wakes).unwrap_err();
    assert!(failure.message.contains("polled too early"), "{failure}");
    let words = ": #2 is polled, though nothing has woken it\n";
    assert!(failure.to_string().contains(words), "{failure}");
    assert_eq!(format!("{failure:?}"), failure.to_string());
}

/// A seed of `shuffle` draws one order. Deadlines and values are as under FIFO.
#[test]
fn a_shuffled_loop_keeps_deadlines_and_values() {
    let orders: BTreeSet<_> = (0..200).map(shuffled).collect();
    assert_eq!(orders.len(), 8);
    assert!((0..20).all(|seed| shuffled(seed) == shuffled(seed)));
}

/// Returns the order in which six tasks end, two at each of three times.
fn shuffled(seed: u64) -> Vec<u64> {
    let event_loop = EventLoop::builder().virtual_clock().shuffle(seed).build().unwrap();
    let ended = Rc::new(RefCell::new(Vec::new()));
    let tasks = (0..6).map(|task| {
        let ended = ended.clone();
        event_loop.spawn(async move {
            yield_now().await;
            sleep(Duration::from_secs(task / 2)).await;
            ended.borrow_mut().push(task);
            task
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let values = event_loop.block_on(gather(tasks));
    assert!((0..6).eq(values.into_iter().map(Result::unwrap)));
    let ended = ended.take();
    assert!(ended.is_sorted_by_key(|task| task / 2), "{ended:?}");
    ended
}
