//! What the search finds, and how: the same for any seed, strategy, and number of threads.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::{pending, poll_fn};
use std::panic::catch_unwind;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use boucle::explore::{Explore, Strategy, choose};
use boucle::{EventLoop, gather, now, sleep, spawn, yield_now};

use crate::common::{own_binary, panic_of, passes_alone};

/// Returns the schedule of a failure that a random exploration has found, for some seeds.
fn found_at_random<F: Future<Output = ()>>(program: impl Fn() -> F + Sync) -> Vec<String> {
    let explore = |seed| Explore::new().strategy(Strategy::Random).seed(seed).try_run(&program);
    (0..5).map(|seed| explore(seed).unwrap_err().schedule).collect()
}

/// With spurious polls too, each schedule is another order of polls.
#[test]
fn no_order_of_polls_is_tried_twice_with_spurious_polls() {
    /// Polls a future, and adds its number to a list each time.
    fn noted<F: Future>(
        n: u8,
        polls: &Rc<RefCell<Vec<u8>>>,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let (polls, mut future) = (polls.clone(), Box::pin(future));
        poll_fn(move |cx| {
            polls.borrow_mut().push(n);
            future.as_mut().poll(cx)
        })
    }
    let orders = Mutex::new(vec![]);
    let explore = Explore::new().strategy(Strategy::Exhaustive).spurious_polls(true).schedules(3_000);
    explore.run(|| async {
        let polls: &Rc<_> = &Rc::default();
        let main = async {
            let tasks = [1, 2].map(|n| spawn(noted(n, polls, yield_now())));
            for task in tasks {
                task.await.unwrap();
            }
        };
        noted(0, polls, main).await;
        orders.lock().unwrap().push(polls.take());
    });
    let orders = orders.into_inner().unwrap();
    let distinct: BTreeSet<_> = orders.iter().collect();
    assert_eq!(distinct.len(), orders.len());
}

/// Two spurious polls in a row are tried, of one task and of two.
#[test]
fn spurious_polls_in_a_row_are_tried() {
    for (tasks, order_that_fails) in [(1, &[0, 0, 0][..]), (2, &[0, 1, 0, 1])] {
        let failure = Explore::new().orders(false).spurious_polls(true).try_run(|| async move {
            let polls = &Rc::new(RefCell::new(vec![]));
            let _waiting: Vec<_> = (0..tasks)
                .map(|n| {
                    let polls = polls.clone();
                    spawn(poll_fn(move |_| {
                        polls.borrow_mut().push(n);
                        Poll::<()>::Pending
                    }))
                })
                .collect();
            yield_now().await; // each task is polled once, in order, and then this
            assert!(*polls.borrow() != order_that_fails, "in a row");
        });
        assert!(failure.unwrap_err().message.ends_with("in a row"), "{order_that_fails:?}");
    }
}

/// A random run has time for what is ready, however many tasks wait.
#[test]
fn random_runs_end_with_spurious_polls() {
    let explore = Explore::new().strategy(Strategy::Random).spurious_polls(true).schedules(20).polls(1_000);
    explore.run(|| async {
        let _waits = [(); 50].map(|()| spawn(pending::<()>()));
        for _ in 0..300 {
            yield_now().await;
        }
    });
}

/// Spurious polls count as polls, and none comes after a failure. (Without one the program ends after ten polls,
/// so FIFO passes; with one it never does.)
#[test]
fn spurious_polls_are_counted_and_end_with_the_run() {
    for (limit, panics_at) in [(12, u64::MAX), (1_000, 12)] {
        for seed in 0..20 {
            let most = Arc::new(AtomicU64::new(0));
            let explore = Explore::new().strategy(Strategy::Random).seed(seed).spurious_polls(true);
            let failure = explore.polls(limit).try_run(|| {
                let (polls, most) = (Rc::new(Cell::new(0)), most.clone());
                let count = move || {
                    polls.set(polls.get() + 1);
                    most.fetch_max(polls.get(), Ordering::Relaxed);
                    assert!(polls.get() != panics_at, "at its twelfth poll");
                    polls.get()
                };
                async move {
                    let waits = || {
                        let count = count.clone();
                        spawn(poll_fn(move |_| {
                            count();
                            Poll::<()>::Pending
                        }))
                    };
                    let _waiting = [waits(), waits(), waits()];
                    let (mut own, counts) = (0, count.clone());
                    let mut task = spawn(poll_fn(move |cx| {
                        own += 1;
                        cx.waker().wake_by_ref();
                        if counts() == 9 && own == 5 { Poll::Ready(()) } else { Poll::Pending }
                    }));
                    let ended = poll_fn(|cx| {
                        count();
                        Pin::new(&mut task).poll(cx)
                    });
                    ended.await.unwrap();
                }
            });
            assert!(failure.is_err());
            assert_eq!(most.load(Ordering::Relaxed), 12, "seed {seed}");
        }
    }
}

