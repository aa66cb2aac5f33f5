//! Observers made of closures.

use std::cell::Cell;
use std::rc::Rc;

use boucle::observe::{Event, EventKind, Observer};
use boucle::{EventLoop, timeout};

use super::LONG;

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

/// Runs a test on a loop whose sources are counted, and fails the test if it hangs.
pub(crate) fn count_sources<F: Future<Output = ()>>(test: impl FnOnce(Rc<Cell<i32>>) -> F) {
    let sources = Rc::new(Cell::new(0));
    let counted = sources.clone();
    let observer = Observing(move |event: &Event| match event.kind {
        EventKind::SourceAdded { .. } => counted.set(counted.get() + 1),
        EventKind::SourceDropped { .. } => counted.set(counted.get() - 1),
        _ => {}
    });
    let event_loop = EventLoop::builder().observe(observer).build().unwrap();
    let test = test(sources);
    event_loop.block_on(async { timeout(LONG, test).await.expect("the test hangs") });
}
