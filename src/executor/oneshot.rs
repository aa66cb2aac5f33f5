//! One value, from a thread to a future.
//!
//! Wakers, and values when they are dropped, are user code: none of it runs under the lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::task::cell::drop_quietly;
use crate::wake::waker::wake_quietly;

/// Makes the two ends.
pub(super) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Mutex::new(Shared {
        value: None,
        waker: None,
        is_over: false,
    }));
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// The thread's end. Dropping it, after a value was sent or without one, wakes the receiver.
pub(super) struct Sender<T>(Arc<Mutex<Shared<T>>>);

/// The future's end.
pub(super) struct Receiver<T>(Arc<Mutex<Shared<T>>>);

struct Shared<T> {
    value: Option<T>,
    /// The receiver's, from a poll that found nothing.
    waker: Option<Waker>,
    /// The sender is gone.
    is_over: bool,
}

impl<T> Sender<T> {
    /// Sends the value. If the receiver is gone, drops it here. Never unwinds.
    pub(super) fn send(self, value: T) {
        lock(&self.0).value = Some(value);
        drop_quietly(self);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        shared.is_over = true;
        let waker = shared.waker.take();
        drop(shared);
        waker.into_iter().for_each(wake_quietly);
    }
}

impl<T> Receiver<T> {
    /// Returns the value, or `None` if the sender was dropped without one.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let waker = cx.waker().clone();
        let mut shared = lock(&self.0);
        if shared.value.is_some() || shared.is_over {
            return Poll::Ready(shared.value.take());
        }
        let previous = shared.waker.replace(waker);
        drop(shared);
        drop_quietly(previous);
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    /// Takes the waker back: the sender may live for a long time yet, and wakes nothing.
    fn drop(&mut self) {
        let waker = lock(&self.0).waker.take();
        drop_quietly(waker);
    }
}

fn lock<T>(shared: &Mutex<Shared<T>>) -> MutexGuard<'_, Shared<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