/// Any of the tasks that wait may be polled spuriously, not only the first.
#[test]
fn each_task_that_waits_is_polled_spuriously() {
    for late in 0..3 {
        let explore = Explore::new().orders(false).spurious_polls(true).schedules(500);
        let failure = explore.try_run(|| async move {
            for n in 0..3 {
                let mut polls = 0;
                drop(spawn(poll_fn(move |_| {
                    polls += 1;
                    assert!(polls < 2 || n != late, "polled again");
                    Poll::<()>::Pending
                })));
            }
            for _ in 0..4 {
                yield_now().await;
            }
        });
        let failure = failure.unwrap_err();
        assert!(failure.message.ends_with("polled again"), "{late}: {failure}");
        assert!(!failure.schedule.contains(','), "{late}: {failure}");
    }
}

/// The second half of a mixed exploration is random: it finds what leaves FIFO at many choices.
#[test]
fn the_second_half_of_a_mixed_exploration_is_random() {
    let program = || async {
        let ones = (0..24).filter(|_| choose(2) == 1).count();
        assert!(ones < 9, "nine");
    };
    let failure = Explore::new().schedules(600).try_run(program).unwrap_err();
    assert!((301..600).contains(&failure.schedules), "{failure}");
    assert!(Explore::new().strategy(Strategy::Exhaustive).schedules(600).try_run(program).is_ok());
}

/// Panics of one place are one failure, whatever their messages say.
#[test]
fn a_message_that_differs_is_the_same_failure() {
    let found = found_at_random(|| async {
        let all: Vec<_> = (0..8).map(|_| choose(2)).collect();
        assert!(all[3] == 0, "{all:?}");
    });
    assert!(found.iter().all(|schedule| schedule == "3:1"), "{found:?}");
}

/// A choice is made as low as fails.
#[test]
fn a_choice_is_lowered() {
    let found = found_at_random(|| async { assert!(choose(20) < 3, "three") });
    assert!(found.iter().all(|schedule| schedule == "0:3"), "{found:?}");
}

/// Deviations are removed also where the search in order does not come: of 30 choices, four have to be 1.
#[test]
fn deviations_are_removed() {
    let found = found_at_random(|| async {
        let all: Vec<_> = (0..30).map(|_| choose(2)).collect();
        assert!([4, 11, 17, 23].iter().any(|at| all[*at] == 0), "four");
    });
    assert!(found.iter().all(|schedule| schedule == "4:1,11:1,17:1,23:1"), "{found:?}");
}

/// What cannot be left out at first is tried again when others are gone. The choices 18 to 21 have to be 1 as
/// long as 23, 25, 27 and 29 are, which go last, since each stands among those that stay.
#[test]
fn no_deviation_is_left_that_could_be_left_out() {
    let found = found_at_random(|| async {
        let all: Vec<_> = (0..30).map(|_| choose(2)).collect();
        let fails = (0..4).all(|n| all[22 + 2 * n] == 1 && all[23 + 2 * n] <= all[18 + n]);
        assert!(!fails, "as it should");
    });
    assert!(found.iter().all(|schedule| schedule == "22:1,24:1,26:1,28:1"), "{found:?}");
}

/// A choice that was lowered may make another one needless, which is tried again: the first has to be 1 only
/// while the last is above 1. (Other schedules have many more choices, so that the search in order finds none.)
#[test]
fn no_deviation_is_left_that_a_lower_one_makes_needless() {
    let explore = |seed| {
        let failure = Explore::new().seed(seed).try_run(|| async {
            let first = choose(2);
            if (0..4).any(|_| choose(2) == 0) {
                return (0..200).for_each(|_| _ = choose(2));
            }
            let last = choose(4);
            assert!(last == 0 || last > 1 && first == 0, "one");
        });
        failure.unwrap_err().schedule
    };
    let found: Vec<_> = (0..5).map(explore).collect();
    assert!(found.iter().all(|schedule| schedule == "1:1,2:1,3:1,4:1,5:1"), "{found:?}");
}

