//! What environment variables ask for: recordings, slow polls, dumps and another order, without a change to
//! the program.

#[cfg(unix)]
mod on_interrupt; // Ctrl-C
#[cfg(unix)]
mod on_signal; // BOUCLE_DUMP
#[cfg(not(unix))]
mod on_interrupt {
    //! Nothing is shown on an interrupt: it ends the process.

    pub(super) fn listen() {}
}
#[cfg(not(unix))]
mod on_signal {
    //! There is no such signal.

    pub(super) fn observer() -> Option<Box<dyn crate::observe::Observer>> {
        None
    }
}
mod variable; // how one is read
mod recording; // BOUCLE_TRACE
mod shuffle; // BOUCLE_SHUFFLE
mod slow_poll; // BOUCLE_SLOW_POLL

pub(crate) use shuffle::shuffle;

use crate::observe::Observer;

/// Returns the observers that the environment asks for.
pub(crate) fn observers() -> Vec<Box<dyn Observer>> {
    let mut observers = Vec::from_iter(on_signal::observer());
    observers.extend(slow_poll::observer());
    if let Some(recording) = recording::get() {
        on_interrupt::listen();
        observers.extend(recording.observers());
    }
    observers
}
