//! Panics that are expected.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Returns the message that a closure panics with.
#[track_caller]
pub(crate) fn panic_of<R>(closure: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(closure)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => message(payload),
    }
}

/// Returns the message in a panic's payload.
#[track_caller]
pub(crate) fn message(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a message")).to_owned(),
    }
}
