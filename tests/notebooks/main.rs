//! The examples that come from the notebooks: that each prints what its document printed, in that
//! order, and for the reason that is claimed.
//!
//! An example's own functions are run, and what they print is heard; under the virtual clock, where
//! they wait for nothing but time. Every program is run as well, as `cargo test` has built it; `cargo
//! test --test notebooks` builds none, and needs `cargo build --examples` before.

mod await_another;
mod awaitables;
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
