//! Sockets: TCP over mio, and the reactor under it.
//!
//! The types read and write by the `futures-io` traits, so what is built on those (`hyper` by an
//! adapter, `async-tungstenite`, `futures-rustls`, the buffered readers of `futures-lite`) runs on
//! boucle unchanged.

pub(crate) mod poller; // what asks the kernel
mod park; // the one place where the thread sleeps
pub(crate) mod reactor; // from events to the tasks that wait for them
pub(crate) mod source; // a socket that belongs to a loop
pub(crate) mod readiness; // one side of it: ready or not, and what waits
mod resolve; // names and addresses
mod tcp_listener; // `TcpListener`
mod tcp_stream; // `TcpStream`
mod owned; // from mio's sockets to std's

pub use resolve::ToSocketAddrs;
pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;
