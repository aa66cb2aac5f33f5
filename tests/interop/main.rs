//! Crates that are not ours and run on boucle unchanged: hyper, channels, buffered readers, and the
//! combinators of the `futures` crates.
//!
//! None of them depends on boucle. What they share is std's `Future` and `Waker`, the traits of `futures-io`
//! and `hyper::rt`, and the `Spawn` traits of `futures-task`. (HTTP/2 and the client of `hyper-util` are
//! tested in `tests/hyper`, a package of its own.)

#[path = "../common/mod.rs"]
mod common;

mod http;
mod hyper_rt;
mod channels;
mod spawners;
mod combinators;
mod executors;
