//! Many tasks, or many wakers, that wait for one side of a socket.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use boucle::net::TcpListener;
use boucle::{EventLoop, run, sleep, spawn, yield_now};
use futures::stream::FuturesUnordered;
use futures_lite::StreamExt;

use crate::common::{Counting, virtual_loop};

/// However many tasks wait for one side of a socket, they come to rest: they are woken to poll again a
/// few times, until the side has room for all.
#[test]
fn many_waiters_in_vain_come_to_rest() {
    for tasks in [64, 65, 200, 1_000] {
        let event_loop = EventLoop::new().unwrap();
        let listener = event_loop.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = Rc::new(listener.unwrap());
        for _ in 0..tasks {
            let listener = listener.clone();
            drop(event_loop.spawn(async move { listener.accept().await.map(drop) }));
        }
        let mut polls = 0;
        loop {
            let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
            polls += turn.polled;
            assert!(polls <= 3 * tasks, "{polls} polls of {tasks} tasks");
            if turn.ready == 0 {
                break;
            }
        }
    }
}

/// The same for waiters that do not poll again at once: each yields first, or is one of many futures in a
/// task, or in a task of tasks. If the loop were never idle, no time would pass and the sleep would
/// never end.
#[test]
fn slow_waiters_come_to_rest() {
    async fn slow(listener: Rc<TcpListener>) {
        let mut gives_way = false;
        poll_fn(|cx| {
            gives_way = !gives_way;
            if gives_way {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            listener.poll_accept(cx).map(drop)
        })
        .await;
    }
    async fn many(listener: Rc<TcpListener>, count: usize) {
        let waiters = (0..count).map(|_| slow(listener.clone()));
        waiters.collect::<FuturesUnordered<_>>().count().await;
    }
    async fn task_of_tasks(listener: Rc<TcpListener>) {
        let inner = (0..10).map(|_| many(listener.clone(), 10));
        inner.collect::<FuturesUnordered<_>>().count().await;
    }
    let kinds: [fn(Rc<TcpListener>); 3] = [
        |listener| (0..65).for_each(|_| drop(spawn(slow(listener.clone())))),
        |listener| drop(spawn(many(listener, 100))),
        |listener| drop(spawn(task_of_tasks(listener))),
    ];
    for spawn_all in kinds {
        virtual_loop().block_on(async {
            let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            spawn_all(listener.clone());
            sleep(Duration::from_millis(2)).await;
        });
    }
}

/// Waits until none of the tasks that count their polls is ready. (What is ready is polled before this task is
/// polled again.)
async fn come_to_rest(polls: &Cell<usize>) {
    loop {
        let before = polls.get();
        yield_now().await;
        if polls.get() == before {
            return;
        }
    }
}

/// Two hundred tasks that wait for connections are each woken once by each connection: they are not taken
/// for stale each time.
#[test]
fn waiters_are_woken_once_for_each_connection() {
    const TASKS: usize = 200;
    run(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (polls, accepted) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        for _ in 0..TASKS {
            let (listener, polls, accepted) = (listener.clone(), polls.clone(), accepted.clone());
            drop(spawn(poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                while listener.poll_accept(cx)?.is_ready() {
                    accepted.set(accepted.get() + 1);
                }
                Poll::<std::io::Result<()>>::Pending
            })));
        }
        come_to_rest(&polls).await;
        for connection in 1..=5 {
            let before = polls.get();
            let _stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            while accepted.get() < connection {
                sleep(Duration::from_millis(1)).await;
            }
            come_to_rest(&polls).await;
            let woken = polls.get() - before;
            assert!(woken <= TASKS + 10, "{woken} polls for connection {connection}");
        }
    });
}

/// Tasks that have come to rest are not woken again and again because a foreign waker, each time a new
/// one, polls the same side.
#[test]
fn waiters_at_rest_are_left_alone() {
    run(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let polls = Rc::new(Cell::new(0));
        for _ in 0..100 {
            let (listener, polls) = (listener.clone(), polls.clone());
            drop(spawn(poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                listener.poll_accept(cx).map(drop)
            })));
        }
        for _ in 0..50 {
            sleep(Duration::from_micros(1)).await;
            let waker = Waker::from(Arc::new(Counting::default()));
            let polled = listener.poll_accept(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        assert!(polls.get() <= 400, "{} polls", polls.get());
    });
}

/// A waker that polls the socket while it is woken, as an executor might that runs at once, does not
/// recurse for ever.
#[test]
fn wakers_that_poll_within_their_wake_come_to_rest() {
    thread_local! {
        static LISTENER: RefCell<Option<Rc<TcpListener>>> = const { RefCell::new(None) };
    }
    struct PollsAtOnce;
    impl Wake for PollsAtOnce {
        fn wake(self: Arc<Self>) {
            if let Some(listener) = LISTENER.with_borrow(|listener| listener.clone()) {
                let waker = Waker::from(self);
                let polled = listener.poll_accept(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
            }
        }
    }
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        LISTENER.set(Some(Rc::new(listener)));
        for _ in 0..200 {
            Arc::new(PollsAtOnce).wake();
        }
        LISTENER.set(None);
    });
}
