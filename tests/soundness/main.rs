//! Safe programs that once reached freed memory, aborted the process, hung or lost a wake: wakers and
//! destructors that panic, poll, or exit the process.

#![allow(unused_must_use)] // A handle that is dropped detaches its task, which is what many tests want.
#![allow(unsafe_code)] // A raw waker is unsafe to make, and the planted faults are faults.

#[path = "../common/mod.rs"]
mod common;

mod wakers;
mod hooks;
#[cfg(not(miri))] // It starts processes.
mod exit;
#[cfg(all(target_pointer_width = "32", not(miri)))]
mod full_loop;
mod planted_faults;
