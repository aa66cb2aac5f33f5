//! Ctrl-C: what was recorded is shown before the process ends.
//!
//! A thread waits for the signal, shows the recording, and then ends the process as the signal would have.
//! But if the program handles interrupts itself, or was started to ignore them, it goes on as it would.
//! This is checked when its first loop is made, on Linux only. A program that asks `signal-hook` for the
//! signal later than that is not recognized, and is ended.

use std::fs;
use std::sync::Once;
use std::thread;

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::trace::environment::recording::Recording;

/// Begins to listen for the signal, once.
pub(super) fn listen(recording: &'static Recording) {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| spawn_listener(recording));
}

fn spawn_listener(recording: &'static Recording) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_taken = is_taken(&status);
    let Ok(mut signals) = Signals::new([SIGINT]) else {
        return;
    };
    let wait = move || {
        for signal in signals.forever() {
            recording.show(None);
            if !is_taken {
                let _ = emulate_default_handler(signal);
            }
        }
    };
    let name = "boucle trace".to_owned();
    let _ = thread::Builder::new().name(name).spawn(wait);
}

/// Returns whether a process of that status catches interrupts, or ignores them.
fn is_taken(status: &str) -> bool {
    let set = |line: &str| {
        let (name, set) = line.split_once(':')?;
        let set = u64::from_str_radix(set.trim(), 16).ok()?;
        matches!(name, "SigIgn" | "SigCgt").then_some(set)
    };
    let mut sets = status.lines().filter_map(set);
    sets.any(|set| set & 1 << (SIGINT - 1) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second bit of either set is the interrupt's; a status that cannot be read says nothing.
    #[test]
    fn what_a_status_says() {
        let status = |ignored: &str, caught: &str| {
            format!("Name:\tx\nSigBlk:\t0000000000000002\nSigIgn:\t{ignored}\nSigCgt:\t{caught}\n")
        };
        let (none, others, interrupt) = ("0000000000000000", "0000000000001401", "0000000000000402");
        assert!(is_taken(&status(none, interrupt)) && is_taken(&status(interrupt, none)));
        assert!(!is_taken(&status(none, others)) && !is_taken(&status(others, none)));
        assert!(!is_taken(""));
    }
}
