//! One value, from a thread to a future.
//!
//! Wakers, and values when they are dropped, are user code: none of it runs under the lock.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::hold::Hold;
use crate::task::cell::drop_quietly;
use crate::wake::waiter::Waiter;
use crate::wake::waker::{waiter, wake_quietly};

/// Makes the two ends.
pub(super) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Mutex::new(Shared {
        value: None,
        waiter: None,
        hold: None,
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
    /// What waits for the value, from a poll that found nothing.
    waiter: Option<Waiter>,
    /// As long as the receiver waits. It goes after the wake, so the loop hears of that first.
    hold: Option<Hold>,
    /// One end is gone.
    is_over: bool,
}

impl<T> Sender<T> {
    /// Sends the value. If the receiver is gone, drops it here. Never unwinds.
    pub(super) fn send(self, value: T) {
        let mut shared = lock(&self.0);
        let unwanted = match shared.is_over {
            true => Some(value),
            false => {
                shared.value = Some(value);
                None
            }
        };
        drop(shared);
        drop_quietly(unwanted);
        drop_quietly(self);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        shared.is_over = true;
        let (waiter, hold) = (shared.waiter.take(), shared.hold.take());
        drop(shared);
        waiter.into_iter().for_each(wake_quietly);
        drop(hold);
    }
}

impl<T> Receiver<T> {
    /// Returns the value, or `None` if the sender was dropped without one.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let (waiter, hold) = (waiter(cx.waker()), Hold::new());
        let mut shared = lock(&self.0);
        if shared.value.is_some() || shared.is_over {
            let value = shared.value.take();
            drop(shared);
            // Quietly, since the value is in hand.
            drop_quietly(waiter);
            return Poll::Ready(value);
        }
        let previous = shared.waiter.replace(waiter);
        let previous_hold = mem::replace(&mut shared.hold, hold);
        drop(shared);
        drop(previous_hold);
        drop_quietly(previous);
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    /// Takes back what it has left, since the sender may live for a long time yet, and drops a value
    /// that has come already.
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        shared.is_over = true;
        let (value, waiter, hold) = (
            shared.value.take(),
            shared.waiter.take(),
            shared.hold.take(),
        );
        drop(shared);
        drop(hold);
        drop_quietly(value);
        drop_quietly(waiter);
    }
}

fn lock<T>(shared: &Mutex<Shared<T>>) -> MutexGuard<'_, Shared<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
