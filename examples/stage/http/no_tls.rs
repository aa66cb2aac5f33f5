//! In place of `tls.rs` without the feature `https`: each `https://` URL is an error.

use std::convert::Infallible;
use std::net;
use std::path::Path;

use boucle::net::TcpStream;

use super::Failure;
use crate::options::program;

/// No value exists, so the functions that take one are never called.
pub type Name = Infallible;

/// Returns an error, which says how to build the program with TLS.
///
/// # Errors
///
/// Always.
pub fn trust_only(_: &Path) -> Result<(), Failure> {
    Err(not_built_in())
}

pub(super) fn name(_: &str) -> Result<Name, Failure> {
    Err(not_built_in())
}

pub(super) async fn connect(name: &Name, _: TcpStream) -> Result<TcpStream, Failure> {
    match *name {}
}

pub(super) fn connect_blocking(name: &Name, _: net::TcpStream) -> Result<net::TcpStream, Failure> {
    match *name {}
}

fn not_built_in() -> Failure {
    let command = format!("cargo run --release --features https --example {}", program());
    format!("TLS is not built in: `{command}` builds it").into()
}
