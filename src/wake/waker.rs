//! A waker is a number.
//!
//! A `Waker` is a data pointer and a table of four functions. Other runtimes put a reference count
//! behind the pointer, so that a clone is an atomic increment and the last drop frees the task.
//! Here the pointer *is* the [`TaskNumber`]: no memory behind it, nothing to count, nothing to
//! free. Clone copies 64 bits and drop does nothing, on any thread, at any time, before or after
//! the loop is gone.
//!
//! ```text
//!   wake(number)
//!     the running loop has that task in that slot        → mark the slab's entry, push the number
//!     another loop that lives on this thread is meant    → the same
//!     else                                               → the inbox of that short id
//! ```
//!
//! It is the loop's own number that must match; that some loop runs here is not enough. So a waker
//! that is woken inside another loop still finds its own.
//!
//! The upper half of the number is compared first of all: it can only match if the loop is the right one,
//! so a wake does not ask for that apart.

#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::current;
use crate::task::cell::drop_quietly;
use crate::task::id::TaskNumber;
use crate::wake::inbox;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, drop);

/// The waker of a task. It needs no drop, and the caller is spared one.
#[inline]
pub(crate) fn waker(number: TaskNumber) -> ManuallyDrop<Waker> {
    // SAFETY: `RawWaker` asks that the four functions be thread-safe and that, with the data, they
    // behave as a waker. The data is a number in the shape of a pointer, without provenance, and no
    // function of the table dereferences it: `clone` copies it, `drop` ignores it, and `wake` reads
    // it as the number it is. What `wake` reaches from there is a thread-local cell of the calling
    // thread or a static behind a mutex. So any of them may be called on any thread, any number of
    // times, however long after the task and its loop are gone.
    ManuallyDrop::new(unsafe { Waker::from_raw(raw(number.word())) })
}

/// The task that a waker wakes, if it is a waker of this crate.
#[inline]
pub(crate) fn task_of(waker: &Waker) -> Option<TaskNumber> {
    ptr::eq(waker.vtable(), &VTABLE).then(|| TaskNumber::from_word(waker.data().addr()))
}

/// Wakes a waker that may be another runtime's, and so be the user's code: a panic of it stops here
/// (the panic hook has reported it).
///
/// A foreign waker is woken and dropped in two steps. In one, a panic of its destructor while a panic
/// of its wake unwinds would end the process.
pub(crate) fn wake_quietly(waker: Waker) {
    if task_of(&waker).is_some() {
        return waker.wake();
    }
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake_by_ref())) {
        drop_quietly(payload);
    }
    drop_quietly(waker);
}

#[inline]
fn raw(word: usize) -> RawWaker {
    RawWaker::new(ptr::without_provenance(word), &VTABLE)
}

fn clone(data: *const ()) -> RawWaker {
    raw(data.addr())
}

/// Both `wake` and `wake_by_ref`: there is nothing to consume.
fn wake(data: *const ()) {
    let number = TaskNumber::from_word(data.addr());
    if !current::wake_running(number) {
        wake_elsewhere(number);
    }
}

/// Not the running loop's. Most threads that come here have no loop: the way from there is short.
#[cold]
#[inline(never)]
fn wake_elsewhere(number: TaskNumber) {
    if current::is_loopless() {
        inbox::wake(number);
    } else {
        wake_beside_loops(number);
    }
}

/// It may live on this thread all the same, or on another, or be gone.
#[cold]
#[inline(never)]
fn wake_beside_loops(number: TaskNumber) {
    if !current::wake_living(number) {
        inbox::wake(number);
    }
}

fn drop(_data: *const ()) {}
