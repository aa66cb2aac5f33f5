//! A task with much to do, and one that wants its turn.

use std::cell::Cell;
use std::rc::Rc;

use boucle::{consume_budget, spawn, yield_now};

/// What the long task does before each piece of work.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Manners {
    /// It keeps the hand.
    None,
    /// It gives way.
    Yield,
    /// It gives way when its budget is spent.
    Budget,
}

/// What the other task has seen.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    /// Turns it had in which it found some work done.
    pub(crate) turns: usize,
    /// The most pieces of work that it had to wait for, from one of its turns to the next.
    pub(crate) latest: usize,
}

/// Does so many pieces of work in one task, while another wants a turn after each of them.
pub(crate) async fn work(pieces: usize, manners: Manners) -> Seen {
    let done = Rc::new(Cell::new(0));
    let waiting = spawn(wait(Rc::clone(&done), pieces));
    let working = spawn(async move {
        for _ in 0..pieces {
            match manners {
                Manners::None => {}
                Manners::Yield => yield_now().await,
                Manners::Budget => consume_budget().await,
            }
            done.set(done.get() + 1);
        }
    });
    working.await.expect("it is not aborted");
    waiting.await.expect("it is not aborted")
}

/// Has a turn whenever it can, until the work is done.
async fn wait(done: Rc<Cell<usize>>, pieces: usize) -> Seen {
    let (mut turns, mut latest, mut before) = (0, 0, 0);
    while before < pieces {
        yield_now().await;
        let now = done.get();
        turns += usize::from(now > before);
        latest = latest.max(now - before);
        before = now;
    }
    Seen { turns, latest }
}
