//! Wakers whose clone runs a hook, and whose destructor may panic.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

use boucle::net::TcpListener;
use boucle::observe::Event;
use boucle::{EventLoop, gather, run, sleep, spawn};

use crate::common::{Bomb, Observing, holds, panic_of, virtual_loop};

static WAKES: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static WHEN_CLONED: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    static DROPS_PANIC: Cell<bool> = const { Cell::new(false) };
}

static HOOKED: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_clone);

fn clone(_: *const ()) -> RawWaker {
    if let Some(hook) = WHEN_CLONED.take() {
        hook();
    }
    RawWaker::new(ptr::without_provenance(1), &HOOKED)
}

fn wake(data: *const ()) {
    wake_by_ref(data);
    drop_clone(data);
}

fn wake_by_ref(_: *const ()) {
    WAKES.fetch_add(1, SeqCst);
}

/// Drops a waker. Clones have data, and may panic; the first waker has none, and does not.
fn drop_clone(data: *const ()) {
    assert!(data.is_null() || !DROPS_PANIC.get(), "a waker's drop");
}

/// Returns a waker whose clone runs `WHEN_CLONED`. The drop of a clone panics if `DROPS_PANIC`.
fn hooked() -> Waker {
    // SAFETY: The functions use no memory behind the pointer, and any thread may call them.
    unsafe { Waker::from_raw(RawWaker::new(ptr::null(), &HOOKED)) }
}

/// Polls a future once with a hooked waker. Returns the answer, or the message of the panic.
fn polled<F: Future>(future: F) -> Result<Poll<F::Output>, String> {
    let waker = hooked();
    let mut future = pin!(future);
    let cx = &mut Context::from_waker(&waker);
    catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
        .map_err(|payload| payload.downcast_ref::<String>().cloned().unwrap_or_default())
}

/// A handle is polled, and the clone of the waker drops the loop of the handle: the poll returns that the
/// task is cancelled.
#[test]
fn a_loop_may_be_dropped_while_a_poll_clones_a_waker() {
    let event_loop = EventLoop::new().unwrap();
    let mut handle = event_loop.spawn(pending::<()>());
    WHEN_CLONED.set(Some(Box::new(move || drop(event_loop))));
    let Poll::Ready(Err(error)) = polled(&mut handle).unwrap() else {
        panic!("the loop is gone");
    };
    assert!(error.is_cancelled());
}

/// A poll that is refused panics with its reason even if its clone of the waker panics when it is dropped.
/// (Two panics at once would end the process.)
#[test]
fn a_refusal_is_not_replaced_by_the_panic_of_a_waker() {
    let other = virtual_loop();
    let (mut nap, mut children, mut handle) = other.block_on(async {
        let mut nap = sleep(Duration::from_secs(1));
        let mut children = gather([pending::<()>()]);
        let mut handle = spawn(pending::<()>());
        assert!(polled(&mut nap).unwrap().is_pending());
        assert!(polled(&mut children).unwrap().is_pending());
        assert!(polled(&mut handle).unwrap().is_pending());
        (nap, children, handle)
    });
    DROPS_PANIC.set(true);
    let refused = |polled: Result<(), String>, why: &str| {
        let refusal = polled.unwrap_err();
        assert!(refusal.contains(why), "{refusal}");
    };
    virtual_loop().block_on(async {
        refused(polled(&mut nap).map(drop), "its own loop");
        refused(polled(&mut children).map(drop), "its own loop");
        refused(polled(&mut handle).map(drop), "its own loop");
    });
    refused(polled(sleep(Duration::from_secs(1))).map(drop), "needs an event loop");
    DROPS_PANIC.set(false);
}

/// The answer of a poll is not lost if its clone of the waker panics when it is dropped.
#[test]
fn an_answer_is_not_lost_by_the_panic_of_a_waker() {
    DROPS_PANIC.set(true);
    run(async {
        let mut children = pin!(gather([ready(1), ready(2)]));
        let mut handle = spawn(ready(3));
        let mut listener = pin!(TcpListener::bind("127.0.0.1:0"));
        assert!(matches!(polled(&mut listener).unwrap(), Poll::Ready(Ok(_))));
        // The first poll leaves a clone; when it is replaced or woken, the panic of its drop is caught.
        assert!(polled(&mut children).unwrap().is_pending());
        boucle::yield_now().await;
        boucle::yield_now().await;
        assert_eq!(polled(&mut children).unwrap(), Poll::Ready(vec![1, 2]));
        let Poll::Ready(Ok(3)) = polled(&mut handle).unwrap() else {
            panic!("the task is done");
        };
    });
    DROPS_PANIC.set(false);
}

/// The value of a job is not lost if the clone of the waker panics when it is dropped.
#[test]
#[cfg(feature = "blocking")]
fn the_value_of_a_job_is_not_lost_by_the_panic_of_a_waker() {
    DROPS_PANIC.set(true);
    run(async {
        let (sender, done) = std::sync::mpsc::channel();
        let mut job = pin!(boucle::run_in_executor(move || sender.send(()).map(|()| 42)));
        done.recv().unwrap();
        // The value comes just after the message, most probably during this job; else the poll is repeated.
        boucle::run_in_executor(|| ()).await;
        let value = loop {
            match polled(&mut job).expect("the poll does not panic") {
                Poll::Ready(value) => break value,
                Poll::Pending => boucle::yield_now().await,
            }
        };
        assert_eq!(value, Ok(42));
    });
    DROPS_PANIC.set(false);
}

/// Returns a future that panics when it is dropped.
fn explosive() -> impl Future<Output = ()> {
    holds(Bomb("a value's drop"))
}

/// A future or a closure that is refused is dropped quietly: the panic gives the reason of the refusal.
#[test]
fn what_is_refused_is_dropped_quietly() {
    run(async {
        assert!(panic_of(|| run(explosive())).contains("is running on this thread"));
        let event_loop = virtual_loop();
        assert!(panic_of(|| event_loop.block_on(explosive())).contains("is running on this thread"));
    });
    assert!(panic_of(|| spawn(explosive())).contains("needs an event loop"));
    assert!(panic_of(|| boucle::spawn_named("x", explosive())).contains("needs an event loop"));

    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    drop(event_loop);
    let bomb = Bomb("a value's drop");
    let refused = handle.spawn(move || async move { drop(bomb) });
    assert_eq!(refused, Err(boucle::LoopGone));
}

/// The observers of a loop that is never made are dropped one by one: each may panic.
#[test]
fn observers_of_no_loop_are_dropped_one_by_one() {
    let observer = || {
        let bomb = Bomb("an observer's drop");
        Observing(move |_: &Event| _ = &bomb)
    };
    let builder = EventLoop::builder().observe(observer());
    drop(builder.observe(observer()));
}
