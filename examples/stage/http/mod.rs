//! HTTP over boucle: hyper, on boucle's sockets.

pub mod blocking;
mod client;
mod server;
mod target;
#[cfg(feature = "https")]
pub mod tls;
#[cfg(not(feature = "https"))]
#[path = "no_tls.rs"]
pub mod tls;

use std::error::Error;

use hyper::StatusCode;

pub use client::get;
pub use server::{Content, Server};
pub use target::Target;

/// Why a request failed. It may be sent to another thread.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The `User-Agent` of the clients: some servers refuse requests without one.
const USER_AGENT: &str = "boucle-examples";

/// Formats a failure and its causes, in one line. (Some failures, such as boucle's, name their cause themselves.)
pub fn with_causes(failure: &Failure) -> String {
    let mut line = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !line.ends_with(&words) {
            line = format!("{line}: {words}");
        }
        cause = error.source();
    }
    line
}

/// Returns an error if a status is not 200.
pub fn expect_ok(status: StatusCode) -> Result<(), Failure> {
    if status == StatusCode::OK { Ok(()) } else { Err(status.to_string().into()) }
}
