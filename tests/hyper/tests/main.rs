//! What of hyper takes many crates to build: HTTP/2, and the client of `hyper-util`.

#[path = "../../common/mod.rs"]
mod common;

mod http2;
mod client;
