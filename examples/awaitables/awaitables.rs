//! A coroutine that is only called, and the three things that can be awaited.

use std::time::Duration;

use boucle::{sleep, spawn};
use futures_channel::oneshot;
use stage::println;

/// Prints `what` after some time, and returns it.
pub(crate) async fn say_after(delay: Duration, what: &str) -> &str {
    sleep(delay).await;
    println!("{what}");
    what
}

/// Calls a coroutine, and drops what that returns. The body never runs.
pub(crate) fn only_called(delay: Duration) {
    let coroutine = say_after(delay, "this is never printed");
    println!("<coroutine object say_after: {} bytes>", size_of_val(&coroutine));
}

/// Awaits a coroutine, which runs within this one.
pub(crate) async fn a_coroutine(delay: Duration) -> &'static str {
    say_after(delay, "a coroutine").await
}

/// Awaits a task, which runs by itself since `spawn`.
pub(crate) async fn a_task(delay: Duration) -> &'static str {
    let task = spawn(say_after(delay, "a task"));
    task.await.expect("it is not aborted")
}

/// Awaits a future: a promise, which another task keeps.
pub(crate) async fn a_future(delay: Duration) -> &'static str {
    let (promise, future) = oneshot::channel();
    drop(spawn(async move {
        let what = say_after(delay, "a future").await;
        // It fails if the future is no longer awaited, which does not matter here.
        let _ = promise.send(what);
    }));
    future.await.expect("the task keeps its promise")
}
