//! Dropping what may be the user's.
//!
//! A destructor may panic. Inside of the loop it must not unwind: the panic would pass through a turn that
//! has other tasks to poll. The panic hook has reported it by then; here it stops.

use std::any::Any;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `panic!` was called with.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Returns what a payload says, if it is text.
pub(crate) fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Drops a value that may be the user's, and gives back what its destructor panicked with.
pub(crate) fn catch_drop<T>(value: T) -> Result<(), Payload> {
    catch_unwind(AssertUnwindSafe(|| drop(value)))
}

/// Drops a value that may be the user's. A panic of its destructor stops here, and its payload is dropped, too.
/// If that drop panics as well, the second payload is forgotten: to drop payloads of payloads might never end.
#[cold]
#[inline(never)]
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(payload) = catch_drop(value)
        && let Err(again) = catch_drop(payload)
    {
        mem::forget(again);
    }
}

/// A value that may be the user's: dropped quietly, unless it is taken.
#[derive(Debug)]
pub(crate) struct Quiet<T>(Option<T>);

impl<T> Quiet<T> {
    pub(crate) fn new(value: T) -> Self {
        Quiet(Some(value))
    }

    pub(crate) fn take(mut self) -> T {
        self.0.take().expect("there is a value")
    }
}

impl<T> Deref for Quiet<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("there is a value")
    }
}

impl<T> DerefMut for Quiet<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("there is a value")
    }
}

impl<T> Drop for Quiet<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            drop_quietly(value);
        }
    }
}
