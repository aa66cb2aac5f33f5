//! A task with much to do, and one that waits for its turn.

use std::cell::Cell;
use std::rc::Rc;

use boucle::{consume_budget, spawn, yield_now};

/// When the long task yields before a piece of work.
#[derive(Clone, Copy)]
pub(crate) enum Yields {
    Never,
    Always,
    WhenBudgetIsSpent,
}

/// What the other task has seen.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    /// How many of its turns found more work done.
    pub(crate) turns: usize,
    /// The most pieces of work that it had to wait for, from one of its turns to the next.
    pub(crate) longest: usize,
}

/// Does a number of pieces of work in one task, while another wants a turn after each of them.
pub(crate) async fn work(pieces: usize, yields: Yields) -> Seen {
    let done = Rc::new(Cell::new(0));
    let waiting = spawn(wait(Rc::clone(&done), pieces));
    let working = spawn(async move {
        for _ in 0..pieces {
            match yields {
                Yields::Never => {}
                Yields::Always => yield_now().await,
                Yields::WhenBudgetIsSpent => consume_budget().await,
            }
            done.set(done.get() + 1);
        }
    });
    working.await.expect("it is not aborted");
    waiting.await.expect("it is not aborted")
}

/// Yields again and again until the work is done, and counts.
async fn wait(done: Rc<Cell<usize>>, pieces: usize) -> Seen {
    let (mut turns, mut longest, mut before) = (0, 0, 0);
    while before < pieces {
        yield_now().await;
        let now = done.get();
        if now > before {
            turns += 1;
        }
        longest = longest.max(now - before);
        before = now;
    }
    Seen { turns, longest }
}
