//! What a closure panics with, for examples that show an error message.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Runs a closure that is expected to panic, and returns its message; `None` if it returned. Nothing
/// is printed on the standard error meanwhile, by no thread.
pub fn message_of<R>(closure: impl FnOnce() -> R) -> Option<String> {
    // The hook is the process's: of two threads that change it at once, one would put back the other's.
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
