//! Futures whose polls and wakers are seen.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use boucle::EventLoop;

use super::turn;

/// What a task waits for until the test opens it. It counts its polls and keeps the waker of the last one.
#[derive(Clone, Default)]
pub(crate) struct Gate(Rc<GateState>);

#[derive(Default)]
struct GateState {
    open: Cell<bool>,
    polls: Cell<usize>,
    waker: RefCell<Option<Waker>>,
}

impl Gate {
    /// Waits until the gate is open.
    pub(crate) async fn passed(&self) {
        poll_fn(|cx| {
            let state = &self.0;
            state.polls.set(state.polls.get() + 1);
            state.waker.replace(Some(cx.waker().clone()));
            if state.open.get() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Returns a future that waits until the gate is open.
    pub(crate) fn waits(&self) -> impl Future<Output = ()> + use<> {
        let gate = self.clone();
        async move { gate.passed().await }
    }

    pub(crate) fn open(&self) {
        self.0.open.set(true);
        self.waker().wake();
    }

    /// Returns the waker of the last poll.
    pub(crate) fn waker(&self) -> Waker {
        self.0.waker.borrow().clone().expect("a task waits")
    }

    pub(crate) fn polls(&self) -> usize {
        self.0.polls.get()
    }
}

/// Spawns a task that waits at a gate, and lets it get there.
pub(crate) fn waiting_on(event_loop: &EventLoop) -> Gate {
    let gate = Gate::default();
    drop(event_loop.spawn(gate.waits()));
    turn(event_loop);
    gate
}

/// Returns the future, and the number of its polls.
pub(crate) fn counted<F: Future>(future: F) -> (impl Future<Output = F::Output> + use<F>, Rc<Cell<usize>>) {
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    let future = async move {
        let mut future = pin!(future);
        poll_fn(|cx| {
            count.set(count.get() + 1);
            future.as_mut().poll(cx)
        })
        .await
    };
    (future, polls)
}

/// Polls a future outside its loop's tasks, with a waker that does nothing.
pub(crate) fn look<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}
