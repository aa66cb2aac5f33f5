//! A task that ticks: it has a turn every few milliseconds, unless another task keeps control.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// How long the task sleeps between two turns.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// How many turns the task has had.
#[derive(Clone, Default)]
pub(crate) struct Turns(Rc<Cell<usize>>);

/// Starts the task, which ends with the loop.
pub(crate) fn start() -> Turns {
    let turns = Turns::default();
    let Turns(count) = turns.clone();
    drop(boucle::spawn(async move {
        loop {
            boucle::sleep(TICK).await;
            count.set(count.get() + 1);
        }
    }));
    turns
}

impl Turns {
    /// Awaits a future, and returns how many turns there were by then.
    pub(crate) async fn until_end_of(self, what: impl Future) -> usize {
        what.await;
        self.0.get()
    }
}
