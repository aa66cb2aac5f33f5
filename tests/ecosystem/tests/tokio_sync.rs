//! tokio's channels, locks and task-local values, in tasks of a boucle loop. They use nothing but wakers, so they
//! need no runtime of tokio's, and the loop schedules the tasks.

use std::cell::RefCell;
use std::collections::BinaryHeap;
use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use boucle::{consume_budget, gather, now, sleep, spawn, timeout, yield_now};
use boucle_ecosystem_tests::{run, virtually};
use futures_lite::future::zip;
use tokio::sync::{Mutex, Notify, Semaphore, broadcast, mpsc, oneshot, watch};

/// Lines that begin with the milliseconds of the virtual clock.
#[derive(Clone)]
struct Log {
    start: std::time::Instant,
    lines: Rc<RefCell<Vec<String>>>,
}

impl Log {
    fn new() -> Log {
        Log { start: now(), lines: Rc::default() }
    }

    fn add(&self, line: impl Display) {
        let time = (now() - self.start).as_millis();
        self.lines.borrow_mut().push(format!("{time} {line}"));
    }

    #[track_caller]
    fn is(&self, expected: &[&str]) {
        assert_eq!(*self.lines.borrow(), expected);
    }
}

async fn pause(millis: u64) {
    sleep(Duration::from_millis(millis)).await;
}

#[test]
fn a_full_channel_holds_its_sender_up() {
    virtually(async {
        let log = Log::new();
        let (sender, mut receiver) = mpsc::channel(2);
        let sent = log.clone();
        let sending = spawn(async move {
            for number in 0..4 {
                sender.send(number).await.unwrap();
                sent.add(format!("sent {number}"));
            }
        });
        pause(10).await;
        while let Some(number) = receiver.recv().await {
            log.add(format!("received {number}"));
            pause(10).await;
        }
        log.add("closed");
        sending.await.unwrap();
        log.is(&[
            "0 sent 0",
            "0 sent 1",
            "10 received 0",
            "10 sent 2",
            "20 received 1",
            "20 sent 3",
            "30 received 2",
            "40 received 3",
            "50 closed",
        ]);
    });
}

#[test]
fn an_answer_comes_before_a_timeout_or_not_at_all() {
    virtually(async {
        let log = Log::new();
        for delay in [10, 30] {
            let (sender, receiver) = oneshot::channel();
            let sending = spawn(async move {
                pause(delay).await;
                sender.send(delay)
            });
            let answer = timeout(Duration::from_millis(20), receiver).await;
            log.add(format!("{answer:?}"));
            log.add(format!("{:?}", sending.await.unwrap()));
        }
        log.is(&["10 Ok(Ok(10))", "10 Ok(())", "30 Err(Elapsed)", "40 Err(30)"]);
    });
}

/// Tasks get a lock in the order in which they began to wait for it, and one that is aborted waits no more.
#[test]
fn a_lock_is_acquired_in_order() {
    virtually(async {
        let log = Log::new();
        let lock = Rc::new(Mutex::new(0));
        let mut tasks: Vec<_> = ["a", "b", "c", "d"]
            .map(|name| {
                let (lock, log) = (lock.clone(), log.clone());
                spawn(async move {
                    let mut count = lock.lock().await;
                    pause(10).await;
                    *count += 1;
                    log.add(format!("{name} made it {count}"));
                })
            })
            .into();
        pause(5).await;
        let aborted = tasks.remove(1);
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        gather(tasks).await.into_iter().for_each(|done| done.unwrap());
        log.is(&["10 a made it 1", "20 c made it 2", "30 d made it 3"]);
    });
}

/// A slow receiver misses values, but not the last one.
#[test]
fn a_watch_shows_the_last_value() {
    virtually(async {
        let log = Log::new();
        let (sender, mut receiver) = watch::channel(0);
        let seen = log.clone();
        let watching = spawn(async move {
            while receiver.changed().await.is_ok() {
                seen.add(*receiver.borrow_and_update());
                pause(25).await;
            }
            seen.add("closed");
        });
        for number in 1..=5 {
            pause(10).await;
            sender.send(number).unwrap();
        }
        drop(sender);
        watching.await.unwrap();
        log.is(&["10 1", "35 3", "60 5", "85 closed"]);
    });
}

