//! The examples that come from the notebooks: that each prints what its document printed, in that
//! order, and for the reason that is claimed.
//!
//! Where no socket is involved, an example's own coroutines are run under the virtual clock, and
//! what they print is heard. Otherwise its program is run, as `cargo test` has built it; `cargo test
//! --test notebooks` builds none, and needs `cargo build --examples` before.

mod await_another;
mod awaitables;
mod echo;
mod exemple;
mod fetch;
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
