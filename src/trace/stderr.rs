//! Lines on stderr.

use std::fmt;
use std::io::{self, Write};

/// Writes a line to stderr. If that fails the program goes on: stderr may be closed, or full.
///
/// The line is made before stderr is locked, so that no thread that writes to stderr has to wait for it.
pub(super) fn print(what: impl fmt::Display) {
    let line = format!("{what}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Other threads may write to stderr while a line for it is being made.
    #[test]
    fn a_line_is_made_before_stderr_is_locked() {
        struct Line<'a>(&'a Cell<bool>);
        impl fmt::Display for Line<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (wrote, written) = mpsc::channel();
                thread::spawn(move || {
                    drop(io::stderr().lock());
                    wrote.send(())
                });
                let patience = Duration::from_secs(10);
                self.0.set(written.recv_timeout(patience).is_ok());
                f.write_str("boucle: a line")
            }
        }
        let others_may_write = Cell::new(false);
        print(Line(&others_may_write));
        assert!(others_may_write.get());
    }
}
