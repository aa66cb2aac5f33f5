//! A log, to assert a schedule with.

use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;

use super::OnDrop;

/// Lines, in the order in which they were added.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Display) {
        self.0.borrow_mut().push(line.to_string());
    }

    /// Takes the lines that were added since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }

    /// Returns a value that adds a line when it is dropped.
    pub(crate) fn on_drop(&self, line: &'static str) -> impl Sized + use<> {
        let log = self.clone();
        OnDrop(move || log.add(line))
    }
}
