//! What the tests share: a log to assert a schedule with, and a loop with a virtual clock.

#![allow(dead_code)] // No test file uses all of it.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::process::Command;
use std::rc::Rc;
use std::task::{Poll, Waker};

use boucle::EventLoop;

/// A loop whose time jumps.
pub(crate) fn virtual_loop() -> EventLoop {
    let event_loop = EventLoop::builder().virtual_clock().build();
    event_loop.expect("the system gives a poller")
}

/// How often a test repeats what needs many rounds. Under Miri, which takes some thousand times as long for
/// each, few have to do.
pub(crate) const fn rounds(count: usize) -> usize {
    if cfg!(miri) {
        count.div_ceil(200)
    } else {
        count
    }
}

/// Lines, in the order in which they were added.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Display) {
        self.0.borrow_mut().push(line.to_string());
    }

    /// What was added since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }

    /// A value that adds a line when it is dropped.
    pub(crate) fn on_drop(&self, line: &'static str) -> impl Sized + use<> {
        let log = self.clone();
        OnDrop(move || log.add(line))
    }
}

/// Calls a closure when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Something to wait for that shows its waker and counts the polls.
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
            let previous = state.waker.replace(Some(cx.waker().clone()));
            drop(previous);
            if state.open.get() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    pub(crate) fn open(&self) {
        self.0.open.set(true);
        self.waker().wake();
    }

    /// The waker of who was last seen waiting.
    pub(crate) fn waker(&self) -> Waker {
        self.0.waker.borrow().clone().expect("somebody waits")
    }

    pub(crate) fn polls(&self) -> usize {
        self.0.polls.get()
    }
}

/// The future, and how often it has been polled.
pub(crate) fn counted<F: Future>(
    future: F,
) -> (impl Future<Output = F::Output> + use<F>, Rc<Cell<usize>>) {
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

/// What a closure panics with.
pub(crate) fn panic_of<R>(closure: impl FnOnce() -> R) -> String {
    let payload = match catch_unwind(AssertUnwindSafe(closure)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => payload,
    };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a message")).to_string(),
    }
}

/// Runs one test of the calling file in a process of its own, with a variable set that tells it so
/// (see [`part_of_child`]).
pub(crate) fn child(test: &str, part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test has a file"));
    let arguments = ["--exact", test, "--nocapture"];
    command.args(arguments).env("BOUCLE_TEST_CHILD", part);
    command
}

/// The part that this process was started for; `None` in the tests' own process.
pub(crate) fn part_of_child() -> Option<String> {
    std::env::var("BOUCLE_TEST_CHILD").ok()
}
