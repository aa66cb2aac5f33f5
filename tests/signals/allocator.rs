//! An allocator that uses signals whenever memory is allocated or freed.

#![allow(unsafe_code)] // An allocator is unsafe to write.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, OnceLock};
use std::task::Context;
use std::thread;

use boucle::signal::{SignalKind, stream};

use crate::common::{LONG, own_binary, passes_alone, secs, waker_of};
use crate::{poll, raise};

const KIND: SignalKind = SignalKind::Child;

/// The system's allocator, which calls a hook.
struct Hooked;

thread_local! {
    /// This thread calls no hook: one is running on it, or it is the other thread.
    static IS_EXEMPT: Cell<bool> = const { Cell::new(false) };
}

/// A thread that uses signals when it is asked to.
struct Other {
    ask: SyncSender<()>,
    answer: Receiver<()>,
}

/// The hook does nothing until this is set.
static OTHER: OnceLock<Mutex<Other>> = OnceLock::new();
static CALLS: AtomicUsize = AtomicUsize::new(0);
/// The other thread did not answer: it waited for the one that allocates.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

#[global_allocator]
static HOOKED: Hooked = Hooked;

fn use_signals() {
    let mut signals = stream(KIND).unwrap();
    let _ = poll(&mut signals);
}

/// Uses signals on another thread, which must not have to wait for this one; then on this one.
fn hook() {
    let Some(other) = OTHER.get() else {
        return;
    };
    if HAS_FAILED.load(SeqCst) || IS_EXEMPT.try_with(|is_exempt| is_exempt.replace(true)) != Ok(false) {
        return;
    }
    CALLS.fetch_add(1, SeqCst);
    let is_done = {
        let other = other.lock().unwrap();
        other.ask.send(()).is_ok() && other.answer.recv_timeout(secs(10)).is_ok()
    };
    if is_done {
        use_signals();
    } else {
        HAS_FAILED.store(true, SeqCst); // once is enough
    }
    IS_EXEMPT.set(false);
}

// SAFETY: Each call is passed on to the system's allocator, and the hook does not unwind.
unsafe impl GlobalAlloc for Hooked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        hook();
        // SAFETY: The caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        hook();
        // SAFETY: The caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        hook();
        // SAFETY: The caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// Starts the other thread.
fn start_other() -> Other {
    let (ask, asked) = mpsc::sync_channel(1);
    let (answered, answer) = mpsc::sync_channel(1);
    thread::spawn(move || {
        IS_EXEMPT.set(true);
        answered.send(()).unwrap();
        // The last three stay, so the table has gaps when the thread that allocates goes on.
        let mut kept = VecDeque::new();
        for () in asked {
            use_signals();
            kept.push_back(stream(KIND).unwrap());
            kept.drain(..kept.len().saturating_sub(3));
            answered.send(()).unwrap();
        }
    });
    answer.recv().unwrap();
    Other { ask, answer }
}

/// While a stream is made, polled, woken or dropped, nothing is locked when memory is allocated or freed: a
/// hook of the allocator may use streams of the same signal, and may wait for a thread that does. Streams
/// that are made while the table is about to grow are kept apart.
#[test]
fn nothing_is_locked_while_memory_is_allocated() {
    const TEST: &str = "allocator::nothing_is_locked_while_memory_is_allocated";
    // The first stream of a signal is made under a lock of signal-hook's.
    if passes_alone(own_binary(), TEST) {
        return;
    }
    let mut streams = vec![stream(KIND).unwrap()];
    OTHER.set(Mutex::new(start_other())).ok().unwrap();
    streams.extend((0..40).map(|_| stream(KIND).unwrap()));
    for _ in 0..3 {
        let (wakes, woken) = mpsc::channel();
        for stream in &mut streams {
            let wakes = wakes.clone();
            let waker = waker_of(move || wakes.send(()).unwrap(), || ());
            assert!(stream.poll_recv(&mut Context::from_waker(&waker)).is_pending());
        }
        raise(KIND);
        streams.iter().for_each(|_| woken.recv_timeout(LONG).unwrap());
        assert!(streams.iter_mut().all(|stream| poll(stream).is_ready() && poll(stream).is_pending()));
    }
    drop(streams);
    assert!(!HAS_FAILED.load(SeqCst));
    assert!(CALLS.load(SeqCst) > 500);
}
