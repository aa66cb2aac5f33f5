//! The event loop of the fifth program: tasks, timers and sockets. It parks in the kernel.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Token, net::TcpStream as Socket};
use slab::Slab;

thread_local! {
    static KERNEL: RefCell<mio::Poll> = RefCell::new(mio::Poll::new().unwrap());
    static READY: Arc<Ready> = Arc::new(Ready {
        queue: Mutex::default(),
        bell: KERNEL.with_borrow(|kernel| mio::Waker::new(kernel.registry(), BELL).unwrap()),
    });
    static TASKS: RefCell<Slab<Option<Task>>> = const { RefCell::new(Slab::new()) };
    /// The wakers, in the order of their deadlines.
    static TIMERS: RefCell<BTreeMap<(Instant, u64), Waker>> = const { RefCell::new(BTreeMap::new()) };
    static SLEEPS: Cell<u64> = const { Cell::new(0) };
    /// For each socket, the waker of the task that waits to read, and of the task that waits to write.
    static SOCKETS: RefCell<Slab<[Option<Waker>; 2]>> = const { RefCell::new(Slab::new()) };
}

const BELL: Token = Token(usize::MAX); // not a socket: every push rings it, to end the park
const READ: usize = 0;
const WRITE: usize = 1;

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Ready {
    queue: Mutex<VecDeque<usize>>,
    bell: mio::Waker,
}

impl Ready {
    /// After this the next park does not sleep.
    fn push(&self, number: usize) {
        self.queue.lock().unwrap().push_back(number);
        self.bell.wake().unwrap();
    }
}

struct TaskWaker(usize, Arc<Ready>);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.1.push(self.0);
    }
}

pub(crate) fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
    let main = spawn(main);
    let mut events = Events::with_capacity(64); // the next park brings the rest
    loop {
        // 1 run
        let batch = READY.with(|ready| mem::take(&mut *ready.queue.lock().unwrap()));
        batch.into_iter().for_each(poll);
        if let Some(output) = main.0.borrow_mut().output.take() {
            TASKS.take(); // drops the tasks that are left
            return output;
        }

        // 2 park
        let first = TIMERS.with_borrow(|timers| timers.first_key_value().map(|((deadline, _), _)| *deadline));
        let timeout = first.map(|first| first.saturating_duration_since(Instant::now()));
        match KERNEL.with_borrow_mut(|kernel| kernel.poll(&mut events, timeout)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => panic!("no events: {error}"),
            _ => {} // a signal may end it early, which does no harm
        }

        // 3 wake
        for event in &events {
            // Wakes both sides: a task whose side is not ready tries in vain, and waits again.
            let both = SOCKETS.with_borrow_mut(|sockets| sockets.get_mut(event.token().0).map(mem::take));
            both.into_iter().flatten().flatten().for_each(Waker::wake);
        }
        let later = TIMERS.with_borrow_mut(|timers| timers.split_off(&(Instant::now(), u64::MAX)));
        TIMERS.replace(later).into_values().for_each(Waker::wake); // what `split_off` has left is due
    }
}

fn poll(number: usize) {
    let Some(mut task) = TASKS.with_borrow_mut(|tasks| tasks.get_mut(number).and_then(Option::take)) else {
        return;
    };
    let waker = Waker::from(Arc::new(TaskWaker(number, READY.with(Arc::clone))));
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

/// asyncio's `wait(handles, return_when=FIRST_COMPLETED)`: as soon as a task is done, returns the outputs of
/// the tasks that are done, and the handles of the rest.
pub(crate) async fn wait<T>(mut pending: Vec<JoinHandle<T>>) -> (Vec<T>, Vec<JoinHandle<T>>) {
    let mut done = Vec::new();
    poll_fn(|cx| {
        pending.retain_mut(|handle| match Pin::new(handle).poll(cx) {
            Poll::Ready(output) => {
                done.push(output);
                false
            }
            Poll::Pending => true,
        });
        if done.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    (done, pending)
}

/// The key of its timer, by which a sleep that is dropped takes it out.
pub(crate) struct Sleep((Instant, u64));

pub(crate) fn sleep(duration: Duration) -> Sleep {
    SLEEPS.set(SLEEPS.get() + 1);
    Sleep((Instant::now() + duration, SLEEPS.get()))
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.0 <= Instant::now() {
            return Poll::Ready(());
        }
        TIMERS.with_borrow_mut(|timers| timers.insert(self.0, cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let _ = TIMERS.try_with(|timers| timers.borrow_mut().remove(&self.0)); // gone if the thread ends
    }
}

/// A socket, and its place in `SOCKETS`.
pub(crate) struct TcpStream(Socket, usize);

impl TcpStream {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::connect(address)?;
        let number = SOCKETS.with_borrow_mut(|sockets| sockets.insert([None, None]));
        let mut stream = TcpStream(socket, number);
        let both = Interest::READABLE | Interest::WRITABLE;
        KERNEL.with_borrow(|kernel| kernel.registry().register(&mut stream.0, Token(number), both))?;
        stream.io(WRITE, |socket| socket.take_error()?.map_or_else(|| socket.peer_addr(), Err)).await?;
        Ok(stream)
    }

    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.io(READ, |mut socket| socket.read(buffer)).await
    }

    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = &bytes[self.io(WRITE, |mut socket| socket.write(bytes)).await?..];
        }
        Ok(())
    }

    /// Tries an operation. While it would block, or is a connect that has no peer yet, waits for an event.
    async fn io<T>(&self, side: usize, mut attempt: impl FnMut(&Socket) -> io::Result<T>) -> io::Result<T> {
        let is_early =
            |error: &io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected);
        poll_fn(|cx| match attempt(&self.0) {
            Err(error) if is_early(&error) => {
                SOCKETS.with_borrow_mut(|sockets| sockets[self.1][side] = Some(cx.waker().clone()));
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
        .await
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        let _ = SOCKETS.try_with(|sockets| sockets.borrow_mut().remove(self.1));
    }
}
