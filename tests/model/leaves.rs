//! What a task of the model can await, except sleeps: a handle, a unit of its budget, the next turn.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::inbox::deliver;
use crate::model::{BUDGET, Id, Model, Task, WhenDone, drop_quietly, with};
use crate::runtime::{JoinError, Joined};

/// A task's handle; `None` when the output was taken, or if the task was refused.
pub(crate) struct Handle(pub(crate) Option<Id>);

/// A task's id as programs see it. The first is 1.
pub(crate) fn public_id(id: Id) -> usize {
    id + 1
}

impl Handle {
    pub(crate) fn abort(&self) {
        Handle::abort_task(self.0);
    }

    pub(crate) fn abort_task(task: Option<Id>) {
        if let Some(id) = task {
            deliver(move || with(|model| model.abort(id)));
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_none_or(|id| with(|model| model.tasks[id].is_done))
    }

    pub(crate) fn take(&mut self) -> Option<Joined> {
        let id = self.0.filter(|_| self.is_finished())?;
        self.0 = None;
        with(|model| {
            model.free(id);
            let Task { name, output, .. } = &mut model.tasks[id];
            let outcome = output.take()?;
            Some(outcome.map_err(|failure| JoinError { id: public_id(id), name: *name, failure }))
        })
    }

    pub(crate) fn when_done(&self, when_done: Option<WhenDone>) {
        if let Some(id) = self.0 {
            with(|model| model.tasks[id].when_done = when_done);
        }
    }

    /// Panics if this is the handle of the task that is being polled.
    pub(crate) fn expect_awaitable(&self) {
        let is_own = self.0.is_some() && self.0 == with(|model| model.polled);
        assert!(!is_own, "a task awaits its own handle");
    }
}

impl Future for Handle {
    type Output = Joined;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Joined> {
        if !poll_budget(cx) {
            return Poll::Pending;
        }
        self.expect_awaitable();
        if let Some(outcome) = self.take() {
            with(Model::spend);
            return Poll::Ready(outcome);
        }
        let waker = cx.waker().clone();
        self.when_done(Some(Box::new(|_| waker.wake())));
        Poll::Pending
    }
}

impl Drop for Handle {
    /// Detaches the task. An output that is there is dropped.
    fn drop(&mut self) {
        let Some(id) = self.0 else { return };
        deliver(move || {
            drop_quietly(with(|model| {
                let task = &mut model.tasks[id];
                (task.is_held, task.when_done) = (false, None);
                let output = task.output.take();
                if task.is_done {
                    model.free(id);
                }
                output
            }));
        });
    }
}

/// Returns whether some budget is left. If not, wakes the task, which is to yield. A poll that goes on after
/// 128 refusals gets a new budget.
pub(crate) fn poll_budget(cx: &mut Context<'_>) -> bool {
    let is_left = with(|model| {
        let is_left = model.budget > 0;
        model.refused += usize::from(!is_left);
        if model.refused == BUDGET {
            (model.budget, model.refused) = (BUDGET, 0);
        }
        is_left
    });
    if !is_left {
        cx.waker().wake_by_ref();
    }
    is_left
}

pub(crate) async fn consume_budget() {
    poll_fn(|cx| if poll_budget(cx) && with(Model::spend) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Is pending once.
pub(crate) async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if !has_yielded {
            cx.waker().wake_by_ref();
        }
        if mem::replace(&mut has_yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
