//! The examples that come from the courses: each prints what its document printed, in that order and for
//! the reason it gives.
//!
//! The tests run an example's own functions and capture what they print, under the virtual clock if they
//! only sleep. They also run every program, which `cargo test` builds; `cargo test --test notebooks` does not,
//! and needs `cargo build --examples` first.

mod await_another;
mod awaitables;
mod cores;
mod echo;
mod exemple;
mod fetch;
mod figures;
mod generators;
mod nom;
mod pages;
mod run_forever;
#[cfg(feature = "blocking")]
mod run_in_executor;
mod say_after;
mod scale;
mod shared_state;
mod sleep;
mod starvation;
mod step;
mod two_loops;
