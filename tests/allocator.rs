//! The memory that a loop keeps after a burst, counted by an allocator; and a hook of the allocator that
//! calls the loop.

#![allow(unsafe_code)] // An allocator is unsafe to write.
#![allow(unused_must_use)] // A handle that is dropped detaches its task.

mod common;
#[cfg(target_os = "linux")]
#[path = "common/descriptors.rs"]
mod descriptors;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::future::pending;
#[cfg(target_os = "linux")]
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

#[cfg(target_os = "linux")]
use boucle::net::{UnixDatagram, UnixListener, UnixStream, serve};
use boucle::{
    EventLoop, JoinHandle, TaskGroup, gather, sleep, sleep_until, spawn, spawn_named, timeout, yield_now,
};
#[cfg(target_os = "linux")]
use futures_lite::AsyncReadExt;
use futures_lite::future::poll_once;

use common::{SECOND, look, panic_of, turn, virtual_loop, waiting_on};

/// The system's allocator. It counts the bytes of each thread, and calls a hook.
struct Counting;

type Hook = Box<dyn FnMut()>;

thread_local! {
    /// The bytes that this thread has allocated less those that it has freed.
    static BYTES: Cell<isize> = const { Cell::new(0) };
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    /// How many blocks, of any size, until the hook is called; zero if the hook waits for a large block.
    static COUNTDOWN: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The smallest block that may be the growth of a table.
const LARGE: usize = 2_000;

impl Counting {
    fn count(change: isize, size: usize) {
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get() + change));
        let left = COUNTDOWN.try_with(|left| left.replace(left.get().saturating_sub(1)));
        let is_due = match left {
            Ok(0) | Err(_) => size >= LARGE,
            Ok(left) => left == 1,
        };
        if !is_due {
            return;
        }
        // The hook is taken out, so it is called once, and not for what it allocates itself.
        let hook = HOOK.try_with(|hook| hook.try_borrow_mut().ok().and_then(|mut hook| hook.take()));
        if let Ok(Some(mut hook)) = hook {
            hook();
        }
    }
}

// SAFETY: Every call goes to the system's allocator, and no hook unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counting::count(layout.size() as isize, layout.size());
        // SAFETY: The caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Counting::count(-(layout.size() as isize), 0);
        // SAFETY: The caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Counting::count(size as isize - layout.size() as isize, size);
        // SAFETY: The caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }
}

const BURST: usize = 100_000;

/// What a loop may keep after a burst: less than two bytes for each task.
const KEPT: isize = 160 * 1024;

/// Asserts that the loop has given back the memory of a burst when it has nothing ready any more.
fn assert_given_back(event_loop: &EventLoop, burst: impl FnOnce(&EventLoop)) {
    let rest = || event_loop.block_on(sleep(Duration::from_millis(2)));
    rest();
    let before = BYTES.get();
    burst(event_loop);
    rest();
    rest();
    let kept = BYTES.get() - before;
    assert!(kept <= KEPT, "{kept} bytes are kept");
}

async fn all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

/// A burst of tasks, with and without names, is given back.
#[test]
fn a_burst_of_tasks_is_given_back() {
    let event_loop = EventLoop::new().unwrap();
    assert_given_back(&event_loop, |event_loop| {
        event_loop.block_on(async {
            all((0..BURST).map(|_| spawn(yield_now())).collect()).await;
            let named = |n: usize| spawn_named(n.to_string(), yield_now());
            all((0..BURST).map(named).collect()).await;
        });
    });
}

/// Dropped loops, virtual and real, leave less than a byte each. (What loops share may grow meanwhile.)
#[test]
fn a_loop_that_is_dropped_is_given_back() {
    let make_and_drop = |count: usize| {
        for number in 0..count {
            let event_loop = if number % 10 == 0 { EventLoop::new().unwrap() } else { virtual_loop() };
            event_loop.spawn(pending::<()>());
            event_loop.block_on(sleep(Duration::from_micros(1)));
        }
    };
    make_and_drop(5_000); // more than there are short ids: from here on no new inbox is made
    let before = BYTES.get();
    make_and_drop(20_000);
    let kept = BYTES.get() - before;
    assert!(kept < 20_000, "{kept} bytes are kept");
}

