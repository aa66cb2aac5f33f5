//! Destructors that respawn their like, panic, or spawn at the end.

use std::cell::Cell;
use std::future::{Future, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use boucle::{ALL_COMPLETED, as_completed, gather, run, sleep, spawn, timeout, try_gather, wait};
use futures_lite::StreamExt;

use crate::common::{Bomb, OnDrop, SECOND, holds, panic_of, virtual_loop};

/// A destructor that spawns its like and aborts it, for ever, keeps neither timers nor other tasks
/// waiting: a dropped task counts towards the next park. (The clock is real, since under a virtual one no
/// time would pass; the test ends when the timer has fired.)
#[test]
fn a_chain_of_aborts_starves_no_timer() {
    struct Respawn(Rc<Cell<bool>>);
    impl Drop for Respawn {
        fn drop(&mut self) {
            if !self.0.get() {
                abort_one(Respawn(self.0.clone()));
            }
        }
    }
    fn abort_one(guard: Respawn) {
        let task = spawn(holds(guard));
        task.abort();
    }
    run(async {
        let enough = Rc::new(Cell::new(false));
        abort_one(Respawn(enough.clone()));
        sleep(Duration::from_millis(2)).await;
        enough.set(true);
    });
}

/// A future that always panics in its drop, and in its poll if `in_poll` is set.
struct Evil {
    in_poll: bool,
}

impl Future for Evil {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        assert!(!self.in_poll, "in poll");
        Poll::Pending
    }
}

impl Drop for Evil {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

/// A main future that panics in its poll and again in its drop is one panic, the first.
#[test]
fn a_main_that_panics_twice_is_one_panic() {
    assert_eq!(panic_of(|| run(Evil { in_poll: true })), "in poll");
}

/// A main future that the loop drops, because of a stop or a deadlock, may panic in its drop: that panic
/// is caught.
#[test]
fn a_main_that_the_loop_ends_may_panic_when_it_is_dropped() {
    let event_loop = virtual_loop();
    drop(event_loop.spawn(async { boucle::stop() }));
    let stopped = panic_of(|| event_loop.block_on(Evil { in_poll: false }));
    assert!(stopped.starts_with("event loop stopped"), "{stopped}");
    let stuck = panic_of(|| event_loop.block_on(Evil { in_poll: false }));
    assert!(stuck.starts_with("deadlock"), "{stuck}");
    assert_eq!(event_loop.block_on(ready(1)), 1);
}

/// A value, or a future that is never polled, whose destructor panics.
const BOMB: Bomb = Bomb("a destructor");

impl Future for Bomb {
    type Output = Result<(), ()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(()))
    }
}

/// Asserts that a task ends with the panic of a child.
async fn panics_like_its_child<T: 'static>(task: impl Future<Output = T> + 'static) {
    let error = spawn(task).await.err().unwrap();
    assert!(error.to_string().ends_with("the child's"), "{error}");
}

/// Values that a combinator does not return are dropped one by one. (If two of them panicked in one drop,
/// the process would end.)
#[test]
fn values_that_come_to_nothing_are_dropped_one_by_one() {
    async fn child(count: u32) -> Result<Bomb, u32> {
        sleep(count * SECOND).await;
        if count > 2 { Err(count) } else { Ok(BOMB) }
    }
    async fn panics(count: u32) -> Result<Bomb, u32> {
        if count < 3 {
            return Ok(BOMB);
        }
        sleep(SECOND).await;
        panic!("the child's");
    }
    virtual_loop().block_on(async {
        // An error comes after two values, in one turn or later.
        assert_eq!(try_gather([1, 2, 3].map(child)).await.err(), Some(3));
        let errs = async |count| if count > 2 { Err(count) } else { Ok(BOMB) };
        assert_eq!(try_gather([1, 2, 3].map(errs)).await.err(), Some(3));
        // It is given up, with two values in it, taken from their tasks or not.
        let mut tried = try_gather([1, 2, 3].map(child));
        assert!(timeout(SECOND * 5 / 2, &mut tried).await.is_err());
        drop(tried);
        assert!(timeout(SECOND * 5 / 2, gather([1, 2, 3].map(child))).await.is_err());
        let wait = wait([1, 2, 3].map(|count| spawn(child(count))), ALL_COMPLETED);
        assert!(timeout(SECOND * 5 / 2, wait).await.is_err());
        let mut items = as_completed([1, 2, 3].map(child));
        assert!(timeout(SECOND / 2, items.next()).await.is_err());
        sleep(2 * SECOND).await;
        drop(items);
        // A child panics after two values.
        panics_like_its_child(try_gather([1, 2, 3].map(panics))).await;
        panics_like_its_child(gather([1, 2, 3].map(panics))).await;
        panics_like_its_child(async { drop(boucle::gather!(panics(1), panics(2), panics(3)).await) }).await;
    });
}

/// Futures that never became tasks are dropped one by one, too.
#[test]
fn futures_that_were_never_polled_are_dropped_one_by_one() {
    drop(gather([BOMB, BOMB]));
    drop(try_gather([BOMB, BOMB]));
    drop(as_completed([BOMB, BOMB]));
    drop(boucle::gather!(BOMB, BOMB));
    virtual_loop().block_on(async {
        drop(gather([BOMB, BOMB]));
    });
}

/// Destructors that spawn while a loop ends do not keep it from ending.
#[test]
fn destructors_at_the_end_may_spawn() {
    let count = Rc::new(Cell::new(0));
    let event_loop = virtual_loop();
    for _ in 0..3 {
        let count = count.clone();
        let guard = OnDrop(move || {
            count.set(count.get() + 1);
            drop(spawn(async { unreachable!("the loop is closing") }));
        });
        drop(event_loop.spawn(holds(guard)));
    }
    drop(event_loop);
    assert_eq!(count.get(), 3);
}
