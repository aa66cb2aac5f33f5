//! The terminal that a timeline is written to.

use std::env;

/// Returns the width of the terminal; that of `COLUMNS` if it is set, as Python's `get_terminal_size`.
pub(super) fn columns() -> Option<usize> {
    let given = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    given.into_iter().chain(measured_columns()).find(|columns| *columns > 0)
}

#[cfg(target_os = "linux")]
fn measured_columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    Some(usize::from(size.ws_col))
}

/// Other systems have other system calls, which are not made here.
#[cfg(not(target_os = "linux"))]
fn measured_columns() -> Option<usize> {
    None
}

/// Returns true if the terminal reads the codes of colours. Windows' old console does not unless it is asked
/// to. Windows Terminal sets `WT_SESSION`, and terminals that come with a Unix shell set `TERM`.
pub(super) fn reads_colours() -> bool {
    !cfg!(windows) || ["WT_SESSION", "TERM"].iter().any(|name| env::var_os(name).is_some())
}
