//! Safe programs that once reached freed memory, aborted the process, hung or lost a wake: wakers and
//! destructors that panic, poll or exit where it is least expected.

#![allow(unused_must_use)] // A handle that is dropped detaches its task.

mod common;

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
use boucle::observe::{Event, EventKind, Observer};
use boucle::{ALL_COMPLETED, EventLoop, JoinHandle, as_completed, gather, run, sleep, spawn, wait};
use boucle::{try_gather, yield_now};
use futures_lite::StreamExt;

use common::{Gate, child, part_of_child, virtual_loop};

const SECOND: Duration = Duration::from_secs(1);

/// Not over when it is first polled.
const MOMENT: Duration = Duration::from_millis(if cfg!(miri) { 500 } else { 5 });

type Boxed<T = ()> = Pin<Box<dyn Future<Output = T>>>;

/// A foreign waker whose destructor panics, as its wake does.
struct Panics(Arc<AtomicUsize>);

impl Panics {
    /// The waker, and how often it was woken.
    fn waker() -> (Waker, Arc<AtomicUsize>) {
        let wakes = Arc::new(AtomicUsize::new(0));
        (Waker::from(Arc::new(Panics(wakes.clone()))), wakes)
    }
}

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
        panic!("a waker's wake");
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("a waker's drop");
    }
}

/// Polls a future with such a waker, of which the future then has the only one.
fn poll_with_panics(future: impl Future) -> Arc<AtomicUsize> {
    let (waker, wakes) = Panics::waker();
    let cx = &mut Context::from_waker(&waker);
    assert!(pin!(future).poll(cx).is_pending());
    // It panics if nothing has kept a clone.
    drop(waker);
    wakes
}

/// A handle that was polled with a waker which panics when it is dropped is given to a `wait`, which
/// drops that waker. The wait works all the same; and a later group is not reported to by a task that
/// is not of it.
#[test]
fn a_waker_that_panics_leaves_no_seat_in_a_group_that_is_gone() {
    virtual_loop().block_on(async {
        let gate = Gate::default();
        let waits = gate.clone();
        let mut handle = spawn(async move { waits.passed().await });
        poll_with_panics(&mut handle);
        let mut waiting = wait([handle], ALL_COMPLETED);
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

/// The same if the first poll of the wait is caught, and the wait is kept and not polled again: nothing
/// counts below zero.
#[test]
fn a_wait_that_is_given_up_leaves_no_seat() {
    virtual_loop().block_on(async {
        let gate = Gate::default();
        let waits = gate.clone();
        let mut handle = spawn(async move { waits.passed().await });
        poll_with_panics(&mut handle);
        let mut waiting = wait([handle], ALL_COMPLETED);
        poll_fn(|cx| {
            let polled = || Pin::new(&mut waiting).poll(cx).is_ready();
            drop(catch_unwind(AssertUnwindSafe(polled)));
            Poll::Ready(())
        })
        .await;
        let inner = Gate::default();
        let passes = inner.clone();
        let gathered = spawn(gather([async move { passes.passed().await }]));
        yield_now().await;
        yield_now().await;
        inner.open(); // the child is done in this batch, and the other task after it
        gate.open();
        gathered.await.unwrap();
        drop(waiting);
    });
}

/// Two wakers that panic when they are dropped, replaced by one `wait`, are two panics and no abort.
#[test]
fn wakers_of_two_handles_may_both_panic() {
    virtual_loop().block_on(async {
        let mut handles = [spawn(sleep(SECOND)), spawn(sleep(SECOND))];
        handles.iter_mut().for_each(|handle| {
            poll_with_panics(handle);
        });
        assert_eq!(wait(handles, ALL_COMPLETED).await.0.len(), 2);
    });
}

/// A waker that panics in its wake and in its destructor may wait for anything: it is woken once, and
/// the loop goes on. (Two panics at once would end the process.)
#[test]
fn a_waker_that_panics_twice_harms_nothing() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepts = || poll_fn(|cx| listener.poll_accept(cx).map(drop));
        let mut naps = sleep(MOMENT);
        let mut handle = spawn(yield_now());
        let mut children = gather([yield_now()]);
        let mut stream = as_completed([yield_now()]);
        let wakes = [
            poll_with_panics(&mut naps),
            poll_with_panics(&mut handle),
            poll_with_panics(&mut children),
            poll_with_panics(stream.next()),
            poll_with_panics(accepts()),
            poll_with_panics(accepts()),
        ];
        let client = std::net::TcpStream::connect(address).unwrap();
        sleep(4 * MOMENT).await;
        for (place, wakes) in wakes.iter().enumerate() {
            assert_eq!(wakes.load(SeqCst), 1, "{place}");
        }
        naps.await;
        handle.await.unwrap();
        children.await;
        stream.next().await.unwrap().unwrap();
        accepts().await;
        drop(client);
    });
}