/// What can be removed is removed before a choice is lowered, which may take all the runs there are.
#[test]
fn deviations_are_removed_before_choices_are_lowered() {
    let found = found_at_random(|| async {
        let chosen = choose(1_000_000);
        _ = (choose(2), choose(2));
        assert!(chosen < 5_000, "one");
    });
    assert!(found.iter().all(|schedule| schedule.starts_with("0:") && !schedule.contains(',')), "{found:?}");
}

/// When the time is over, no lower choice is tried.
#[test]
fn choices_are_lowered_as_long_as_there_is_time() {
    let limit = Duration::from_millis(500);
    let runs_after_failure = AtomicUsize::new(0);
    let explore = Explore::new().strategy(Strategy::Random).time(limit);
    let failure = explore.try_run(|| async {
        if runs_after_failure.load(Ordering::Relaxed) > 0 {
            runs_after_failure.fetch_add(1, Ordering::Relaxed);
            thread::sleep(limit); // one such run is all the time
        }
        let chosen = choose(1_000_000);
        if chosen >= 1_000 {
            runs_after_failure.fetch_max(1, Ordering::Relaxed);
            panic!("one");
        }
    });
    assert!(failure.unwrap_err().message.ends_with("one"));
    let runs = runs_after_failure.into_inner();
    assert!(runs < 10, "{runs}"); // without the deviation; those of the search in order; the two pictures
}

/// A number of the ready queue that stands for no task is nothing that is ready: then it is time to park, and no
/// task is polled that nothing has woken.
#[test]
fn no_spurious_poll_while_nothing_is_ready() {
    Explore::new().spurious_polls(true).schedules(500).run(|| async {
        let is_done = Rc::new(Cell::new(false));
        let done = is_done.clone();
        let wakes_itself = poll_fn(move |cx| {
            cx.waker().wake_by_ref(); // leaves its number in the queue
            done.set(true);
            Poll::Ready(())
        });
        drop(spawn(wakes_itself));
        let begin = now();
        let mut second = sleep(Duration::from_secs(1));
        poll_fn(|cx| {
            assert!(!is_done.get() || now() > begin, "nothing is ready");
            Pin::new(&mut second).poll(cx)
        })
        .await;
    });
}

/// The line that replays a failure names the exploration of its thread.
#[test]
fn the_line_names_the_exploration() {
    let thread = thread::spawn(|| {
        boucle::explore(|| async {});
        Explore::new().try_run(|| async { panic!("no luck") }).unwrap_err().to_string()
    });
    let report = thread.join().unwrap();
    assert!(report.contains("BOUCLE_SCHEDULE=2/fifo"), "{report}");
}

/// The first failure is that of one thread, though other threads find later ones meanwhile, or have passed it.
#[test]
fn the_first_failure_is_the_same_on_any_number_of_threads() {
    for all_fail in [false, true] {
        let program = || async move {
            let chosen = choose(64);
            // The others go on meanwhile, and the next one fails later.
            let takes = [0, 20, 60][usize::from(chosen == 5) + 2 * usize::from(chosen == 6)];
            thread::sleep(Duration::from_millis(takes));
            assert!(chosen < 5 || chosen > 5 && !all_fail, "five");
        };
        for threads in [1, 4] {
            let failure = Explore::new().threads(threads).try_run(program).unwrap_err();
            assert_eq!((&*failure.schedule, failure.schedules), ("0:5", 6), "{threads}, {all_fail}");
        }
    }
}

/// A bounded exploration tries the same schedules on any number of threads.
#[test]
fn the_same_schedules_are_planned_on_any_number_of_threads() {
    let tried = |threads| {
        let seen = Mutex::new(BTreeSet::new());
        let explore = Explore::new().strategy(Strategy::Exhaustive).schedules(200).threads(threads);
        explore.run(|| async {
            let all: Vec<_> = (0..20).map(|_| choose(2)).collect();
            thread::sleep(Duration::from_millis(1)); // so that the threads take turns
            seen.lock().unwrap().insert(all);
        });
        seen.into_inner().unwrap()
    };
    assert_eq!(tried(1), tried(4));
}

