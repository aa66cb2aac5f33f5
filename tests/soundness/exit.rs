//! A loop in a thread-local: the process exits while it runs, or its thread ends.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::mem;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use boucle::observe::{Event, EventKind};
use boucle::{EventLoop, JoinHandle, run, sleep, yield_now};

use crate::common::{
    Observing, OnDrop, SECOND, child, holds, own_binary, part_of_child, passes_alone, virtual_loop,
    waiting_on, waker_of,
};

/// Where a child process exits, by name.
const PARTS: [&str; 9] =
    ["main", "task", "awaited", "destructor", "other loop", "observer", "wake", "inbox", "nested"];

/// Uses a waker and a handle of the loop when the thread-locals are destroyed.
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
            // After an exit in an observer, or in the end of another loop, no loop can be used.
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
            Some("observer") => builder.observe(Observing(exits_at_a_poll)).build().unwrap(),
            _ => builder.build().unwrap(),
        }
    };
}

fn exits_at_a_poll(event: &Event) {
    if matches!(event.kind, EventKind::PollBegins { .. }) {
        exit();
    }
}

fn exit() -> ! {
    std::process::exit(3)
}

/// Calls a closure in its second poll, while it owns memory on the heap.
async fn owns(then: impl FnOnce()) {
    let text = String::from("on the heap");
    yield_now().await;
    then();
    drop(text);
}

/// Runs a loop in which the process exits.
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
        "awaited" => {
            let mut handle = event_loop.spawn(owns(|| exit()));
            let waker = waker_of(|| (), || panic!("a waker's drop"));
            let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            mem::forget(handle);
        }
        "destructor" => {
            let guard = OnDrop(|| exit());
            let task = event_loop.spawn(holds(guard));
            drop(event_loop.spawn(owns(move || task.abort())));
        }
        "other loop" => {
            let guard = OnDrop(|| exit());
            drop(event_loop.spawn(owns(move || {
                let other = virtual_loop();
                drop(other.spawn(async move { drop(guard) }));
                drop(other); // and with it its task
            })));
        }
        "wake" => {
            drop(event_loop.spawn(async {
                let waker = waker_of(|| exit(), || ());
                let mut nap = sleep(SECOND);
                assert!(Pin::new(&mut nap).poll(&mut Context::from_waker(&waker)).is_pending());
                mem::forget(nap); // its timer stays armed
                owns(|| ()).await;
            }));
        }
        "inbox" => {
            let guard = OnDrop(|| exit());
            let handle = event_loop.handle();
            thread::scope(|scope| {
                let handle = &handle;
                scope.spawn(move || handle.spawn(|| async move { drop(guard) }).unwrap());
            });
        }
        "nested" => drop(event_loop.spawn(owns(|| {
            let twice = catch_unwind(|| LOOP.with(|event_loop| event_loop.block_on(async {})));
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

/// A process exits inside a turn, so the destructors of thread-locals run meanwhile: none reaches freed
/// memory, and the future that is being polled is not dropped. (The address sanitizer looks closer.)
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

/// A loop in a thread-local, with a waker and a handle that use it when the thread ends.
struct Late {
    event_loop: EventLoop,
    waker: Waker,
    handle: JoinHandle<()>,
    ended: mpsc::Sender<&'static str>,
}

impl Drop for Late {
    fn drop(&mut self) {
        self.waker.wake_by_ref();
        self.handle.abort();
        drop(mem::replace(&mut self.event_loop, virtual_loop()));
        self.waker.wake_by_ref();
        assert!(self.handle.is_finished());
        assert_eq!(run(async { 3 }), 3);
        self.ended.send("loop").unwrap();
    }
}

/// A loop may be in a thread-local that is older than boucle's own ones. On Windows with the GNU tools
/// boucle's are destroyed before it, so the loop's tasks are lost, and never dropped. Elsewhere they are
/// dropped with the loop. In either case what is left of the loop may be used.
#[test]
fn a_loop_may_be_in_a_thread_local_that_is_older_than_its_own() {
    thread_local!(static OLDER: RefCell<Option<Late>> = const { RefCell::new(None) });
    // In a process of its own, where no other test has made a loop.
    if passes_alone(own_binary(), "exit::a_loop_may_be_in_a_thread_local_that_is_older_than_its_own") {
        return;
    }
    let (ended, all_ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        OLDER.set(None);
        let event_loop = virtual_loop();
        let waker = waiting_on(&event_loop).waker();
        let handle = event_loop.spawn(pending());
        let task_ended = ended.clone();
        drop(event_loop.spawn(holds(OnDrop(move || task_ended.send("task").unwrap()))));
        OLDER.set(Some(Late { event_loop, waker, handle, ended }));
    });
    thread.join().unwrap();
    let all_ended: Vec<_> = all_ended.try_iter().collect();
    let lost = cfg!(all(windows, target_env = "gnu", not(target_abi = "llvm")));
    assert_eq!(all_ended, if lost { &["loop"][..] } else { &["task", "loop"] });
}