/// Two wakers that panic when they are dropped wait for each kind of thing, and it is dropped: on the
/// loop's thread, on another one, and by the end of the loop.
#[test]
fn what_panicking_wakers_wait_for_may_be_dropped_anywhere() {
    async fn kinds() -> Vec<Box<dyn Send>> {
        let mut sleeps = [sleep(SECOND), sleep(SECOND)];
        sleeps.iter_mut().for_each(|sleep| {
            poll_with_panics(sleep);
        });
        let mut handles = [spawn(pending::<()>()), spawn(pending::<()>())];
        handles.iter_mut().for_each(|handle| {
            poll_with_panics(handle);
        });
        let mut gathers = [gather([pending::<()>()]), gather([pending::<()>()])];
        gathers.iter_mut().for_each(|gather| {
            poll_with_panics(gather);
        });
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
    std::thread::spawn(move || elsewhere.into_iter().for_each(drop))
        .join()
        .unwrap();
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    let late = event_loop.block_on(kinds());
    drop(event_loop);
    late.into_iter().for_each(drop);
}

/// A waker that polls within its wake, as an executor does that runs at once.
struct PollsAtOnce;

type Polls = Box<dyn FnMut(&mut Context<'_>)>;

thread_local! {
    /// What it polls.
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

/// The end of a loop wakes what waits on another runtime. If that polls again in its wake, it is woken
/// once more, finds the loop gone, and the end comes.
#[test]
fn a_waker_that_polls_within_its_wake_does_not_hold_up_the_end() {
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
            let mut naps = sleep(SECOND);
            let _ = Pin::new(&mut naps).poll(cx);
            std::mem::forget(naps);
        });
    });
    assert!((2..=4).contains(&WAKES.get()), "{} wakes", WAKES.get());
    POLLED.set(None);
}

/// A waker that is left by the destructor of an observer, the last user code that the end of a loop
/// runs, is woken, unless the poll that left it was told that the loop is gone. If its destructor
/// panics, that stays inside.
#[test]
fn a_waker_that_is_left_at_the_very_end_is_woken() {
    type Wakes = Rc<RefCell<Vec<Arc<AtomicUsize>>>>;
    struct Polls(Rc<RefCell<Vec<Boxed>>>, Wakes);
    impl Observer for Polls {
        fn observe(&mut self, _: &Event) {}
    }
    impl Drop for Polls {
        fn drop(&mut self) {
            for future in &mut *self.0.borrow_mut() {
                let (waker, wakes) = Panics::waker();
                if future
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_ready()
                {
                    drop(catch_unwind(AssertUnwindSafe(|| drop(waker))));
                    continue;
                }
                drop(waker);
                self.1.borrow_mut().push(wakes);
            }
        }
    }
    let left: Rc<RefCell<Vec<Boxed>>> = Rc::default();
    let wakes = Wakes::default();
    let observer = Polls(left.clone(), wakes.clone());
    let event_loop = EventLoop::builder().observe(observer).build().unwrap();
    event_loop.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let accepts = async move { drop(listener.accept().await) };
        let gathers = async { drop(gather([pending::<()>()]).await) };
        let mut futures: [Boxed; 2] = [Box::pin(accepts), Box::pin(gathers)];
        for future in &mut futures {
            assert!(
                poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx)))
                    .await
                    .is_pending()
            );
        }
        left.borrow_mut().extend(futures);
    });
    drop(event_loop);
    let wakes = wakes.take();
    assert!(!wakes.is_empty());
    assert!(wakes.iter().all(|wakes| wakes.load(SeqCst) == 1));
}

/// A loop in a thread-local, and a process that exits inside of it.
#[cfg(not(miri))]
mod exit {
    use super::*;

    /// What runs in a child process, by name.
    const PARTS: [&str; 8] = [
        "main",
        "task",
        "destructor",
        "other loop",
        "observer",
        "wake",
        "inbox",
        "nested",
    ];

    /// Uses what is left of a loop, late in the life of its thread.
    #[derive(Default)]
    struct UsesTheLoop {
        waker: RefCell<Option<Waker>>,
        handle: RefCell<Option<JoinHandle<()>>>,
    }

    impl Drop for UsesTheLoop {
        fn drop(&mut self) {
            if let Some(waker) = self.waker.take() {
                waker.wake_by_ref();
                waker.wake();
            }
            if let Some(mut handle) = self.handle.take() {
                handle.abort();
                // The loop is gone.
                assert!(handle.is_finished());
                // An observer may not use loops, and it never ends; nor does the turn of another loop.
                let part = part_of_child().unwrap_or_default();
                if part != "observer" && part != "other loop" {
                    let cx = &mut Context::from_waker(Waker::noop());
                    assert!(Pin::new(&mut handle).poll(cx).is_ready());
                    assert_eq!(run(async { 3 }), 3);
                }
            }
            drop(sleep(Duration::ZERO));
            boucle::now();
        }
    }

