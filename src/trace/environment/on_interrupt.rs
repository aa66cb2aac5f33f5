//! Ctrl-C: the recording is shown before the process ends.
//!
//! If the program waits for the interrupt itself, by [`signal`], it goes on, and the recording is shown when a
//! loop ends. If it handled interrupts in another way before its first loop, or was started to ignore them, the
//! recording is shown at once. The program then goes on as without a recording on Linux; on other systems the
//! process ends.

use signal_hook::consts::SIGINT;

use crate::signal;
use crate::trace::environment::recording;

/// Begins to listen for the signal. If it cannot have a thread or a descriptor, an interrupt shows nothing.
pub(super) fn listen() {
    let _ = signal::before_default(SIGINT, show);
}

fn show() {
    recording::get().into_iter().for_each(|recording| recording.show(None));
}
