//! Foreign wakers that panic when they are woken and when they are dropped, or that poll while they are woken.
//! (Those that panic only when they are dropped are in `tests/hostile/wakers.rs`.)

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use boucle::net::TcpListener;
use boucle::observe::Event;
use boucle::{
    ALL_COMPLETED, EventLoop, JoinHandle, as_completed, gather, run, sleep, spawn, try_gather, wait,
    yield_now,
};
use futures_lite::StreamExt;

use crate::common::{Gate, Observing, OnDrop, SECOND, listen, turn, virtual_loop, waker_of};

/// A duration that is not over at the first poll.
const MOMENT: Duration = Duration::from_millis(if cfg!(miri) { 500 } else { 5 });

type Boxed<T = ()> = Pin<Box<dyn Future<Output = T>>>;

/// Returns a foreign waker that panics when it is woken and when it is dropped, and the number of its wakes.
fn panicking() -> (Waker, Arc<AtomicUsize>) {
    let wakes = Arc::new(AtomicUsize::new(0));
    let counts = wakes.clone();
    let wake = move || {
        counts.fetch_add(1, SeqCst);
        panic!("a waker's wake");
    };
    (waker_of(wake, || panic!("a waker's drop")), wakes)
}

/// Polls a future with such a waker, of which the future then holds the only clone. Returns the number of
/// its wakes.
fn poll_with_panics(future: impl Future) -> Arc<AtomicUsize> {
    let (waker, wakes) = panicking();
    let cx = &mut Context::from_waker(&waker);
    assert!(pin!(future).poll(cx).is_pending());
    // It panics if nothing has kept a clone.
    drop(waker);
    wakes
}

type Tasks = Vec<JoinHandle<()>>;

/// Returns a wait for a task whose handle holds such a waker, and the gate at which that task waits.
fn wait_with_panics() -> (Gate, impl Future<Output = (Tasks, Tasks)> + Unpin) {
    let gate = Gate::default();
    let mut handle = spawn(gate.waits());
    poll_with_panics(&mut handle);
    (gate, wait([handle], ALL_COMPLETED))
}

