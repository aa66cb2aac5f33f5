//! One loop asks another, in another thread.

use std::thread;

use boucle::{EventLoop, LoopHandle};

/// Starts another loop, spawns a task on it that answers, and awaits the answer.
pub(crate) async fn ask_another_loop<T: Send + 'static>(question: impl FnOnce() -> T + Send + 'static) -> T {
    let (handle_out, handle_in) = async_channel::bounded(1);
    let thread = thread::spawn(move || {
        let event_loop = EventLoop::new().expect("the system gives a poller");
        let handle = event_loop.handle();
        handle_out.send_blocking(handle).expect("it is awaited");
        event_loop.run_forever();
    });
    let handle: LoopHandle = handle_in.recv().await.expect("the thread sends it");

    let (answer_out, answer_in) = async_channel::bounded(1);
    let spawned = handle.spawn(move || async move {
        // This runs on the other loop's thread.
        let _ = answer_out.send(question()).await;
    });
    spawned.expect("the loop runs until it is stopped");
    let answer = answer_in.recv().await.expect("the task answers");

    handle.stop();
    // This blocks the loop, but not for long: the other one has been stopped.
    thread.join().expect("the other loop has run to its end");
    answer
}
