//! Wakers of other runtimes, which may use the loop whenever it touches them.

use std::cell::RefCell;
use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

use boucle::net::TcpListener;
use boucle::{ALL_COMPLETED, LoopHandle, as_completed, gather, sleep, spawn, timeout, wait, yield_now};
use futures_lite::StreamExt;

use crate::common::{Gate, LONG, SECOND, listen, look, rounds, virtual_loop, waker_of};

/// What a waker calls when it is cloned, woken or dropped.
type Hook = Box<dyn Fn(&'static str) + Send + Sync>;

/// Returns a waker that calls a closure when it is cloned, woken and dropped.
fn calling(hook: impl Fn(&'static str) + Send + Sync + 'static) -> Waker {
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            let hook = borrow(data);
            hook("clone");
            RawWaker::new(Arc::into_raw(hook).cast(), &VTABLE)
        },
        |data| own(data)("wake"),
        |data| borrow(data)("wake"),
        |data| own(data)("drop"),
    );
    fn own(data: *const ()) -> Arc<Hook> {
        // SAFETY: the data of every waker with this table came out of `Arc::into_raw`, and the
        // function that is called last, `wake` or `drop`, takes that count back, once.
        unsafe { Arc::from_raw(data.cast()) }
    }
    fn borrow(data: *const ()) -> Arc<Hook> {
        // SAFETY: as above; the waker is alive while it is cloned or woken by reference, so the
        // count is not zero.
        unsafe { Arc::increment_strong_count(data.cast::<Hook>()) };
        own(data)
    }
    let hook: Arc<Hook> = Arc::new(Box::new(hook));
    let raw = RawWaker::new(Arc::into_raw(hook).cast(), &VTABLE);
    // SAFETY: the four functions keep the count as a waker's must be kept, and the hook is
    // `Send + Sync`.
    unsafe { Waker::from_raw(raw) }
}

/// Does with the running loop what user code may do.
fn use_the_loop() {
    let task = spawn(pending::<()>());
    task.abort();
    drop(task);
    drop(spawn(ready(())));
    let mut armed = sleep(SECOND);
    assert!(look(&mut armed).is_pending());
    drop(armed);
    let mut gathered = gather([pending::<()>()]);
    assert!(look(&mut gathered).is_pending());
    drop(gathered);
    OWN.with_borrow(|own| own.iter().for_each(Waker::wake_by_ref));
    boucle::now();
    drop(LoopHandle::current());
}

thread_local! {
    /// A waker of the running loop.
    static OWN: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// Counts what reentrant wakers did: calls that began, and calls that ended. A call while the loop is
/// borrowed would panic in between.
#[derive(Default)]
struct Calls {
    begun: AtomicUsize,
    ended: AtomicUsize,
    woken: AtomicUsize,
}

impl Calls {
    fn waker(self: &Arc<Self>) -> Waker {
        let calls = self.clone();
        calling(move |event| {
            calls.begun.fetch_add(1, Relaxed);
            if event == "wake" {
                calls.woken.fetch_add(1, Relaxed);
            }
            use_the_loop();
            calls.ended.fetch_add(1, Relaxed);
        })
    }
}

/// Polls a future with wakers that use the loop whenever they are touched: one waker twice, then another
/// one twice, which replaces it; then makes the future ready, polls it once more and drops it; and drops
/// another such future while it is pending. Asserts that nothing panics, that as many wakers are woken as
/// should be, and that none is leaked.
async fn bears_reentrant_wakers<F, T>(mut make: impl FnMut() -> F, ready: impl AsyncFn(), wakes: usize)
where
    F: FnMut(&mut Context<'_>) -> Poll<T>,
{
    poll_fn(|cx| {
        OWN.set(Some(cx.waker().clone()));
        Poll::Ready(())
    })
    .await;
    let calls = Arc::new(Calls::default());
    {
        let (first, second) = (calls.waker(), calls.waker());
        let mut poll = make();
        for waker in [&first, &first, &second, &second] {
            let polled = poll(&mut Context::from_waker(waker));
            assert!(polled.is_pending());
        }
        drop(first);
        ready().await;
        assert_eq!(calls.woken.load(Relaxed), wakes);
        let polled = poll(&mut Context::from_waker(&second));
        assert!(polled.is_ready());
        drop(poll);

        let mut poll = make();
        assert!(poll(&mut Context::from_waker(&second)).is_pending());
        drop(poll);
    }
    yield_now().await;
    assert_eq!(calls.begun.load(Relaxed), calls.ended.load(Relaxed));
    assert_eq!(Arc::strong_count(&calls), 1);
}

/// A foreign waker may use the loop in its clone, wake and drop, while a `JoinHandle` holds it.
#[test]
fn a_join_handle_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let gate = Gate::default();
        let waiting = || {
            let mut task = spawn(gate.waits());
            move |cx: &mut Context<'_>| pin!(&mut task).poll(cx)
        };
        bears_reentrant_wakers(
            waiting,
            async || {
                yield_now().await;
                gate.open();
                yield_now().await;
            },
            1,
        )
        .await;
    });
}

