//! One loop asks another, in another thread.

use std::thread;

use boucle::EventLoop;
use futures_channel::oneshot;

/// Starts another loop, spawns a task on it that answers, and awaits the answer.
pub(crate) async fn ask_another_loop<T: Send + 'static>(question: impl FnOnce() -> T + Send + 'static) -> T {
    let (handle_out, handle_in) = oneshot::channel();
    let thread = thread::spawn(move || {
        let event_loop = EventLoop::new().expect("the system gives a poller");
        let _ = handle_out.send(event_loop.handle());
        event_loop.run_forever();
    });
    let handle = handle_in.await.expect("the thread sends it");

    let (answer_out, answer_in) = oneshot::channel();
    let spawned = handle.spawn(move || async move {
        // This runs on the other loop's thread.
        let _ = answer_out.send(question());
    });
    spawned.expect("the loop runs until it is stopped");
    let answer = answer_in.await.expect("the task answers");

    handle.stop();
    // This blocks the loop, but not for long: the other one has been stopped.
    thread.join().expect("the other loop has run to its end");
    answer
}
