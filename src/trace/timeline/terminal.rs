//! The terminal that a timeline is written to.

use std::env;

/// Returns the width of the terminal; `COLUMNS` goes first, as for Python's `get_terminal_size`.
pub(super) fn columns() -> Option<usize> {
    let said = env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
    said.or_else(measured_columns).filter(|&columns| columns > 0)
}

#[cfg(target_os = "linux")]
fn measured_columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    Some(usize::from(size.ws_col))
}

/// Elsewhere it is another system call.
#[cfg(not(target_os = "linux"))]
fn measured_columns() -> Option<usize> {
    None
}
