//! From scratch, 4: time. A turn of the loop runs what is ready, sleeps until the first deadline, wakes what
//! is due.
//!
//! ```sh
//! cargo run --example scratch_4
//! ```
//!
//! prints, in a second and a half,
//!
//! ```text
//! Entrée dans 1
//! Entrée dans 0.5
//! Entrée dans 1.5
//! Sortie de 0.5
//! Sortie de 1
//! Sortie de 1.5
//! [1.0, 0.25, 2.25]
//! 7 turns
//! 100,000 sleeps are dropped, and 100,000 deadlines are in the heap
//! ```
//!
//! A sleep is a deadline in a heap, with the waker of the task that awaits it. In turn 1 main spawns three
//! tasks. In turn 2 all arm their timers, and the thread sleeps until the first deadline. The guide explains
//! the seven turns.
//!
//! This loop cannot cancel a timer. Only the first of a heap is easy to take out, so a sleep that is dropped
//! leaves its deadline there until it is due. If a server has a timeout of a minute for each request, its
//! heap holds the requests of a minute, although hardly one is ever due. And nothing here waits for a socket:
//! `5_sockets`.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use slab::Slab;

thread_local! {
    static TASKS: RefCell<Slab<Option<Task>>> = const { RefCell::new(Slab::new()) };
    static READY: Arc<Ready> = Arc::default();
    static TIMERS: RefCell<Timers> = RefCell::default();
    static TURNS: Cell<usize> = const { Cell::new(0) };
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
struct Ready {
    queue: Mutex<VecDeque<usize>>,
    not_empty: Condvar,
}

struct TaskWaker {
    number: usize,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.queue.lock().unwrap().push_back(self.number);
        self.ready.not_empty.notify_one();
    }
}

/// The deadlines, the first on top, and beside the heap the waker for each, since wakers have no order. Timers
/// with the same deadline keep theirs.
#[derive(Default)]
struct Timers {
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    waiters: HashMap<u64, Waker>,
    armed: u64,
}

/// Spawns `main`, and runs one turn after the other until it is done.
pub(crate) fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
    let main = spawn(main);
    loop {
        TURNS.set(TURNS.get() + 1);

        // 1 run: what is ready now. What is woken meanwhile runs in the next turn.
        let batch = READY.with(|ready| std::mem::take(&mut *ready.queue.lock().unwrap()));
        batch.into_iter().for_each(poll);
        if let Some(output) = main.0.borrow_mut().output.take() {
            TASKS.take(); // drops the tasks that are left
            return output;
        }

        // 2 park: until the first deadline, or until a wake.
        let first = TIMERS.with_borrow(|timers| timers.deadlines.peek().map(|Reverse(first)| first.0));
        let timeout = first.map_or(Duration::MAX, |first| first.saturating_duration_since(Instant::now()));
        READY.with(|ready| {
            let queue = ready.queue.lock().unwrap();
            drop(ready.not_empty.wait_timeout_while(queue, timeout, |queue| queue.is_empty()));
        });

        // 3 wake: what waits for a deadline that has passed.
        while let Some(waiter) = TIMERS.with_borrow_mut(Timers::pop_due) {
            waiter.wake();
        }
    }
}

impl Timers {
    fn pop_due(&mut self) -> Option<Waker> {
        let Reverse((deadline, number)) = *self.deadlines.peek()?;
        if deadline > Instant::now() {
            return None;
        }
        self.deadlines.pop();
        self.waiters.remove(&number)
    }
}

fn poll(number: usize) {
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
    let task = async move {
        let output = future.await;
        let mut join = join.borrow_mut();
        join.output = Some(output);
        join.waiter.take().into_iter().for_each(Waker::wake);
    };
    let number = TASKS.with_borrow_mut(|tasks| tasks.insert(Some(Box::pin(task))));
    READY.with(|ready| ready.queue.lock().unwrap().push_back(number));
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

pub(crate) struct Sleep {
    until: Instant,
}

pub(crate) fn sleep(duration: Duration) -> Sleep {
    Sleep { until: Instant::now() + duration }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.until <= Instant::now() {
            return Poll::Ready(());
        }
        TIMERS.with_borrow_mut(|timers| {
            timers.armed += 1;
            timers.deadlines.push(Reverse((self.until, timers.armed)));
            timers.waiters.insert(timers.armed, cx.waker().clone());
        });
        Poll::Pending
    }
}

/// Runs the futures at the same time. Returns their results in the order in which they were given.
async fn gather<F: Future + 'static>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let handles: Vec<_> = futures.into_iter().map(spawn).collect();
    let mut results = Vec::new();
    for handle in handles {
        results.push(handle.await);
    }
    results
}

async fn mysleep(duration: f64) -> f64 {
    println!("Entrée dans {duration}");
    sleep(Duration::from_secs_f64(duration)).await;
    println!("Sortie de {duration}");
    duration.powi(2)
}

/// Returns how many deadlines are in the heap.
pub(crate) fn timers() -> usize {
    TIMERS.with_borrow(|timers| timers.deadlines.len())
}

fn main() {
    println!("{:?}", run(gather([1.0, 0.5, 1.5].map(mysleep))));
    println!("{} turns", TURNS.get());

    run(async {
        for _ in 0..100_000 {
            let mut timeout = sleep(Duration::from_secs(60));
            let polled = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut timeout).poll(cx))).await;
            assert!(polled.is_pending());
        }
    });
    assert_eq!(timers(), 100_000);
    println!("100,000 sleeps are dropped, and 100,000 deadlines are in the heap");
}