/// By priorities, a task may fall in the middle of a run: after its first poll it waits for thirty of another.
#[test]
fn a_priority_falls_in_the_middle() {
    let program = || async {
        let step = Rc::new(Cell::new(0));
        let seen = step.clone();
        let one = spawn(async move {
            for _ in 0..10 {
                yield_now().await;
            }
            step.set(1);
            yield_now().await;
            step.set(2);
        });
        let other = spawn(async move {
            for _ in 0..30 {
                if seen.get() != 1 {
                    return;
                }
                yield_now().await;
            }
            panic!("thirty");
        });
        one.await.unwrap();
        other.await.unwrap();
    };
    let explore = |seed| Explore::new().strategy(Strategy::Random).schedules(400).seed(seed).try_run(program);
    let found = (0..10).filter(|&seed| explore(seed).is_err()).count();
    assert!(found >= 3, "{found}");
}

/// Seeds that are near each other draw different schedules.
#[test]
fn neighbouring_seeds_draw_different_schedules() {
    let drawn = |seed| {
        let seen = Mutex::new(BTreeSet::new());
        Explore::new().strategy(Strategy::Random).schedules(256).seed(seed).run(|| async {
            seen.lock().unwrap().insert((0..40).map(|_| choose(2)).collect::<Vec<_>>());
        });
        seen.into_inner().unwrap()
    };
    let first = drawn(0);
    for seed in 1..5 {
        assert!(drawn(seed).intersection(&first).count() <= 1, "{seed}: only FIFO");
    }
}

/// Without orders, tasks are polled in FIFO order.
#[test]
fn without_orders_tasks_are_polled_in_fifo_order() {
    let explored = Explore::new().orders(false).run(|| async {
        gather((0..3).map(|_| yield_now())).await;
    });
    assert_eq!(explored.to_string(), "1 schedule, complete");
}

/// What the program returns is dropped within its run: a destructor that panics is a failure.
#[test]
fn the_value_of_a_program_is_dropped_within_the_run() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let failure = Explore::new().try_run(|| async { Bomb });
    assert!(failure.unwrap_err().message.ends_with("dropped"));
}

/// A deadlock of a shuffled loop says how to see what each task waits for, as one under FIFO does; that of an
/// exploration does not, since it is drawn.
#[test]
fn only_a_deadlock_outside_of_explorations_has_the_hint() {
    const TEST: &str = "search::only_a_deadlock_outside_of_explorations_has_the_hint";
    let mut replay = own_binary();
    replay.env("BOUCLE_SCHEDULE", "fifo");
    if !passes_alone(replay, TEST) {
        let failure = Explore::new().try_run(pending::<()>).unwrap_err();
        assert!(failure.message.starts_with("deadlock"), "{failure}");
        assert!(!failure.message.contains("BOUCLE_DUMP"), "{failure}");
        return;
    }
    let event_loop = EventLoop::builder().virtual_clock().shuffle(7).build().unwrap();
    let panic = panic_of(|| event_loop.block_on(pending::<()>()));
    assert_eq!(panic.contains("BOUCLE_DUMP=1"), cfg!(all(unix, feature = "trace")), "{panic}");
}

/// The first exploration of a process may be in a destructor, while its thread unwinds: then no panic hook is
/// set, which would end the process.
#[test]
fn an_exploration_may_begin_while_its_thread_unwinds() {
    struct Explores;
    impl Drop for Explores {
        fn drop(&mut self) {
            assert!(Explore::new().try_run(|| async {}).unwrap().complete);
        }
    }
    if passes_alone(own_binary(), "search::an_exploration_may_begin_while_its_thread_unwinds") {
        return;
    }
    let unwinding = catch_unwind(|| {
        let _explores = Explores;
        panic!("unwinds");
    });
    assert!(unwinding.is_err());
}

/// At random too, a spurious poll may follow the poll after another, whatever waits in between.
#[test]
fn every_other_poll_may_be_spurious_at_random() {
    let explore = Explore::new().strategy(Strategy::Random).orders(false).spurious_polls(true).schedules(500);
    let failure = explore.try_run(|| async {
        let polls = Rc::new(RefCell::new(String::new()));
        let (mut own, of_task) = (0, polls.clone());
        // At each other poll it wakes itself, so that nothing waits.
        let _waits = spawn(poll_fn(move |cx| {
            of_task.borrow_mut().push('t');
            own += 1;
            if own % 2 == 0 {
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        }));
        for _ in 0..4 {
            yield_now().await;
            polls.borrow_mut().push('m');
        }
        assert!(!polls.borrow().starts_with("tmtmtt"), "twice");
    });
    assert!(failure.is_err());
}
