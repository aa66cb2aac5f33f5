//! A waker is a number.
//!
//! A `Waker` is a data pointer and a table of four functions. Most runtimes put a reference count behind the
//! pointer, so that a clone is an atomic increment and the last drop frees the task. Here the pointer *is*
//! the [`TaskNumber`]: no memory behind it, nothing to count, nothing to free. Clone copies the number and
//! drop does nothing, on any thread, at any time, before or after the loop is gone.
//!
//! ```text
//!   wake(number)
//!     a task of the running loop has the number  → push it, unless it is queued, aborted or done
//!     one of another loop of this thread has it  → the same there
//!     its loop is here, and none has it          → nothing
//!     its loop is not here, or is in use         → the inbox of the loop's short id
//! ```
//!
//! A number's identity is the loop's short id and the generation: so one comparison, on the loop's own thread,
//! tells whether loop and task are the right ones (until numbers repeat). A wake through the inbox carries
//! only the slot.

#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::current;
use crate::task::id::TaskNumber;
use crate::task::quiet::{Quiet, drop_quietly};
use crate::wake::waiter::Waiter;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, drop);

/// The waker of a task, or of a main future. Its drop would do nothing, so `ManuallyDrop` leaves it out.
#[inline]
pub(crate) fn waker(number: TaskNumber) -> ManuallyDrop<Waker> {
    // SAFETY: `Waker::new` asks that the four functions be thread-safe and that, with the data, they
    // behave as a waker. The data is a number in the shape of a pointer, without provenance (it belongs
    // to no allocation), and no function of the table dereferences it: `clone` copies it, `drop` ignores
    // it, and `wake` reads it as the number it is. What `wake` reaches from there is thread-locals of
    // the calling thread, and statics, which are `Sync`. So any of them may be called on any thread, any
    // number of times, however long after the task and its loop are gone.
    ManuallyDrop::new(unsafe { Waker::new(ptr::without_provenance(number.word()), &VTABLE) })
}

/// The task that a waker wakes, if it is a waker of this crate.
#[inline]
pub(crate) fn number_of(waker: &Waker) -> Option<TaskNumber> {
    ptr::eq(waker.vtable(), &VTABLE).then(|| TaskNumber::from_word(waker.data().addr()))
}

/// The waiter that a waker stands for. A foreign waker is cloned, which runs its code: call this before
/// the loop's state is taken.
#[inline]
pub(crate) fn waiter(waker: &Waker) -> Waiter {
    match number_of(waker) {
        Some(task) => Waiter::Task(task),
        None => foreign(waker),
    }
}

#[cold]
#[inline(never)]
fn foreign(waker: &Waker) -> Waiter {
    Waiter::Foreign(Quiet::new(Box::new(waker.clone())))
}

/// Wakes a waiter. A panic of a foreign waker stops here (the panic hook has reported it).
///
/// A foreign waker is woken and dropped in two steps. `Waker::wake` does both in one, and a panic of the
/// drop while a panic of the wake unwinds would end the process.
pub(crate) fn wake_quietly(waiter: Waiter) {
    match waiter {
        Waiter::Task(number) => current::wake(number),
        Waiter::Foreign(waker) => {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake_by_ref())) {
                drop_quietly(payload);
            }
        }
    }
}

fn clone(data: *const ()) -> RawWaker {
    RawWaker::new(data, &VTABLE)
}

/// Both `wake` and `wake_by_ref`: there is nothing to consume.
fn wake(data: *const ()) {
    current::wake(TaskNumber::from_word(data.addr()));
}

fn drop(_data: *const ()) {}