    thread_local! {
        static LATE: UsesTheLoop = UsesTheLoop::default();
        static LOOP: EventLoop = {
            LATE.with(|_| ()); // made first, so destroyed last
            let builder = EventLoop::builder().virtual_clock();
            match part_of_child().as_deref() {
                Some("observer") => builder.observe(Exits).build().unwrap(),
                _ => builder.build().unwrap(),
            }
        };
    }

    struct Exits;

    impl Observer for Exits {
        fn observe(&mut self, event: &Event) {
            if matches!(event.kind, EventKind::PollBegins { .. }) {
                exit();
            }
        }
    }

    impl Wake for Exits {
        fn wake(self: Arc<Self>) {
            exit();
        }
    }

    struct ExitsWhenDropped;

    impl Drop for ExitsWhenDropped {
        fn drop(&mut self) {
            exit();
        }
    }

    fn exit() -> ! {
        std::process::exit(3)
    }

    /// A task that owns something on the heap across an await.
    async fn owns(then: impl FnOnce()) {
        let text = String::from("on the heap");
        yield_now().await;
        then();
        drop(text);
    }

    fn run_part(part: &str, event_loop: &EventLoop) {
        let waiting = event_loop.spawn(poll_fn(|cx| {
            LATE.with(|late| late.waker.replace(Some(cx.waker().clone())));
            Poll::<()>::Pending
        }));
        LATE.with(|late| late.handle.replace(Some(waiting)));
        match part {
            "main" => event_loop.block_on(async {
                yield_now().await;
                exit()
            }),
            "task" => drop(event_loop.spawn(owns(|| exit()))),
            "destructor" => {
                let guard = ExitsWhenDropped;
                let task = event_loop.spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
                drop(event_loop.spawn(owns(move || task.abort())));
            }
            "other loop" => {
                let guard = ExitsWhenDropped;
                drop(event_loop.spawn(owns(move || {
                    let other = virtual_loop();
                    drop(other.spawn(async move { drop(guard) }));
                    drop(other); // and with it its task
                })));
            }
            "wake" => {
                let naps = Box::leak(Box::new(sleep(SECOND)));
                drop(event_loop.spawn(async move {
                    let waker = Waker::from(Arc::new(Exits));
                    let polled = Pin::new(naps).poll(&mut Context::from_waker(&waker));
                    assert!(polled.is_pending());
                    owns(|| ()).await;
                }));
            }
            "inbox" => {
                let guard = ExitsWhenDropped;
                let handle = event_loop.handle();
                std::thread::scope(|scope| {
                    let handle = &handle;
                    scope.spawn(move || handle.spawn(|| async move { drop(guard) }).unwrap());
                });
            }
            "nested" => drop(event_loop.spawn(owns(|| {
                let twice = catch_unwind(|| LOOP.with(|it| it.block_on(async {})));
                assert!(twice.is_err());
                exit()
            }))),
            _ => {}
        }
        event_loop.block_on(async {
            sleep(2 * SECOND).await;
            unreachable!("the process has ended");
        });
    }

    /// The destructors of thread-locals run while a turn is under way: nothing reaches memory that was
    /// freed, and what is being polled is not dropped. (The sanitizer's build of this test looks
    /// closer.)
    #[test]
    fn a_process_may_exit_inside_of_a_thread_local_loop() {
        if let Some(part) = part_of_child() {
            return LOOP.with(|event_loop| run_part(&part, event_loop));
        }
        for part in PARTS {
            let test = "exit::a_process_may_exit_inside_of_a_thread_local_loop";
            let output = child(test, part).output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{part}: {text}");
            assert!(!text.contains("fatal runtime error"), "{part}: {text}");
        }
    }
}

/// A full loop refuses what another thread spawns: the closure is dropped, and what stands behind it in
/// the inbox is read.
#[test]
#[cfg(all(target_pointer_width = "32", not(miri)))]
fn a_full_loop_reads_its_inbox_to_the_end() {
    let event_loop = virtual_loop();
    let gate = Gate::default();
    let waits = gate.clone();
    let woken = event_loop.spawn(async move { waits.passed().await });
    event_loop.turn(Some(Duration::ZERO)).unwrap();
    for _ in 0..(1 << 20) - 2 {
        drop(event_loop.spawn(pending::<()>()));
    }
    let (handle, waker) = (event_loop.handle(), gate.waker());
    let dropped = Arc::new(());
    let captured = Arc::downgrade(&dropped);
    std::thread::spawn(move || {
        let refused = handle.spawn(move || async move { drop(dropped) });
        refused.unwrap();
        waker.wake();
    })
    .join()
    .unwrap();
    let polls = gate.polls();
    while gate.polls() == polls {
        event_loop.turn(Some(Duration::ZERO)).unwrap();
    }
    assert!(captured.upgrade().is_none() && !woken.is_finished());
}
