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

/// Returns whether the terminal reads the codes of colours. Windows' old console does not unless it is asked
/// to; of the others there, Windows Terminal and those that come with a Unix shell say their names.
pub(super) fn reads_colours() -> bool {
    !cfg!(windows) || ["WT_SESSION", "TERM"].iter().any(|name| env::var_os(name).is_some())
}
