//! The terminal that a timeline is written to.

use std::env;
use std::io::{self, IsTerminal};

use crate::trace::Timeline;

impl Timeline<'_> {
    /// Fits it to the standard error stream. If that is a terminal, it has its width, and colours
    /// unless the environment says [`NO_COLOR`](https://no-color.org). Else nothing is changed.
    pub fn for_stderr(self) -> Self {
        if !io::stderr().is_terminal() {
            return self;
        }
        let wants_none = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = columns().unwrap_or(self.style.width);
        self.colours(!wants_none).width(width)
    }
}

/// Returns the width of the terminal; `COLUMNS` goes first, as for Python's `get_terminal_size`.
fn columns() -> Option<usize> {
    let said = env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
    said.or_else(measured_columns)
        .filter(|&columns| columns > 0)
}

#[cfg(target_os = "linux")]
fn measured_columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    Some(usize::from(size.ws_col))
}

/// Elsewhere it is another system call.
#[cfg(not(target_os = "linux"))]
fn measured_columns() -> Option<usize> {
    None
}
