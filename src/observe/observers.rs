//! The observers of a loop. `notify.rs` calls them.

use std::fmt;

use crate::observe::Observer;
use crate::task::quiet::{Payload, drop_quietly};

#[derive(Default)]
pub(crate) struct Observers {
    pub(super) list: Vec<Box<dyn Observer>>,
    /// The payload of an observer's panic, until it is resumed.
    pub(super) panicked: Option<Payload>,
}

impl Observers {
    pub(crate) fn add(&mut self, observer: Box<dyn Observer>) {
        self.list.push(observer);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl Drop for Observers {
    /// Drops them one by one, since each may panic.
    fn drop(&mut self) {
        self.list.drain(..).for_each(drop_quietly);
        drop_quietly(self.panicked.take());
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.list.len())
    }
}
