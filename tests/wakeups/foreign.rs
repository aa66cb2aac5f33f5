//! Foreign wakers, which may use the loop when it clones, wakes or drops them.

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

/// Counts the calls of reentrant wakers: those that began, and those that ended. A call while the loop's
/// state is in use would panic in between.
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

/// Polls a future with wakers that use the loop: one waker twice, then another one twice, which replaces it;
/// makes the future ready, polls it once more and drops it; and drops another such future while it is
/// pending. Asserts that nothing panics, how many wakers are woken, and that none is leaked.
async fn assert_reentrant<F, T>(mut make: impl FnMut() -> F, ready: impl AsyncFn(), wakes: usize)
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

/// A foreign waker that a `JoinHandle` holds may use the loop in its clone, wake and drop.
#[test]
fn a_waker_in_a_join_handle_may_use_the_loop() {
    virtual_loop().block_on(async {
        let gate = Gate::default();
        let waiting = || {
            let mut task = spawn(gate.waits());
            move |cx: &mut Context<'_>| pin!(&mut task).poll(cx)
        };
        assert_reentrant(
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

/// The waker in a `JoinHandle` may use the loop when the task is aborted.
#[test]
fn a_waker_in_the_handle_of_an_aborted_task_may_use_the_loop() {
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
        assert_reentrant(waiting, aborted, 1).await;
    });
}

/// A waker that a `Sleep` holds may use the loop.
#[test]
fn a_waker_in_a_sleep_may_use_the_loop() {
    virtual_loop().block_on(async {
        let sleeping = || {
            let mut armed = sleep(SECOND);
            move |cx: &mut Context<'_>| pin!(&mut armed).poll(cx)
        };
        assert_reentrant(sleeping, async || sleep(SECOND).await, 1).await;
    });
}

/// A waker that a gather holds may use the loop.
#[test]
fn a_waker_in_a_gather_may_use_the_loop() {
    virtual_loop().block_on(async {
        let gathering = || {
            let mut gathered = gather([sleep(SECOND), sleep(SECOND / 2)]);
            move |cx: &mut Context<'_>| pin!(&mut gathered).poll(cx)
        };
        assert_reentrant(gathering, async || sleep(2 * SECOND).await, 1).await;
    });
}

/// A waker that a wait holds may use the loop, with and without a deadline.
#[test]
fn a_waker_in_a_wait_may_use_the_loop() {
    virtual_loop().block_on(async {
        let waiting = || {
            let tasks = [spawn(sleep(SECOND)), spawn(sleep(SECOND / 2))];
            let mut waiting = wait(tasks, ALL_COMPLETED);
            move |cx: &mut Context<'_>| pin!(&mut waiting).poll(cx)
        };
        assert_reentrant(waiting, async || sleep(2 * SECOND).await, 1).await;

        let waiting = || {
            let mut waiting = wait([spawn(pending::<()>())], ALL_COMPLETED).timeout(SECOND);
            move |cx: &mut Context<'_>| pin!(&mut waiting).poll(cx)
        };
        assert_reentrant(waiting, async || sleep(2 * SECOND).await, 1).await;
    });
}

/// A waker that the stream of `as_completed` holds may use the loop.
#[test]
fn a_waker_in_as_completed_may_use_the_loop() {
    virtual_loop().block_on(async {
        let items = || {
            let mut items = as_completed([sleep(SECOND)]);
            move |cx: &mut Context<'_>| pin!(items.next()).poll(cx)
        };
        assert_reentrant(items, async || sleep(2 * SECOND).await, 1).await;
    });
}

/// A waker that a socket holds may use the loop. (Real time: a connection over the loopback.)
#[test]
fn a_waker_in_a_socket_may_use_the_loop() {
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
            // The loop parks after 61 polls. (A sleep that is over at once would not let it.)
            for _ in 0..70 {
                yield_now().await;
            }
            drop(client);
        };
        assert_reentrant(accepting, connected, 2).await;
    });
}

/// A socket does not keep every waker of a task that polls it with a new one each time: when its list is
/// full, all in it are woken.
#[test]
fn the_wakers_of_a_socket_are_bounded() {
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

/// A socket does not keep every waker of a combinator that makes a new one for each poll, where the loop
/// parks between the polls: stale wakers are woken once and removed, however long the task waits.
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
fn a_waker_may_use_a_closing_loop() {
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

/// A panic of a waker's wake is caught: the loop and the tasks go on, and the next waker is still woken.
#[test]
fn a_waker_that_panics_does_not_end_the_loop() {
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

/// A panic in the wake of a socket's waker is caught, too. (Real time: a connection over the loopback.)
#[test]
fn a_waker_that_panics_at_a_socket_does_not_end_the_loop() {
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
