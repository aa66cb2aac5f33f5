//! A scheduler of some thirty lines: the standard library, and nothing else.
//!
//! It is a loop without timers and sockets. A waker puts a number in a queue; the scheduler takes
//! numbers out and polls. While the queue is empty, the thread sleeps.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::task::{Context, Wake, Waker};

pub(crate) type Coroutine = Pin<Box<dyn Future<Output = ()>>>;

/// Runs the coroutines until all of them are done.
pub(crate) fn run(coroutines: Vec<Coroutine>) {
    let (ready, queue) = mpsc::channel();
    let mut coroutines: BTreeMap<usize, Coroutine> = coroutines.into_iter().enumerate().collect();
    for &number in coroutines.keys() {
        ready.send(number).expect("the receiver is in this function");
    }
    while !coroutines.is_empty() {
        let number = queue.recv().expect("a sender is in this function");
        // A coroutine may be woken once more after its end.
        let Some(coroutine) = coroutines.get_mut(&number) else {
            continue;
        };
        let waker = Waker::from(Arc::new(Wakes { number, ready: ready.clone() }));
        let polled = coroutine.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_ready() {
            coroutines.remove(&number);
        }
    }
}

/// A waker: the number of the coroutine that it wakes, and the queue.
struct Wakes {
    number: usize,
    ready: Sender<usize>,
}

impl Wakes {
    fn send(&self) {
        // It fails when the scheduler has ended, and then there is nothing to wake.
        let _ = self.ready.send(self.number);
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.send();
    }
}
