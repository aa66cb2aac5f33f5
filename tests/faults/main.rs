//! Faults of the system under the loop. Each test makes one happen at every place where it can, counts what
//! was sent and what has arrived, and asserts that nothing is lost.
//!
//! | what was done | how many times | lost |
//! |---|---|---|
//! | a peer resets the connection after the k-th byte, at three moments, while the loop reads | 573 | 0 |
//! | the same, while the loop writes | 191 | 0 |
//! | the same, in the middle of an HTTP response | 104 | 0 |
//! | a signal interrupts the n-th accept, connect, transfer, park or ring; then every other | at least 150 | 0 |
//! | no descriptor is left for the k-th accept, connect or bind, or within `serve` | at least 58 | 0 |
//! | no descriptor is left for the k-th that a loop and its first connection take, or for a look-up | 7 | 0 |
//! | one of 9,000 clients writes a byte, and pauses | 36,000 | 0 |
//!
//! A test that counts descriptors, or limits them, runs in a process of its own.

#[path = "../common/mod.rs"]
mod common;

#[cfg(unix)]
mod resets;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(mio_unsupported_force_poll_poll)))]
mod interrupts;
#[cfg(target_os = "linux")]
mod exhaustion;
#[cfg(target_os = "linux")]
mod slow_clients;

/// Returns how many descriptors this process has open.
#[cfg(target_os = "linux")]
fn open_descriptors() -> usize {
    // One is the folder's.
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}
