//! The ways to run the model, and its end.

use std::panic::resume_unwind;
use std::time::Duration;

use boucle::Turn;

use crate::inbox::{self, Inbox};
use crate::model::{Id, Model, Ran, Task, Until, drop_quietly, run, with};
use crate::random::Random;
use crate::runtime::{Coroutine, Failure, Returned};

/// The loop, as its caller holds it.
pub(crate) struct EventLoop;

impl EventLoop {
    pub(crate) fn new(shuffle: Option<u64>) -> Self {
        with(|model| {
            *model = Model::default();
            model.inbox = Inbox::open();
            model.shuffle = shuffle.map(Random::new);
        });
        EventLoop
    }

    pub(crate) fn block_on(&self, main: Coroutine) -> Returned {
        let id = with(|model| model.add(Task::default()));
        let _entered = Entered(Some(id));
        let mut main = Some(main);
        match run(Until::Ready(id, &mut main)) {
            Ran::Main(Ok(returned)) => returned,
            Ran::Main(Err(Failure::Panicked(payload))) => resume_unwind(payload),
            _ => {
                drop_quietly(main); // before the panic, so that its destructors do not see one
                panic!("event loop stopped before the future completed")
            }
        }
    }

    pub(crate) fn run_forever(&self) {
        let _entered = Entered(None);
        run(Until::Stopped);
    }

    pub(crate) fn turn(&self, limit: Option<Duration>) -> Turn {
        let _entered = Entered(None);
        let Ran::Turn(turn) = run(Until::OneTurn(limit)) else { unreachable!("there is no main future") };
        turn
    }
}

/// A run of the loop. When it returns or panics, its main future is gone, and no `stop` is left.
struct Entered(Option<Id>);

impl Drop for Entered {
    fn drop(&mut self) {
        with(|model| {
            (model.stopping, model.polled) = (false, None);
            if let Some(main) = self.0 {
                model.tasks[main].is_done = true;
                model.free(main);
            }
        });
    }
}

impl Drop for EventLoop {
    /// Ends the loop: drops futures and outputs, in spawn order, then messages. What is spawned meanwhile is
    /// dropped at once.
    fn drop(&mut self) {
        with(|model| model.closing = true);
        for id in 0..with(|model| model.tasks.len()) {
            let (future, output) = with(|model| {
                let task = &mut model.tasks[id];
                task.is_done = true;
                (task.future.take(), task.output.take())
            });
            drop_quietly(future);
            drop_quietly(output);
        }
        inbox::close();
    }
}
