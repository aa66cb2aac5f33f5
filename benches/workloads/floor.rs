//! The floor: a simple executor of boxed futures.
//!
//! It has boxed futures in a `Vec`, the ids of those that are ready in a thread-local queue, and a waker that
//! pushes its id. A task that is woken twice is polled twice, no panic is caught, nothing can be aborted, no
//! other thread can wake a task, and the loop never sleeps.
//!
//! A loop with sockets must ask the kernel for events now and then. [`AskingFloor`] does, once in 61 polls,
//! as boucle does while a socket is open, and tokio always. [`Floor`] never does.
//!
//! The workloads need join handles. Here each is an allocation of its own, so the floor's spawn is no floor.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

use super::runtime::Runtime;
use super::yield_once::yield_once;

pub type Floor = Executor<false>;
pub type AskingFloor = Executor<true>;

pub struct Executor<const ASKS: bool> {
    kernel: RefCell<mio::Poll>,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The main future's id. It is no task, and its place in the `Vec` stays empty.
const MAIN: usize = 0;

/// Polls of futures between two polls of the kernel.
const POLLS: usize = 61;

thread_local! {
    static READY: RefCell<VecDeque<usize>> = const { RefCell::new(VecDeque::new()) };
    /// What was spawned and is not in the executor's `Vec` yet, where its place will be `NEXT_ID`.
    static SPAWNED: RefCell<Vec<Option<Task>>> = const { RefCell::new(Vec::new()) };
    static NEXT_ID: Cell<usize> = const { Cell::new(MAIN) };
}

fn push(id: usize) {
    READY.with_borrow_mut(|ready| ready.push_back(id));
}

/// A waker whose data is the id.
fn waker(id: usize) -> Waker {
    fn wake(data: *const ()) {
        push(data.addr());
    }
    static VTABLE: RawWakerVTable =
        RawWakerVTable::new(|data| RawWaker::new(data, &VTABLE), wake, wake, |_| {});
    // SAFETY: the data is a number, which may be copied and needs no drop. (On another thread the waker would
    // push to that thread's queue: the wake is lost, but that is no undefined behaviour.)
    unsafe { Waker::new(ptr::without_provenance(id), &VTABLE) }
}

impl<const ASKS: bool> Runtime for Executor<ASKS> {
    const NAME: &str = if ASKS { "asking floor" } else { "floor" };

    type Joined<T: 'static> = Joined<T>;
    type JoinError = Infallible;

    fn new() -> Self {
        let kernel = mio::Poll::new().expect("the system gives a poller");
        Executor { kernel: RefCell::new(kernel) }
    }

    fn block_on<F: Future>(&self, main: F) -> F::Output {
        let mut main = pin!(main);
        let mut tasks: Vec<Option<Task>> = vec![None];
        NEXT_ID.set(MAIN + 1);
        push(MAIN);
        let mut events = mio::Events::with_capacity(1_024);
        let mut polls = 0;
        let output = loop {
            let id = READY.with_borrow_mut(VecDeque::pop_front);
            let id = id.expect("something is always ready: the floor does not sleep");
            let waker = waker(id);
            let cx = &mut Context::from_waker(&waker);
            if id == MAIN {
                if let Poll::Ready(output) = main.as_mut().poll(cx) {
                    break output;
                }
            } else {
                if id >= tasks.len() {
                    SPAWNED.with_borrow_mut(|spawned| tasks.append(spawned));
                }
                if let Some(task) = &mut tasks[id]
                    && task.as_mut().poll(cx).is_ready()
                {
                    tasks[id] = None;
                }
            }
            polls += 1;
            if ASKS && polls % POLLS == 0 {
                let asked = self.kernel.borrow_mut().poll(&mut events, Some(Duration::ZERO));
                asked.expect("the kernel answers");
            }
        };
        // Tasks that are left are dropped, as is what they spawned.
        drop(tasks);
        SPAWNED.take();
        READY.take();
        output
    }

    fn spawn<F>(future: F) -> Joined<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let place = Rc::new(Cell::new(JoinState::Running));
        let joined = Joined(place.clone());
        let task = async move {
            let output = future.await;
            if let JoinState::Awaited(waker) = place.replace(JoinState::Done(output)) {
                waker.wake();
            }
        };
        SPAWNED.with_borrow_mut(|spawned| spawned.push(Some(Box::pin(task))));
        let id = NEXT_ID.get();
        NEXT_ID.set(id + 1);
        push(id);
        joined
    }

    fn yield_now() -> impl Future<Output = ()> {
        yield_once()
    }
}

/// What a task shares with its join handle.
#[derive(Default)]
enum JoinState<T> {
    #[default]
    Running,
    Awaited(Waker),
    Done(T),
}

pub struct Joined<T>(Rc<Cell<JoinState<T>>>);

impl<T> Future for Joined<T> {
    type Output = Result<T, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0.take() {
            JoinState::Done(output) => Poll::Ready(Ok(output)),
            _ => {
                self.0.set(JoinState::Awaited(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}
