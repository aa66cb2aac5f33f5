//! Coroutines that any scheduler can run: they need only be polled again when they are woken.

use std::future::poll_fn;
use std::task::Poll;

use stage::println;

/// Counts to three, and lets the others have their turn after each number.
pub(crate) async fn count(name: &str) {
    for number in 1..=3 {
        println!("{name} {number}");
        give_way().await;
    }
}

/// A bare `yield`: wakes its own task, and is pending once.
async fn give_way() {
    let mut gave_way = false;
    poll_fn(|cx| {
        if gave_way {
            return Poll::Ready(());
        }
        gave_way = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