/// The same while a task is aborted.
#[test]
fn an_aborted_task_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let last = RefCell::new(Weak::new());
        let waiting = || {
            let task = Rc::new(RefCell::new(spawn(pending::<()>())));
            last.replace(Rc::downgrade(&task));
            move |cx: &mut Context<'_>| pin!(&mut *task.borrow_mut()).poll(cx)
        };
        let aborted = async || {
            last.borrow().upgrade().unwrap().borrow().abort();
            yield_now().await;
        };
        bears_reentrant_wakers(waiting, aborted, 1).await;
    });
}

/// The same while a `Sleep` holds it.
#[test]
fn a_sleep_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let sleeping = || {
            let mut armed = sleep(SECOND);
            move |cx: &mut Context<'_>| pin!(&mut armed).poll(cx)
        };
        bears_reentrant_wakers(sleeping, async || sleep(SECOND).await, 1).await;
    });
}

/// The same while a gather holds it.
#[test]
fn a_gather_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let gathering = || {
            let mut gathered = gather([sleep(SECOND), sleep(SECOND / 2)]);
            move |cx: &mut Context<'_>| pin!(&mut gathered).poll(cx)
        };
        bears_reentrant_wakers(gathering, async || sleep(2 * SECOND).await, 1).await;
    });
}

/// The same while a wait holds it, with its deadline.
#[test]
fn a_wait_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let waiting = || {
            let tasks = [spawn(sleep(SECOND)), spawn(sleep(SECOND / 2))];
            let mut waiting = wait(tasks, ALL_COMPLETED);
            move |cx: &mut Context<'_>| pin!(&mut waiting).poll(cx)
        };
        bears_reentrant_wakers(waiting, async || sleep(2 * SECOND).await, 1).await;

        let waiting = || {
            let mut waiting = wait([spawn(pending::<()>())], ALL_COMPLETED).timeout(SECOND);
            move |cx: &mut Context<'_>| pin!(&mut waiting).poll(cx)
        };
        bears_reentrant_wakers(waiting, async || sleep(2 * SECOND).await, 1).await;
    });
}

/// The same while the stream of `as_completed` holds it.
#[test]
fn as_completed_bears_a_waker_that_uses_the_loop() {
    virtual_loop().block_on(async {
        let items = || {
            let mut items = as_completed([sleep(SECOND)]);
            move |cx: &mut Context<'_>| pin!(items.next()).poll(cx)
        };
        bears_reentrant_wakers(items, async || sleep(2 * SECOND).await, 1).await;
    });
}

/// The same while a socket holds it. (Real time: a connection over the loopback.)
#[test]
fn a_socket_bears_a_waker_that_uses_the_loop() {
    boucle::run(async {
        let (first, address) = listen().await;
        let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut listeners = vec![second, first];
        let accepting = || {
            let listener = listeners.pop().unwrap();
            move |cx: &mut Context<'_>| listener.poll_accept(cx)
        };
        // A socket keeps every waker of a side, so both are woken.
        let connected = async || {
            let client = boucle::net::TcpStream::connect(address).await.unwrap();
            sleep(Duration::from_millis(1)).await;
            drop(client);
        };
        bears_reentrant_wakers(accepting, connected, 2).await;
    });
}

/// A task that polls a socket with a new waker each time does not fill the socket's list: old wakers are
/// woken to poll again.
#[test]
fn many_wakers_at_a_socket_are_woken_now_and_then() {
    const WAKERS: usize = rounds(1_000);
    boucle::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let calls = Arc::new(Calls::default());
        for _ in 0..WAKERS {
            let polled = listener.poll_accept(&mut Context::from_waker(&calls.waker()));
            assert!(polled.is_pending());
        }
        let held = Arc::strong_count(&calls) - 1;
        assert!(held < 100, "{held} are held");
        assert_eq!(calls.woken.load(Relaxed) + held, WAKERS);
        drop(listener);
        assert_eq!(Arc::strong_count(&calls), 1);
        assert_eq!(calls.begun.load(Relaxed), calls.ended.load(Relaxed));
    });
}

