//! An error that says what has failed, and on what.
//!
//! The system's error is in the text, for programs that print no sources, and it is the source, for those that
//! need its code. (A program that prints both shows it twice.)

use std::error::Error;
use std::fmt;
use std::io;

/// What was tried, and the system's error.
#[derive(Debug)]
struct Failure {
    tried: String,
    error: io::Error,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tried, self.error)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// Says what was tried on what, in an error of the same kind.
pub(super) fn failed(tried: &str, on: impl fmt::Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), Failure { tried: format!("cannot {tried} {on}"), error })
}