/// A burst whose last task lives on for a while is given back when that task ends.
#[test]
fn a_burst_with_a_late_end_is_given_back() {
    let event_loop = EventLoop::new().unwrap();
    assert_given_back(&event_loop, |event_loop| {
        let tasks = (0..BURST).map(|_| event_loop.spawn(yield_now()));
        let tasks: Vec<_> = tasks.collect();
        let last = event_loop.spawn(pending::<()>());
        event_loop.block_on(all(tasks));
        event_loop.block_on(sleep(Duration::from_millis(2)));
        last.abort();
        event_loop.block_on(async { drop(last.await) });
    });
}

/// Sleeps that end together, and sleeps that are cancelled, are given back while another one stays armed.
#[test]
fn a_burst_of_timers_is_given_back() {
    let event_loop = EventLoop::new().unwrap();
    event_loop.spawn(sleep(Duration::from_secs(3_600)));
    assert_given_back(&event_loop, |event_loop| {
        event_loop.block_on(async {
            let end = boucle::now() + Duration::from_millis(300);
            all((0..BURST).map(|_| spawn(sleep_until(end))).collect()).await;
            let naps: Vec<_> = (0..BURST).map(|_| spawn(sleep(60 * SECOND))).collect();
            yield_now().await;
            naps.iter().for_each(JoinHandle::abort);
        });
    });
}

