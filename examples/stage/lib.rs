//! What the examples share, so that each shows nothing but its coroutines.
//!
//! - [`println!`] prints a line, to a pipe that may be closed or to a test that captures it.
//! - [`options`] reads a command line, and says what is wrong with it.
//! - [`python`] formats a list as Python does.
//! - [`panics`] catches a panic for its message.
//! - [`explored`] prints what an exploration has found.
//! - [`requests`] counts the requests that a server has open.
//! - [`http`] is a client and a server: hyper's, on boucle's sockets.
//! - [`testing`] runs an example, and reads the output in its header. For the tests.

pub mod explored;
pub mod http;
pub mod options;
pub mod panics;
pub mod python;
pub mod requests;
pub mod stdout;
pub mod testing;
