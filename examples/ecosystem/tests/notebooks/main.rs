//! The examples that need crates of their own: each prints what its document printed, in that order and
//! for the reason it gives. `examples/tests/notebooks` has the others.

mod calcul;
mod chat;
mod download;
mod dwarfs;
mod wiki;