#[test]
fn permits_a_notification_and_a_broadcast_wake_in_order() {
    virtually(async {
        let log = Log::new();
        let (permits, start) = (Rc::new(Semaphore::new(2)), Rc::new(Notify::new()));
        let (sender, _) = broadcast::channel(4);
        let tasks = (1..=3).map(|number| {
            let (permits, start, log) = (permits.clone(), start.clone(), log.clone());
            let mut receiver = sender.subscribe();
            async move {
                start.notified().await;
                let permit = permits.acquire().await.unwrap();
                log.add(format!("{number} runs"));
                pause(10).await;
                drop(permit);
                log.add(format!("{number} heard {}", receiver.recv().await.unwrap()));
            }
        });
        let tasks = gather(tasks.collect::<Vec<_>>());
        let starting = async move {
            pause(5).await;
            start.notify_waiters();
            pause(25).await;
            sender.send("end").unwrap();
        };
        boucle::gather!(tasks, starting).await;
        log.is(&["5 1 runs", "5 2 runs", "15 3 runs", "30 1 heard end", "30 2 heard end", "30 3 heard end"]);
    });
}

/// Outside tokio's runtime its channels spend no budget: a task that always finds a value yields only if it
/// calls `consume_budget`.
#[test]
fn a_task_that_always_finds_a_value_yields_by_consume_budget() {
    for (polite, expected) in [(false, 1_000), (true, 128)] {
        virtually(async {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            (0..1_000).for_each(|number| sender.send(number).unwrap());
            let received = Rc::new(RefCell::new(0));
            let count = received.clone();
            let receiving = spawn(async move {
                while !receiver.is_empty() {
                    receiver.recv().await.unwrap();
                    if polite {
                        consume_budget().await;
                    }
                    *count.borrow_mut() += 1;
                }
            });
            yield_now().await;
            assert_eq!(*received.borrow(), expected);
            receiving.await.unwrap();
        });
    }
}

/// A wake by a channel from another thread ends the loop's park.
#[test]
fn a_channel_between_a_thread_and_a_task() {
    run(async {
        let (questions, mut asked) = mpsc::channel::<u32>(1);
        let (answers, mut answered) = mpsc::channel::<u32>(1);
        let other = std::thread::spawn(move || {
            while let Some(number) = asked.blocking_recv() {
                answers.blocking_send(number * 2).unwrap();
            }
        });
        for number in 0..200 {
            questions.send(number).await.unwrap();
            assert_eq!(answered.recv().await, Some(number * 2));
        }
        drop(questions);
        other.join().unwrap();
    });
}

/// A task-local value of tokio's is one task's alone, also while the task is dropped.
#[test]
fn each_task_has_a_value_of_its_own() {
    tokio::task_local! {
        static USER: &'static str;
    }
    struct Leaves(Rc<RefCell<Vec<String>>>);
    impl Drop for Leaves {
        fn drop(&mut self) {
            self.0.borrow_mut().push(format!("{} leaves", USER.get()));
        }
    }
    virtually(async {
        let log = Rc::new(RefCell::new(Vec::new()));
        let task = |user, millis| {
            let (log, leaves) = (log.clone(), Leaves(log.clone()));
            spawn(USER.scope(user, async move {
                let _leaves = leaves;
                pause(millis).await;
                log.borrow_mut().push(format!("{} wakes", USER.get()));
            }))
        };
        let (ada, ben, aborted) = (task("Ada", 20), task("Ben", 10), task("Cal", 30));
        assert!(USER.try_get().is_err());
        ada.await.unwrap();
        ben.await.unwrap();
        aborted.abort();
        aborted.await.unwrap_err();
        assert_eq!(*log.borrow(), ["Ben wakes", "Ben leaves", "Ada wakes", "Ada leaves", "Cal leaves"]);
    });
}

/// A heap and a `Notify` make a priority queue: what is pushed while a task waits wakes it, and the greatest
/// value comes first.
#[test]
fn a_heap_and_a_notify_are_a_priority_queue() {
    virtually(async {
        let (heap, pushed) = (RefCell::new(BinaryHeap::new()), Notify::new());
        let pop = async || {
            loop {
                if let Some(value) = heap.borrow_mut().pop() {
                    return value;
                }
                pushed.notified().await;
            }
        };
        let pushes = async {
            for value in [1, 3, 2] {
                heap.borrow_mut().push(value);
                pushed.notify_one();
            }
            pause(10).await;
            heap.borrow_mut().push(4);
            pushed.notify_one();
        };
        let pops = async { [pop().await, pop().await, pop().await, pop().await] };
        assert_eq!(zip(pops, pushes).await.0, [3, 2, 1, 4]);
    });
}
