//! Ping-pong: two tasks that wake each other.
//!
//! An operation is one round: two wakes by a waker that was stored, two polls. What the tasks share is a cell
//! of this file, the same for all runtimes, and no channel of anyone's: so only the runtime is measured.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::runtime::Runtime;
use super::watch::{Spent, Watch};

/// A table with a ball on one of its sides.
struct Table {
    ball: Cell<usize>,
    waiting: [Cell<Option<Waker>>; 2],
}

pub fn ping_pong<R: Runtime>(runtime: &R, rounds: usize) -> Spent {
    runtime.block_on(async {
        let table = Rc::new(Table {
            ball: Cell::new(0),
            waiting: [Cell::new(None), Cell::new(None)],
        });
        let players = [0, 1].map(|side| R::spawn(play(table.clone(), side, rounds)));
        let watch = Watch::start();
        for player in players {
            player.await.expect("the player ends");
        }
        watch.stop()
    })
}

async fn play(table: Rc<Table>, side: usize, rounds: usize) {
    for _ in 0..rounds {
        table.ball_at(side).await;
        table.hit(side);
    }
}

impl Table {
    /// Waits until the ball is on this side.
    fn ball_at(&self, side: usize) -> impl Future<Output = ()> {
        poll_fn(move |cx| {
            if self.ball.get() == side {
                return Poll::Ready(());
            }
            self.waiting[side].set(Some(cx.waker().clone()));
            Poll::Pending
        })
    }

    /// Sends the ball to the other side, and wakes who waits there.
    fn hit(&self, side: usize) {
        let other = 1 - side;
        self.ball.set(other);
        if let Some(waker) = self.waiting[other].take() {
            waker.wake();
        }
    }
}
