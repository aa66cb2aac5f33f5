//! Faults of the system under the loop. Each test makes one happen at every place where it can, counts what
//! was sent and what has arrived, and asserts that nothing is lost.
//!
//! | what is done | how many times | lost |
//! |---|---|---|
//! | a peer resets the connection after the k-th byte, at three moments, while the loop reads | 573 | 0 |
//! | a peer resets it after it has read k bytes, while the loop writes | 191 | 0 |
//! | a server resets it after the k-th byte of an HTTP response | 104 | 0 |
//! | a signal interrupts the n-th accept, connect, transfer, park or ring; then every other | at least 150 | 0 |
//! | no descriptor is left for the k-th accept, connect or bind, or within `serve` | at least 58 | 0 |
//! | no descriptor is left for the k-th of a loop and its first connection, or for a look-up | 7 | 0 |
//! | no descriptor is left for a park | 3 | 0 |
//! | one of 9,000 clients writes a byte, and pauses | 36,000 | 0 |
//! | a loop ends while two tasks are in any of 29 states, in any of 5 ways | 4,205 | 0 |
//! | a loop is made and dropped: 20,000 real ones, 2,000 with a socket | 100,000 | 0 |
//! | the clock jumps over timers, by up to ten years (`src/time/sleep/tests.rs`) | 5,200 | 0 |
//! | the clock jumps over ticks of an interval (the same file) | 1,560 | 0 |
//! | a timer is cancelled among a million, until half or none are left (`tests/allocator.rs`) | 1,500,000 | 0 |
//! | the system refuses a thread of the executor (`tests/executor/refused.rs`) | 512 | 0 |
//! | the disk is full at a file of a download (`examples/ecosystem/tests/notebooks/download`) | 20 | 0 |
//!
//! Each figure is asserted by its test, on Linux with all features. A test that counts descriptors, or limits
//! them, runs in a process of its own. The full disk is a mount of its test: where the system allows none, that
//! test says so on stderr.

#[path = "../common/mod.rs"]
mod common;
#[cfg(target_os = "linux")]
#[path = "../common/descriptors.rs"]
mod descriptors;
#[cfg(all(feature = "blocking", not(miri)))]
#[path = "../common/executor.rs"]
mod executor;

#[cfg(not(miri))] // It starts processes.
mod ending;
#[cfg(not(miri))]
mod loops;
#[cfg(unix)]
mod resets;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(mio_unsupported_force_poll_poll)))]
mod interrupts;
#[cfg(target_os = "linux")]
mod exhaustion;
#[cfg(target_os = "linux")]
mod slow_clients;

/// Returns how many descriptors this process has open; `None` where the system does not say.
fn open_descriptors() -> Option<usize> {
    // One is the folder's.
    cfg!(target_os = "linux").then(|| std::fs::read_dir("/proc/self/fd").unwrap().count() - 1)
}
