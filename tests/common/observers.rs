//! Observers made of closures.

use boucle::EventLoop;
use boucle::observe::{Event, Observer};

/// An observer that is a closure.
pub(crate) struct Observing<F>(pub(crate) F);

impl<F: FnMut(&Event)> Observer for Observing<F> {
    fn observe(&mut self, event: &Event) {
        (self.0)(event);
    }
}

/// Makes a loop with a virtual clock and an observer.
pub(crate) fn observed_by(observer: impl FnMut(&Event) + 'static) -> EventLoop {
    let builder = EventLoop::builder().virtual_clock();
    builder.observe(Observing(observer)).build().unwrap()
}
