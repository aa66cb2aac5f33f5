//! The message of a panic, for examples that show it.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Runs a closure that is expected to panic, and returns its message; `None` if it returned. Meanwhile
/// no thread prints the message of a panic.
pub fn message_of<R>(closure: impl FnOnce() -> R) -> Option<String> {
    // The hook belongs to the process: of two threads that change it at once, one would put back the other's.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(closure));
    panic::set_hook(hook);
    let payload = result.err()?;
    let message = match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().ok()?).to_owned(),
    };
    Some(message)
}