/// A waker that logs its number when it is woken.
struct Numbered {
    number: usize,
    log: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Numbered {
    fn wake(self: Arc<Self>) {
        self.log.lock().unwrap().push(self.number);
    }
}

/// Of a million timers half, and then all, are cancelled in random order. The others fire once each, in the
/// order of their deadlines and then of arming, and all the memory is given back.
#[test]
fn a_million_timers_are_cancelled_in_random_order() {
    const TIMERS: usize = 1_000_000;
    /// From a microsecond to three hours, on six levels of the wheel; ten timers for each.
    const DEADLINES: usize = TIMERS / 10;
    let mut seed = 1u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let microseconds = |nth: usize| Duration::from_micros((nth as u64).pow(2));
    let mut cancelled = 0;
    for kept in [TIMERS / 2, 0] {
        assert_given_back(&virtual_loop(), |event_loop| {
            event_loop.block_on(async {
                let log = Arc::<Mutex<Vec<usize>>>::default();
                let start = boucle::now();
                let mut naps: Vec<_> = (0..TIMERS)
                    .map(|number| {
                        let deadline = microseconds(1 + random(DEADLINES));
                        let mut nap = sleep_until(start + deadline);
                        let waker = Waker::from(Arc::new(Numbered { number, log: log.clone() }));
                        assert!(Pin::new(&mut nap).poll(&mut Context::from_waker(&waker)).is_pending());
                        (deadline, number, nap)
                    })
                    .collect();
                while naps.len() > kept {
                    naps.swap_remove(random(naps.len()));
                    cancelled += 1;
                }
                let mut expected: Vec<_> =
                    naps.iter().map(|(deadline, number, _)| (*deadline, *number)).collect();
                expected.sort_unstable();
                sleep_until(start + microseconds(DEADLINES)).await;
                assert_eq!(boucle::now() - start, microseconds(DEADLINES));
                let fired = mem::take(&mut *log.lock().unwrap());
                assert_eq!(fired.len(), kept);
                assert!(fired.iter().eq(expected.iter().map(|(_, number)| number)));
                drop(naps);
                assert_eq!(Arc::strong_count(&log), 1);
            });
        });
    }
    assert_eq!(cancelled, 1_500_000);
}

/// Wakers that are not the loop's, woken by timers that end together, leave nothing behind.
#[test]
fn a_burst_of_foreign_wakes_is_given_back() {
    assert_given_back(&virtual_loop(), |event_loop| {
        event_loop.block_on(async {
            let end = boucle::now() + SECOND;
            let mut naps: Vec<_> = (0..BURST).map(|_| sleep_until(end)).collect();
            assert!(naps.iter_mut().all(|nap| look(nap).is_pending()));
            sleep_until(end).await;
        });
    });
}

/// Messages in the inbox are given back.
#[test]
fn a_burst_of_messages_is_given_back() {
    let event_loop = EventLoop::new().unwrap();
    assert_given_back(&event_loop, |event_loop| {
        // Sent by the loop's own thread, since each thread counts its own bytes.
        let handle = event_loop.handle();
        (0..BURST).for_each(|_| handle.spawn(|| async {}).unwrap());
        while turn(event_loop).left > 0 {}
    });
}

/// Groups, a `gather` in each of many tasks, are given back.
#[test]
fn a_burst_of_groups_is_given_back() {
    let event_loop = EventLoop::new().unwrap();
    assert_given_back(&event_loop, |event_loop| {
        let gathers = || event_loop.spawn(async { drop(gather([yield_now()]).await) });
        event_loop.block_on(all((0..BURST / 10).map(|_| gathers()).collect()));
    });
}

/// What a `TaskGroup` keeps for a burst of tasks is given back while the group lives on, with a task in it.
/// So is what a `join_all` has seen before it was dropped.
#[test]
fn a_burst_of_tasks_in_a_group_is_given_back() {
    let event_loop = EventLoop::new().unwrap();
    let group = TaskGroup::new();
    event_loop.block_on(async { _ = group.spawn(pending()) });
    for has_dropped_join_all in [false, true] {
        assert_given_back(&event_loop, |event_loop| {
            event_loop.block_on(async {
                (0..BURST).for_each(|_| _ = group.spawn(yield_now()));
                if has_dropped_join_all {
                    assert!(timeout(Duration::from_millis(500), group.join_all()).await.is_err());
                }
                while group.len() > 1 {
                    group.join_next().await.unwrap().unwrap();
                }
                assert!(poll_once(group.join_next()).await.is_none());
            });
        });
    }
}

/// The table of sources is given back. (It is larger than the bound only for thousands of them, and outside of
/// Linux there may be 256 descriptors. Where mio uses `poll`, it keeps tables of its own.)
#[cfg(target_os = "linux")]
#[test]
fn a_burst_of_sockets_is_given_back() {
    const SOCKETS: usize = 3_000;
    if cfg!(mio_unsupported_force_poll_poll) || !descriptors::may_open(SOCKETS as u64 + 100) {
        return;
    }
    assert_given_back(&EventLoop::new().unwrap(), |event_loop| {
        event_loop.block_on(async {
            let sockets = (0..SOCKETS).map(|_| UnixDatagram::unbound().unwrap());
            drop(sockets.collect::<Vec<_>>());
        });
    });
}

/// A server gives back what it keeps for a burst of connections: the addresses of Unix sockets are large.
/// (Outside of Linux the queue of a Unix listener is too short for a burst, and there may be 256
/// descriptors.)
#[cfg(target_os = "linux")]
#[test]
fn a_burst_of_connections_is_given_back() {
    const CONNECTIONS: usize = 300;
    let path = std::env::temp_dir().join(format!("boucle-{}-burst", std::process::id()));
    boucle::run(timeout(Duration::from_secs(30), async {
        // With the first server the tables of the loop grow.
        for kept in [isize::MAX, 32 * 1024] {
            let open = Rc::new(());
            let handler = open.clone();
            let server = serve(UnixListener::bind(&path).unwrap(), move |mut stream: UnixStream, _| {
                let open = handler.clone();
                async move {
                    stream.read(&mut [0]).await?;
                    drop(open);
                    io::Result::Ok(())
                }
            });
            let server = spawn(server.into_future());
            yield_now().await;
            let before = BYTES.get();
            let connects = (0..CONNECTIONS).map(|_| UnixStream::connect(path.clone()));
            let clients = gather(connects.collect::<Vec<_>>()).await;
            while Rc::strong_count(&open) < CONNECTIONS + 2 {
                sleep(Duration::from_millis(1)).await;
            }
            drop(clients);
            while Rc::strong_count(&open) > 2 {
                sleep(Duration::from_millis(1)).await;
            }
            sleep(Duration::from_millis(1)).await;
            assert!(BYTES.get() - before <= kept, "{} bytes are kept", BYTES.get() - before);
            server.abort();
            std::fs::remove_file(&path).unwrap();
        }
    }))
    .unwrap();
}

/// Spawns tasks until the slab of tasks grows, and calls a hook in that allocation.
fn when_a_table_grows(hook: impl FnMut() + 'static) {
    HOOK.set(Some(Box::new(hook)));
    (0..300).for_each(|_| drop(spawn(yield_now())));
    assert!(HOOK.take().is_none(), "no table has grown");
}

/// An allocator's hook that spawns, sleeps, dumps or reads the clock on the loop whose table grows panics
/// with the reason. Its wakes, aborts and drops take effect a little later. Nothing is lost.
#[test]
fn an_allocator_that_calls_back_is_refused() {
    thread_local!(static MESSAGES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });
    fn refused(call: impl FnOnce()) {
        let message = panic_of(call);
        MESSAGES.with_borrow_mut(|messages| messages.push(message));
    }
    let event_loop = virtual_loop();
    let gate = waiting_on(&event_loop);
    event_loop.block_on(async {
        when_a_table_grows(|| {
            refused(|| drop(spawn(async {})));
            refused(|| assert!(boucle::now().elapsed() < Duration::MAX));
            refused(|| drop(sleep(Duration::ZERO)));
            refused(|| drop(boucle::dump()));
        });
        let messages = MESSAGES.take();
        assert_eq!(messages.len(), 4);
        for message in messages {
            assert!(message.contains("are in use: an allocator"), "{message}");
        }
        let [aborted, dropped] = [(); 2].map(|()| spawn(pending::<()>()));
        let (waker, before) = (gate.waker(), gate.polls());
        let abort = aborted.abort_handle();
        let mut dropped = Some(dropped);
        when_a_table_grows(move || {
            waker.wake_by_ref();
            abort.abort();
            drop(dropped.take());
        });
        yield_now().await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(gate.polls(), before + 1);
        assert!(aborted.is_finished());
    });
}

