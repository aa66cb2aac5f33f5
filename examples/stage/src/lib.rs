//! What the examples stand on, so that they need show nothing but their coroutines.
//!
//! - [`println!`] prints a line, to a pipe that may be closed or to a test that listens.
//! - [`options`] reads a command line, and knows how to say what is wrong with it.
//! - [`panics`] catches a panic for its message.
//! - [`http`] is a client and a server: hyper's, on boucle's sockets.
//! - [`testing`] runs an example and compares what it prints with what its header says.

pub mod http;
pub mod options;
pub mod panics;
pub mod stdout;
pub mod testing;
