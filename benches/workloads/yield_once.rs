//! The future that yields: the same for all runtimes, so that only the runtime is measured.
//!
//! A runtime's own `yield_now` may do more: tokio's keeps its waker until the driver has been polled, which
//! for a lone task is a system call each time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Wakes its task and is pending once, then is ready.
#[derive(Default)]
pub struct YieldOnce {
    yielded: bool,
}

pub fn yield_once() -> YieldOnce {
    YieldOnce::default()
}

impl Future for YieldOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
