//! The main future of `block_on`.
//!
//! It is not a task, since it may borrow from its caller and needs no allocation: it lives on the
//! stack, in a cell like a task's. But it has a number, and takes its place in the ready queue like
//! one, as in asyncio: what it spawned before it was woken runs first.
//!
//! A large one is boxed before anything else, since each function that takes it by value may have a copy
//! of it on the stack.

use std::panic::Location;
use std::pin::Pin;

use crate::current::Resident;
use crate::observe::EventKind;
use crate::task::cell::{End, TaskCell};

/// Returns whether a main future is to be boxed. The limits are tokio's; without optimization more
/// copies are made.
pub(crate) const fn is_large<F>() -> bool {
    let limit = if cfg!(debug_assertions) {
        2_048
    } else {
        16_384
    };
    size_of::<F>() > limit
}

/// The main future, as the turn sees it.
pub(crate) struct Main<'a> {
    pub(crate) future: Pin<&'a mut dyn Future<Output = End>>,
    pub(crate) done: bool,
}

/// The main future's cell, on the stack. If `block_on` unwinds, the future is dropped here, and a
/// panic of its destructor goes no further.
pub(crate) struct MainCell<'a, F: Future>(pub(crate) Pin<&'a mut TaskCell<F>>);

impl<F: Future> Drop for MainCell<'_, F> {
    fn drop(&mut self) {
        self.0.as_mut().clear();
    }
}

/// The main future's place among the tasks, freed when `block_on` ends, however it ends.
pub(crate) struct MainPlace<'a> {
    resident: &'a Resident,
    slot: u32,
    id: u64,
}

impl<'a> MainPlace<'a> {
    /// A place, in the ready queue already.
    pub(crate) fn new(
        resident: &'a Resident,
        future: &'static str,
        location: &'static Location<'static>,
    ) -> Self {
        let (slot, id) = resident.with(|it| {
            let (slot, task) = it.enter_main(future);
            it.record(|_| EventKind::MainEntered {
                task,
                future,
                location,
            });
            (slot, task)
        });
        MainPlace { resident, slot, id }
    }
}

impl Drop for MainPlace<'_> {
    fn drop(&mut self) {
        self.resident.with(|it| {
            it.record_main_left(self.id);
            it.leave_main(self.slot);
        });
    }
}
