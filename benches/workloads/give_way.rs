//! The future that yields: the same for all runtimes, so that only the runtime is measured.
//!
//! A runtime's own `yield_now` may do something else: tokio's puts its waker aside until the driver was
//! looked at, which for a lone task is a system call each time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Wakes its task and is pending, once.
#[derive(Default)]
pub struct GiveWay {
    gave: bool,
}

pub fn give_way() -> GiveWay {
    GiveWay::default()
}

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.gave {
            return Poll::Ready(());
        }
        self.gave = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
