//! From scratch, 3: many tasks. A slab holds them, a queue says which is next, and a waker pushes a number.
//!
//! ```sh
//! cargo run --example scratch_3
//! ```
//!
//! prints
//!
//! ```text
//! main spawns
//! a 1
//! b 1
//! a 2
//! b 2
//! main has 10 and 20
//! the answer of another thread is 42
//! a panic of one task has ended the loop: the other stands at step 1 of 2
//! ```
//!
//! A task is a future that the loop owns. Its number is its place in the slab. To wake a task is to push its
//! number into the ready queue. So a wake leaves a mark that only the loop takes, and that says which task it
//! is for. First in, first out: `a` and `b` each take a step, and each comes again when the other has had its
//! turn.
//!
//! `spawn` returns a handle, a future that waits for the task: it leaves its waker beside the place where the
//! output will be.
//!
//! This loop ends with the first panic: it unwinds through the loop, and the other tasks stay where they are.
//! And no task can wait for time: `4_timers.rs`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use slab::Slab;

thread_local! {
    /// A task's box leaves its place while it is polled, since a poll may spawn, which uses this table.
    static TASKS: RefCell<Slab<Option<Task>>> = const { RefCell::new(Slab::new()) };
    static READY: Arc<Ready> = Arc::default();
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The numbers of the tasks to poll, in the order of their wakes.
#[derive(Default)]
struct Ready {
    queue: Mutex<VecDeque<usize>>,
    not_empty: Condvar,
}

impl Ready {
    fn push(&self, number: usize) {
        self.queue.lock().unwrap().push_back(number);
        self.not_empty.notify_one();
    }

    /// Sleeps while the queue is empty. It looks and falls asleep under the lock that `push` takes, so no
    /// wake can come between the two.
    fn pop(&self) -> usize {
        let queue = self.queue.lock().unwrap();
        let mut queue = self.not_empty.wait_while(queue, |queue| queue.is_empty()).unwrap();
        queue.pop_front().expect("it is not empty")
    }
}

struct TaskWaker {
    number: usize,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.number);
    }
}

/// Spawns `main`, and polls what is ready until `main` is done.
pub(crate) fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
    let main = spawn(main);
    loop {
        if let Some(output) = main.0.borrow_mut().output.take() {
            TASKS.take(); // drops the tasks that are left
            return output;
        }
        poll(READY.with(|ready| ready.pop()));
    }
}

fn poll(number: usize) {
    // A waker may outlive its task: then its number finds no task, or another, which is polled in vain.
    let Some(mut task) = TASKS.with_borrow_mut(|tasks| tasks.get_mut(number).and_then(Option::take)) else {
        return;
    };
    let waker = Waker::from(Arc::new(TaskWaker { number, ready: READY.with(Arc::clone) }));
    match task.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(()) => _ = TASKS.with_borrow_mut(|tasks| tasks.remove(number)),
        Poll::Pending => TASKS.with_borrow_mut(|tasks| tasks[number] = Some(task)),
    }
}

pub(crate) fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    let join = Rc::new(RefCell::new(Join { output: None, waiter: None }));
    let handle = JoinHandle(join.clone());
    // The task is a future around yours: it leaves the output for the handle.
    let task = async move {
        let output = future.await;
        let mut join = join.borrow_mut();
        join.output = Some(output);
        if let Some(waiter) = join.waiter.take() {
            waiter.wake();
        }
    };
    let number = TASKS.with_borrow_mut(|tasks| tasks.insert(Some(Box::pin(task))));
    READY.with(|ready| ready.push(number));
    handle
}

pub(crate) struct JoinHandle<T>(Rc<RefCell<Join<T>>>);

struct Join<T> {
    output: Option<T>,
    waiter: Option<Waker>,
}

impl<T> Future for JoinHandle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut join = self.0.borrow_mut();
        join.waiter = Some(cx.waker().clone());
        join.output.take().map_or(Poll::Pending, Poll::Ready)
    }
}

/// Goes to the end of the queue once: it wakes itself, and is pending. (`poll_fn` makes a future of a closure,
/// which is its `poll`.)
pub(crate) async fn yield_now() {
    let mut has_yielded = false;
    std::future::poll_fn(|cx| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn steps(name: &str, result: u32) -> u32 {
    println!("{name} 1");
    yield_now().await;
    println!("{name} 2");
    result
}

/// Asks another thread, which wakes the task when it has the answer.
async fn ask_a_thread() -> u32 {
    let shared = Arc::new(Mutex::new((None, None::<Waker>)));
    let mut has_asked = false;
    std::future::poll_fn(|cx| {
        let (answer, waker) = &mut *shared.lock().unwrap();
        if let Some(answer) = *answer {
            return Poll::Ready(answer);
        }
        *waker = Some(cx.waker().clone()); // of each poll: the latest counts
        if !has_asked {
            has_asked = true;
            let shared = shared.clone();
            thread::spawn(move || {
                let (answer, waker) = &mut *shared.lock().unwrap();
                *answer = Some(42);
                waker.take().into_iter().for_each(Waker::wake);
            });
        }
        Poll::Pending
    })
    .await
}

fn main() {
    run(async {
        println!("main spawns");
        let (a, b) = (spawn(steps("a", 10)), spawn(steps("b", 20)));
        println!("main has {} and {}", a.await, b.await);
        println!("the answer of another thread is {}", ask_a_thread().await);
    });

    panic::set_hook(Box::new(|_| {})); // no message
    let step = Rc::new(Cell::new(0));
    let other = step.clone();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        run(async move {
            let other = spawn(async move {
                other.set(1);
                yield_now().await;
                other.set(2);
            });
            spawn(async { panic!("a fault in this task alone") });
            other.await;
        });
    }));
    assert!(ended.is_err());
    println!("a panic of one task has ended the loop: the other stands at step {} of 2", step.get());
}
