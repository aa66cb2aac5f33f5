//! Ctrl-C: the recording is shown before the process ends.
//!
//! If the program waits for the interrupt itself, by [`signal`], it goes on, and the recording is shown when a
//! loop ends. If it handled interrupts in another way before its first loop, or was started to ignore them, the
//! recording is shown at once. The program then goes on as without a recording on Linux; on other systems the
//! process ends.
//!
//! Showing may take long, as a page of a million events does, or for ever, if stderr is blocked. So another
//! interrupt ends the wait for it, and then the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGINT;
use signal_hook::{flag, low_level};

use crate::signal;
use crate::trace::environment::recording;

/// Begins to listen for the signal. If it cannot have a thread or a descriptor, an interrupt shows nothing.
pub(super) fn listen() {
    let _ = signal::before_default(SIGINT, show);
}

/// Shows the recording on a thread of its own, and waits until it is shown, or until the next interrupt.
fn show() {
    let interrupted = Arc::new(AtomicBool::new(false));
    let listening = flag::register(SIGINT, Arc::clone(&interrupted));
    match thread::Builder::new().name("boucle trace".to_owned()).spawn(show_now) {
        Ok(showing) => {
            while !showing.is_finished() && !interrupted.load(SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
        }
        Err(_) => show_now(),
    }
    let _ = listening.map(low_level::unregister);
}

fn show_now() {
    if let Some(recording) = recording::get() {
        recording.show(None);
    }
}
