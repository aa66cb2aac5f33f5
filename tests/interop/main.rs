//! Crates that are not ours and run on boucle unchanged: hyper, channels, buffered readers, and the
//! combinators of the `futures` crates.
//!
//! None of them knows of boucle, and boucle knows of none. They meet in std's `Future` and `Waker`, in the
//! traits of `futures-io`, and in the `Spawn` traits of `futures-task`.

#[path = "../common/mod.rs"]
mod common;

mod http;
mod channels;
mod spawners;
mod combinators;
mod executors;