/// A `wait` drops the waker that a handle holds, and the drop of that waker panics. The wait still works, and
/// its task is not counted by a later group that has the wait's slot.
#[test]
fn a_panicking_waker_leaves_no_trace_in_a_group_that_is_gone() {
    virtual_loop().block_on(async {
        let (gate, mut waiting) = wait_with_panics();
        poll_fn(|cx| {
            assert!(Pin::new(&mut waiting).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let parts: [Boxed; 2] = [Box::pin(sleep(SECOND)), Box::pin(async {})];
        let gathered = spawn(gather(parts));
        yield_now().await;
        yield_now().await;
        gate.open();
        waiting.await;
        assert!(!gathered.is_finished(), "one of two is done");
        gathered.await.unwrap();
    });
}

/// Such a `wait` is kept after its first poll, but not polled again: no group counts below zero.
#[test]
fn a_wait_that_is_not_polled_again_leaves_no_trace() {
    virtual_loop().block_on(async {
        let (gate, mut waiting) = wait_with_panics();
        poll_fn(|cx| {
            let polled = || Pin::new(&mut waiting).poll(cx).is_ready();
            drop(catch_unwind(AssertUnwindSafe(polled)));
            Poll::Ready(())
        })
        .await;
        let inner = Gate::default();
        let gathered = spawn(gather([inner.waits()]));
        yield_now().await;
        yield_now().await;
        inner.open(); // the child is done in this batch, and the other task after it
        gate.open();
        gathered.await.unwrap();
        drop(waiting);
    });
}

/// Two wakers panic when one `wait` drops them, and the process goes on.
#[test]
fn wakers_of_two_handles_may_both_panic() {
    virtual_loop().block_on(async {
        let mut handles = [spawn(sleep(SECOND)), spawn(sleep(SECOND))];
        handles.each_mut().map(poll_with_panics);
        assert_eq!(wait(handles, ALL_COMPLETED).await.0.len(), 2);
    });
}

/// A waker that panics when it is woken, and again when it is dropped, may wait for anything: it is woken
/// once, and the loop goes on. (Two panics at once would end the process.)
#[test]
fn a_waker_that_panics_twice_harms_nothing() {
    run(async {
        let (listener, address) = listen().await;
        let accepts = || poll_fn(|cx| listener.poll_accept(cx).map(drop));
        let mut nap = sleep(MOMENT);
        let mut handle = spawn(yield_now());
        let mut children = gather([yield_now()]);
        let mut stream = as_completed([yield_now()]);
        let wakes = [
            poll_with_panics(&mut nap),
            poll_with_panics(&mut handle),
            poll_with_panics(&mut children),
            poll_with_panics(stream.next()),
            poll_with_panics(accepts()),
            poll_with_panics(accepts()),
        ];
        let client = std::net::TcpStream::connect(address).unwrap();
        sleep(4 * MOMENT).await;
        assert_eq!(wakes.map(|wakes| wakes.load(SeqCst)), [1; 6]);
        nap.await;
        handle.await.unwrap();
        children.await;
        stream.next().await.unwrap().unwrap();
        accepts().await;
        drop(client);
    });
}

/// A future of each kind holds a waker that panics, and is dropped: on the thread of the loop, on another
/// one, and after the end of the loop.
#[test]
fn what_panicking_wakers_wait_for_may_be_dropped_anywhere() {
    async fn kinds() -> Vec<Box<dyn Send>> {
        let mut sleeps = [sleep(SECOND), sleep(SECOND)];
        sleeps.each_mut().map(poll_with_panics);
        let mut handles = [spawn(pending::<()>()), spawn(pending::<()>())];
        handles.each_mut().map(poll_with_panics);
        let mut gathers = [gather([pending::<()>()]), gather([pending::<()>()])];
        gathers.each_mut().map(poll_with_panics);
        let mut failing = try_gather([pending::<Result<(), ()>>()]);
        poll_with_panics(&mut failing);
        let mut stream = as_completed([pending::<()>()]);
        poll_with_panics(stream.next());
        let mut waiting = wait([spawn(pending::<()>())], ALL_COMPLETED);
        poll_with_panics(&mut waiting);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for _ in 0..3 {
            poll_with_panics(poll_fn(|cx| listener.poll_accept(cx).map(drop)));
        }
        vec![
            Box::new(sleeps),
            Box::new(handles),
            Box::new(gathers),
            Box::new(failing),
            Box::new(stream),
            Box::new(waiting),
            Box::new(listener),
        ]
    }
    let event_loop = EventLoop::new().unwrap();
    let here = event_loop.block_on(kinds());
    here.into_iter().for_each(drop);
    let elsewhere = event_loop.block_on(kinds());
    std::thread::spawn(move || elsewhere.into_iter().for_each(drop)).join().unwrap();
    turn(&event_loop);
    let late = event_loop.block_on(kinds());
    drop(event_loop);
    late.into_iter().for_each(drop);
}

/// A waker that polls its future in its wake.
struct PollsAtOnce;

type Polls = Box<dyn FnMut(&mut Context<'_>)>;

thread_local! {
    /// Polls the future.
    static POLLED: RefCell<Option<Polls>> = const { RefCell::new(None) };
    static WAKES: Cell<u32> = const { Cell::new(0) };
}

impl PollsAtOnce {
    fn start(poll: impl FnMut(&mut Context<'_>) + 'static) {
        WAKES.set(0);
        POLLED.set(Some(Box::new(poll)));
        Arc::new(PollsAtOnce).wake();
    }
}

impl Wake for PollsAtOnce {
    fn wake(self: Arc<Self>) {
        WAKES.set(WAKES.get() + 1);
        assert!(WAKES.get() < 1_000, "it is woken again and again");
        if let Some(mut poll) = POLLED.take() {
            let waker = Waker::from(self);
            poll(&mut Context::from_waker(&waker));
            POLLED.set(Some(poll));
        }
    }
}

/// The end of a loop wakes foreign wakers. One that polls in its wake, and so waits again, is woken once
/// more, finds the loop gone, and the end is reached.
#[test]
fn a_waker_that_polls_in_its_wake_does_not_hold_up_the_end() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        PollsAtOnce::start(move |cx| drop(listener.poll_accept(cx)));
    });
    assert!((2..=4).contains(&WAKES.get()), "{} wakes", WAKES.get());
    virtual_loop().block_on(async {
        let mut both = gather([pending::<()>(), pending()]);
        PollsAtOnce::start(move |cx| {
            let _ = Pin::new(&mut both).poll(cx);
        });
    });
    assert!((2..=4).contains(&WAKES.get()), "{} wakes", WAKES.get());
    virtual_loop().block_on(async {
        PollsAtOnce::start(move |cx| {
            let mut nap = sleep(SECOND);
            let _ = Pin::new(&mut nap).poll(cx);
            std::mem::forget(nap);
        });
    });
    assert!((2..=4).contains(&WAKES.get()), "{} wakes", WAKES.get());
    POLLED.set(None);
}

/// The destructor of an observer is the last user code that the end of a loop runs. A waker that it leaves
/// with a future is woken, unless the poll has returned that the loop is gone. If the waker's destructor
/// panics, that panic is caught.
#[test]
fn a_waker_that_is_left_at_the_very_end_is_woken() {
    let left: Rc<RefCell<Vec<Boxed>>> = Rc::default();
    let wakes: Rc<RefCell<Vec<Arc<AtomicUsize>>>> = Rc::default();
    let (futures, counts) = (left.clone(), wakes.clone());
    let polls = OnDrop(move || {
        for future in &mut *futures.borrow_mut() {
            let (waker, wakes) = panicking();
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                drop(catch_unwind(AssertUnwindSafe(|| drop(waker))));
                continue;
            }
            drop(waker);
            counts.borrow_mut().push(wakes);
        }
    });
    let observer = Observing(move |_: &Event| _ = &polls);
    let event_loop = EventLoop::builder().observe(observer).build().unwrap();
    event_loop.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let accepts = async move { drop(listener.accept().await) };
        let gathers = async { drop(gather([pending::<()>()]).await) };
        let mut futures: [Boxed; 2] = [Box::pin(accepts), Box::pin(gathers)];
        for future in &mut futures {
            assert!(poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await.is_pending());
        }
        left.borrow_mut().extend(futures);
    });
    drop(event_loop);
    let wakes = wakes.take();
    assert!(!wakes.is_empty());
    assert!(wakes.iter().all(|wakes| wakes.load(SeqCst) == 1));
}
