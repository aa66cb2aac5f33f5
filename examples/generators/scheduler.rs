//! A scheduler of thirty lines: the standard library, and `futures-task` for the wakers.
//!
//! It is a loop without timers and sockets. A waker puts a number in a queue; the scheduler takes
//! numbers out and polls; when the queue is empty it does not ask again and again but parks its thread,
//! which the next wake ends.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Context;
use std::thread::{self, Thread};

use futures_task::{ArcWake, waker};

pub(crate) type Coroutine = Pin<Box<dyn Future<Output = ()>>>;

/// Runs the coroutines until all of them are done.
pub(crate) fn run(coroutines: Vec<Coroutine>) {
    let queue = Arc::new(Queue {
        ready: Mutex::new((0..coroutines.len()).collect()),
        scheduler: thread::current(),
    });
    let mut coroutines: BTreeMap<usize, Coroutine> = coroutines.into_iter().enumerate().collect();
    while !coroutines.is_empty() {
        let next = queue.ready.lock().expect("nobody panics").pop_front();
        let Some(number) = next else {
            thread::park();
            continue;
        };
        // A coroutine may be woken once more after its end.
        let Some(coroutine) = coroutines.get_mut(&number) else {
            continue;
        };
        let waker = waker(Arc::new(Number(number, Arc::clone(&queue))));
        if coroutine
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            coroutines.remove(&number);
        }
    }
}

/// Whose turn it is next.
struct Queue {
    ready: Mutex<VecDeque<usize>>,
    scheduler: Thread,
}

/// What a waker knows: whom it wakes, and where.
struct Number(usize, Arc<Queue>);

impl ArcWake for Number {
    fn wake_by_ref(this: &Arc<Self>) {
        let Number(number, queue) = &**this;
        queue
            .ready
            .lock()
            .expect("nobody panics")
            .push_back(*number);
        queue.scheduler.unpark();
    }
}