/// Nor do the wakers that a combinator makes anew for each poll, if the loop parks now and then: the
/// stale ones are woken once and removed, however long the task waits.
#[test]
fn stale_wakers_at_a_socket_do_not_add_up() {
    // Under a virtual clock no sleep is over before the loop has parked.
    virtual_loop().block_on(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let count = Arc::new(());
        for round in 0..rounds(500) {
            let polled = poll_fn(|cx| {
                let (task, held) = (cx.waker().clone(), count.clone());
                let wake = move || {
                    let _ = &held;
                    task.wake_by_ref();
                };
                let waker = waker_of(wake, || ());
                Poll::Ready(listener.poll_accept(&mut Context::from_waker(&waker)))
            });
            assert!(polled.await.is_pending());
            sleep(Duration::from_micros(1)).await;
            let held = Arc::strong_count(&count) - 1;
            assert!(held <= 64, "{held} are held after {round} rounds");
        }
    });
}

/// A closing loop wakes and drops foreign wakers, and those may use it.
#[test]
fn a_closing_loop_bears_wakers_that_use_it() {
    let calls = Arc::new(Calls::default());
    let event_loop = virtual_loop();
    let mut task = event_loop.spawn(pending::<()>());
    let mut armed = sleep(SECOND);
    let mut gathered = gather([pending::<()>()]);
    event_loop.block_on(async {
        let waker = calls.waker();
        let cx = &mut Context::from_waker(&waker);
        assert!(pin!(&mut task).poll(cx).is_pending());
        assert!(pin!(&mut armed).poll(cx).is_pending());
        assert!(pin!(&mut gathered).poll(cx).is_pending());
    });
    drop(event_loop);
    assert_eq!(calls.woken.load(Relaxed), 3);
    assert_eq!(calls.begun.load(Relaxed), calls.ended.load(Relaxed));
    assert_eq!(Arc::strong_count(&calls), 1);
}

/// A waker that panics when it is woken harms neither the loop nor the tasks that it waits for, and the
/// next waker is still woken.
#[test]
fn a_waker_that_panics_does_not_kill_the_loop() {
    let own = Arc::new(());
    let held = own.clone();
    let wake = move || {
        let _ = &held;
        panic!("woken");
    };
    let waker = waker_of(wake, || ());
    let cx = &mut Context::from_waker(&waker);
    let event_loop = virtual_loop();
    event_loop.block_on(async {
        let mut armed = sleep(SECOND);
        let mut task = spawn(sleep(SECOND));
        let mut gathered = gather([sleep(SECOND), sleep(SECOND)]);
        let mut aborted = spawn(pending::<()>());
        assert!(pin!(&mut armed).poll(cx).is_pending());
        assert!(pin!(&mut task).poll(cx).is_pending());
        assert!(pin!(&mut gathered).poll(cx).is_pending());
        assert!(pin!(&mut aborted).poll(cx).is_pending());
        aborted.abort();
        sleep(2 * SECOND).await;
        armed.await;
        task.await.unwrap();
        gathered.await;
        assert!(aborted.await.is_err());
    });
    let mut task = event_loop.spawn(pending::<()>());
    let mut armed = sleep(SECOND);
    event_loop.block_on(async {
        assert!(pin!(&mut task).poll(cx).is_pending());
        assert!(pin!(&mut armed).poll(cx).is_pending());
    });
    drop(event_loop);
    drop((task, armed));
    drop(waker);
    assert_eq!(Arc::strong_count(&own), 1);
}

/// The same at a socket. (Real time: a connection over the loopback.)
#[test]
fn a_waker_that_panics_at_a_socket_does_not_kill_the_loop() {
    boucle::run(async {
        let (listener, address) = listen().await;
        let panics = calling(|event| assert_ne!(event, "wake"));
        let polled = listener.poll_accept(&mut Context::from_waker(&panics));
        assert!(polled.is_pending());
        let accepting = spawn(async move { listener.accept().await.is_ok() });
        yield_now().await;
        let client = boucle::net::TcpStream::connect(address).await;
        assert!(timeout(LONG, accepting).await.unwrap().unwrap());
        drop(client);
    });
}
