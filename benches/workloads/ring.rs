//! A ring of tasks that pass a ball, each waking the next. With two tasks it is ping-pong.
//!
//! An operation is one pass: a wake by a waker that was stored, and a poll. The tasks share a cell and not a
//! channel, so that only the runtime is measured.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::runtime::Runtime;
use super::watch::{SharedWatch, Spent};

/// A round table with a ball at one of its seats.
struct Table {
    ball: Cell<usize>,
    waiting: Vec<Cell<Option<Waker>>>,
    watch: SharedWatch,
}

/// The players are tasks.
pub fn ring<R: Runtime>(players: usize) -> impl Fn(&R, usize) -> Spent {
    move |runtime, passes| {
        let table = Table::for_players(players);
        let laps = passes / players;
        runtime.block_on(async {
            let play = |seat| R::spawn(play(table.clone(), seat, laps));
            let handles: Vec<_> = (0..players).map(play).collect();
            for handle in handles {
                handle.await.expect("the player ends");
            }
        });
        table.watch.spent()
    }
}

/// Ping-pong between the main future, which is no task, and a task.
pub fn with_main<R: Runtime>() -> impl Fn(&R, usize) -> Spent {
    |runtime, passes| {
        let table = Table::for_players(2);
        let laps = passes / 2;
        runtime.block_on(async {
            let other = R::spawn(play(table.clone(), 1, laps));
            play(table.clone(), 0, laps).await;
            other.await.expect("the player ends");
        });
        table.watch.spent()
    }
}

/// In the first lap no task waits yet, so it does not count.
async fn play(table: Rc<Table>, seat: usize, laps: usize) {
    table.ball_at(seat).await;
    table.pass(seat);
    table.ball_at(seat).await;
    if seat == 0 {
        table.watch.start();
    }
    for _ in 1..laps {
        table.pass(seat);
        table.ball_at(seat).await;
    }
    if table.after(seat) == 0 {
        table.watch.stop();
    }
    table.pass(seat);
}

impl Table {
    fn for_players(players: usize) -> Rc<Table> {
        Rc::new(Table {
            ball: Cell::new(0),
            waiting: (0..players).map(|_| Cell::new(None)).collect(),
            watch: SharedWatch::default(),
        })
    }

    /// Waits until the ball is at this seat.
    fn ball_at(&self, seat: usize) -> impl Future<Output = ()> {
        poll_fn(move |cx| {
            if self.ball.get() == seat {
                return Poll::Ready(());
            }
            self.waiting[seat].set(Some(cx.waker().clone()));
            Poll::Pending
        })
    }

    /// Passes the ball to the next seat, and wakes the task that waits there.
    fn pass(&self, seat: usize) {
        let next = self.after(seat);
        self.ball.set(next);
        if let Some(waker) = self.waiting[next].take() {
            waker.wake();
        }
    }

    fn after(&self, seat: usize) -> usize {
        let next = seat + 1;
        if next == self.waiting.len() { 0 } else { next }
    }
}
