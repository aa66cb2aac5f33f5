//! The examples that need crates of their own: that each prints what its document printed, in that
//! order, and for the reason that is claimed. As `examples/tests/notebooks` does for the others.

mod calcul;
mod chat;
mod download;
mod dwarfs;
mod wiki;
