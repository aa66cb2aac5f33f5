//! Wakers that belong to no task of the loop.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use super::OnDrop;

/// Counts how often it is woken.
#[derive(Default)]
pub(crate) struct Counting(AtomicUsize);

impl Counting {
    pub(crate) fn wakes(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// What a waker does when it is woken, and when the last of its clones is dropped.
struct Calls<W, D: FnMut()> {
    on_wake: W,
    _on_drop: OnDrop<D>,
}

impl<W: Fn() + Send + Sync, D: FnMut() + Send + Sync> Wake for Calls<W, D> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        (self.on_wake)();
    }
}

/// Returns a waker that calls one closure when it is woken, and another one when it is dropped.
pub(crate) fn waker_of(
    on_wake: impl Fn() + Send + Sync + 'static,
    on_drop: impl FnMut() + Send + Sync + 'static,
) -> Waker {
    let _on_drop = OnDrop(on_drop);
    Waker::from(Arc::new(Calls { on_wake, _on_drop }))
}

/// Returns another waker of the same task, as the combinators of other crates make them.
pub(crate) fn foreign(inner: &Waker) -> Waker {
    let inner = inner.clone();
    waker_of(move || inner.wake_by_ref(), || ())
}

/// A future whose wakers poll it at once, in their wake.
pub(crate) struct PolledByWakes(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);

impl PolledByWakes {
    /// Polls a future, and from then on in each of its wakes.
    pub(crate) fn poll(future: impl Future<Output = ()> + Send + 'static) {
        Arc::new(PolledByWakes(Mutex::new(Some(Box::pin(future))))).wake();
    }
}

impl Wake for PolledByWakes {
    /// A wake during the poll does nothing.
    fn wake(self: Arc<Self>) {
        let taken = self.0.lock().unwrap().take();
        if let Some(mut future) = taken
            && future.as_mut().poll(&mut Context::from_waker(&Waker::from(self.clone()))).is_pending()
        {
            *self.0.lock().unwrap() = Some(future);
        }
    }
}
