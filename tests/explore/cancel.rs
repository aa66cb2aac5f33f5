//! Where `cancel` drops an operation, and what that finds.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use boucle::explore::{Explore, cancel};
use boucle::{spawn, timeout, yield_now};

use crate::common::SECOND;

/// A future of three awaits is dropped at each of them, before and after it is woken, and once it completes.
#[test]
fn an_operation_is_dropped_at_each_await() {
    let seen = Mutex::new(Vec::new());
    let explored = cancel(
        || 0,
        async |reached| {
            for n in 1..=3 {
                *reached = n;
                yield_now().await;
            }
            "done"
        },
        async |reached, output| seen.lock().unwrap().push((reached, output)),
    );
    assert_eq!((explored.schedules, explored.complete), (7, true));
    let dropped = [1, 1, 2, 2, 3, 3].map(|reached| (reached, None));
    assert_eq!(seen.lock().unwrap()[0], (3, Some("done")));
    assert_eq!(seen.lock().unwrap()[1..], dropped);
}

/// With another task, each place is tried under each order of the tasks.
#[test]
fn places_and_orders_are_combined() {
    let other = || {
        spawn(async {
            yield_now().await;
            yield_now().await;
        })
    };
    let explored =
        Explore::new().cancel(other, async |_| yield_now().await, async |other, _| other.await.unwrap());
    assert!(explored.complete && explored.schedules > 4, "{explored}");
}

/// An operation that loses something when it is dropped halfway is found.
#[test]
#[should_panic(expected = "a message is lost")]
fn what_is_not_safe_to_cancel_is_found() {
    cancel(
        || Some("message"),
        async |queue| {
            let message = queue.take();
            yield_now().await;
            message
        },
        async |queue, received| assert!(received.flatten().or(queue).is_some(), "a message is lost"),
    );
}

/// A token that is given to the first waiter, and lost if that is dropped before it is polled again.
#[derive(Default)]
struct Token {
    is_free: Cell<bool>,
    waiters: RefCell<VecDeque<(Rc<Cell<bool>>, Waker)>>,
}

/// Leaves the queue when it drops; but does not pass on a token that it was given.
struct Waiter<'a>(&'a Token, Rc<Cell<bool>>);

impl Token {
    async fn take(&self) {
        let waiter = Waiter(self, Rc::default());
        poll_fn(|cx| {
            if self.is_free.take() || waiter.1.get() {
                return Poll::Ready(());
            }
            self.waiters.borrow_mut().push_back((waiter.1.clone(), cx.waker().clone()));
            Poll::Pending
        })
        .await
    }

    fn give(&self) {
        match self.waiters.borrow_mut().pop_front() {
            Some((given, waker)) => {
                given.set(true);
                waker.wake();
            }
            None => self.is_free.set(true),
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.waiters.borrow_mut().retain(|(given, _)| !Rc::ptr_eq(given, &self.1));
    }
}

/// An operation that was handed something, and is dropped before it has seen it, has to pass it on.
#[test]
fn what_is_handed_to_a_dropped_waiter_is_lost() {
    let failure = Explore::new().orders(false).try_cancel(
        || {
            let token = Rc::new(Token::default());
            let gives = token.clone();
            drop(spawn(async move { gives.give() }));
            token
        },
        async |token| token.take().await,
        async |token, taken| {
            if taken.is_none() {
                timeout(SECOND, token.take()).await.expect("the token is lost");
            }
        },
    );
    let report = failure.unwrap_err().to_string();
    let expected = "choice 1, turn 3: the operation is dropped in place of poll 2\n";
    assert!(report.contains("the token is lost") && report.contains(expected), "{report}");
}

/// A future may be dropped while it waits, long after its poll and before its wake. With spurious polls that is
/// tried: here between the offer and the handing over.
#[test]
fn an_operation_is_dropped_while_it_waits_and_others_go_on() {
    async fn offer(token: &Token, has_offered: &Cell<bool>) {
        while token.waiters.borrow().is_empty() {
            yield_now().await;
        }
        has_offered.set(true);
        yield_now().await;
        assert!(!token.waiters.borrow().is_empty(), "the waiter has left after the offer");
        token.give();
    }
    for orders in [false, true] {
        let explore = |spurious| {
            Explore::new().orders(orders).spurious_polls(spurious).try_cancel(
                || {
                    let shared = Rc::new((Token::default(), Cell::new(false)));
                    let offers = shared.clone();
                    (shared, spawn(async move { offer(&offers.0, &offers.1).await }))
                },
                async |(shared, _)| shared.0.take().await,
                async |(shared, task), _| {
                    if shared.1.get() {
                        task.await.unwrap();
                    }
                },
            )
        };
        assert!(explore(false).unwrap().complete);
        let failure = explore(true).unwrap_err();
        assert!(failure.message.ends_with("the waiter has left after the offer"), "{failure}");
    }
}

/// With orders, the operation also begins after the tasks that its setup has spawned: it finds the lock held.
#[test]
fn an_operation_begins_before_and_after_other_tasks() {
    let found = Mutex::new(BTreeSet::new());
    Explore::new().cancel(
        || {
            let held = Rc::new(Cell::new(false));
            let holds = held.clone();
            drop(spawn(async move { holds.set(true) }));
            held
        },
        async |held| held.get(),
        async |_, held| _ = found.lock().unwrap().insert(held),
    );
    assert_eq!(found.into_inner().unwrap(), [Some(false), Some(true)].into());
}

/// The report says where the operation was dropped.
#[test]
fn the_report_names_the_poll_after_which_the_operation_is_dropped() {
    let failure = Explore::new().orders(false).try_cancel(
        || Cell::new(0),
        async |yields| {
            for _ in 0..3 {
                yield_now().await;
                yields.set(yields.get() + 1);
            }
        },
        async |yields, _| assert_ne!(yields.get(), 1),
    );
    let report = failure.unwrap_err().to_string();
    let expected =
        "leaves FIFO at 1 of 3 choices:\n  choice 2, turn 2: the operation is dropped after pending poll 2\n";
    assert!(report.contains(expected), "{report}");
}
