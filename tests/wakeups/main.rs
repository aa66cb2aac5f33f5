//! Wakes: from this thread and others, from other loops and runtimes, at the end of a loop and after it; and
//! what a foreign waker may do when the loop clones, wakes or drops it.

#![allow(unsafe_code)] // A waker whose clone and drop are seen can only be made by hand.
#![allow(unused_must_use)] // A handle that is dropped detaches its task, which is what many tests want.

#[path = "../common/mod.rs"]
mod common;

mod threads;
mod storms;
mod stale;
#[cfg(not(miri))] // It starts processes.
mod short_ids;
mod ending;
mod loop_handle;
mod foreign;