/// A hook that is called while a table of the loop or of a group grows may abort the group: its tasks are
/// aborted a little later, whichever allocation calls the hook.
#[test]
fn an_allocator_may_abort_a_group_that_grows() {
    virtual_loop().block_on(async {
        for block in 1.. {
            let group = Rc::new(TaskGroup::new());
            let first = group.spawn(pending::<()>());
            let aborts = group.clone();
            let abort = move || drop(catch_unwind(AssertUnwindSafe(|| aborts.abort_all())));
            HOOK.set(Some(Box::new(abort)));
            COUNTDOWN.set(block);
            (0..40).for_each(|_| _ = group.spawn(pending()));
            COUNTDOWN.set(0);
            if HOOK.take().is_some() {
                assert!(block > 40, "each spawn allocates");
                break;
            }
            sleep(Duration::from_millis(1)).await;
            assert!(first.is_finished(), "allocation {block}");
        }
    });
}

/// A hook that drops a loop while another one is made leaves the list of this thread's loops whole,
/// whichever allocation calls it.
#[test]
fn an_allocator_may_drop_a_loop_while_another_is_made() {
    thread_local!(static DOOMED: RefCell<Option<EventLoop>> = const { RefCell::new(None) });
    for block in 1..60 {
        let [older, doomed] = [(); 2].map(|()| EventLoop::new().unwrap());
        DOOMED.set(Some(doomed));
        HOOK.set(Some(Box::new(|| drop(DOOMED.take()))));
        COUNTDOWN.set(block);
        let made = EventLoop::new().unwrap();
        COUNTDOWN.set(0);
        drop((HOOK.take(), DOOMED.take()));
        // Overwrites what was freed.
        let _overwritten: Vec<_> = (0..4_000).map(|size| vec![0x55_u8; size]).collect();
        // A dump finds its loop by a walk through the list.
        for event_loop in [&older, &made] {
            assert!(event_loop.handle().dump(Duration::ZERO).is_ok());
        }
        let of_another = thread::spawn(|| EventLoop::new().unwrap().handle());
        let gone = of_another.join().unwrap();
        assert!(gone.dump(Duration::ZERO).is_err());
    }
}

/// A hook on another thread, where the inbox grows, may wake and spawn without a deadlock.
#[test]
fn an_allocator_may_wake_while_the_inbox_grows() {
    let event_loop = virtual_loop();
    let gate = waiting_on(&event_loop);
    let waker = gate.waker();
    let handle = event_loop.handle();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let spawns = handle.clone();
        HOOK.set(Some(Box::new(move || {
            waker.wake_by_ref();
            spawns.spawn(|| async {}).unwrap();
        })));
        (0..1_000).for_each(|_| handle.spawn(|| async {}).unwrap());
        let called = HOOK.take().is_none();
        done.send(called).unwrap();
    });
    let called = is_done.recv_timeout(Duration::from_secs(30));
    assert_eq!(called, Ok(true), "the thread waits for itself");
    let woken: usize = (0..3).map(|_| turn(&event_loop).woken_by_inbox).sum();
    assert_eq!((woken, gate.polls()), (1_002, 2));
}
