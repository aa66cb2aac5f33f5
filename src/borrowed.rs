//! The mark of a borrow of the loop's state, for builds with debug assertions: two that meet panic.

use std::cell::Cell;

/// The mark of a borrow, taken off when this drops.
pub(crate) struct Borrowed<'a>(&'a Cell<bool>);

impl Borrowed<'_> {
    #[track_caller]
    pub(crate) fn mark(borrowed: &Cell<bool>) -> Borrowed<'_> {
        assert!(
            !borrowed.replace(true),
            "the loop's state is borrowed twice"
        );
        Borrowed(borrowed)
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
